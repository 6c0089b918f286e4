//! Is a remote or guest node up? It is if its connection is.

use super::builder::Builder;
use super::node::{is_set, is_shutting_down};
use crate::config::Role;
use crate::id::NodeId;
use crate::parse::{ElementId, names};
use crate::value;

impl Builder<'_> {
    /// Derives the state of a remote or guest node from what is known about its connection and, for
    /// a guest, about the resource that it lives in.
    pub(super) fn update_remote_state(&mut self, node: NodeId) {
        let Some(connection) = self.state.nodes[node].connection else {
            // Left over from a connection that is not configured any more.
            self.state.node[node].online = false;
            return;
        };
        let launcher = self.state.resources[connection].launcher;
        let connection = &self.state.resource[connection];
        let container = launcher.map(|launcher| &self.state.resource[launcher]);
        let host_is_unclean = match connection.active_on[..] {
            [host] if container.is_some() => {
                let host = &self.state.node[host];
                !host.online && host.unclean
            }
            _ => false,
        };
        let is_stopped = |role| role == Role::Stopped;
        let started = connection.role == Role::Started;
        let shutdown = started && connection.next_role == Role::Stopped;
        let container_failed = container.is_some_and(|container| container.failed);
        let connection_failed = connection.failed;
        let stopped = is_stopped(connection.role)
            || container.is_some_and(|container| is_stopped(container.role));

        let state = &mut self.state.node[node];
        state.online |= started;
        state.shutdown |= shutdown;
        if container_failed {
            (state.online, state.remote_reset) = (false, true);
        } else if connection_failed {
            state.online = false;
        } else if stopped {
            (state.online, state.remote_reset) = (false, false);
        } else if host_is_unclean {
            (state.online, state.remote_reset) = (false, true);
        }
    }

    /// Reads what the `node_state` of a remote or guest node says about the node itself.
    pub(super) fn read_remote_attributes(&mut self, node: NodeId, element: ElementId) {
        let maintenance = self.document.attr_by(element, names::NODE_IN_MAINTENANCE);
        let state = &mut self.state.node[node];
        state.remote_maintenance = value::min_integer(maintenance, 0) != 0;
        if !state.remote_reset {
            (state.unclean, state.seen) = (false, true);
        }
        self.read_transient_attributes(node, element);

        let connection = self.state.nodes[node].connection;
        let unmanaged = connection.is_some_and(|id| !self.state.resource[id].managed);
        let must_probe = self.is_remote(node) && !self.config.options.fencing_enabled;
        let (entry, state) = (&self.state.nodes[node], &mut self.state.node[node]);
        state.shutdown |= is_shutting_down(entry);
        state.standby |= is_set(entry, "standby");
        state.maintenance |= unmanaged || is_set(entry, "maintenance");
        // What runs unseen on a remote node can only be ended by fencing it.
        let discovery = entry.attributes.get("resource-discovery-enabled");
        if discovery.is_some_and(|value| !value::is_true(Some(value))) {
            state.probes_allowed &= must_probe;
            self.report_discovery_of_remote(node, must_probe);
        }
    }

    /// Stops the containers of bundle connections that failed beyond repair, the one found last
    /// first: where they are was not known while histories were read.
    pub(super) fn stop_failed_containers(&mut self) {
        for container in std::mem::take(&mut self.failed_containers)
            .into_iter()
            .rev()
        {
            if let Some(node) = self.current_node(container) {
                self.require_stop(container, node);
            }
        }
    }

    /// Draws the last conclusions about remote and guest nodes, once all histories are read.
    pub(super) fn finish_remote_nodes(&mut self) {
        for node in self.state.nodes_by_name.clone() {
            if !self.is_remote_or_guest(node) {
                continue;
            }
            let connection = self.state.nodes[node].connection;
            if let Some(connection) = connection.filter(|_| self.state.node[node].shutdown) {
                self.state.resource[connection].next_role = Role::Stopped;
            }
            if !self.state.node[node].unpacked {
                self.update_remote_state(node);
            }
        }
    }
}
