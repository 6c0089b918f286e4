//! What do actions on remote and guest nodes have to do with the connection to those nodes?

use super::{Effects, End, Ordering, topology};
use crate::World;
use crate::action::{Draft, Reason, Task, fencing};
use crate::config::Role;
use crate::id::{ActionId, NodeId, ResourceId};

/// What becomes of the connection to a remote node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    /// It is not up, or its failure is young: known once it has been started.
    Unknown,
    /// Up and staying.
    Alive,
    /// Not usable until it has been started elsewhere.
    Resting,
    /// Lost, and the node with it.
    Failed,
    /// Going down, or down, as wanted.
    Stopped,
}

/// Orders every action on a remote or guest node relative to the node's connection, and every
/// erasure of a connection's failures before its start. Nodes found lost are marked for fencing.
pub fn order(world: World<'_>, draft: &mut Draft) {
    let state = world.state;
    if !state
        .nodes
        .ids()
        .any(|node| topology::is_remote(state, node))
    {
        return;
    }
    for action in draft.actions.ids().rev() {
        let Some(resource) = draft.actions[action].resource else {
            continue;
        };
        if state.resources[resource].remote_connection
            && draft.actions[action].task == Task::ClearFailCount
        {
            let start = End::task(resource, Task::Start);
            let rule = "failures of a connection are forgotten before it starts";
            let ordering = Ordering::rule(End::Action(action), start, Effects::ORDERED, rule);
            super::order(world, draft, ordering);
        } else if let Some(node) = draft.actions[action].node
            && !draft.actions[action].pseudo
            && let Some(connection) = topology::connection(state, node)
        {
            let mut remote = Remote {
                world,
                draft,
                node,
                connection,
            };
            remote.stay_if_unreachable(action, resource);
            match state.resources[connection].launcher {
                Some(launcher) => remote.order_in_guest(action, launcher),
                None => remote.order_on_remote(action),
            }
        }
    }
}

/// Whether `node` is a remote (not guest) node whose connection is lost for good.
#[must_use]
pub fn is_failed(world: World<'_>, draft: &Draft, node: NodeId) -> bool {
    topology::guest_launcher(world.state, node).is_none()
        && topology::connection(world.state, node)
            .is_some_and(|id| connection_state(world, draft, node, id) == Connection::Failed)
}

fn connection_state(
    world: World<'_>,
    draft: &Draft,
    node: NodeId,
    connection: ResourceId,
) -> Connection {
    let state = world.state;
    let drafted = &draft.resource[connection];
    let host = draft.current_node(state, connection);
    let host = host.map(|node| &draft.node[node]);
    if drafted.next_role == Role::Stopped || drafted.node.is_none() {
        let reconnect_ms = state.resources[connection].meta.reconnect_interval_ms;
        let shutdown = state.node[node].attributes.get("shutdown");
        if host.is_some_and(|host| host.unclean) {
            Connection::Failed
        } else if !drafted.failed {
            Connection::Stopped
        } else if drafted.next_role == Role::Stopped
            && reconnect_ms > 0
            && state.node[node].remote_fenced
            && shutdown.is_none_or(|value| &**value == "0")
        {
            // Known when the reconnect interval is over and a connection has been tried.
            Connection::Unknown
        } else {
            Connection::Failed
        }
    } else {
        match host {
            None => Connection::Unknown,
            Some(host) if host.unclean || !host.online => Connection::Resting,
            Some(_)
                if drafted.partial_migration.is_some()
                    && state.resource[connection].active_on.len() > 1 =>
            {
                Connection::Resting
            }
            Some(_) => Connection::Alive,
        }
    }
}

/// Kinds of tasks, as far as connections are concerned.
enum Kind {
    Up,
    Stop,
    Demote,
    Other,
}

fn kind(task: &Task) -> Kind {
    match task {
        Task::Start | Task::Promote => Kind::Up,
        // What is migrated has to leave before the connection goes, as if it stopped.
        Task::Stop | Task::MigrateTo | Task::MigrateFrom => Kind::Stop,
        Task::Demote => Kind::Demote,
        _ => Kind::Other,
    }
}

struct Remote<'a, 'd> {
    world: World<'a>,
    draft: &'d mut Draft,
    /// The remote or guest node, and its connection.
    node: NodeId,
    connection: ResourceId,
}

impl Remote<'_, '_> {
    /// A resource that moves here stops elsewhere only when the connection here is up: if that
    /// fails, it stays where it is.
    fn stay_if_unreachable(&mut self, action: ActionId, resource: ResourceId) {
        if self.draft.actions[action].task != Task::Start {
            return;
        }
        for stop in self.draft.with_task(resource, &Task::Stop) {
            if self.draft.actions[stop].node != Some(self.node) {
                let rule = "a resource leaves for a remote node when that is connected";
                self.after_start(self.connection, stop, Effects::ORDERED, rule);
            }
        }
    }

