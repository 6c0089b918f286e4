//! Where is a resource after a live migration that did not end, or not well?
//!
//! A migration is a `migrate_to` on the source, a `migrate_from` on the target and a stop on the
//! source. Either node's history may have been erased on the way, so both are asked: what counts is
//! whether something newer is known on either side.

use std::cmp::Ordering;

use super::Effect;
use super::builder::Builder;
use super::entry::Course;
use super::history::Entry;
use super::order::compare;
use super::verdict::rc;
use crate::config::Role;
use crate::id::{NodeId, ResourceId};

/// Names of both ends of a migration, as history has them.
struct Ends<'a> {
    source: &'a str,
    target: &'a str,
}

impl<'a> Builder<'a> {
    /// After a `migrate_to` that succeeded.
    pub(super) fn migrated_away(&mut self, course: &Course<'a>, migrate_to: &Entry<'a>) {
        let resource = course.resource;
        let Some(ends) = self.ends(migrate_to, Some(course.node), None) else {
            return;
        };
        let newer_on_source = self.ran_after(resource, ends.source, migrate_to);
        let found = self.find_operation(resource, ends.target, "migrate_from", Some(ends.source));
        if found.is_some() && newer_on_source {
            return;
        }
        let newer_on_target =
            self.is_superseded(resource, ends.target, Some(migrate_to), found.as_ref());
        if newer_on_source && newer_on_target {
            return;
        }
        // Missing and pending results are the same here: the target does not know yet.
        let status = found.map_or(-1, |entry| entry.status.unwrap_or(-1));
        let code = found.map_or(rc::OK, |entry| entry.rc.unwrap_or(rc::OK));
        if code == rc::OK && status == 0 {
            self.leave_dangling(resource, course.node);
            self.state.resource[resource].role = Role::Stopped;
            return;
        }
        self.state.resource[resource].role = Role::Started;
        let target = self.node_names.by_name(ends.target);
        let online = target.filter(|&node| self.state.node[node].online);
        let active_on_target = online.filter(|_| !newer_on_target);
        if status != -1 {
            match active_on_target {
                Some(target) => self.add_active(resource, target, true),
                None => self.fail_migration(course, migrate_to),
            }
            return;
        }
        // Without any result there, the history was probably erased, and a probe will tell.
        if online.is_some() && self.is_unknown(resource, ends.target) {
            return;
        }
        match active_on_target {
            Some(target) => {
                self.add_active(resource, target, false);
                let source = self.node_names.by_name(ends.source);
                if let Some(source) = source.filter(|&node| self.state.node[node].online) {
                    self.state.resource[resource].partial_migration = Some((source, target));
                }
            }
            None if newer_on_source => {}
            None => self.fail_migration(course, migrate_to),
        }
    }

    /// After a `migrate_to` that failed.
    pub(super) fn failed_to_migrate_away(&mut self, course: &Course<'a>, migrate_to: &Entry<'a>) {
        let resource = course.resource;
        let Some(ends) = self.ends(migrate_to, Some(course.node), None) else {
            return;
        };
        self.state.resource[resource].role = Role::Started;
        let found = self
            .find_operation(resource, ends.target, "migrate_from", Some(ends.source))
            .filter(succeeded);
        let known = !self.is_unknown(resource, ends.target);
        if known && !self.is_superseded(resource, ends.target, Some(migrate_to), found.as_ref()) {
            self.add_active_if_online(resource, ends.target, false);
        } else if !self.ran_after(resource, ends.source, migrate_to) {
            self.leave_dangling(resource, course.node);
        }
    }

    /// After a `migrate_from` that failed.
    pub(super) fn failed_to_migrate_here(&mut self, course: &Course<'a>, migrate_from: &Entry<'a>) {
        let resource = course.resource;
        let Some(ends) = self.ends(migrate_from, None, Some(course.node)) else {
            return;
        };
        self.state.resource[resource].role = Role::Started;
        let found = self
            .find_operation(resource, ends.source, "migrate_to", Some(ends.target))
            .filter(succeeded);
        let known = !self.is_unknown(resource, ends.source);
        if known && !self.is_superseded(resource, ends.source, found.as_ref(), Some(migrate_from)) {
            self.add_active_if_online(resource, ends.source, true);
        }
    }

