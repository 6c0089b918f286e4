//! What does the history of one resource on one node add up to?
//!
//! Entries are taken in oldest first. Each may change the resource's role, and what has to be done
//! about failures so far; the [`verdict`] tables say how.

use super::builder::Builder;
use super::history::{Entry, Kind};
use super::verdict::{self, Ban, Facts, Finding, Forgets, NewRole, Response, Status, Verdict, rc};
use super::{Effect, FailedOperation, order};
use crate::action::{OnFail, RequestDetail, Task};
use crate::config::{self, OperationContext, OperationMeta, Role};
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::time::Timestamp;
use crate::{Diagnostic, Severity, value};

/// How far the reading of one resource's history on one node has come.
pub(super) struct Course<'a> {
    pub(super) resource: ResourceId,
    pub(super) node: NodeId,
    /// The last failure that was handled as such.
    pub(super) last_failure: Option<Entry<'a>>,
    /// What has to be done about failures so far.
    pub(super) on_fail: OnFail,
    /// The entry that asked for it.
    pub(super) because: Option<ElementId>,
}

impl<'a> Builder<'a> {
    /// Reads an `lrm_resource`. Returns the resource, unless there is nothing to know about it.
    pub(super) fn read_resource_history(
        &mut self,
        node: NodeId,
        history: ElementId,
    ) -> Option<ResourceId> {
        let document = self.document;
        let Some(name) = document.id(history) else {
            self.malformed(history, "Ignoring invalid lrm_resource entry: No id");
            return None;
        };
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let operations = document.children_by(history, names::LRM_RSC_OP);
        entries.extend(operations.map(|element| Entry::read(document, element)));
        let resource = self.read_entries(node, history, name, &mut entries);
        self.entries = entries;
        resource
    }

    fn read_entries(
        &mut self,
        node: NodeId,
        history: ElementId,
        name: &str,
        entries: &mut Vec<Entry<'a>>,
    ) -> Option<ResourceId> {
        let locks = self.config.options.shutdown_lock;
        if entries.is_empty() && !locks {
            return None;
        }
        let resource = match self.find_resource(node, name) {
            Some(resource) => resource,
            None if entries.is_empty() => return None,
            None => self.add_removed(history)?,
        };
        if locks {
            self.read_lock(resource, node, history);
        }
        self.note_familiar(resource, node, history, name);

        let state = &mut self.state.resource[resource];
        let role_elsewhere = std::mem::replace(&mut state.role, Role::Unknown);
        let mut course = Course {
            resource,
            node,
            last_failure: None,
            on_fail: OnFail::Ignore,
            because: None,
        };
        order::sort(entries);
        for entry in entries.iter() {
            self.take_in(&mut course, entry);
        }
        self.request_recurring(resource, node, entries);
        self.apply(resource, node, course.on_fail, course.because);

        let state = &mut self.state.resource[resource];
        if let Some(target) = self.state.resources[resource].meta.target_role
            && (state.next_role == Role::Unknown || target < state.next_role)
        {
            state.next_role = target;
        }
        state.role = state.role.max(role_elsewhere);
        Some(resource)
    }

    /// Notes whether a history is of a resource of this name and agent, while its attributes are at
    /// hand.
    fn note_familiar(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        history: ElementId,
        name: &str,
    ) {
        let known = &self.state.resources[resource];
        if known.id == name
            && !known.removed
            && known
                .agent()
                .is_some_and(|agent| agent.is_of(self.document, history))
        {
            self.state.node[node].familiar.push((history, resource));
        }
    }

