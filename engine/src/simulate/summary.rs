//! What would the transition do? One line an action that people care about.

use super::listing::Listing;
use super::status::role_text;
use crate::World;
use crate::action::{Action, Draft, Key, Reason, Task};
use crate::assign::Placement;
use crate::config::{NodeKind, Role, Variant};
use crate::graph::Transition;
use crate::id::{ActionId, NodeId, ResourceId};

/// Writes the transition summary.
pub(super) fn write(
    listing: &mut Listing,
    world: World<'_>,
    placement: &Placement,
    transition: &Transition,
) {
    let draft = &transition.draft;
    listing.begin_as("Transition Summary", "actions");
    let mut summary = Summary {
        world,
        draft,
        changes: Vec::new(),
    };
    for id in draft.actions.ids().rev() {
        if let Some((task, node, reason)) = summary.node_action(&draft.actions[id]) {
            let line = format!("{task} {node} '{reason}'");
            let attributes = [("task", &task[..]), ("node", &node), ("reason", &reason)];
            listing.item_as(line, "node_action", &attributes);
        }
    }
    for &resource in &placement.top {
        summary.resource(resource);
    }
    // Pacemaker first writes the summary to its log, which widens the columns for all lines.
    let mut widths = Widths { id: 5, details: 5 };
    let changes = summary.changes.iter();
    let lines: Vec<Line> = changes.map(|change| change.line(world)).collect();
    for line in &lines {
        widths.widen(line);
    }
    for (line, change) in lines.iter().zip(&summary.changes) {
        widths.widen(line);
        let attributes = change.attributes(world);
        let attributes: Vec<(&str, &str)> = attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        listing.item_as(line.text(&widths), "rsc_action", &attributes);
    }
    listing.end();
}

/// What is going to happen to a resource, or to what it consists of.
pub(crate) fn changes<'a>(
    world: World<'a>,
    draft: &'a Draft,
    resource: ResourceId,
) -> Vec<Change<'a>> {
    let mut summary = Summary {
        world,
        draft,
        changes: Vec::new(),
    };
    summary.resource(resource);
    summary.changes
}

/// Something that is going to happen to a primitive.
pub(crate) struct Change<'a> {
    /// In Pacemaker's words.
    pub(crate) verb: &'static str,
    pub(crate) resource: ResourceId,
    pub(crate) role: Role,
    pub(crate) next_role: Role,
    pub(crate) from: Option<NodeId>,
    pub(crate) to: Option<NodeId>,
    /// It can be done.
    pub(crate) runnable: bool,
    reason: Option<&'a Reason>,
}

struct Widths {
    id: usize,
    details: usize,
}

impl Widths {
    fn widen(&mut self, line: &Line) {
        if line.id.len() > self.id {
            self.id = line.id.len() + 2;
        }
        self.details = self.details.max(line.details.len());
    }
}

struct Line {
    verb: &'static str,
    id: String,
    details: String,
    reason: String,
}

impl Line {
    fn text(&self, widths: &Widths) -> String {
        let separator = if self.reason.is_empty() { "" } else { "  " };
        format!(
            "{:<8}   {:<id$}   ( {:>details$} ){separator}{}",
            self.verb,
            self.id,
            self.details,
            self.reason,
            id = widths.id,
            details = widths.details,
        )
    }
}

struct Summary<'a> {
    world: World<'a>,
    draft: &'a Draft,
    changes: Vec<Change<'a>>,
}

/// The actions that tell what happens to one resource.
struct Story<'a> {
    id: ResourceId,
    current: Option<NodeId>,
    next: Option<NodeId>,
    role: Role,
    next_role: Role,
    start: Option<&'a Action>,
    stop: Option<&'a Action>,
    promote: Option<&'a Action>,
    demote: Option<&'a Action>,
}

impl<'a> Summary<'a> {
    /// Task, node and reason.
    fn node_action(&self, action: &Action) -> Option<(String, String, String)> {
        if action.resource.is_some() || action.optional {
            return None;
        }
        let task = match action.task {
            Task::Shutdown => "Shutdown".to_owned(),
            Task::Fence => {
                format!(
                    "Fence ({})",
                    action.meta.get("stonith_action").unwrap_or_default()
                )
            }
            _ => return None,
        };
        let reason = action.reason.as_ref()?.text(self.world);
        let node = action.node?;
        let roster = &self.world.state.nodes[node];
        let launcher = match (roster.kind, roster.connection) {
            (NodeKind::Guest, Some(connection)) => self.world.state.resources[connection].launcher,
            _ => None,
        };
        let node = match launcher {
            Some(launcher) => {
                let launcher = &self.world.state.resources[launcher].id;
                format!("{} (resource: {launcher})", roster.name)
            }
            None => roster.name.clone(),
        };
        Some((task, node, reason))
    }

