//! What has to stop before a node shuts down?

use super::{Effects, End, Ordering, order};
use crate::World;
use crate::action::{Draft, Key, Need, Task};
use crate::id::{ActionId, Id, NodeId};

/// All stops, gathered once for all nodes that shut down.
pub(super) struct StopsByNode {
    /// By node, newest first.
    stops: Vec<Vec<ActionId>>,
}

impl StopsByNode {
    pub(super) fn new(world: World<'_>, draft: &Draft) -> StopsByNode {
        let mut stops = vec![Vec::new(); world.state.nodes.len()];
        for id in draft.actions.ids().rev() {
            let action = &draft.actions[id];
            if let Some(node) = action.node.filter(|_| action.task == Task::Stop) {
                stops[node.index()].push(id);
            }
        }
        StopsByNode { stops }
    }
}

/// Asks for the clean shutdown of `node`, after everything on it has stopped. What cannot stop
/// holds the shutdown up; what is in maintenance, or nobody's to stop, does not.
pub(super) fn request(
    world: World<'_>,
    draft: &mut Draft,
    stops: &StopsByNode,
    node: NodeId,
) -> ActionId {
    let shutdown = draft.request(world, Key::Shutdown(node), Some(node), false);
    draft.needs(shutdown, Need::NodeLeaves);
    if !world.state.node[node].maintenance {
        for &stop in &stops.stops[node.index()] {
            let Some(resource) = draft.actions[stop].resource else {
                continue;
            };
            let drafted = &draft.resource[resource];
            if world.state.resource[resource].maintenance || !(drafted.managed || drafted.blocked) {
                continue;
            }
            draft.actions[stop].optional = false;
            draft.needs(stop, Need::NodeLeaves);
            let effects = Effects::ORDERED | Effects::UNRUNNABLE_FIRST_BLOCKS;
            let rule = "resources stop before their node shuts down";
            let (first, then) = (End::Action(stop), End::Action(shutdown));
            order(world, draft, Ordering::rule(first, then, effects, rule));
        }
    }
    draft.actions[shutdown].meta.set("op_no_wait", "true");
    shutdown
}
