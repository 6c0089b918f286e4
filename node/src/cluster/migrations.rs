//! Where may a resource be that was sent elsewhere?
//!
//! Only the history of the node that it was sent from tells where it was sent to (`migrate_to`). So
//! what was ordered of a node that is lost is written there as pending, before that node's history
//! is forgotten the resource is to be looked for where it was sent to, and once a migration is
//! complete its trace goes: a later look at the target alone would take it for one that never ended.

use std::collections::BTreeSet;

use lockstep_engine::graph::{GraphAction, GraphActionKind};
use lockstep_engine::parse::{Document, ElementId};

use super::event::What;
use super::policy::ActionResult;
use super::transition::Progress;
use super::{Cluster, action, status};

#[cfg(test)]
mod tests;

/// `rc-code` of a result that is not known yet.
const NOT_KNOWN: i32 = 193;
/// `op-status` of one.
const PENDING: i32 = -1;

impl Cluster {
    /// A node's executor is out of sight: what it was to migrate may be where it was to go.
    pub(super) fn note_open_migrations(&mut self, node: &str) {
        let Some(transition) = &self.transition else {
            return;
        };
        let here = |action: &GraphAction| {
            action.kind == GraphActionKind::Resource
                && action.task == "migrate_to"
                && action.node.as_ref().is_some_and(|on| on.name == node)
        };
        let open = transition.ready().filter(|synapse| {
            here(transition.action(*synapse)) && transition.progress(*synapse) == Progress::Waiting
        });
        for synapse in open {
            let action = transition.action(synapse);
            let wanted = action::expected_code(action);
            let resource = action.primitive.as_ref().map(|primitive| &primitive.id);
            let result = ActionResult {
                rc: NOT_KNOWN,
                op_status: PENDING,
                expected_rc: wanted,
                exit_reason: String::new(),
                transition_key: format!(
                    "{}:{}:{wanted}:{}",
                    action.id, transition.number, self.uuid
                ),
                last_rc_change: self.clock,
                exec_ms: 0,
                queue_ms: 0,
                restart_for: None,
                node: node.to_owned(),
            };
            self.policy.record(&mut self.cib, action, &result);
            if let Some(resource) = resource {
                forget_earlier_arrivals(&mut self.cib, node, resource);
            }
        }
    }

    /// Before a node's history is forgotten: what it tells of other nodes is kept. Returns whether
    /// anything is to be looked for.
    pub(super) fn before_forgetting(&mut self, node: &str, news: &mut Vec<What>) -> bool {
        self.note_open_migrations(node);
        let mut forgotten = Vec::new();
        for resource in resources_with_history(&self.cib, node) {
            forgotten.append(&mut forget_targets(&mut self.cib, node, &resource));
        }
        let any = !forgotten.is_empty();
        news.extend(forgotten);
        any
    }
}

/// Before the history of a resource on a node is forgotten: forgets it as well where the resource was
/// sent to from there and nothing is known since, so that it is probed there.
pub(super) fn forget_targets(cib: &mut Document, node: &str, resource: &str) -> Vec<What> {
    let mut forgotten = Vec::new();
    let mut waiting = targets(cib, node, resource);
    while let Some(target) = waiting.pop() {
        // From there it may have been sent on.
        let further = targets(cib, &target, resource);
        if target == node || status::resource_history(cib, &target, resource).is_none() {
            continue;
        }
        status::forget_resource(cib, &target, resource);
        waiting.extend(further);
        forgotten.push(What::Cleaned {
            resource: resource.to_owned(),
            node: target,
        });
    }
    forgotten
}

/// After a resource was stopped on a node: forgets that it was sent from there, if it arrived.
pub(super) fn forget_if_complete(cib: &mut Document, node: &str, resource: &str, stopped_in: u64) {
    let Some(history) = status::resource_history(cib, node, resource) else {
        return;
    };
    let Some((entry, target, sent_in)) = sent_from(cib, history) else {
        return;
    };
    let arrived = || {
        let there = status::resource_history(cib, &target, resource)?;
        let mut operations = operations(cib, there);
        operations.find(|operation| {
            let text = |name| cib.attr(*operation, name).unwrap_or_default();
            text("operation") == "migrate_from"
                && text("migrate_source") == node
                && text("rc-code") == "0"
                && transition_of(cib, *operation) >= sent_in
        })
    };
    // In one plan, the source is stopped once the target has taken over.
    if sent_in == Some(stopped_in) || arrived().is_some() {
        cib.remove(entry);
    }
}

/// A resource was sent from a node once more: that it arrived at its target an earlier time, from the
/// same node, says nothing about this time. The engine would take the two for one migration, and the
/// target for one that the resource has left since.
pub(super) fn forget_earlier_arrivals(cib: &mut Document, node: &str, resource: &str) {
    let history = status::resource_history(cib, node, resource);
    let Some((_, target, sent_in)) = history.and_then(|history| sent_from(cib, history)) else {
        return;
    };
    let Some(there) = status::resource_history(cib, &target, resource) else {
        return;
    };
    let is_earlier = |operation: &ElementId| {
        cib.attr(*operation, "operation") == Some("migrate_from")
            && cib.attr(*operation, "migrate_source") == Some(node)
            && transition_of(cib, *operation) < sent_in
    };
    let earlier: Vec<ElementId> = operations(cib, there).filter(is_earlier).collect();
    for arrival in earlier {
        cib.remove(arrival);
    }
}

/// Where a resource was sent to from a node, and nothing newer is known from there.
fn targets(cib: &Document, node: &str, resource: &str) -> Vec<String> {
    let Some(history) = status::resource_history(cib, node, resource) else {
        return Vec::new();
    };
    let Some((_, target, sent_in)) = sent_from(cib, history) else {
        return Vec::new();
    };
    let is_newer = |operation: ElementId| {
        let seen_in = transition_of(cib, operation);
        let arrival = cib.attr(operation, "operation") == Some("migrate_from");
        seen_in > sent_in || (arrival && seen_in == sent_in)
    };
    let there = status::resource_history(cib, &target, resource);
    match there.is_some_and(|there| operations(cib, there).any(is_newer)) {
        true => Vec::new(),
        false => vec![target],
    }
}

/// The `migrate_to` of a history, where it was to, and in which transition.
fn sent_from(cib: &Document, history: ElementId) -> Option<(ElementId, String, Option<u64>)> {
    let mut all = operations(cib, history);
    let entry = all.find(|entry| cib.attr(*entry, "operation") == Some("migrate_to"))?;
    let target = cib.attr(entry, "migrate_target")?.to_owned();
    Some((entry, target, transition_of(cib, entry)))
}

fn operations(cib: &Document, history: ElementId) -> impl Iterator<Item = ElementId> + '_ {
    cib.children_named(history, "lrm_rsc_op")
}

/// The second part of "action:transition:expected code:cluster".
fn transition_of(cib: &Document, operation: ElementId) -> Option<u64> {
    let key = cib.attr(operation, "transition-key")?;
    key.split(':').nth(1)?.parse().ok()
}

fn resources_with_history(cib: &Document, node: &str) -> BTreeSet<String> {
    let state = status::find_state(cib, node);
    let lrm = state.and_then(|state| cib.child(state, "lrm"));
    let resources = lrm.and_then(|lrm| cib.child(lrm, "lrm_resources"));
    let histories = resources
        .into_iter()
        .flat_map(|resources| cib.children_named(resources, "lrm_resource"));
    histories
        .filter_map(|history| cib.id(history).map(str::to_owned))
        .collect()
}
