//! Which failures does the cluster remember?

use std::fmt::Write as _;

use super::View;
use super::xml::status_text;
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::simulate::listing::Listing;
use crate::state::FailedOperation;
use crate::state::fail_count::{self, FailCount, Scope};
use crate::time::{Timestamp, ctime};
use crate::value::{self, exit_text};

/// Exit code of an agent that lacks what it needs.
const NOT_INSTALLED_RC: i64 = 5;
/// Status of an operation whose agent is not there.
const NOT_INSTALLED_STATUS: i64 = 7;

/// What has failed: the name that history uses, the resource, how often.
pub(super) type Failed<'a> = (&'a str, ResourceId, FailCount);

impl View<'_> {
    /// Fail counts of what has failed on nodes that are up; none if no node is.
    pub(super) fn fail_counts(&self) -> Option<Vec<(NodeId, Vec<Failed<'_>>)>> {
        let counted = self
            .states_of_nodes_up()?
            .into_iter()
            .map(|(state, node)| (node, self.failed_on(state, node)));
        Some(counted.filter(|(_, failed)| !failed.is_empty()).collect())
    }

    /// What history tells of nodes that are up, in the order of the CIB; none if no node is.
    pub(super) fn states_of_nodes_up(&self) -> Option<Vec<(ElementId, NodeId)>> {
        let document = self.document;
        let status = document.child_by(document.root(), names::STATUS)?;
        let states = document.children_by(status, names::NODE_STATE);
        let states = states.filter_map(|state| Some((state, self.node_of(state)?)));
        let up: Vec<_> = states
            .filter(|&(_, node)| self.state.node[node].online)
            .collect();
        (!up.is_empty()).then_some(up)
    }

    /// The histories of resources below a node's state.
    pub(super) fn histories(&self, state: ElementId) -> impl Iterator<Item = ElementId> {
        let document = self.document;
        let lists = document.child_by(state, names::LRM);
        let lists = lists.and_then(|lrm| document.child_by(lrm, names::LRM_RESOURCES));
        lists
            .into_iter()
            .flat_map(|list| document.children_by(list, names::LRM_RESOURCE))
    }

    pub(super) fn write_fail_counts(&self, listing: &mut Listing) {
        let Some(counted) = self.fail_counts() else {
            return;
        };
        listing.spacer();
        listing.begin("Migration Summary");
        for (node, failed) in counted {
            listing.begin(format_args!("Node: {}", self.name(node)));
            for (name, resource, failures) in failed {
                let threshold = self.state.resources[resource].meta.migration_threshold;
                let mut line = format!(
                    "{name}: migration-threshold={threshold} fail-count={}",
                    failures.count
                );
                if failures.last_failure > 0 {
                    let time = self.time_text(failures.last_failure);
                    let _ = write!(line, " last-failure='{time}'");
                }
                listing.item(line);
            }
            listing.end();
        }
        listing.end();
    }

    /// Failed operations, for people who know history.
    pub(super) fn write_failures(&self, listing: &mut Listing) {
        let shown: Vec<_> = self.shown_failures().collect();
        if shown.is_empty() {
            return;
        }
        listing.spacer();
        listing.begin("Failed Resource Actions");
        for operation in shown {
            let attr = |name| self.document.attr(operation.element, name);
            let said = |name| attr(name).filter(|text| !text.is_empty());
            let number = |name| attr(name).and_then(value::integer).unwrap_or(0);
            let code = i32::try_from(number("rc-code")).unwrap_or(1);
            let mut line = format!(
                "{} on {} '{}' ({code}): call={}, status='{}'",
                attr("operation_key").or(attr("id")).unwrap_or_default(),
                self.name(operation.node),
                exit_text(code),
                said("call-id").unwrap_or("unknown"),
                status_text(number("op-status"))
            );
            if let Some(reason) = said("exit-reason") {
                let _ = write!(line, ", exitreason='{reason}'");
            }
            if let Some(time) = attr("last-rc-change").and_then(value::integer) {
                let _ = write!(line, ", last-rc-change='{}'", self.time_text(time));
            }
            for (name, shown) in [("queue-time", "queued"), ("exec-time", "exec")] {
                if let Some(time) = said(name) {
                    let _ = write!(line, ", {shown}={time}ms");
                }
            }
            listing.item(line);
        }
        listing.end();
    }

    /// Failed operations, but for probes that only found that something is not installed.
    pub(super) fn shown_failures(&self) -> impl Iterator<Item = &FailedOperation> {
        self.state.failed_operations.iter().filter(|operation| {
            let attr = |name| self.document.attr_by(operation.element, name);
            let number = |name| attr(name).and_then(value::integer);
            let probe = attr(names::OPERATION) == Some("monitor")
                && number(names::INTERVAL).unwrap_or(0) == 0;
            let absent = number(names::RC_CODE) == Some(NOT_INSTALLED_RC)
                || number(names::OP_STATUS) == Some(NOT_INSTALLED_STATUS);
            !(probe && absent)
        })
    }

    fn node_of(&self, state: ElementId) -> Option<NodeId> {
        let id = self.document.id(state)?;
        let mut nodes = self.state.nodes_by_name.iter().copied();
        nodes.find(|&node| self.state.nodes[node].id.eq_ignore_ascii_case(id))
    }

    /// What has a history on a node and has failed there, by the name that history uses.
    fn failed_on(&self, state: ElementId, node: NodeId) -> Vec<Failed<'_>> {
        let document = self.document;
        let scope = Scope {
            effective: false,
            launched: false,
        };
        self.histories(state)
            .filter_map(|entry| {
                let name = document.id(entry)?;
                let resource = self.named(name)?;
                let failures =
                    fail_count::observed(document, self.state, self.now, node, resource, scope);
                (failures.count > 0).then_some((name, resource, failures))
            })
            .collect()
    }

    /// The resource with an id, or that history calls so.
    pub(super) fn named(&self, name: &str) -> Option<ResourceId> {
        let mut resources = self.state.resources.enumerate();
        let found = resources.find(|(id, resource)| {
            resource.id == name || self.state.resource[*id].history_id.as_deref() == Some(name)
        });
        found.map(|(id, _)| id)
    }

    pub(super) fn time_text(&self, seconds: i64) -> String {
        ctime(Timestamp {
            seconds,
            offset: self.now.offset,
        })
    }
}
