//! Recurring operations: which monitors run where the resource will be, and which watch that it
//! stays stopped elsewhere.

use std::collections::BTreeMap;

use super::{Draft, Key, Need, Task};
use crate::config::{Evaluation, Operation, Role};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::parse::names;
use crate::relate::{self, Cause, Effects, End, Ordering};
use crate::{Diagnostic, World};

/// Exit code of an agent that says the resource is stopped.
const NOT_RUNNING: &str = "7";
/// Exit code of an agent that says the resource is promoted.
const RUNNING_PROMOTED: &str = "8";

/// Makes the recurring actions of a primitive.
pub(super) fn create(world: World<'_>, draft: &mut Draft, resource: ResourceId) {
    if draft.resource[resource].blocked || world.state.resource[resource].maintenance {
        return;
    }
    let drafted = &draft.resource[resource];
    let runs = drafted.next_role != Role::Stopped || !drafted.managed;
    let node = drafted.node;
    let monitored = node.filter(|node| runs && !world.state.node[*node].maintenance);
    let start =
        monitored.map(|node| draft.operation(world, resource, Task::Start, Some(node), true));

    let operations = &world.state.resources[resource].operations;
    let mut given: BTreeMap<_, u32> = BTreeMap::new();
    for operation in operations.iter() {
        *given
            .entry((&operation.name, operation.interval_ms))
            .or_default() += 1;
    }
    for operation in operations.iter() {
        let doubled = given[&(&operation.name, operation.interval_ms)] > 1;
        if let Some(message) = misconfigured(world, operations, operation, doubled) {
            draft.diagnostics.push(message);
        }
        // One that is doubled is ignored every time, as nobody can tell which one is meant.
        if doubled || !can_recur(operation) {
            continue;
        }
        let key = Key::Operation {
            resource,
            task: Task::from_name(&operation.name),
            interval_ms: operation.interval_ms,
        };
        let recurring = Recurring {
            world,
            resource,
            key,
            role: operation.role,
        };
        if let (Some(start), Some(node)) = (start, node) {
            recurring.while_active(draft, start, node);
        }
        recurring.while_stopped(draft, node);
    }
}

/// Whether an operation is to be repeated, and can be.
fn can_recur(operation: &Operation) -> bool {
    operation.interval_ms > 0
        && operation.enabled
        && !is_one_time(&operation.name)
        && operation.role != Some(Role::Unknown)
}

/// What is wrong with an operation that should be repeated.
fn misconfigured(
    world: World<'_>,
    operations: &[Operation],
    operation: &Operation,
    doubled: bool,
) -> Option<Diagnostic> {
    if operation.interval_ms == 0 {
        return None;
    }
    let id_of = |operation: &Operation| {
        let id = operation.element.and_then(|op| world.document.id(op));
        id.unwrap_or_default().to_owned()
    };
    let id = id_of(operation);
    let text = |name| {
        let op = operation.element?;
        world.document.attr_by(op, name)
    };
    if is_one_time(&operation.name) {
        let message = format!(
            "Ignoring {id} because {} action cannot be recurring",
            operation.name
        );
        return Some(Diagnostic::error(operation.element, message).at(names::INTERVAL));
    }
    if doubled {
        let mut same = operations.iter().filter(|other| {
            other.name == operation.name && other.interval_ms == operation.interval_ms
        });
        let (first, second) = (same.next()?, same.next()?);
        let message = format!(
            "Operation {} is duplicate of {} (do not use same name and interval combination more \
             than once per resource)",
            id_of(second),
            id_of(first)
        );
        return Some(Diagnostic::error(second.element, message));
    }
    let role = text(names::ROLE)?;
    let mut evaluation = Evaluation::new(world.document, world.now);
    if evaluation
        .role(role, operation.element, names::ROLE)
        .is_none()
    {
        let message = format!("Ignoring {id} role because {role} is not a valid role");
        return Some(Diagnostic::error(operation.element, message).at(names::ROLE));
    }
    evaluation.messages.pop()
}

fn is_one_time(name: &str) -> bool {
    matches!(
        name,
        "stop" | "start" | "demote" | "promote" | "reload-agent" | "migrate_to" | "migrate_from"
    )
}

/// A recurring operation of a resource.
struct Recurring<'a> {
    world: World<'a>,
    resource: ResourceId,
    key: Key,
    role: Option<Role>,
}

