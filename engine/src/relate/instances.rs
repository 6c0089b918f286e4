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
    let is_on = |instance: ResourceId, node: NodeId| {
        topology::location(world.state, draft, instance, current) == Some(node)
            && !any_blocked(draft, instance)
    };
    // Asked for every instance of another collective: no list is made for it.
    let on_node = |node: NodeId| match &world.state.resources[collective].variant {
        Variant::Bundle(bundle) => {
            let mut containers = bundle.replicas.iter().map(|replica| replica.container);
            containers.find(|&container| is_on(container, node))
        }
        _ => {
            let mut instances = draft.resource[collective].children.iter().copied();
            instances.find(|&instance| is_on(instance, node))
        }
    };
    match topology::location(world.state, draft, resource, current) {
        Some(node) => on_node(node),
        None => {
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
