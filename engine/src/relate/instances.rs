//! Which instance of a collective goes with a resource?

use std::sync::Arc;

use super::topology;
use crate::World;
use crate::action::Draft;
use crate::assign::Placement;
use crate::config::Variant;
use crate::id::{NodeId, ResourceId};

/// Instances of a clone, containers of a bundle, in their present order.
#[must_use]
pub fn instances(world: World<'_>, draft: &Draft, collective: ResourceId) -> Arc<[ResourceId]> {
    match &world.state.resources[collective].variant {
        Variant::Bundle(bundle) => bundle.replicas.iter().map(|one| one.container).collect(),
        _ => Arc::clone(&draft.resource[collective].children),
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
    let instances = instances(world, draft, collective);
    let place = |instance: ResourceId| {
        topology::location(world.state, draft, instance, current)
            .filter(|_| !any_blocked(draft, instance))
    };
    let on_node = |node: NodeId| {
        let mut there = instances.iter().copied();
        there.find(|&instance| place(instance) == Some(node))
    };
    match topology::location(world.state, draft, resource, current) {
        Some(node) => on_node(node),
        None => {
            // Only nodes with an instance have to be compared.
            let placed: Vec<NodeId> = instances.iter().filter_map(|&one| place(one)).collect();
            let allowed = &draft.resource[resource].allowed;
            let loads = draft.loads.as_ref();
            placement
                .best_node(world, allowed, loads, |node| placed.contains(&node))
                .and_then(on_node)
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
