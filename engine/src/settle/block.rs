//! What must not run because what it must run with cannot?

use std::sync::Arc;

use super::{Settler, Verdict, Via};
use crate::action::{BecauseVerb, Reason, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, ResourceId};
use crate::value::Score;

impl Settler<'_> {
    /// If `action` is a start or promotion that cannot run anywhere, then neither can those of
    /// resources that must be with it.
    pub(super) fn block_dependents(&mut self, action: ActionId) {
        let (task, resource) = {
            let action = self.action(action);
            if action.runnable || !matches!(action.task, Task::Start | Task::Promote) {
                return;
            }
            let Some(resource) = action.resource else {
                return;
            };
            (action.task.clone(), resource)
        };
        let primary = self.outermost(resource);
        for &child in Arc::clone(&self.draft.resource[primary].children).iter() {
            match self.find(child, &task, None) {
                Some(child_action) if !self.action(child_action).runnable => {}
                _ => return, // Some member can do it.
            }
        }
        let placement = self.placement;
        for index in placement.with_this(self.world, primary) {
            let colocation = &placement.colocations[index as usize];
            if colocation.score < Score::INFINITY
                || (task == Task::Promote && colocation.primary_role != Some(Role::Promoted))
            {
                continue;
            }
            let blocked = match colocation.dependent_role {
                Some(Role::Promoted) => Task::Promote,
                _ => Task::Start,
            };
            let cause = (action, Via::Colocation(index));
            self.block(colocation.dependent, &blocked, resource, cause);
        }
    }

    fn block(
        &mut self,
        dependent: ResourceId,
        task: &Task,
        primary: ResourceId,
        cause: (ActionId, Via),
    ) {
        let own: Vec<ActionId> = self.draft.of(dependent).iter().rev().copied().collect();
        for id in own {
            let action = self.action(id);
            if !action.runnable || action.task != *task {
                continue;
            }
            self.set_runnable(id, false);
            let action = &mut self.draft.actions[id];
            action
                .reason
                .get_or_insert_with(|| Box::new(Reason::Colocation(primary)));
            let change = BecauseVerb::Unrunnable;
            self.verdicts.push(Verdict {
                action: id,
                change,
                because: cause.0,
                via: cause.1,
            });
            self.block_dependents(id);
            self.update(id);
        }
        for &child in Arc::clone(&self.draft.resource[dependent].children).iter() {
            self.block(child, task, primary, cause);
        }
    }

    /// The outermost collective, the bundle included.
    fn outermost(&self, resource: ResourceId) -> ResourceId {
        let mut top = resource;
        while let Some(parent) = self.world.state.resources[top].parent {
            top = parent;
            if matches!(self.variant(top), Variant::Bundle(_)) {
                break;
            }
        }
        top
    }
}
