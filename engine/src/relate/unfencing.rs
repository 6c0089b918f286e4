//! How do restarts and the unfencing of a node relate?

use super::{Effects, End, Ordering, order};
use crate::World;
use crate::action::{self, Draft, Task};
use crate::config::FenceAction;
use crate::id::{NodeId, ResourceId};

/// If `node` is unfenced in this transition, the resource stops there first and starts afterwards.
pub(super) fn order_restart(
    world: World<'_>,
    draft: &mut Draft,
    resource: ResourceId,
    node: NodeId,
) {
    let on = Some(FenceAction::On);
    let unfence = End::Action(action::fencing::request(world, draft, node, on, true, None));
    let stop = End::task(resource, Task::Stop);
    let start = End::task(resource, Task::Start);
    let rule = "resources on a node stop before it is unfenced and start afterwards";
    let before = Effects::ORDERED | Effects::SAME_NODE;
    let after = Effects::FIRST_IMPLIES_SAME_NODE_THEN | Effects::SAME_NODE;
    order(
        world,
        draft,
        Ordering::rule(stop, unfence.clone(), before, rule),
    );
    order(world, draft, Ordering::rule(unfence, start, after, rule));
}