    /// Requests the recurring operations that are running, so that they can be told from those that
    /// have to be started or cancelled.
    fn request_recurring(&mut self, resource: ResourceId, node: NodeId, entries: &[Entry<'_>]) {
        if !self.state.node[node].online {
            return;
        }
        let active = order::Active::find(entries);
        for (at, entry) in entries.iter().enumerate() {
            let runs = entry.interval_ms != 0 && entry.status != Some(-1);
            if let Some(operation) = entry.operation.filter(|_| runs && active.contains(at)) {
                let what = (Task::from_name(operation), entry.interval_ms);
                self.request(resource, node, what, true, RequestDetail::Plain);
            }
        }
    }

    /// Takes one entry into account.
    fn take_in(&mut self, course: &mut Course<'a>, entry: &Entry<'a>) {
        let Some((kind, facts)) = self.facts_of(course, entry) else {
            return;
        };
        let (resource, node) = (course.resource, course.node);
        let expired = self.check_expiry(course, entry, &facts);
        let facts = Facts { expired, ..facts };
        let verdict = verdict::judge(&facts);
        self.note_findings(course, entry, kind, &facts, &verdict);
        if expired && self.is_over(course, entry, &facts, &verdict) {
            return;
        }
        if facts.is_masked_probe() {
            self.succeed(course, entry, kind, verdict.rc, true);
            self.record_failure(course, entry);
            self.ban_because(self.all_instances(resource), node, entry);
            return;
        }
        match verdict::response(verdict.status) {
            Response::Wait => self.wait(course, entry, kind),
            Response::Succeed => self.succeed(course, entry, kind, verdict.rc, false),
            Response::Fail {
                ban,
                cannot_ignore,
                lost_connection,
            } => {
                if lost_connection {
                    self.lose_connection(node, entry);
                }
                self.handle_failure(course, entry, kind, &verdict, ban, cannot_ignore);
            }
        }
    }

    /// What the verdict on an entry depends on; none if the entry says nothing about its resource.
    fn facts_of(&mut self, course: &Course<'_>, entry: &Entry<'_>) -> Option<(Kind, Facts)> {
        let element = entry.element;
        let resource = &self.state.resources[course.resource].id;
        let node = &self.state.nodes[course.node].name;
        let Some(id) = entry.id else {
            let message =
                format!("Ignoring resource history entry for {resource} on {node} without ID");
            self.malformed(element, message);
            return None;
        };
        if entry.operation.is_none() {
            let message = format!(
                "Ignoring resource history entry {id} for {resource} on {node} without operation"
            );
            self.malformed(element, message);
            return None;
        }
        let kind = entry.kind()?;
        let status = entry.status.and_then(Status::from_code);
        let code = entry.rc.filter(|code| (0..=rc::MAX).contains(code));
        let (Some(status), Some(rc)) = (status, code) else {
            let name = if status.is_none() {
                names::OP_STATUS
            } else {
                names::RC_CODE
            };
            let message = format!(
                "Ignoring resource history entry {id} for {resource} on {node} with invalid {} \
                 '{}'",
                self.document.name_text(name),
                self.document.attr_by(element, name).unwrap_or_default()
            );
            self.evaluation
                .messages
                .push(Diagnostic::error(element, message).at(name));
            return None;
        };
        let facts = Facts {
            status,
            rc,
            expected: entry.expected_rc(),
            probe: entry.is_probe(),
            recurring: entry.interval_ms != 0,
            bundled: self.is_bundled(course.resource),
            managed: self.state.resource[course.resource].managed,
            expired: false,
        };
        Some((kind, facts))
    }

    /// Notes what the exit code says, whatever the status.
    fn note_findings(
        &mut self,
        course: &mut Course<'a>,
        entry: &Entry<'a>,
        kind: Kind,
        facts: &Facts,
        verdict: &Verdict,
    ) {
        let node = &self.state.node[course.node];
        if verdict.degraded && !facts.expired && (!node.shutdown || node.online) {
            self.record_failure(course, entry);
        }
        let state = &mut self.state.resource[course.resource];
        match verdict.finding {
            Finding::Nothing => {}
            Finding::NotRunning => {
                (state.role, state.next_role) = (Role::Stopped, Role::Unknown);
                course.on_fail = OnFail::Ignore;
            }
            Finding::Promoted => state.role = Role::Promoted,
        }
        let stuck = verdict.unrecoverable_stop && kind == Kind::Stop;
        if stuck && !self.can_fence(course.node) {
            let message = format!(
                "No further recovery can be attempted for {} because stop on {} failed ({}) at {}",
                self.state.resources[course.resource].id,
                self.state.nodes[course.node].name,
                self.result_text(entry, verdict.rc),
                self.time_text(entry)
            );
            self.say(Severity::Error, Some(entry.element), message);
            self.block(course.resource);
            let element = Some(entry.element);
            self.note(
                course.resource,
                course.node,
                Effect::StopImpossible,
                element,
            );
        }
    }

    /// Whether nothing more follows from an expired entry.
    fn is_over(
        &mut self,
        course: &Course<'_>,
        entry: &Entry<'_>,
        facts: &Facts,
        verdict: &Verdict,
    ) -> bool {
        if facts.is_masked_probe() && facts.expected != Some(facts.rc) {
            let role = &mut self.state.resource[course.resource].role;
            if *role <= Role::Stopped {
                *role = Role::Unknown;
            }
            return true;
        }
        if facts.expected == Some(verdict.rc) {
            return false;
        }
        if !facts.recurring {
            return true;
        }
        let node = &self.state.node[course.node];
        if !node.online || node.unclean {
            return false;
        }
        self.state.expired_recurring.insert(entry.element);
        true
    }

    /// An operation has not ended yet.
    fn wait(&mut self, course: &Course<'a>, entry: &Entry<'a>, kind: Kind) {
        if course
            .last_failure
            .is_some_and(|failure| is_failure_of(&failure, entry))
        {
            return;
        }
        let (resource, node) = (course.resource, course.node);
        match kind {
            Kind::Start => {
                self.state.resource[resource].start_pending = true;
                self.set_active(resource);
            }
            Kind::Promote => self.state.resource[resource].role = Role::Promoted,
            Kind::MigrateTo if self.state.node[node].unclean => {
                let target = entry
                    .migrate_target
                    .and_then(|name| self.node_names.by_name(name));
                if let Some(target) = target {
                    self.require_stop(resource, target);
                }
            }
            _ => {}
        }
        // There should be only one, and probes are not shown.
        let pending = &mut self.state.resource[resource].pending;
        if let (None, Some(operation), false) = (&pending, entry.operation, entry.is_probe()) {
            *pending = Some((operation.to_owned(), node));
            self.instance_moved(resource);
        }
    }

    /// An operation has left the resource in the state that it is for.
    fn succeed(
        &mut self,
        course: &mut Course<'a>,
        entry: &Entry<'a>,
        kind: Kind,
        code: i32,
        masked: bool,
    ) {
        let (role, forgets) = verdict::success(kind, code, masked);
        self.set_role(course, entry, role, true);
        let forgets = match forgets {
            Forgets::Nothing => false,
            Forgets::Failures => true,
            Forgets::SameOperation => course
                .last_failure
                .is_some_and(|failure| failure.key == entry.key),
            Forgets::Demotion => course.on_fail == OnFail::Demote,
        };
        let reconnect = self.state.resources[course.resource]
            .meta
            .reconnect_interval_ms
            > 0;
        if forgets && verdict::is_forgettable(course.on_fail, reconnect) {
            course.on_fail = OnFail::Ignore;
            self.state.resource[course.resource].next_role = Role::Unknown;
        }
    }

    fn set_role(&mut self, course: &Course<'a>, entry: &Entry<'a>, role: NewRole, success: bool) {
        let current = &mut self.state.resource[course.resource].role;
        match role {
            NewRole::Keep => {}
            NewRole::AtLeastActive => {
                if *current < Role::Started {
                    self.set_active(course.resource);
                }
            }
            NewRole::Stopped => *current = Role::Stopped,
            NewRole::Started => *current = Role::Started,
            NewRole::Unpromoted => *current = Role::Unpromoted,
            NewRole::Promoted => *current = Role::Promoted,
            NewRole::MigrateTo if success => self.migrated_away(course, entry),
            NewRole::MigrateTo => self.failed_to_migrate_away(course, entry),
            NewRole::MigrateFrom => self.failed_to_migrate_here(course, entry),
        }
    }

    fn set_active(&mut self, resource: ResourceId) {
        let promotable = self.state.resources[self.top_of(resource)].promotable;
        self.state.resource[resource].role = if promotable {
            Role::Unpromoted
        } else {
            Role::Started
        };
    }

    fn lose_connection(&mut self, node: NodeId, entry: &Entry<'_>) {
        let connection = self.state.nodes[node].connection;
        if let Some(connection) = connection.filter(|_| self.is_remote_or_guest(node))
            && self.state.resource[connection].managed
        {
            self.fail(connection);
            let element = Some(entry.element);
            self.note(connection, node, Effect::ConnectionLost, element);
        }
    }

    /// An operation has failed: does it count, and where can the resource not run after that?
    fn handle_failure(
        &mut self,
        course: &mut Course<'a>,
        entry: &Entry<'a>,
        kind: Kind,
        verdict: &Verdict,
        ban: Ban,
        cannot_ignore: bool,
    ) {
        let (resource, node) = (course.resource, course.node);
        let meta = self.failure_handling(course, entry);
        if cannot_ignore {
            if meta.on_fail == OnFail::Ignore {
                course.on_fail = OnFail::Ban;
                course.because = Some(entry.element);
            }
            self.ban_because(self.all_instances(resource), node, entry);
            self.fail_operation(course, entry, kind, verdict.rc, &meta);
            return;
        }
        let in_container = meta.on_fail == OnFail::RestartContainer && kind == Kind::Stop;
        if meta.on_fail == OnFail::Ignore || in_container {
            // As if it had ended as expected.
            let expected = entry.expected_rc().unwrap_or(-1);
            self.succeed(course, entry, kind, expected, false);
            self.state.resource[resource].ignore_failure = true;
            self.note(resource, node, Effect::Ignored, Some(entry.element));
            self.record_failure(course, entry);
            if in_container && course.on_fail <= OnFail::Restart {
                course.on_fail = OnFail::RestartContainer;
                course.because = Some(entry.element);
            }
            return;
        }
        self.fail_operation(course, entry, kind, verdict.rc, &meta);
        match ban {
            Ban::Nowhere => {}
            Ban::Here => {
                self.report_ban(resource, Some(node), entry, verdict.rc);
                self.ban_because(self.all_instances(resource), node, entry);
            }
            Ban::Everywhere => {
                self.report_ban(resource, None, entry, verdict.rc);
                let banned = self.all_instances(resource);
                self.ban_everywhere(banned);
                let element = Some(entry.element);
                self.note(banned, node, Effect::BannedEverywhere, element);
            }
        }
    }

    fn report_ban(
        &mut self,
        resource: ResourceId,
        node: Option<NodeId>,
        entry: &Entry<'_>,
        code: i32,
    ) {
        // A missing agent is no news: probes look for it everywhere.
        if node.is_some() && code == rc::NOT_INSTALLED {
            return;
        }
        let parent = &self.state.resources[self.all_instances(resource)].id;
        let result = self.result_text(entry, code);
        let message = match node {
            Some(node) => format!(
                "Preventing {parent} from restarting on {} because of hard failure ({result})",
                self.state.nodes[node].name
            ),
            None => format!(
                "Preventing {parent} from restarting anywhere because of fatal failure ({result})"
            ),
        };
        self.say(Severity::Error, Some(entry.element), message);
    }

    /// What an operation ended with, for people.
    pub(super) fn result_text(&self, entry: &Entry<'_>, code: i32) -> String {
        let text = value::exit_text(code);
        match self.document.attr_by(entry.element, names::EXIT_REASON) {
            Some(reason) if !reason.is_empty() => format!("{text}: {reason}"),
            _ => text.to_owned(),
        }
    }

    /// When an operation ended, for people.
    pub(super) fn time_text(&self, entry: &Entry<'_>) -> String {
        let Some(seconds) = entry.last_rc_change.filter(|&seconds| seconds > 0) else {
            return "unknown_time".to_owned();
        };
        let offset = self.evaluation.now().offset;
        // Without the day of the week.
        crate::time::ctime(Timestamp { seconds, offset })[4..].to_owned()
    }

    fn failure_handling(&mut self, course: &Course<'_>, entry: &Entry<'_>) -> OperationMeta {
        let resource = &self.state.resources[course.resource];
        let name = entry.operation.unwrap_or_default();
        let state = &self.state.resource[course.resource];
        let context = OperationContext {
            managed: state.managed,
            requires: state.requires,
            node: Some(&self.state.nodes[course.node].attributes),
        };
        config::operation_meta(
            &mut self.evaluation,
            self.config,
            resource,
            name,
            entry.interval_ms,
            config::operation::find(resource, name, entry.interval_ms, true),
            context,
        )
    }

    fn fail_operation(
        &mut self,
        course: &mut Course<'a>,
        entry: &Entry<'a>,
        kind: Kind,
        code: i32,
        meta: &OperationMeta,
    ) {
        let resource = course.resource;
        course.last_failure = Some(*entry);
        // Where resources run only by permission, a missing agent is no news.
        if self.config.options.symmetric || code != rc::NOT_INSTALLED {
            self.record_failure(course, entry);
        }
        if meta.on_fail > course.on_fail {
            (course.on_fail, course.because) = (meta.on_fail, Some(entry.element));
        }
        if kind == Kind::Stop {
            self.ban_because(resource, course.node, entry);
        }
        let role = verdict::failure(kind, meta.on_fail, code);
        self.set_role(course, entry, role, false);
        if kind == Kind::Demote && meta.on_fail == OnFail::Block {
            self.state.resource[resource].next_role = Role::Stopped;
        }
        if entry.is_probe() && code == rc::NOT_INSTALLED {
            self.state.resource[resource].role = Role::Stopped;
        } else if self.state.resource[resource].role < Role::Started {
            self.set_active(resource);
        }
        let state = &mut self.state.resource[resource];
        if meta.fail_role != Role::Started && state.next_role < meta.fail_role {
            state.next_role = meta.fail_role;
        }
        if meta.fail_role == Role::Stopped {
            let top = self.top_of(resource);
            let banned = if self.is_anonymous_clone(top) {
                top
            } else {
                resource
            };
            self.replace_by_ban(banned);
            let element = Some(entry.element);
            self.note(banned, course.node, Effect::BannedEverywhere, element);
        }
    }

    /// Forbids a node to a resource, and to what it consists of, because of an operation there.
    fn ban_because(&mut self, resource: ResourceId, node: NodeId, entry: &Entry<'_>) {
        self.ban(resource, node);
        self.note(resource, node, Effect::Banned, Some(entry.element));
    }

    /// Adds an entry to the failures that people are shown, once for each operation and node.
    fn record_failure(&mut self, course: &Course<'_>, entry: &Entry<'a>) {
        let node = course.node;
        let key = entry.key.unwrap_or_default();
        if self.state.node[node].online && self.recorded.insert((node, key)) {
            self.state.failed_operations.push(FailedOperation {
                element: entry.element,
                node,
                resource: course.resource,
            });
        }
    }
}

/// Whether a failure is the end of the operation that another entry calls pending: the result of a
/// recurring monitor that fails is kept apart from its entry.
fn is_failure_of(failure: &Entry<'_>, pending: &Entry<'_>) -> bool {
    let since = |entry: &Entry<'_>| entry.last_rc_change.unwrap_or(0);
    failure.operation == pending.operation
        && failure.has_interval
        && failure.interval_ms == pending.interval_ms
        && since(failure) >= since(pending)
}
