//! Is a failure too old to count, and is it time to forget it?

use super::builder::Builder;
use super::entry::Course;
use super::fail_count::{self, FailCount, Scope};
use super::history::Entry;
use super::verdict::{Facts, Status, rc};
use super::{DeferredCheck, digest};
use crate::Severity;
use crate::action::{RequestDetail, Task};
use crate::id::ResourceId;
use crate::value;

impl<'a> Builder<'a> {
    /// Says whether an entry has expired: its resource has a failure timeout, the entry is older
    /// than that, and so are all failures that are counted. Requests that failures are cleared
    /// where it is time for that: because they expired, or because the parameters have changed
    /// with which the operation failed.
    pub(super) fn check_expiry(
        &mut self,
        course: &Course<'a>,
        entry: &Entry<'a>,
        facts: &Facts,
    ) -> bool {
        // What is missing has to be installed by someone, who can clean up then as well.
        if facts.status == Status::NotInstalled {
            return false;
        }
        let is_last_failure = entry.id.is_some_and(|id| id.ends_with("_last_failure_0"));
        let (mut expired, unexpired_count) = self.is_older_than_timeout(course, entry);
        let mut clear_reason = None;
        if expired {
            let scope = Scope {
                effective: false,
                launched: false,
            };
            let reconnects = self.reconnect_interval_ms(course.resource) > 0;
            if self.fail_count(course, entry, scope).count == 0 {
                if is_last_failure && reconnects {
                    clear_reason = Some("reconnect interval is set");
                }
            } else if unexpired_count == 0 {
                clear_reason = Some("it expired");
            } else {
                expired = false;
            }
        }
        if !expired && is_last_failure && self.parameters_changed(course, entry) {
            clear_reason = Some("resource parameters have changed");
        }
        if let Some(reason) = clear_reason {
            self.clear_fail_count(course, reason);
        }
        // What a probe found does not become wrong with time.
        let is_state = matches!(
            facts.rc,
            rc::OK | rc::NOT_RUNNING | rc::RUNNING_PROMOTED | rc::DEGRADED | rc::DEGRADED_PROMOTED
        );
        expired && !(facts.probe && is_state)
    }

    fn reconnect_interval_ms(&self, resource: ResourceId) -> i64 {
        self.state.resources[resource].meta.reconnect_interval_ms
    }

    /// Whether the entry alone is older than the failure timeout, and the failures that still
    /// count.
    fn is_older_than_timeout(&mut self, course: &Course<'a>, entry: &Entry<'a>) -> (bool, i32) {
        let timeout_ms = self.state.resource[course.resource].failure_timeout_ms;
        let timeout = seconds(timeout_ms);
        let Some(since) = entry.last_rc_change.filter(|_| timeout > 0) else {
            return (false, 0);
        };
        let expired = self.now >= since.saturating_add(timeout)
            && !self.waits_for_fencing(course.resource, entry);
        let scope = Scope {
            effective: true,
            launched: false,
        };
        let FailCount {
            count,
            last_failure,
        } = self.fail_count(course, entry, scope);
        if count != 0 {
            self.recheck_at(last_failure.saturating_add(timeout + 1));
        }
        (expired, count)
    }

    /// A monitor of a remote connection keeps reporting the same failure until the node is fenced,
    /// and only changes are recorded; so its failure must not be forgotten before.
    fn waits_for_fencing(&self, connection: ResourceId, entry: &Entry<'_>) -> bool {
        let reconnects = self.reconnect_interval_ms(connection) > 0;
        let recurring_monitor = entry.interval_ms != 0 && entry.operation == Some("monitor");
        if !reconnects || !self.config.options.fencing_enabled || !recurring_monitor {
            return false;
        }
        let node = self
            .node_names
            .by_name(&self.state.resources[connection].id);
        node.is_some_and(|node| !self.state.node[node].remote_fenced)
    }

    fn fail_count(&mut self, course: &Course<'a>, entry: &Entry<'a>, scope: Scope) -> FailCount {
        let question = fail_count::Question {
            document: self.document,
            state: &self.state,
            now: self.now,
            node: course.node,
            attributes: &self.state.nodes[course.node].attributes,
            resource: course.resource,
            entry: Some(entry),
        };
        let (fail_count, blocked) = question.answer(scope);
        if blocked {
            let resource = &self.state.resources[course.resource];
            let timeout_ms = self.state.resource[course.resource].failure_timeout_ms;
            let message = fail_count::ignored_timeout(self.document, resource, timeout_ms);
            self.evaluation.messages.push(message);
            // A failure that blocks its resource until someone cleans up cannot expire.
            self.state.resource[course.resource].failure_timeout_ms = 0;
        }
        fail_count
    }

    fn parameters_changed(&mut self, course: &Course<'a>, entry: &Entry<'a>) -> bool {
        if !matches!(entry.operation, Some("start" | "monitor")) {
            return false;
        }
        let (resource, node) = (course.resource, course.node);
        let mut subject = digest::Subject {
            config: self.config,
            resources: &self.state.resources,
            id: resource,
            state: &self.state.resource[resource],
            node,
            attributes: &self.state.nodes[node].attributes,
            evaluation: &mut self.evaluation,
            address: None,
        };
        if subject.needs_container_host() {
            self.state.deferred_checks.push(DeferredCheck {
                element: entry.element,
                resource,
                node,
            });
            return false;
        }
        let expired = &self.state.expired_recurring;
        let verdict = subject.compare(&mut self.state.digests, expired, entry);
        matches!(
            verdict,
            digest::Verdict::Mismatch | digest::Verdict::Restart
        )
    }

    /// Requests that failures are cleared; those of a remote connection only after any fencing of
    /// its node.
    fn clear_fail_count(&mut self, course: &Course<'_>, reason: &str) {
        let (resource, node) = (course.resource, course.node);
        let optional = !self.state.resource[resource].managed;
        let what = (Task::ClearFailCount, 0);
        let clearing = self.request(resource, node, what, optional, RequestDetail::Plain);
        let (name, place) = (
            &self.state.resources[resource].id,
            &self.state.nodes[node].name,
        );
        let message = format!("failures of {name} on {place} are cleared: {reason}");
        self.say(Severity::Notice, None, message);
        if self.config.options.fencing_enabled && self.reconnect_interval_ms(resource) > 0 {
            let remote = self.node_names.by_name(&self.state.resources[resource].id);
            if let Some(remote) = remote {
                let fencing = self.request_fencing(remote, None);
                self.state.request_links.push((fencing, clearing));
            }
        }
    }
}

/// A failure timeout in seconds, as expiry counts them.
pub(super) fn seconds(timeout_ms: i64) -> i64 {
    let timeout_ms = u32::try_from(timeout_ms.max(0)).unwrap_or(u32::MAX);
    i64::from(value::ms_to_s(timeout_ms))
}
