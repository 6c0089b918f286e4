//! How often has a resource failed on a node, and when last?
//!
//! Failures are counted in node attributes `fail-count-RESOURCE#OPERATION_INTERVAL`, with the time
//! of the latest in `last-failure-…`.

use std::ops::Bound::{self, Unbounded};

use super::State;
use super::expiry::seconds;
use super::history::{Entry, integer};
use super::names::base_name;
use crate::config::{self, Attributes, Operation, Resource, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::{Document, names};
use crate::time::Timestamp;
use crate::value::{self, Score};
use crate::{Diagnostic, World};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Only failures that have not expired.
    pub effective: bool,
    /// Also failures of what the resource launched (but not in bundles).
    pub launched: bool,
}

/// Failures of one resource on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailCount {
    /// How many, up to 1000000 for "too many" (a sum over launched resources may exceed that).
    pub count: i32,
    /// When the latest was, seconds since the epoch; 0 if nothing is counted or nobody knows.
    pub last_failure: i64,
}

/// Counts the failures of a resource on a node.
#[must_use]
pub fn fail_count(world: World<'_>, node: NodeId, resource: ResourceId, scope: Scope) -> FailCount {
    Question::new(world, node, resource).answer(scope).0
}

/// Like [`fail_count`], of a state for which nothing is planned yet.
#[must_use]
pub fn observed(
    document: &Document,
    state: &State,
    now: Timestamp,
    node: NodeId,
    resource: ResourceId,
    scope: Scope,
) -> FailCount {
    let question = Question {
        document,
        state,
        now: now.seconds,
        node,
        attributes: &state.node[node].attributes,
        resource,
        entry: None,
    };
    question.answer(scope).0
}

/// Whether the failures of a resource on a node cannot expire although they should.
#[must_use]
pub fn never_expires(world: World<'_>, node: NodeId, resource: ResourceId) -> bool {
    let scope = Scope {
        effective: false,
        launched: false,
    };
    Question::new(world, node, resource).answer(scope).1
}

/// What to say if failures are counted for ever although they should expire: one of them blocks its
/// resource until someone cleans up.
#[must_use]
pub fn ignored_timeout(document: &Document, resource: &Resource, timeout_ms: i64) -> Diagnostic {
    let message = format!(
        "Ignoring failure timeout ({}) for {} because it conflicts with on-fail=block",
        value::readable_interval(u32::try_from(timeout_ms).unwrap_or(u32::MAX)),
        resource.id
    );
    let pair = config::meta_attribute(document, resource.element, "failure-timeout");
    Diagnostic::warning(pair, message).at(names::VALUE)
}

/// Whose failures are counted, and where.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) document: &'a Document,
    pub(super) state: &'a State,
    pub(super) now: i64,
    pub(super) node: NodeId,
    /// The node's attributes.
    pub(super) attributes: &'a Attributes,
    pub(super) resource: ResourceId,
    /// Only this entry is asked whether failures block the resource; else the whole history.
    pub(super) entry: Option<&'a Entry<'a>>,
}

impl<'a> Question<'a> {
    fn new(world: World<'a>, node: NodeId, resource: ResourceId) -> Self {
        Question {
            document: world.document,
            state: world.state,
            now: world.now.seconds,
            node,
            attributes: &world.state.node[node].attributes,
            resource,
            entry: None,
        }
    }
}

impl Question<'_> {
    /// Counts, and says whether a failure blocks the resource so that none can expire.
    pub(super) fn answer(&self, scope: Scope) -> (FailCount, bool) {
        let mut failures = self.own();
        let timeout_ms = self.state.resource[self.resource].failure_timeout_ms;
        let mut blocked = false;
        if failures.count > 0 && timeout_ms > 0 {
            blocked = self.is_blocking();
            let deadline = failures.last_failure.saturating_add(seconds(timeout_ms));
            if scope.effective && !blocked && failures.last_failure > 0 && self.now > deadline {
                failures.count = 0;
            }
        }
        let in_bundle = || {
            let resources = &self.state.resources;
            let mut top = self.resource;
            while let Some(parent) = resources[top].parent {
                top = parent;
            }
            matches!(resources[top].variant, Variant::Bundle(_))
        };
        let launched = &self.state.resources[self.resource].launched;
        if scope.launched && !launched.is_empty() && !in_bundle() {
            for &resource in launched {
                // What a launched resource launches itself is not counted here.
                let inner = Scope {
                    launched: false,
                    ..scope
                };
                let (more, _) = Question { resource, ..*self }.answer(inner);
                failures.count = failures.count.saturating_add(more.count);
                failures.last_failure = failures.last_failure.max(more.last_failure);
            }
        }
        if failures.count <= 0 || failures.last_failure <= 0 {
            failures.last_failure = 0;
        }
        (failures, blocked)
    }

    fn own(&self) -> FailCount {
        let resource = &self.state.resources[self.resource];
        let state = &self.state.resource[self.resource];
        let name = state.history_id.as_deref().unwrap_or(&resource.id);
        let pattern = Pattern {
            name: if resource.unique {
                name
            } else {
                base_name(name)
            },
            unique: resource.unique,
        };
        let mut count = Score::ZERO;
        for (_, value) in pattern.attributes(self.attributes, "fail-count-") {
            count += Score::parse_or(Some(value), Score::ZERO);
        }
        let mut last_failure = 0;
        for (_, value) in pattern.attributes(self.attributes, "last-failure-") {
            last_failure = last_failure.max(integer(value).unwrap_or(0));
        }
        FailCount {
            count: count.value(),
            last_failure,
        }
    }

    /// Whether an operation failed that is configured (by its XML attribute) to block on failure.
    fn is_blocking(&self) -> bool {
        let resource = &self.state.resources[self.resource];
        let name = base_name(&resource.id);
        let mut blocking = resource.operations.iter().filter(|operation| {
            let attributes = &operation.attributes;
            attributes
                .iter()
                .any(|(name, value)| &**name == "on-fail" && &**value == "block")
        });
        match self.entry {
            Some(entry) => blocking.any(|operation| is_failure_of(name, operation, entry)),
            None => {
                let entries = || self.entries(name);
                blocking.any(|operation| {
                    entries().any(|entry| {
                        entry.operation == Some(operation.name.as_str())
                            && is_failure_of(name, operation, &entry)
                    })
                })
            }
        }
    }

    /// The history of a resource on the node.
    fn entries(&self, name: &str) -> impl Iterator<Item = Entry<'_>> {
        let document = self.document;
        let state = self.state.node[self.node].element;
        let lists = state
            .into_iter()
            .flat_map(|e| document.children_by(e, names::LRM));
        lists
            .flat_map(|e| document.children_by(e, names::LRM_RESOURCES))
            .flat_map(|e| document.children_by(e, names::LRM_RESOURCE))
            .filter(move |&e| document.id(e) == Some(name))
            .flat_map(|e| document.children_by(e, names::LRM_RSC_OP))
            .map(|e| Entry::read(document, e))
    }
}

