//! Where has a resource failed too often to be tried again?

use std::ops::Bound;

use super::scratch::Assigner;
use crate::action::{Key, Task};
use crate::diagnostic::Severity;
use crate::id::{NodeId, ResourceId};
use crate::score::Cause;
use crate::state::fail_count::{Scope, fail_count, ignored_timeout, never_expires};

impl Assigner<'_> {
    /// Bans resources from the nodes where they reached their `migration-threshold`.
    pub(super) fn apply_failure_thresholds(&mut self) {
        // Failures about to be forgotten do not count.
        let mut forgotten: Vec<(ResourceId, NodeId)> = Vec::new();
        for request in &self.world.state.requests {
            if let (
                Key::Operation {
                    resource,
                    task: Task::ClearFailCount,
                    ..
                },
                Some(node),
            ) = (&request.key, request.node)
            {
                forgotten.push((*resource, node));
            }
        }
        forgotten.sort_unstable();
        for &node in &self.world.state.nodes_by_name {
            if !self.has_failures(node) {
                continue;
            }
            for position in 0..self.top.len() {
                self.check_threshold(self.top[position], node, &forgotten);
            }
        }
    }

    fn has_failures(&self, node: NodeId) -> bool {
        let attributes = &self.world.state.node[node].attributes;
        let from = (Bound::Included("fail-count-"), Bound::Unbounded);
        let mut names = attributes.range::<str, _>(from);
        names
            .next()
            .is_some_and(|(name, _)| name.starts_with("fail-count-"))
    }

    fn check_threshold(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        forgotten: &[(ResourceId, NodeId)],
    ) {
        let children = self.resources[resource].children.len();
        for position in 0..children {
            self.check_threshold(self.resources[resource].children[position], node, forgotten);
        }
        if children == 0 {
            self.report_ignored_timeout(resource, node);
        }
        if children == 0
            && self.threshold_reached(resource, node)
            && forgotten.binary_search(&(resource, node)).is_err()
        {
            // Instances of an anonymous clone are all the same.
            let unique = self.config(resource).unique;
            let banned = if unique {
                resource
            } else {
                self.top_of(resource)
            };
            let config = self.config(banned);
            let message = format!(
                "{} cannot run on {} due to reaching migration threshold (clean up resource to \
                 allow again)",
                config.id, self.world.state.nodes[node].name,
            );
            self.say(Severity::Warning, banned, message);
            self.ban(banned, node, Cause::FailureThreshold);
        }
    }

    fn report_ignored_timeout(&mut self, resource: ResourceId, node: NodeId) {
        if !self.is_counted(resource, node) || !never_expires(self.world, node, resource) {
            return;
        }
        let configured = &self.world.state.resources[resource];
        let timeout_ms = self.world.state.resource[resource].failure_timeout_ms;
        let message = ignored_timeout(self.world.document, configured, timeout_ms);
        self.diagnostics.push(message);
    }

    /// Whether failures of a resource on a node matter, and there are any there.
    fn is_counted(&self, resource: ResourceId, node: NodeId) -> bool {
        let threshold = self.config(resource).meta.migration_threshold;
        threshold != 0 && !self.observed(resource).ignore_failure && self.has_failures(node)
    }

    /// Whether a resource has failed on a node as often as it may.
    pub(super) fn threshold_reached(&self, resource: ResourceId, node: NodeId) -> bool {
        if !self.is_counted(resource, node) {
            return false;
        }
        let threshold = self.config(resource).meta.migration_threshold;
        let scope = Scope {
            effective: true,
            launched: true,
        };
        let failures = fail_count(self.world, node, resource, scope);
        failures.count > 0 && threshold <= failures.count
    }
}
