//! What does an operator's request about resources, nodes and tickets mean?
//!
//! Cleanup forgets: the history of a resource on a node, and its fail counts there. What is not
//! known is probed, so the next plan begins with what is.

use std::collections::BTreeSet;

use lockstep_engine::graph::GraphActionKind;
use lockstep_engine::parse::{Document, ElementId, is_attribute_name};

use super::command::{Cleanup, CleanupOperation, TicketChange};
use super::event::What;
use super::fencings::FencingRecord;
use super::transition::Progress;
use super::{Cluster, Refusal, failures, migrations, status, ticket};

#[cfg(test)]
mod tests;

impl Cluster {
    pub(super) fn cleanup(&mut self, what: &Cleanup, news: &mut Vec<What>) -> Result<(), Refusal> {
        if let Some(node) = &what.node
            && status::find_state(&self.cib, node).is_none()
            && status::node_id(&self.cib, node).is_none()
        {
            return Err(Refusal::UnknownNode(node.clone()));
        }
        let wanted = match &what.resource {
            Some(id) => Some(
                primitives_of(&self.cib, id).ok_or_else(|| Refusal::UnknownResource(id.clone()))?,
            ),
            None => None,
        };
        let operation = what
            .operation
            .as_ref()
            .map(|operation| (operation.task.as_str(), operation.interval_ms));
        let mut cleaned = Vec::new();
        for (node, resource) in known(&self.cib) {
            let base = base_name(&resource);
            if what.node.as_ref().is_some_and(|wanted| *wanted != node)
                || wanted.as_ref().is_some_and(|wanted| !wanted.contains(base))
            {
                continue;
            }
            // Counts are kept under the name in the history, or under that of all instances.
            let mut counted = failures::clear(&mut self.cib, &node, &resource, operation);
            counted |= failures::clear(&mut self.cib, &node, base, operation);
            let failed = has_failed(&self.cib, &node, &resource, what.operation.as_ref());
            let history = status::resource_history(&self.cib, &node, &resource).is_some();
            let forget = history && (what.everything || failed);
            if forget {
                cleaned.append(&mut migrations::forget_targets(
                    &mut self.cib,
                    &node,
                    &resource,
                ));
                status::forget_resource(&mut self.cib, &node, &resource);
            }
            if forget || counted {
                cleaned.push(What::Cleaned { resource, node });
            }
        }
        if !cleaned.is_empty() {
            status::bump(&mut self.cib, "num_updates");
            news.append(&mut cleaned);
            let of = what.resource.as_deref().unwrap_or("resources");
            self.interrupt(&format!("{of} cleaned up"), news);
        }
        Ok(())
    }

    pub(super) fn change_ticket(
        &mut self,
        ticket: String,
        change: &TicketChange,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let creates = matches!(change, TicketChange::Grant | TicketChange::Attribute { .. });
        if !creates && !ticket::is_known(&self.cib, &ticket) {
            return Err(Refusal::UnknownTicket(ticket));
        }
        // Attributes of tickets are attributes of an element: a name that XML does not allow would
        // make the whole state unreadable.
        if let TicketChange::Attribute { name, .. } = change
            && (!is_attribute_name(name) || name == "id")
        {
            return Err(Refusal::NotAnAttribute(name.clone()));
        }
        if ticket::change(&mut self.cib, &ticket, change, self.clock) {
            status::bump(&mut self.cib, "num_updates");
            let change = ticket::told(change);
            let reason = format!("ticket {ticket} {change}");
            news.push(What::Ticket { ticket, change });
            self.interrupt(&reason, news);
        }
        Ok(())
    }

    /// As if fencing had succeeded: what waits for it goes on.
    pub(super) fn confirm_fenced(
        &mut self,
        node: String,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let online = self.nodes.get(&node).map(|record| record.online);
        match online {
            Some(true) => return Err(Refusal::IsOnline(node)),
            None if status::find_state(&self.cib, &node).is_none()
                && status::node_id(&self.cib, &node).is_none() =>
            {
                return Err(Refusal::UnknownNode(node));
            }
            _ => {}
        }
        self.fencing_failures.remove(&node);
        self.fencings.add(FencingRecord {
            at: self.clock,
            target: node.clone(),
            action: "off".to_owned(),
            by: None,
            succeeded: true,
            detail: "confirmed by an operator".to_owned(),
        });
        self.is_fenced(&node, "off", news);
        status::bump(&mut self.cib, "num_updates");
        news.push(What::ConfirmedFenced { node: node.clone() });
        let waiting = self.fencing_of(&node);
        match (&mut self.transition, waiting) {
            (Some(transition), Some(synapse)) if transition.aborted.is_none() => {
                transition.confirm(synapse, true);
                self.advance(news);
            }
            _ => self.interrupt(&format!("{node} is confirmed to be down"), news),
        }
        Ok(())
    }

