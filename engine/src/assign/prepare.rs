//! What is known about a resource's nodes before anything is assigned?
//!
//! Scores from here on are those of every node for every resource by itself. The order of the steps
//! is the peer's; it matters because sums saturate.

use super::scratch::Assigner;
use super::types::PlacedNode;
use crate::config::Variant;
use crate::constraint::LostNode;
use crate::id::ResourceId;
use crate::score::Cause;

impl Assigner<'_> {
    /// Applies everything that concerns single nodes.
    pub(super) fn prepare(&mut self) {
        self.lose_tickets();
        self.apply_shutdown_locks();
        self.apply_locations();
        self.apply_stickiness();
        self.apply_failure_thresholds();
        self.apply_exclusive_discovery();
        for position in 0..self.top.len() {
            self.keep_to_kind(self.top[position]);
        }
    }

    /// Missing tickets ban or freeze resources, lost ones can have nodes fenced.
    fn lose_tickets(&mut self) {
        let constraints = self.world.constraints;
        for &(resource, ticket) in &constraints.banned {
            self.ban_everywhere(resource, Cause::Ticket(ticket));
        }
        for &LostNode { node, .. } in &constraints.fence {
            match self.nodes.get(node).launcher {
                // A guest is fenced by recovering what launches it.
                Some(launcher) => {
                    let launcher = &mut self.resources[launcher];
                    launcher.failed |= launcher.managed;
                }
                None => {
                    let condition = self.nodes.condition(node);
                    let unclean = PlacedNode {
                        unclean: true,
                        ..condition
                    };
                    self.nodes.set_condition(node, unclean);
                }
            }
        }
        for &resource in &constraints.frozen {
            self.resources[resource].managed = false;
            self.resources[resource].blocked = true;
        }
    }

    /// Connections, fence devices and what is launched by guests belong on certain kinds of nodes.
    /// (Unmanaged resources stay where they are, whatever node that is.)
    fn keep_to_kind(&mut self, resource: ResourceId) {
        let config = self.config(resource);
        match &config.variant {
            Variant::Primitive(_) => {
                if self.resources[resource].managed {
                    self.keep_primitive_to_kind(resource);
                }
            }
            Variant::Group(_) => {
                for &member in &config.children {
                    self.keep_to_kind(member);
                }
            }
            Variant::Clone(clone) => {
                if clone.ordered {
                    self.sort_by_instance_number(resource);
                }
                for position in 0..config.children.len() {
                    self.keep_to_kind(self.resources[resource].children[position]);
                }
            }
            Variant::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    self.keep_to_kind(replica.container);
                    for part in [replica.ip, replica.connection].into_iter().flatten() {
                        self.keep_to_kind(part);
                    }
                }
                if let Some(child) = bundle.child {
                    self.keep_to_kind(child);
                }
            }
        }
    }

    fn keep_primitive_to_kind(&mut self, resource: ResourceId) {
        let config = self.config(resource);
        if let Some(launcher) = config.launcher {
            let launching = self.config(launcher);
            if config.remote_connection {
                // Guests within guests are not possible, bundles on remote nodes are.
                if !config.meta.remote_nesting_allowed {
                    self.avoid_remote_nodes(launcher);
                }
            } else if let Some(connection) = if launching.remote_connection {
                Some(launcher)
            } else {
                self.world.state.guest_connection(launcher)
            } {
                self.ban_where(resource, Cause::NodeKind, |nodes, node| {
                    nodes.get(node).connection != Some(connection)
                });
            }
        }
        if config.remote_connection || config.fence_device {
            self.avoid_remote_nodes(resource);
        }
    }

    fn avoid_remote_nodes(&mut self, resource: ResourceId) {
        self.ban_where(resource, Cause::NodeKind, |nodes, node| {
            nodes.get(node).connection.is_some()
        });
    }
}