    fn order_on_remote(&mut self, action: ActionId) {
        let state = connection_state(self.world, self.draft, self.node, self.connection);
        let connected = "a remote node's actions need its connection";
        let leave = "what runs on a remote node leaves before the connection stops";
        let start = Effects::GUEST_ALLOWED | Effects::UNRUNNABLE_FIRST_BLOCKS;
        match kind(&self.draft.actions[action].task) {
            Kind::Up if state == Connection::Failed => {
                let recover = start | Effects::FIRST_IMPLIES_THEN;
                self.after_start(self.connection, action, recover, connected);
            }
            Kind::Up => self.after_start(self.connection, action, start, connected),
            Kind::Stop if state == Connection::Failed => {
                self.mark("resources are active but connection is unrecoverable");
            }
            Kind::Stop if state == Connection::Alive || self.connection_stops() => {
                self.before_stop(action, Effects::THEN_IMPLIES_FIRST, leave);
            }
            Kind::Stop => self.after_start(self.connection, action, start, connected),
            // Otherwise ordered as the stop is.
            Kind::Demote if matches!(state, Connection::Resting | Connection::Unknown) => {
                self.after_start(self.connection, action, start, connected);
            }
            Kind::Demote => {}
            Kind::Other if self.is_recurring(action) => {
                let restart = start | Effects::FIRST_IMPLIES_THEN;
                self.after_start(self.connection, action, restart, connected);
            }
            Kind::Other => {
                let is_probe = self.draft.actions[action].task == Task::Monitor;
                if is_probe && state == Connection::Failed {
                    self.mark("resources are in unknown state and connection is unrecoverable");
                }
                let up = self.draft.current_node(self.world.state, self.connection);
                if up.is_some() && state == Connection::Stopped {
                    // Services are seen to be stopped before the connection closes for good.
                    self.before_stop(action, Effects::UNRUNNABLE_FIRST_BLOCKS, leave);
                } else {
                    self.after_start(self.connection, action, start, connected);
                }
            }
        }
    }

    fn order_in_guest(&mut self, action: ActionId, launcher: ResourceId) {
        let failed = self.draft.resource[launcher].failed;
        let connected = "a guest's actions need the guest and its connection";
        let leave = "what runs in a guest leaves before the connection stops";
        let start = Effects::GUEST_ALLOWED | Effects::UNRUNNABLE_FIRST_BLOCKS;
        let restart = start | Effects::FIRST_IMPLIES_THEN;
        match kind(&self.draft.actions[action].task) {
            Kind::Up => {
                self.after_start(launcher, action, restart, connected);
                self.after_start(self.connection, action, start, connected);
            }
            // Stops of a failed guest's resources are implied by its own.
            Kind::Stop | Kind::Demote if failed => {}
            Kind::Stop | Kind::Demote => self.before_stop(action, Effects::NONE, leave),
            Kind::Other if !self.is_recurring(action) => {
                self.after_start(self.connection, action, start, connected);
            }
            Kind::Other => {
                if is_standard(&self.draft.actions[action].task) {
                    self.after_start(self.connection, action, restart, connected);
                }
            }
        }
    }

    fn connection_stops(&self) -> bool {
        self.draft.resource[self.connection].next_role == Role::Stopped
    }

    fn is_recurring(&self, action: ActionId) -> bool {
        let interval = self.draft.actions[action].meta.get("interval");
        interval.is_some_and(|text| text.parse::<u32>().is_ok_and(|ms| ms > 0))
    }

    fn mark(&mut self, reason: &'static str) {
        let reason = Reason::Text(reason.into());
        fencing::mark(self.world, self.draft, self.node, reason, false);
    }

    fn after_start(
        &mut self,
        first: ResourceId,
        then: ActionId,
        effects: Effects,
        rule: &'static str,
    ) {
        let first = End::task(first, Task::Start);
        super::order(
            self.world,
            self.draft,
            Ordering::rule(first, End::Action(then), effects, rule),
        );
    }

    fn before_stop(&mut self, first: ActionId, extra: Effects, rule: &'static str) {
        let stop = End::task(self.connection, Task::Stop);
        let effects = Effects::GUEST_ALLOWED | extra;
        super::order(
            self.world,
            self.draft,
            Ordering::rule(End::Action(first), stop, effects, rule),
        );
    }
}

/// Tasks that the scheduler knows by name (recurring custom operations and cancellations are
/// not).
fn is_standard(task: &Task) -> bool {
    matches!(
        task,
        Task::Monitor
            | Task::Started
            | Task::Stopped
            | Task::Promoted
            | Task::Demoted
            | Task::Notify
            | Task::Notified
            | Task::Shutdown
            | Task::Fence
    )
}
