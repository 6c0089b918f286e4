//! What does a changed result of a recurring operation change in the history?
//!
//! The entry that began the operation stays as it is; a failure is written beside it as the
//! resource's last failure, a return to the expected result into the entry itself. The graph that
//! began the operation may be long gone, so all else is taken from that entry.

use lockstep_engine::parse::{Document, ElementId};

use super::status;
use crate::executor::Report;

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// There is no such operation in the history any more.
    Unknown,
    /// The result is not the expected one.
    Failure,
    /// The result is the expected one again.
    Recovery,
}

/// Writes a changed result into a node's history.
pub fn record(cib: &mut Document, node: &str, report: &Report) -> Recorded {
    let Some(history) = status::resource_history(cib, node, &report.resource) else {
        return Recorded::Unknown;
    };
    let key = format!("{}_{}_{}", report.resource, report.task, report.interval_ms);
    let Some(entry) = entry_by_id(cib, history, &key) else {
        return Recorded::Unknown;
    };
    let Some(transition_key) = cib.attr(entry, "transition-key").map(str::to_owned) else {
        return Recorded::Unknown;
    };
    // "action:transition:expected code:cluster"
    let expected = transition_key
        .split(':')
        .nth(2)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let code = report.outcome.code.0;
    let call = next_call_id(cib, history);
    let (entry, recorded) = if code == expected {
        (entry, Recorded::Recovery)
    } else {
        let id = format!("{}_last_failure_0", report.resource);
        if let Some(old) = entry_by_id(cib, history, &id) {
            cib.remove(old);
        }
        let copy = cib.copy_subtree(entry, history);
        cib.set_attr(copy, "id", &id);
        (copy, Recorded::Failure)
    };
    let status_code = report.outcome.status as u8;
    for (name, value) in [
        ("call-id", call.to_string()),
        ("rc-code", code.to_string()),
        ("op-status", status_code.to_string()),
        (
            "transition-magic",
            format!("{status_code}:{code};{transition_key}"),
        ),
        ("last-rc-change", report.outcome.began_at.to_string()),
        ("exec-time", report.outcome.exec_ms.to_string()),
        ("queue-time", report.outcome.queue_ms.to_string()),
        ("exit-reason", report.outcome.reason.clone()),
    ] {
        cib.set_attr(entry, name, &value);
    }
    recorded
}

/// Forgets an operation that is repeated no more.
pub fn forget(cib: &mut Document, node: &str, resource: &str, key: &str) {
    let Some(history) = status::resource_history(cib, node, resource) else {
        return;
    };
    let recurring = |e: &ElementId| {
        cib.attr(*e, "operation_key") == Some(key) && cib.attr(*e, "interval") != Some("0")
    };
    let entries: Vec<_> = cib
        .children_named(history, "lrm_rsc_op")
        .filter(recurring)
        .collect();
    for entry in entries {
        cib.remove(entry);
    }
}

fn entry_by_id(cib: &Document, history: ElementId, id: &str) -> Option<ElementId> {
    cib.children_named(history, "lrm_rsc_op")
        .find(|e| cib.id(*e) == Some(id))
}

fn next_call_id(cib: &Document, history: ElementId) -> i64 {
    let calls = cib.children_named(history, "lrm_rsc_op");
    let calls = calls.filter_map(|e| cib.attr(e, "call-id").and_then(|text| text.parse().ok()));
    calls.max().unwrap_or(0_i64).saturating_add(1)
}