    fn resource(&mut self, id: ResourceId) {
        match &self.world.state.resources[id].variant {
            Variant::Primitive(_) => self.primitive(id),
            Variant::Group(_) | Variant::Clone(_) => {
                for &child in self.draft.resource[id].children.iter() {
                    self.resource(child);
                }
            }
            Variant::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    let parts = [
                        replica.ip,
                        Some(replica.container),
                        replica.connection,
                        replica.child,
                    ];
                    for part in parts.into_iter().flatten() {
                        self.resource(part);
                    }
                }
            }
        }
    }

    fn primitive(&mut self, id: ResourceId) {
        let drafted = &self.draft.resource[id];
        let observed = &self.world.state.resource[id];
        let next = drafted.node;
        let mut role = drafted.role;
        let mut current = None;
        if !observed.active_on.is_empty() {
            current = self.draft.current_node(self.world.state, id);
            if role == Role::Stopped {
                role = Role::Started;
            }
        }
        let gone = current.is_none() && self.world.state.resources[id].removed;
        if gone || !drafted.managed || (current.is_none() && next.is_none()) {
            return;
        }
        let start = self.find(id, &Task::Start, next);
        let stop_node = current.filter(|_| start.is_some_and(|start| start.runnable));
        let stop = self.find(id, &Task::Stop, stop_node).or_else(|| {
            drafted
                .stop_unexpected
                .then(|| self.find(id, &Task::Stop, None))
                .flatten()
        });
        let story = Story {
            id,
            current,
            next,
            role,
            next_role: drafted.next_role,
            start,
            stop,
            promote: self.find(id, &Task::Promote, next),
            demote: self.find(id, &Task::Demote, next),
        };
        if role == drafted.next_role {
            self.same_role(&story);
        } else {
            self.other_role(&story);
        }
    }

    /// The oldest action with this task there; one without a node may be anywhere.
    fn find(&self, resource: ResourceId, task: &Task, node: Option<NodeId>) -> Option<&'a Action> {
        let key = Key::Operation {
            resource,
            task: task.clone(),
            interval_ms: 0,
        };
        let mut own = self.draft.of(resource).iter();
        let found = own.find(|&&id| {
            let action = &self.draft.actions[id];
            action.key == key && (node.is_none() || action.node.is_none() || action.node == node)
        });
        found.map(|&id: &ActionId| &self.draft.actions[id])
    }

    fn same_role(&mut self, story: &Story<'a>) {
        let Some(next) = story.next else { return };
        let id = story.id;
        let failed = self.draft.resource[id].failed;
        let migrates = self
            .find(id, &Task::MigrateFrom, Some(next))
            .is_some_and(|migrate| migrate.runnable && story.current.is_some());
        let moving = story.current.is_some() && story.current != story.next;
        let (current, start) = (story.current, story.start);
        if migrates {
            self.push("Migrate", story, current, story.next, start, None);
        } else if self.draft.resource[id].reload {
            self.push("Reload", story, current, story.next, start, None);
        } else if start.is_none_or(|start| start.optional) {
            let required =
                |action: Option<&'a Action>| action.is_some_and(|action| !action.optional);
            if required(story.demote) && required(story.promote) {
                let (promote, demote) = (story.promote, story.demote);
                self.push("Re-promote", story, current, story.next, promote, demote);
            }
        } else if start.is_some_and(|start| !start.runnable) {
            let source = story.stop.filter(|stop| stop.reason.is_some()).or(start);
            self.push("Stop", story, current, None, story.stop, source);
        } else if moving {
            let verb = if failed { "Recover" } else { "Move" };
            self.push(verb, story, current, story.next, story.stop, None);
        } else if failed {
            self.push("Recover", story, current, None, story.stop, None);
        } else {
            self.push("Restart", story, current, story.next, start, None);
        }
    }

    fn other_role(&mut self, story: &Story<'a>) {
        let id = story.id;
        let observed = &self.world.state.resource[id];
        let drafted = &self.draft.resource[id];
        let moving = story.current.is_some() && story.next.is_some() && story.current != story.next;
        let (current, next, start, stop) = (story.current, story.next, story.start, story.stop);
        let cannot_start = start.is_some_and(|start| !start.runnable);
        if stop.is_some() && (story.next_role == Role::Stopped || cannot_start) {
            for &node in &observed.active_on {
                let there = self.find(id, &Task::Stop, Some(node));
                let source = there.filter(|stop| stop.reason.is_some()).or(start);
                self.push("Stop", story, Some(node), None, there, source);
            }
        } else if stop.is_some() && drafted.failed && drafted.stop_if_failed {
            self.push("Recover", story, current, next, stop, start);
        } else if moving {
            self.push("Move", story, current, next, stop, None);
        } else if self.draft.resource[id].reload {
            self.push("Reload", story, current, next, start, None);
        } else if stop.is_some_and(|stop| !stop.optional) {
            self.push("Restart", story, current, next, start, None);
        } else if story.role == Role::Promoted {
            self.push("Demote", story, current, next, story.demote, None);
        } else if story.next_role == Role::Promoted {
            self.push("Promote", story, current, next, story.promote, None);
        } else if story.role == Role::Stopped && story.next_role > Role::Stopped {
            self.push("Start", story, current, next, start, None);
        }
    }

    fn push(
        &mut self,
        verb: &'static str,
        story: &Story<'_>,
        from: Option<NodeId>,
        to: Option<NodeId>,
        action: Option<&'a Action>,
        source: Option<&'a Action>,
    ) {
        let Some(action) = action else { return };
        self.changes.push(Change {
            verb,
            resource: story.id,
            role: story.role,
            next_role: story.next_role,
            from,
            to,
            runnable: action.runnable,
            reason: source.unwrap_or(action).reason.as_deref(),
        });
    }
}

