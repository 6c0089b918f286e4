//! What follows for a resource and a node from the resource's history there?

use super::Effect;
use super::builder::Builder;
use crate::Severity;
use crate::action::{OnFail, Task};
use crate::config::Role;
use crate::id::{NodeId, ResourceId};
use crate::parse::ElementId;

impl Builder<'_> {
    /// Carries what a resource's history on a node adds up to over to the resource and the node:
    /// its role there is the current one, `on_fail` is what has to be done about failures.
    ///
    /// `because` is the entry that asks for `on_fail`.
    pub(super) fn apply(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        on_fail: OnFail,
        because: Option<ElementId>,
    ) {
        let role = self.state.resource[resource].role;
        let active = role > Role::Stopped;
        if role != Role::Unknown {
            self.note_known(resource, node);
        }
        if active {
            self.fence_lost(resource, node);
        }
        // A node that will be fenced is recovered anyway, and may run the resource again.
        let reaction = if self.state.node[node].unclean {
            OnFail::Ignore
        } else {
            on_fail
        };
        if on_fail != OnFail::Ignore {
            self.note(resource, node, Effect::Reaction(on_fail), because);
        }
        self.react(resource, node, reaction, active);
        self.keep_fencing_of_failed_connection(resource);
        if active {
            self.say_if_removed(resource, node);
            self.add_active(resource, node, on_fail != OnFail::Ignore);
            let state = &mut self.state.resource[resource];
            state.failed |= reaction != OnFail::Ignore;
            state.stop_if_failed |=
                !matches!(reaction, OnFail::Ignore | OnFail::Demote | OnFail::Block);
        } else {
            self.note_inactive(resource, node);
        }
        // That the source is stopped does not make the target stopped, half way in a migration.
        let state = &mut self.state.resource[resource];
        if let Some((source, _)) = state.partial_migration
            && source == node
            && state.role == Role::Stopped
            && !state.active_on.is_empty()
        {
            state.role = Role::Started;
        }
    }

    /// A known instance of an anonymous clone makes the clone known on the node.
    fn note_known(&mut self, resource: ResourceId, node: NodeId) {
        let mut next = Some(resource);
        while let Some(id) = next {
            self.state.resource[id].known_on.insert(node);
            let entry = &self.state.resources[id];
            next = entry.parent.filter(|_| !entry.unique);
        }
    }

    /// What is active on a node that was lost can be recovered only once the node is fenced.
    fn fence_lost(&mut self, resource: ResourceId, node: NodeId) {
        let at = &self.state.node[node];
        if at.online || at.maintenance || !self.state.resource[resource].managed {
            return;
        }
        let name = self.state.resources[resource].id.as_str();
        let mut reason = format!("{name} is thought to be active there");
        if self.is_guest(node) {
            self.fail(resource);
        } else if !self.config.options.fencing_enabled {
            return;
        } else if self.is_remote(node)
            && let Some(connection) = self.state.nodes[node].connection
            && !self.state.resource[connection].failed
        {
            // The connection may only have lost its host: once it is up elsewhere, all is well.
            self.state.node[node].seen = false;
            reason = format!(
                "{name} is active there (fencing will be revoked if remote connection can be \
                 re-established elsewhere)"
            );
        }
        self.fence(node, &reason, false);
    }

    /// Does what has to be done about failures on this node.
    fn react(&mut self, resource: ResourceId, node: NodeId, on_fail: OnFail, active: bool) {
        match on_fail {
            OnFail::Ignore => {}
            OnFail::Demote => {
                self.state.resource[resource].failed = true;
                self.require(resource, node, Task::Demote);
            }
            OnFail::FenceNode => {
                let reason = format!("{} failed there", self.state.resources[resource].id);
                self.fence(node, &reason, false);
            }
            OnFail::StandbyNode => {
                let state = &mut self.state.node[node];
                (state.standby, state.standby_on_fail) = (true, true);
            }
            OnFail::Block => self.block(resource),
            OnFail::Ban => self.ban(resource, node),
            OnFail::Stop => self.state.resource[resource].next_role = Role::Stopped,
            OnFail::Restart => {
                if active {
                    self.fail(resource);
                    self.require_stop(resource, node);
                }
            }
            OnFail::RestartContainer => self.restart_container(resource, node, active),
            OnFail::ResetRemote => self.reset_remote(resource, node, active),
        }
    }

    fn restart_container(&mut self, resource: ResourceId, node: NodeId, active: bool) {
        self.fail(resource);
        match self.state.resources[resource].launcher {
            // A bundle's container may be on another node than its connection.
            Some(container) if self.is_bundled(resource) => {
                self.failed_containers.push(container);
            }
            Some(container) => self.require_stop(container, node),
            None if active => self.require_stop(resource, node),
            None => {}
        }
    }

    fn reset_remote(&mut self, resource: ResourceId, node: NodeId, active: bool) {
        self.fail(resource);
        if self.config.options.fencing_enabled
            && let Some(remote) = self.remote_node_of(resource)
            && self.is_remote(remote)
            && !self.state.node[remote].remote_fenced
        {
            self.fence(remote, "remote connection is unrecoverable", false);
        }
        if active {
            self.require_stop(resource, node);
        }
        // It stays down until the failure is cleared.
        if self.state.resources[resource].meta.reconnect_interval_ms > 0 {
            self.state.resource[resource].next_role = Role::Stopped;
        }
    }

    /// If its connection failed, a remote node is fenced even if it can be connected again.
    fn keep_fencing_of_failed_connection(&mut self, resource: ResourceId) {
        if self.state.resource[resource].failed
            && let Some(remote) = self.remote_node_of(resource)
        {
            let remote = &mut self.state.node[remote];
            remote.seen |= remote.unclean;
        }
    }

    fn say_if_removed(&mut self, resource: ResourceId, node: NodeId) {
        let entry = &self.state.resources[resource];
        if entry.removed {
            let end = if self.state.resource[resource].managed {
                "will be stopped"
            } else {
                "has to be stopped by hand"
            };
            let place = &self.state.nodes[node].name;
            let message = format!("{} was removed, is active on {place} and {end}", entry.id);
            self.say(Severity::Notice, None, message);
        }
    }

    fn note_inactive(&mut self, resource: ResourceId, node: NodeId) {
        let history_name = self.state.resource[resource].history_id.as_deref();
        if history_name.is_some_and(|name| name.contains(':')) {
            self.forget_history_name(resource);
        } else {
            self.make_stops_optional(resource, node);
        }
    }
}
