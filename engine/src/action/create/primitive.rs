//! Actions of a primitive: does it have to stop, can it migrate, which steps bring it where it
//! shall be?

use super::role_change::RoleChange;
use crate::World;
use crate::action::{Draft, Task, migration, recurring};
use crate::config::{MultipleActive, Requires, Role};
use crate::id::{NodeId, ResourceId};

pub(super) fn create(world: World<'_>, draft: &mut Draft, primitive: ResourceId) {
    set_default_next_role(draft, primitive);
    let active = draft.active(world, primitive);
    migration::stop_dangling(world, draft, primitive);

    let assigned = draft.resource[primitive].node;
    let moves = active.node.is_some()
        && assigned.is_some()
        && active.node != assigned
        && draft.resource[primitive].next_role >= Role::Started;
    let mut migrates = moves && migration::possible(draft, primitive, active.node);
    let mut stops = moves;

    let mut multiply_active = false;
    match draft.resource[primitive].partial_migration {
        Some((source, target))
            if migrates
                && active.all == 2
                && active.node == Some(source)
                && assigned == Some(target) => {}
        Some(_) => {
            // The other end is not available any more, or the resource is active elsewhere, too.
            draft.resource[primitive].partial_migration = None;
            stops = true;
            migrates = false;
        }
        // What is on a node to be fenced counts only for resources that wait for the fencing.
        None if world.state.resource[primitive].requires >= Requires::Fencing => {
            multiply_active = active.all > 1
        }
        None => multiply_active = active.clean > 1,
    }
    let policy = world.state.resources[primitive].meta.multiple_active;
    draft.resource[primitive].stop_unexpected =
        multiply_active && policy == MultipleActive::StopUnexpected;
    stops |= multiply_active
        && matches!(
            policy,
            MultipleActive::StopStart | MultipleActive::StopUnexpected
        );

    if draft.resource[primitive].start_pending {
        let start = draft.operation(world, primitive, Task::Start, assigned, true);
        draft.actions[start].always_in_graph = true;
    }
    let mut promotes = false;
    if !moves {
        (stops, promotes) = recovery(world, draft, primitive, active.node, stops);
    }

    RoleChange {
        world,
        primitive,
        restarting: true,
    }
    .restart(draft, stops, promotes);
    RoleChange {
        world,
        primitive,
        restarting: false,
    }
    .transition(draft);
    recurring::create(world, draft, primitive);
    if let Some(source) = active.node.filter(|_| migrates) {
        migration::create(world, draft, primitive, source);
    }
}

fn set_default_next_role(draft: &mut Draft, primitive: ResourceId) {
    let drafted = &mut draft.resource[primitive];
    if drafted.next_role == Role::Unknown {
        drafted.next_role = if drafted.node.is_some() {
            Role::Started
        } else {
            Role::Stopped
        };
    }
}

/// Whether a resource that stays where it is has to stop or to be promoted again.
fn recovery(
    world: World<'_>,
    draft: &mut Draft,
    primitive: ResourceId,
    current: Option<NodeId>,
    mut stops: bool,
) -> (bool, bool) {
    let drafted = &draft.resource[primitive];
    let mut promotes = false;
    if drafted.failed {
        if drafted.stop_if_failed {
            stops = true;
        } else {
            // A demotion is enough.
            promotes = drafted.next_role == Role::Promoted;
        }
    } else if drafted.blocked {
        stops = true;
    } else if drafted.role > Role::Started && current.is_some() && drafted.node.is_some() {
        let start = draft.operation(world, primitive, Task::Start, drafted.node, true);
        stops |= !draft.actions[start].optional;
    }
    (stops, promotes)
}

/// Where a resource is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Active {
    /// The node that counts: the source of a partial migration; else the first, or for resources
    /// that do not wait for fencing the first clean one.
    pub node: Option<NodeId>,
    /// How many nodes.
    pub all: usize,
    /// How many online nodes that need no fencing.
    pub clean: usize,
}

impl Draft {
    /// Where a resource is active.
    #[must_use]
    pub fn active(&self, world: World<'_>, resource: ResourceId) -> Active {
        let observed = &world.state.resource[resource];
        let source = self.resource[resource]
            .partial_migration
            .map(|(source, _)| source);
        let clean = |node: NodeId| self.node[node].online && !self.node[node].unclean;
        let mut active = Active::default();
        for node in observed.active_on.iter().copied() {
            active.all += 1;
            active.clean += usize::from(clean(node));
            let preferred = match source {
                Some(source) => node == source,
                None if observed.requires >= Requires::Fencing => false,
                None => clean(node) && !active.node.is_some_and(clean),
            };
            if preferred || active.node.is_none() {
                active.node = Some(node);
            }
        }
        active
    }

    /// The node where a resource is now, see [`Active::node`].
    #[must_use]
    pub fn current_node(&self, world: World<'_>, resource: ResourceId) -> Option<NodeId> {
        self.active(world, resource).node
    }
}
