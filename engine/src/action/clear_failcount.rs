//! Forgetting failures.

use super::{Draft, Need, Task};
use crate::World;
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{self, Cause, Effects, End, Ordering};
use crate::state::fail_count::{Scope, fail_count};

/// Requests that the fail counts of a resource on a node are cleared.
pub(super) fn request(
    world: World<'_>,
    draft: &mut Draft,
    resource: ResourceId,
    node: NodeId,
) -> ActionId {
    let clear = draft.operation(world, resource, Task::ClearFailCount, Some(node), false);
    draft.needs(clear, Need::FailuresVoid);
    draft.actions[clear].meta.set("op_no_wait", "true");
    clear
}

/// Whether failures of a resource on a node count now.
pub(super) fn has_failures(world: World<'_>, resource: ResourceId, node: NodeId) -> bool {
    let scope = Scope {
        effective: true,
        launched: false,
    };
    fail_count(world, node, resource, scope).count != 0
}

/// Clears the failures of resources that are gone from the configuration.
pub(super) fn of_removed(world: World<'_>, draft: &mut Draft, top: &[ResourceId]) {
    if !world.config.options.stop_removed_resources {
        return;
    }
    for resource in top
        .iter()
        .copied()
        .filter(|id| world.state.resources[*id].removed)
    {
        for node in world.state.nodes_by_name.iter().copied() {
            if draft.node[node].online && has_failures(world, resource, node) {
                let first = End::Action(request(world, draft, resource, node));
                let then = End::task(resource, Task::Stop);
                let cause =
                    Cause::Rule("failures of a removed resource are forgotten before it stops");
                relate::order(
                    world,
                    draft,
                    Ordering {
                        first,
                        then,
                        effects: Effects::ORDERED,
                        cause,
                    },
                );
            }
        }
    }
}
