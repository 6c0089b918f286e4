//! What does a failed operation leave behind besides its history entry?
//!
//! A fail count and the time of the failure, as transient attributes of the node: the engine holds
//! them against the node (`migration-threshold`, `failure-timeout`). Which failures count, and how
//! much, is as in Pacemaker's controller.

use lockstep_engine::graph::GraphAttributes;
use lockstep_engine::parse::Document;

use super::{recurring, status};

/// The count from which on a resource never comes back by itself.
const INFINITY: u64 = 1_000_000;

/// A failed operation.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'f> {
    /// Where.
    pub node: &'f str,
    /// Of what.
    pub resource: &'f str,
    /// Doing what.
    pub task: &'f str,
    /// Repeated how often; 0 if not.
    pub interval_ms: u64,
    /// When, in seconds since the epoch.
    pub at: i64,
}

/// Counts a failure; `attributes` are those of the graph in force.
pub fn count(cib: &mut Document, failure: Failure<'_>, attributes: Option<&GraphAttributes>) {
    let fatal = |offset: Option<&String>| offset.is_none_or(|offset| offset == "INFINITY");
    let fatal = match failure.task {
        _ if failure.interval_ms > 0 => false,
        "promote" | "demote" => false,
        "start" => fatal(attributes.map(|a| &a.failed_start_offset)),
        "stop" => fatal(attributes.map(|a| &a.failed_stop_offset)),
        // Probes tell what is, and the rest is followed up by the operations above.
        _ => return,
    };
    let Failure { node, at, .. } = failure;
    let name = attribute("fail-count", failure);
    let before = status::transient(cib, node, &name);
    let before = match before {
        Some("INFINITY") => INFINITY,
        Some(text) => text.parse().unwrap_or(0),
        None => 0,
    };
    let count = match if fatal { INFINITY } else { before + 1 } {
        INFINITY.. => "INFINITY".to_owned(),
        count => count.to_string(),
    };
    status::set_transient(cib, node, &name, Some(&count));
    status::set_transient(
        cib,
        node,
        &attribute("last-failure", failure),
        Some(&at.to_string()),
    );
}

/// Forgets failures of a resource on a node; of one operation, or of all. Returns whether there
/// were any.
pub fn clear(
    cib: &mut Document,
    node: &str,
    resource: &str,
    operation: Option<(&str, u64)>,
) -> bool {
    let mut any = false;
    let wanted = |name: &str| {
        let Some(rest) = without_prefix(name) else {
            return false;
        };
        match (rest.rsplit_once('#'), operation) {
            (Some((of, what)), Some((task, interval_ms))) => {
                of == resource && what == format!("{task}_{interval_ms}")
            }
            (Some((of, _)), None) => of == resource,
            (None, _) => rest == resource,
        }
    };
    for name in status::transient_names(cib, node) {
        if wanted(&name) {
            any |= status::set_transient(cib, node, &name, None);
        }
    }
    any
}

fn without_prefix(attribute: &str) -> Option<&str> {
    let prefixes = ["fail-count-", "last-failure-"];
    prefixes
        .iter()
        .find_map(|prefix| attribute.strip_prefix(prefix))
}

/// The resource whose failures an attribute counts or dates, if it is such an attribute.
pub fn resource_of(attribute: &str) -> Option<&str> {
    let rest = without_prefix(attribute)?;
    Some(rest.rsplit_once('#').map_or(rest, |(resource, _)| resource))
}

/// Forgets the history entry of the last failure; only if it was of this operation, if one is given.
///
/// An operation that is repeated tells of changes only: if it failed, the entry that began it goes
/// as well, so that the next plan begins it again and hears how the resource is. That plan may be
/// another one than the one that forgets, which can be abandoned before it begins anything.
pub fn forget_last(cib: &mut Document, node: &str, resource: &str, operation: Option<(&str, u64)>) {
    let Some(history) = status::resource_history(cib, node, resource) else {
        return;
    };
    let id = format!("{resource}_last_failure_0");
    let of = operation.map(|(task, interval_ms)| (task, interval_ms.to_string()));
    let found = cib.children_named(history, "lrm_rsc_op").find(|e| {
        let text = |name| cib.attr(*e, name).unwrap_or_default();
        cib.id(*e) == Some(id.as_str())
            && of.as_ref().is_none_or(|(task, interval)| {
                text("operation") == *task && text("interval") == interval
            })
    });
    let Some(entry) = found else {
        return;
    };
    let key = cib.attr(entry, "operation_key").map(str::to_owned);
    cib.remove(entry);
    if let Some(key) = key {
        recurring::forget(cib, node, resource, &key);
    }
}

fn attribute(prefix: &str, failure: Failure<'_>) -> String {
    let Failure {
        resource,
        task,
        interval_ms,
        ..
    } = failure;
    format!("{prefix}-{resource}#{task}_{interval_ms}")
}