    /// The unconfirmed fencing of a node in the transition in force.
    fn fencing_of(&self, node: &str) -> Option<u32> {
        let transition = self.transition.as_ref()?;
        let mut synapses = (0u32..).zip(&transition.graph.synapses);
        let found = synapses.find(|(at, synapse)| {
            let action = &synapse.action;
            action.kind == GraphActionKind::Cluster
                && action.task == "stonith"
                && action.node.as_ref().is_some_and(|on| on.name == node)
                && transition.progress(*at) == Progress::Waiting
        });
        found.map(|(at, _)| at)
    }
}

/// The name that all instances of a clone share.
fn base_name(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((base, number)) if number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => id,
    }
}

/// Names of the primitives that a configured resource consists of, as history has them without
/// instance numbers; `None` if there is no such resource.
fn primitives_of(cib: &Document, id: &str) -> Option<BTreeSet<String>> {
    let base = base_name(id);
    let configuration = cib.child(cib.root(), "configuration")?;
    let resources = cib.child(configuration, "resources")?;
    let named = |wanted: &str| {
        let mut all = cib.descendants(resources);
        all.find(|e| cib.id(*e) == Some(wanted) && is_resource(cib, *e))
    };
    if let Some(found) = named(id).or_else(|| named(base)) {
        let inside = cib.subtree(found);
        let primitives = inside.filter(|e| cib.name(*e) == "primitive");
        return Some(
            primitives
                .filter_map(|e| cib.id(e).map(str::to_owned))
                .collect(),
        );
    }
    // It may have left the configuration, and have a history still.
    let known = known(cib).into_iter().map(|(_, resource)| resource);
    let matching: BTreeSet<_> = known
        .map(|resource| base_name(&resource).to_owned())
        .filter(|resource| resource == base)
        .collect();
    (!matching.is_empty()).then_some(matching)
}

fn is_resource(cib: &Document, e: ElementId) -> bool {
    matches!(
        cib.name(e),
        "primitive" | "group" | "clone" | "master" | "bundle"
    )
}

/// Every resource that left something behind, with the node: a history, or a count of failures.
fn known(cib: &Document) -> BTreeSet<(String, String)> {
    let mut known = BTreeSet::new();
    let status = cib.child(cib.root(), "status");
    let states = status
        .into_iter()
        .flat_map(|status| cib.children_named(status, "node_state"));
    for state in states {
        let Some(node) = cib.attr(state, "uname") else {
            continue;
        };
        let lrm = cib.child(state, "lrm");
        let resources = lrm.and_then(|lrm| cib.child(lrm, "lrm_resources"));
        let histories = resources
            .into_iter()
            .flat_map(|e| cib.children_named(e, "lrm_resource"));
        for id in histories.filter_map(|e| cib.id(e)) {
            known.insert((node.to_owned(), id.to_owned()));
        }
        for name in status::transient_names(cib, node) {
            if let Some(resource) = failures::resource_of(&name) {
                known.insert((node.to_owned(), resource.to_owned()));
            }
        }
    }
    known
}

/// Whether an operation of a resource on a node did not have the result that was expected.
fn has_failed(
    cib: &Document,
    node: &str,
    resource: &str,
    wanted: Option<&CleanupOperation>,
) -> bool {
    let Some(history) = status::resource_history(cib, node, resource) else {
        return false;
    };
    let mut operations = cib.children_named(history, "lrm_rsc_op");
    operations.any(|operation| {
        let text = |name| cib.attr(operation, name).unwrap_or_default();
        let is_wanted = wanted.is_none_or(|wanted| {
            text("operation") == wanted.task && text("interval") == wanted.interval_ms.to_string()
        });
        // "action:transition:expected code:cluster"
        let expected = text("transition-key").split(':').nth(2).unwrap_or("0");
        let done = matches!(text("op-status"), "" | "0" | "-1");
        let is_probe = text("operation") == "monitor" && text("interval") == "0";
        let code = text("rc-code");
        // A probe may find anything that a resource can be; 193 is a result that is not known yet.
        let as_expected =
            code == expected || code == "193" || (is_probe && matches!(code, "0" | "7" | "8"));
        is_wanted && !(done && as_expected)
    })
}
