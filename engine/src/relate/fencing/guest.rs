//! What stands for fencing a guest? Its launcher's stop: the pseudo-action made here only gives
//! what depends on the guest being down something to wait for.

use super::implied::Affected;
use crate::World;
use crate::action::{self, Draft, Reason, Task};
use crate::config::FenceAction;
use crate::id::{ActionId, NodeId};
use crate::relate::{Cause, Effects, link, topology};

const CAUSE: Cause = Cause::Rule("a guest is down when its launcher has stopped");

/// Makes the pseudo-fencing of a guest that is to be recovered, and what follows from it.
pub(super) fn fence(world: World<'_>, draft: &mut Draft, affected: &Affected, node: NodeId) {
    let state = world.state;
    let launcher = topology::guest_launcher(state, node);
    let newest = |draft: &Draft, task| draft.newest(launcher?, task, None);
    let stop = newest(draft, &Task::Stop);
    // Only a name: the guest is not fenced by anything but its launcher's recovery.
    let operation = match newest(draft, &Task::Start) {
        Some(_) => FenceAction::Reboot,
        None => FenceAction::Off,
    };
    let reason = Some(Reason::Text("guest is unclean".into()));
    let fencing = action::fencing::request(world, draft, node, Some(operation), false, reason);
    draft.actions[fencing].pseudo = true;
    draft.actions[fencing].runnable = true;
    after_launcher(world, draft, node, stop, fencing);
    affected.order(world, draft, fencing, node);
}

/// After the launcher's stop rather than its start: what ran in the guest is down then already.
fn after_launcher(
    world: World<'_>,
    draft: &mut Draft,
    node: NodeId,
    stop: Option<ActionId>,
    fencing: ActionId,
) {
    let follows = Effects::UNRUNNABLE_FIRST_BLOCKS | Effects::FIRST_IMPLIES_THEN;
    match stop {
        Some(stop) if draft.actions[stop].pseudo => {
            // The stop is itself implied by the fencing of the launcher's host.
            if let Some(host) = draft.actions[stop].node {
                let host_fencing = action::fencing::request(world, draft, host, None, false, None);
                link(draft, host_fencing, fencing, follows, CAUSE);
            }
        }
        Some(stop) => {
            link(draft, stop, fencing, follows, CAUSE);
        }
        None => {
            // The launcher seems to be stopped already. Its history may only have been erased,
            // so wait for the connection's stop, which waits for the launcher's probe.
            let connection = topology::connection(world.state, node);
            let stop = connection.and_then(|id| draft.newest(id, &Task::Stop, None));
            if let Some(stop) = stop {
                link(draft, stop, fencing, Effects::ORDERED, CAUSE);
            }
        }
    }
}