impl Change<'_> {
    fn line(&self, world: World<'_>) -> Line {
        let reason = match (self.reason, self.runnable) {
            (Some(reason), true) => format!("due to {}", reason.text(world)),
            (Some(reason), false) => {
                format!("due to {} (blocked)", reason.text(world))
            }
            (None, true) => String::new(),
            (None, false) => "blocked".to_owned(),
        };
        Line {
            verb: self.verb,
            id: world.state.resources[self.resource].id.clone(),
            details: self.details(world),
            reason,
        }
    }

    /// The change as programs see it.
    fn attributes(&self, world: World<'_>) -> Vec<(&'static str, String)> {
        let name = |node: NodeId| world.state.nodes[node].name.clone();
        let role = ("role", role_text(self.role).to_owned());
        let next_role = ("next-role", role_text(self.next_role).to_owned());
        let need_role = self.role > Role::Started || self.next_role > Role::Unpromoted;
        let same_role = self.role == self.next_role;
        let mut attributes = vec![
            ("action", self.verb.to_ascii_lowercase()),
            ("resource", world.state.resources[self.resource].id.clone()),
        ];
        attributes.extend(match (self.from, self.to) {
            (None, None) => vec![],
            (None, Some(to)) if need_role => vec![role, next_role, ("dest", name(to))],
            (None, Some(to)) => vec![("node", name(to))],
            (Some(from), None) if need_role => vec![role, ("node", name(from))],
            (Some(from), None) => vec![("node", name(from))],
            (Some(from), Some(to)) => match (same_role, from == to) {
                (true, true) if need_role => vec![role, ("source", name(from))],
                (true, true) => vec![("source", name(from))],
                (true, false) if need_role => {
                    vec![("source", name(from)), ("dest", name(to)), role]
                }
                (true, false) => vec![("source", name(from)), ("dest", name(to))],
                (false, true) => vec![role, next_role, ("source", name(from))],
                (false, false) => {
                    vec![role, ("source", name(from)), next_role, ("dest", name(to))]
                }
            },
        });
        if let Some(reason) = self.reason {
            attributes.push(("reason", reason.text(world)));
        }
        if !self.runnable {
            attributes.push(("blocked", "true".to_owned()));
        }
        attributes
    }

    fn details(&self, world: World<'_>) -> String {
        let name = |node: NodeId| world.state.nodes[node].name.as_str();
        let (role, next_role) = (role_text(self.role), role_text(self.next_role));
        let need_role = self.role > Role::Started || self.next_role > Role::Unpromoted;
        let same_role = self.role == self.next_role;
        match (self.from, self.to) {
            (None, None) => String::new(),
            (None, Some(to)) if need_role => format!("{role} -> {next_role} {}", name(to)),
            (None, Some(to)) => name(to).to_owned(),
            (Some(from), None) if need_role => format!("{role} {}", name(from)),
            (Some(from), None) => name(from).to_owned(),
            (Some(from), Some(to)) => match (same_role, from == to) {
                (true, true) if need_role => format!("{role} {}", name(from)),
                (true, true) => name(from).to_owned(),
                (true, false) if need_role => format!("{} -> {} {role}", name(from), name(to)),
                (true, false) => format!("{} -> {}", name(from), name(to)),
                (false, true) => format!("{role} -> {next_role} {}", name(from)),
                (false, false) => {
                    format!("{role} {} -> {next_role} {}", name(from), name(to))
                }
            },
        }
    }
}