    /// The ends that an entry names. None, with a message, unless they are those where it belongs.
    fn ends(
        &mut self,
        entry: &Entry<'a>,
        source: Option<NodeId>,
        target: Option<NodeId>,
    ) -> Option<Ends<'a>> {
        let is_at = |name: &str, node: Option<NodeId>| {
            node.is_none_or(|node| self.state.nodes[node].name.eq_ignore_ascii_case(name))
        };
        let ends = match (entry.migrate_source, entry.migrate_target) {
            (Some(from), Some(to)) if is_at(from, source) && is_at(to, target) => Some(Ends {
                source: from,
                target: to,
            }),
            _ => None,
        };
        if ends.is_none() {
            let id = entry.id.unwrap_or_default();
            let wrong = |node: NodeId| &self.state.nodes[node].name;
            let end = |name: &str, said: &str, node| {
                format!("{name}='{said}' does not match {}", wrong(node))
            };
            let why = match (entry.migrate_source, entry.migrate_target, source, target) {
                (Some(from), Some(_), Some(source), _) if !is_at(from, Some(source)) => {
                    format!("because {}", end("migrate_source", from, source))
                }
                (Some(_), Some(to), _, Some(target)) => {
                    format!("because {}", end("migrate_target", to, target))
                }
                _ => "without migrate_source and migrate_target".to_owned(),
            };
            let message = format!("Ignoring resource history entry {id} {why}");
            self.malformed(entry.element, message);
        }
        ends
    }

    fn leave_dangling(&mut self, resource: ResourceId, node: NodeId) {
        // The peer prepends here.
        self.state.resource[resource].dangling_on.insert(0, node);
    }

    fn fail_migration(&mut self, course: &Course<'_>, migrate_to: &Entry<'_>) {
        let Course { resource, node, .. } = *course;
        self.fail(resource);
        let element = Some(migrate_to.element);
        self.note(resource, node, Effect::LostInMigration, element);
        self.state.resource[resource].migratable = false;
    }

    fn add_active_if_online(&mut self, resource: ResourceId, node: &str, failed: bool) {
        let node = self.node_names.by_name(node);
        if let Some(node) = node.filter(|&node| self.state.node[node].online) {
            self.add_active(resource, node, failed);
        }
    }

    /// The only entry of an operation on a node (none if there are several); of a migration only
    /// if its other end is `peer`.
    fn find_operation(
        &mut self,
        resource: ResourceId,
        node: &str,
        operation: &str,
        peer: Option<&str>,
    ) -> Option<Entry<'a>> {
        let name = &self.state.resources[resource].id;
        let mut found = self.histories.entries(node, name).filter(|entry| {
            let other_end = match operation {
                "migrate_to" => entry.migrate_target,
                "migrate_from" => entry.migrate_source,
                _ => peer,
            };
            entry.operation == Some(operation) && other_end == peer
        });
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// Whether a resource has no result at all on a node.
    fn is_unknown(&mut self, resource: ResourceId, node: &str) -> bool {
        let name = &self.state.resources[resource].id;
        let mut entries = self.histories.entries(node, name);
        !entries.any(|entry| entry.rc.is_some_and(|code| code != rc::UNKNOWN))
    }

    /// Whether something but a monitor ran on a node after `event`.
    fn ran_after(&mut self, resource: ResourceId, node: &str, event: &Entry<'a>) -> bool {
        let name = &self.state.resources[resource].id;
        if self.histories.resource(node, name).len() != 1 {
            return false;
        }
        self.histories.entries(node, name).any(|entry| {
            let matters = matches!(
                entry.operation,
                Some("start" | "stop" | "migrate_to" | "migrate_from")
            );
            matters && entry.element != event.element && compare(&entry, event) == Ordering::Greater
        })
    }

    /// Whether a monitor on a node found the resource stopped after `event`.
    fn found_stopped_after(&mut self, resource: ResourceId, node: &str, event: &Entry<'a>) -> bool {
        let monitor = self.find_operation(resource, node, "monitor", None);
        monitor.is_some_and(|monitor| {
            monitor.rc == Some(rc::NOT_RUNNING)
                && monitor.status == Some(0)
                && compare(&monitor, event) == Ordering::Greater
        })
    }

    /// Whether what is known on a node is newer than a migration, of which one half at least is
    /// given. The half that ran on the same node is compared with if possible, as call ids are more
    /// reliable than clocks.
    fn is_superseded(
        &mut self,
        resource: ResourceId,
        node: &str,
        migrate_to: Option<&Entry<'a>>,
        migrate_from: Option<&Entry<'a>>,
    ) -> bool {
        let on_source = |from: &Entry<'_>| {
            from.migrate_source
                .is_some_and(|source| source.eq_ignore_ascii_case(node))
        };
        let event = match (migrate_to, migrate_from) {
            (Some(to), Some(from)) if on_source(from) => to,
            (_, Some(from)) => from,
            (Some(to), None) => to,
            (None, None) => return false,
        };
        self.ran_after(resource, node, event) || self.found_stopped_after(resource, node, event)
    }
}

fn succeeded(entry: &Entry<'_>) -> bool {
    entry.rc == Some(rc::OK) && entry.status == Some(0)
}
