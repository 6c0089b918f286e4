//! Through which cluster node does an action on a remote or guest node go?

use crate::World;
use crate::action::{Action, Draft, Key, Task};
use crate::config::NodeKind;
use crate::id::NodeId;

/// The host of the connection to the action's node, before or after the connection moves.
pub(super) fn router(world: World<'_>, draft: &Draft, action: &Action) -> Option<NodeId> {
    let node = action.node?;
    if action.task == Task::Fence || world.state.nodes[node].kind == NodeKind::Cluster {
        return None;
    }
    let connection = world.state.nodes[node].connection?;
    let began_on = draft.current_node(world.state, connection);
    let ended_on = draft.resource[connection].node;
    let (Some(began), Some(ended)) = (began_on, ended_on) else {
        return began_on.or(ended_on);
    };
    if began == ended {
        return Some(began);
    }
    // The connection moves. What has to be over before it does goes through its old host, but a
    // connection that is half migrated already has been taken over by the new one.
    let half_migrated = world.state.resources[connection].launcher.is_none()
        && world.state.resource[connection].partial_migration.is_some();
    let goes_first = matches!(
        subject(action),
        Task::Cancel | Task::Stop | Task::Demote | Task::MigrateFrom | Task::MigrateTo
    );
    Some(if goes_first && !half_migrated {
        began
    } else {
        ended
    })
}

/// Where the guest's launcher is (for what goes down) or will be (for what comes up).
pub(super) fn physical_host(world: World<'_>, draft: &Draft, action: &Action) -> Option<NodeId> {
    let node = action
        .node
        .filter(|&node| world.state.nodes[node].kind == NodeKind::Guest)?;
    let connection = world.state.nodes[node].connection?;
    let launcher = world.state.resources[connection].launcher?;
    match subject(action) {
        Task::Stop | Task::Stopped | Task::Demote | Task::Demoted => {
            draft.current_node(world.state, launcher)
        }
        Task::Start | Task::Started | Task::Monitor | Task::Promote | Task::Promoted => {
            draft.resource[launcher].node
        }
        _ => None,
    }
}

/// What an action is about: a notification is about another action.
fn subject(action: &Action) -> &Task {
    match &action.key {
        Key::Notify { of, .. } => of,
        _ => &action.task,
    }
}
