//! What are an action's verdicts, seen from an ordering?
//!
//! A primitive's action speaks for itself. An action of a collective amounts to what its members
//! do: a group's is required if any member's is, a clone's is runnable if any instance's is. What
//! is found out this way is written back to the collective's action.

use std::sync::Arc;

use super::Settler;
use crate::action::{Key, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};

/// Verdicts of one side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) optional: bool,
    pub(super) runnable: bool,
    pub(super) migratable: bool,
}

impl Settler<'_> {
    /// The side of `action` in an ordering whose other end is on `node`.
    pub(super) fn side_for_ordering(&mut self, action: ActionId, node: Option<NodeId>) -> Side {
        let Some(resource) = self.action(action).resource else {
            return self.own_side(action);
        };
        let anywhere = self.side(action, None);
        if node.is_none() || !matches!(self.variant(resource), Variant::Clone(_)) {
            return anywhere;
        }
        // In orderings, whether a clone's action can run anywhere counts, not whether it can there.
        let mut there = self.side(action, node);
        there.runnable |= anywhere.runnable;
        there
    }

    /// The side of `action`, for collectives limited to `node` if one is given.
    pub(super) fn side(&mut self, action: ActionId, node: Option<NodeId>) -> Side {
        let Some(resource) = self.action(action).resource else {
            return self.own_side(action);
        };
        match self.variant(resource) {
            Variant::Primitive(_) => self.own_side(action),
            Variant::Group(_) => self.group_side(action, resource, node),
            Variant::Clone(_) | Variant::Bundle(_) => self.collective_side(action, resource, node),
        }
    }

    /// The instances that do what an action of a clone or bundle stands for.
    pub(super) fn acting(&self, action: ActionId, collective: ResourceId) -> Arc<[ResourceId]> {
        let inner = match self.variant(collective) {
            Variant::Bundle(bundle) => bundle.child,
            _ => None,
        };
        match inner.filter(|_| acts_inside(&self.action(action).task)) {
            Some(clone) => Arc::clone(&self.draft.resource[clone].children),
            None => self.instances(collective),
        }
    }

    fn own_side(&self, action: ActionId) -> Side {
        let action = self.action(action);
        Side {
            optional: action.optional,
            runnable: action.runnable,
            migratable: action.migratable,
        }
    }

    fn group_side(&mut self, action: ActionId, group: ResourceId, node: Option<NodeId>) -> Side {
        if node.is_some() {
            return self.group_side_by_member(action, group, node);
        }
        let tally = self.tally(action, group);
        if tally.incomplete {
            return self.group_side_by_member(action, group, node);
        }
        let side = Side {
            optional: tally.required == 0,
            runnable: !(tally.folded && tally.unrunnable > 0),
            migratable: false,
        };
        if !side.optional {
            self.set_optional(action, false);
        }
        if !side.runnable {
            self.set_runnable(action, false);
        }
        side
    }

    /// A member that ought to act and does not makes the group unable to; so much is not written
    /// back, nor what comes after it.
    fn group_side_by_member(
        &mut self,
        action: ActionId,
        group: ResourceId,
        node: Option<NodeId>,
    ) -> Side {
        let mut side = Side {
            optional: true,
            runnable: true,
            migratable: false,
        };
        for &member in Arc::clone(&self.draft.resource[group].children).iter() {
            let own_task = &self.draft.actions[action].task;
            let task = self.member_task(member, own_task);
            let folded = task.as_ref() != Some(own_task);
            let found = task.as_ref().and_then(|task| self.find(member, task, node));
            match found {
                Some(member_action) => {
                    let member_side = self.own_side(member_action);
                    side.optional &= member_side.optional;
                    if folded && side.runnable && !member_side.runnable {
                        side.runnable = false;
                        self.set_runnable(action, false);
                    }
                }
                None if !matches!(task, Some(Task::Stop | Task::Demote)) => side.runnable = false,
                None => {}
            }
        }
        if !side.optional {
            self.set_optional(action, false);
        }
        side
    }

    fn collective_side(
        &mut self,
        action: ActionId,
        collective: ResourceId,
        node: Option<NodeId>,
    ) -> Side {
        let (any_required, any_runnable) = match node {
            None => self.anything(action, collective),
            Some(node) => self.anything_there(action, collective, node),
        };
        if any_required {
            self.set_optional(action, false);
        }
        if !any_runnable && node.is_none() {
            self.set_runnable(action, false);
        }
        Side {
            optional: !any_required,
            runnable: any_runnable,
            migratable: false,
        }
    }

    /// Is anything that instances do required, and can anything run?
    fn anything(&mut self, action: ActionId, collective: ResourceId) -> (bool, bool) {
        let tally = self.tally(action, collective);
        if tally.incomplete {
            return self.anything_by_instance(action, collective, None);
        }
        (tally.required > 0, tally.unrunnable < tally.counted)
    }

    /// The same, of what they do on one node.
    fn anything_there(
        &mut self,
        action: ActionId,
        collective: ResourceId,
        node: NodeId,
    ) -> (bool, bool) {
        match self.instances_there(action, collective, node) {
            Some(there) => (
                there.iter().any(|&id| !self.action(id).optional),
                there.iter().any(|&id| self.action(id).runnable),
            ),
            None => self.anything_by_instance(action, collective, Some(node)),
        }
    }

    /// The same, one instance after the other, which may be collectives.
    fn anything_by_instance(
        &mut self,
        action: ActionId,
        collective: ResourceId,
        node: Option<NodeId>,
    ) -> (bool, bool) {
        let (mut any_required, mut any_runnable) = (false, false);
        let task = self.instance_task(action, collective);
        for &instance in self.acting(action, collective).iter() {
            let on = node.filter(|_| self.is_primitive(instance));
            let found = task.as_ref().and_then(|task| self.find(instance, task, on));
            let Some(instance_action) = found else {
                continue;
            };
            let instance_side = self.side(instance_action, node);
            if !any_required && !instance_side.optional {
                any_required = true;
                // Before the next instance is asked: what it says may depend on it.
                self.set_optional(action, false);
            }
            any_runnable |= instance_side.runnable;
        }
        (any_required, any_runnable)
    }

    /// The task that a collective's action stands for in its instances: for notifications the
    /// task that they are about; completed forms are folded into the task for primitives.
    pub(super) fn instance_task(&self, action: ActionId, collective: ResourceId) -> Option<Task> {
        let first = *self.draft.resource[collective].children.first()?;
        let action = self.action(action);
        match &action.key {
            Key::Notify { of, .. } => self.member_task(first, of),
            _ => self.member_task(first, &action.task),
        }
    }

    /// `task` as a member does it; `None` for tasks that have no counterpart.
    pub(super) fn member_task(&self, member: ResourceId, task: &Task) -> Option<Task> {
        let primitive = self.is_primitive(member);
        Some(match task {
            Task::Started if primitive => Task::Start,
            Task::Stopped if primitive => Task::Stop,
            Task::Promoted if primitive => Task::Promote,
            Task::Demoted if primitive => Task::Demote,
            Task::Start
            | Task::Started
            | Task::Stop
            | Task::Stopped
            | Task::Promote
            | Task::Promoted
            | Task::Demote
            | Task::Demoted
            | Task::Monitor
            | Task::Notify
            | Task::Notified
            | Task::Shutdown
            | Task::Fence => task.clone(),
            _ => return None,
        })
    }

    pub(super) fn is_primitive(&self, resource: ResourceId) -> bool {
        matches!(self.variant(resource), Variant::Primitive(_))
    }

    pub(super) fn variant(&self, resource: ResourceId) -> &Variant {
        &self.world.state.resources[resource].variant
    }

    /// Instances of a clone, containers of a bundle.
    pub(super) fn instances(&self, collective: ResourceId) -> Arc<[ResourceId]> {
        crate::relate::instances::instances(self.world, self.draft, collective)
    }

    /// Current role; a collective has the highest of its members', a bundle none.
    pub(super) fn role(&self, resource: ResourceId) -> Role {
        match self.variant(resource) {
            Variant::Primitive(_) => self.draft.resource[resource].role,
            Variant::Bundle(_) => Role::Unknown,
            Variant::Group(_) | Variant::Clone(_) => {
                let children = self.draft.resource[resource].children.iter();
                children
                    .map(|&child| self.role(child))
                    .max()
                    .unwrap_or(Role::Unknown)
            }
        }
    }
}

/// A bundle does these through the resource inside, the rest through its containers.
fn acts_inside(task: &Task) -> bool {
    !matches!(
        task,
        Task::Start
            | Task::Started
            | Task::Stop
            | Task::Stopped
            | Task::Monitor
            | Task::Shutdown
            | Task::Fence
    )
}