impl Recurring<'_> {
    /// Where the resource will run: monitored in the operation's role. A monitor for another role
    /// is cancelled if it runs.
    fn while_active(&self, draft: &mut Draft, start: ActionId, node: NodeId) {
        let next_role = draft.resource[self.resource].next_role;
        let applies = match self.role {
            Some(Role::Stopped) => return,
            Some(role) => next_role == role,
            None => next_role != Role::Promoted,
        };
        let running = draft.actions[start].optional
            && draft
                .on_node(&self.key, node)
                .is_some_and(|id| !draft.actions[id].reschedule);
        if !applies {
            if running {
                self.cancel_for_role(draft, node);
            }
            return;
        }
        let monitor = draft.request(self.world, self.key.clone(), Some(node), running);
        draft.needs(monitor, Need::Monitor);
        if !draft.actions[start].runnable || !draft.is_clean(node) {
            draft.actions[monitor].runnable = false;
        }
        if next_role == Role::Promoted {
            draft.actions[monitor]
                .meta
                .set("op_target_rc", RUNNING_PROMOTED);
        }
        if draft.resource[self.resource].managed {
            self.order_while_active(draft, monitor);
        }
    }

    fn order_while_active(&self, draft: &mut Draft, monitor: ActionId) {
        let drafted = &draft.resource[self.resource];
        let after_role_change = match drafted {
            _ if drafted.next_role == Role::Promoted => Some(Task::Promote),
            _ if drafted.role == Role::Promoted => Some(Task::Demote),
            _ => None,
        };
        let follows = Effects::FIRST_IMPLIES_THEN | Effects::UNRUNNABLE_FIRST_BLOCKS;
        let waits = Effects::ORDERED | Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.order(draft, self.end(Task::Start), End::Action(monitor), follows);
        if draft.may_reload(self.resource) {
            let reload = self.end(Task::ReloadAgent);
            self.order(draft, reload, End::Action(monitor), follows);
        }
        if let Some(task) = after_role_change {
            self.order(draft, self.end(task), End::Action(monitor), waits);
        }
    }

    fn cancel_for_role(&self, draft: &mut Draft, node: NodeId) {
        let cancel = self.cancel(draft, node);
        let drafted = &draft.resource[self.resource];
        let before = match (drafted.role, drafted.next_role) {
            (Role::Started | Role::Unpromoted, Role::Promoted) => Task::Promote,
            (Role::Started | Role::Unpromoted, Role::Stopped) => Task::Stop,
            (Role::Promoted, _) => Task::Demote,
            _ => return,
        };
        self.order(
            draft,
            End::Action(cancel),
            self.end(before),
            Effects::UNRUNNABLE_FIRST_BLOCKS,
        );
    }

    /// Where the resource will not run: monitored to be stopped, if the operation is for that.
    fn while_stopped(&self, draft: &mut Draft, node: Option<NodeId>) {
        // Instances of anonymous clones are not told apart, so none of them can be watched.
        if self.role != Some(Role::Stopped) || !self.world.state.resources[self.resource].unique {
            return;
        }
        for elsewhere in self.world.state.nodes_by_name.iter().copied() {
            if Some(elsewhere) == node {
                self.cancel_where_active(draft, elsewhere);
            } else {
                self.watch_stopped(draft, elsewhere);
            }
        }
    }

    fn watch_stopped(&self, draft: &mut Draft, node: NodeId) {
        let running = draft.on_node(&self.key, node).is_some();
        let monitor = draft.request(self.world, self.key.clone(), Some(node), running);
        draft.needs(monitor, Need::Monitor);
        draft.actions[monitor].meta.set("op_target_rc", NOT_RUNNING);

        let managed = draft.resource[self.resource].managed;
        if managed {
            let probe = Key::once(self.resource, Task::Monitor);
            for probe in draft.claim(&probe, node) {
                let cause = Cause::Rule("a resource is watched once it has started");
                relate::link(
                    draft,
                    probe,
                    monitor,
                    Effects::UNRUNNABLE_FIRST_BLOCKS,
                    cause,
                );
            }
        }
        if let Some(stop) = draft.on_node(&Key::once(self.resource, Task::Stop), node) {
            let (optional, runnable) = (draft.actions[stop].optional, draft.actions[stop].runnable);
            draft.actions[monitor].optional |= !optional && !managed;
            draft.actions[monitor].runnable &= runnable;
            if managed {
                let effects = Effects::FIRST_IMPLIES_THEN | Effects::UNRUNNABLE_FIRST_BLOCKS;
                self.order(draft, End::Action(stop), End::Action(monitor), effects);
            }
        }
        draft.actions[monitor].runnable &= draft.is_clean(node);
    }

    fn cancel_where_active(&self, draft: &mut Draft, node: NodeId) {
        if draft.on_node(&self.key, node).is_none() {
            return;
        }
        let cancel = self.cancel(draft, node);
        if matches!(
            draft.resource[self.resource].next_role,
            Role::Started | Role::Unpromoted
        ) {
            let start = self.end(Task::Start);
            self.order(
                draft,
                End::Action(cancel),
                start,
                Effects::UNRUNNABLE_FIRST_BLOCKS,
            );
        }
    }

    fn cancel(&self, draft: &mut Draft, node: NodeId) -> ActionId {
        let (task, interval_ms) = (self.key.task(), self.key.interval_ms());
        let cancel = draft.cancel(self.world, self.resource, &task, interval_ms, node);
        draft.needs(cancel, Need::MonitorUnwanted);
        cancel
    }

    fn end(&self, task: Task) -> End {
        End::task(self.resource, task)
    }

    fn order(&self, draft: &mut Draft, first: End, then: End, effects: Effects) {
        let cause = Cause::Rule("a resource is watched once it has started");
        relate::order(
            self.world,
            draft,
            Ordering {
                first,
                then,
                effects,
                cause,
            },
        );
    }
}
