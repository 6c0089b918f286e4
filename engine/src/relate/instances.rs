//! Which instance of a collective goes with a resource?

use super::topology;
use crate::World;
use crate::action::Draft;
use crate::assign::Placement;
use crate::config::Variant;
use crate::id::{NodeId, ResourceId};

/// Instances of a clone, containers of a bundle, in their present order.
#[must_use]
pub fn instances(world: World<'_>, draft: &Draft, collective: ResourceId) -> Vec<ResourceId> {
    match &world.state.resources[collective].variant {
        Variant::Bundle(bundle) => bundle.replicas.iter().map(|one| one.container).collect(),
        _ => draft.resource[collective].children.clone(),
    }
}

/// The unblocked instance of `collective` on the node where `resource` is (`current`) or will be.
/// If that is nowhere, the one on the best of the nodes where `resource` may run that has one.
#[must_use]
pub fn compatible(
    world: World<'_>,
    placement: &Placement,
    draft: &Draft,
    resource: ResourceId,
    collective: ResourceId,
    current: bool,
) -> Option<ResourceId> {
    // Asked for every instance of another collective: no list is made for it.
    let first = |wanted: &dyn Fn(ResourceId) -> bool| {
        let wanted = |instance: &ResourceId| wanted(*instance);
        match &world.state.resources[collective].variant {
            Variant::Bundle(bundle) => {
                let mut containers = bundle.replicas.iter().map(|replica| replica.container);
                containers.find(wanted)
            }
            _ => {
                let mut instances = draft.resource[collective].children.iter().copied();
                instances.find(wanted)
            }
        }
    };
    let place = |instance: ResourceId| {
        topology::location(world.state, draft, instance, current)
            .filter(|_| !any_blocked(draft, instance))
    };
    let on_node = |node: NodeId| first(&|instance| place(instance) == Some(node));
    match topology::location(world.state, draft, resource, current) {
        Some(node) => on_node(node),
        None => {
            // Nodes need not be compared if none has an instance.
            first(&|instance| place(instance).is_some())?;
            let allowed = &draft.resource[resource].allowed;
            let best_first = placement.sorted_nodes(world, allowed, draft.loads.as_ref());
            best_first.into_iter().find_map(on_node)
        }
    }
}

fn any_blocked(draft: &Draft, resource: ResourceId) -> bool {
    let drafted = &draft.resource[resource];
    drafted.blocked
        || drafted
            .children
            .iter()
            .any(|&child| any_blocked(draft, child))
}
