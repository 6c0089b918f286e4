//! What does every resource imply by what it is?
//!
//! A primitive stops before it starts again, a group's members follow each other, a clone has
//! started when its instances have: one file a kind. All of it is said before anything is
//! assigned, resource by resource, in the order in which the scheduler knows them.

mod bundle;
mod clone;
mod group;
mod launcher;
mod primitive;
mod promotable;
mod utilization;

use super::{Effects, End, Ordering, order};
use crate::World;
use crate::action::{Draft, Task};
use crate::assign::Placement;
use crate::config::Variant;
use crate::id::{NodeId, ResourceId};
use crate::state::State;

/// Records what all resources imply.
pub fn internal(world: World<'_>, placement: &Placement, draft: &mut Draft) {
    let mut implied = Implied {
        world,
        placement,
        draft,
    };
    for &resource in &world.state.top {
        implied.resource(resource);
    }
}

/// A resource's task, as an end of an ordering.
type TaskOf = (ResourceId, Task);

struct Implied<'a, 'd> {
    world: World<'a>,
    placement: &'a Placement,
    draft: &'d mut Draft,
}

impl<'a> Implied<'a, '_> {
    fn resource(&mut self, resource: ResourceId) {
        match &self.state().resources[resource].variant {
            Variant::Primitive(_) => self.primitive(resource),
            Variant::Group(group) => self.group(resource, group),
            Variant::Clone(settings) => self.clone(resource, settings),
            Variant::Bundle(bundle) => self.bundle(resource, bundle),
        }
    }

    fn state(&self) -> &'a State {
        self.world.state
    }

    fn order(&mut self, first: TaskOf, then: TaskOf, effects: Effects, rule: &'static str) {
        let (first, then) = (End::task(first.0, first.1), End::task(then.0, then.1));
        order(
            self.world,
            self.draft,
            Ordering::rule(first, then, effects, rule),
        );
    }

    /// The nodes in the resource's table before anything is assigned, by name.
    fn allowed_nodes(&self, resource: ResourceId) -> Vec<NodeId> {
        let observed = &self.state().resource[resource].allowed;
        let inserted = &self.placement.resource[resource].inserted;
        let by_name = self.state().nodes_by_name.iter().copied();
        by_name
            .filter(|node| observed.get(*node).is_some() || inserted.contains(node))
            .collect()
    }
}
