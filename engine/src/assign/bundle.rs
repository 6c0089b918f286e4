//! Where do the parts of a bundle go?

use super::report::Source;
use super::scratch::{Assigner, Attempt};
use crate::config::{Bundle, NodeKind, Replica};
use crate::constraint::Colocation;
use crate::id::{NodeId, ResourceId};
use crate::score::{Cause, Change};
use crate::value::Score;

impl Assigner<'_> {
    /// Assigns containers first, as they make the nodes of the rest; then each replica's address,
    /// connection and instance; then what all instances are together.
    ///
    /// This can be begun again before it is done, by a resource that waits for the bundle and that
    /// the bundle waits for. If there is none in between, the bundle waits for itself: a loop.
    pub(super) fn assign_bundle(
        &mut self,
        resource: ResourceId,
        bundle: &Bundle,
        prefer: Option<NodeId>,
        attempt: Attempt,
    ) {
        let guarded = self.guarded;
        let scratch = &mut self.resources[resource];
        if scratch.begun_at == Some(guarded) {
            return;
        }
        let begun_before = scratch.begun_at.replace(guarded);
        scratch.assigning = true;
        self.show_scores(Source::Bundle, resource);

        let mut containers: Vec<ResourceId> = bundle
            .replicas
            .iter()
            .map(|replica| replica.container)
            .collect();
        self.sort_instances(&mut containers);
        self.assign_instances(resource, &containers, bundle.max, bundle.replicas_per_host);
        for replica in &bundle.replicas {
            self.assign_replica(replica, prefer, attempt);
        }
        if let Some(child) = bundle.child {
            let change = |node| {
                let inside = bundle
                    .replicas
                    .iter()
                    .any(|replica| replica.node == Some(node));
                Change::Set(if inside {
                    Score::ZERO
                } else {
                    Score::MINUS_INFINITY
                })
            };
            for (node, entry) in self.resources[child].table.iter_mut() {
                self.ledger
                    .change((child, node), entry, change(node), Cause::Bundle);
            }
            self.assign(child, prefer, attempt);
        }
        let scratch = &mut self.resources[resource];
        scratch.begun_at = begun_before;
        scratch.assigning = false;
        scratch.unassigned = false;
    }

    fn assign_replica(&mut self, replica: &Replica, prefer: Option<NodeId>, attempt: Attempt) {
        if let Some(ip) = replica.ip {
            self.assign(ip, prefer, attempt);
        }
        if let Some(connection) = replica.connection {
            self.keep_with_host_connection(connection, replica.container);
            self.assign(connection, prefer, attempt);
        }
        let Some(child) = replica.child else { return };
        let may_run = replica
            .node
            .is_some_and(|node| !self.threshold_reached(child, node));
        for (node, entry) in self.resources[child].table.iter_mut() {
            let change = if replica.node != Some(node) {
                Change::Set(Score::MINUS_INFINITY)
            } else if may_run {
                Change::Set(Score::INFINITY)
            } else {
                continue;
            };
            self.ledger
                .change((child, node), entry, change, Cause::Bundle);
        }
        let Some(parent) = self.config(child).parent else {
            return;
        };
        self.resources[parent].assigning = true;
        self.assign(child, replica.node, attempt);
        self.resources[parent].assigning = false;
    }

    /// Where a container runs on a remote node, the connection into it has to come from the host of
    /// that node's connection: there can be only one at a time.
    fn keep_with_host_connection(&mut self, connection: ResourceId, container: ResourceId) {
        let Some(host) = self.resources[container].assigned else {
            return;
        };
        let host = self.nodes.get(host.node);
        let Some(primary) = host.connection.filter(|_| host.kind != NodeKind::Cluster) else {
            return;
        };
        self.add_colocation(Colocation {
            id: "#replica-remote-with-host-remote".to_owned(),
            dependent: connection,
            primary,
            dependent_role: None,
            primary_role: None,
            score: Score::INFINITY,
            node_attribute: "#uname".to_owned(),
            explicit: false,
            influence: true,
        });
    }
}
