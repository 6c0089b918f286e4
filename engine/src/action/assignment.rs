//! What assignment changes for actions that exist already (history and configuration changes ask
//! for some before anything is assigned).

use super::{Draft, Need, Task};
use crate::World;
use crate::assign::{Placed, Placement};
use crate::id::{NodeId, ResourceId};

/// Takes over the results of assignment: from here on the draft tells where everything shall run.
pub(super) fn adopt(world: World<'_>, draft: &mut Draft, placement: &Placement) {
    for (id, placed) in placement.resource.enumerate() {
        let Placed {
            node,
            next_role,
            managed,
            blocked,
            role,
            ref children,
            ..
        } = *placed;
        let drafted = &mut draft.resource[id];
        drafted.node = node;
        drafted.next_role = next_role;
        drafted.role = role;
        // What was found in between (a frozen resource, say) stays.
        drafted.managed &= managed;
        drafted.blocked |= blocked;
        drafted.children.clone_from(children);
    }
    for (id, placed) in placement.node.enumerate() {
        let node = &mut draft.node[id];
        // Only assignment brings nodes online (connections that will run) or shuts them down.
        node.online = placed.online;
        node.shutdown = placed.shutdown;
        let cleared = world.state.node[id].unclean && !placed.unclean;
        node.unclean = (node.unclean || placed.unclean) && !cleared;
    }
    draft.top.clone_from(&placement.top);
    for (resource, node) in &placement.assigned {
        update_actions(draft, *resource, *node);
    }
}

/// A resource that got no node has to stop where it runs, and nothing of it can start.
fn update_actions(draft: &mut Draft, resource: ResourceId, node: Option<NodeId>) {
    if node.is_some() {
        return;
    }
    for id in draft.of(resource).to_vec() {
        let action = &mut draft.actions[id];
        match action.task {
            Task::Stop => {
                action.optional = false;
                draft.needs(id, Need::NoNode);
            }
            Task::Start => action.runnable = false,
            // Monitors of what runs end; those that watch that it stays stopped go on.
            _ if action.key.interval_ms() > 0 => {
                let watches_stopped = action.meta.get("op_target_rc") == Some("7");
                action.runnable &= watches_stopped;
            }
            _ => {}
        }
    }
}