/// Whether a history entry is a failure of this operation of the resource called `name`.
fn is_failure_of(name: &str, operation: &Operation, entry: &Entry<'_>) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let names_match = entry
        .operation
        .is_some_and(|name| same(name, &operation.name));
    if operation.interval_ms != entry.interval_ms || !names_match {
        return false;
    }
    let Some(id) = entry.id else { return false };
    if same(id, &format!("{name}_last_failure_0")) {
        return true;
    }
    let key = format!("{name}_{}_{}", operation.name, operation.interval_ms);
    same(id, &key) && entry.rc.unwrap_or(0) != entry.expected_rc().unwrap_or(-1)
}

/// Which attributes count failures of a resource: `PREFIX`, its name, `#`, an operation name, `_`
/// and an interval. Instances of anonymous clones share a count, so a number in the name (of a time
/// when the clone was unique) does not matter.
struct Pattern<'n> {
    name: &'n str,
    unique: bool,
}

impl Pattern<'_> {
    fn attributes<'m>(
        &'m self,
        attributes: &'m Attributes,
        prefix: &'m str,
    ) -> impl Iterator<Item = (&'m str, &'m str)> {
        // A dot in a name stands for any character, as the peer takes the name for a pattern.
        let literal = self.name.split('.').next().unwrap_or_default();
        // Most nodes count nothing, and this is asked of every resource.
        let from = |start: &str| attributes.range::<str, _>((Bound::Included(start), Unbounded));
        let first = from(prefix).next();
        let start = first
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|_| format!("{prefix}{literal}"));
        let counted =
            start.map(|start| from(&start).take_while(move |(key, _)| key.starts_with(&start)));
        counted
            .into_iter()
            .flatten()
            .filter(move |(key, _)| {
                key.strip_prefix(prefix)
                    .is_some_and(|rest| self.matches(rest))
            })
            .map(|(key, value)| (&**key, &**value))
    }

    fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        for wanted in self.name.chars() {
            let mut chars = rest.chars();
            match chars.next() {
                Some(found) if found == wanted || wanted == '.' => rest = chars.as_str(),
                _ => return false,
            }
        }
        if !self.unique
            && let Some(numbered) = rest.strip_prefix(':')
        {
            let unnumbered = numbered.trim_start_matches(|c: char| c.is_ascii_digit());
            if unnumbered.len() < numbered.len() {
                rest = unnumbered;
            }
        }
        let Some((operation, interval)) = rest.strip_prefix('#').and_then(|op| op.rsplit_once('_'))
        else {
            return false;
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        !operation.is_empty() && is_number(interval)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_failure_is_counted_for_the_resource_that_its_attribute_names() {
        let check = |name, unique, text, expected| {
            assert_eq!(
                Pattern { name, unique }.matches(text),
                expected,
                "{name} {text}"
            );
        };
        check("rsc", true, "rsc#monitor_10000", true);
        check("rsc", true, "rsc#start_0", true);
        check("rsc", false, "rsc#migrate_to_0", true);
        check("rsc", true, "rsc:1#start_0", false);
        check("rsc", false, "rsc:1#start_0", true);
        check("rsc:1", true, "rsc:1#start_0", true);
        check("rsc", false, "rsc:#start_0", false);
        check("rsc", true, "rsc1#start_0", false);
        check("rsc", true, "rs#start_0", false);
        check("rsc", true, "rsc", false);
        check("rsc", true, "rsc#start", false);
        check("rsc", true, "rsc#_0", false);
        check("rsc", true, "rsc#start_", false);
        check("rsc", true, "rsc#start_x", false);
        check("r.c", true, "rXc#start_0", true);
    }
}
