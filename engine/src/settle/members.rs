//! What do the actions of a group's members amount to?
//!
//! Every link of a group's action asks for it, and a group has several links for each member. So
//! the members are counted once; after that, the count follows each verdict that changes.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Settler;
use crate::action::Task;
use crate::id::{ActionId, ResourceId};

/// The members' side of one action of a group.
pub(super) struct Tally {
    /// Those actions of members that do what the group's action does.
    pub(super) same: Rc<[ActionId]>,
    /// The members do it under another name: `start` for `running`.
    pub(super) folded: bool,
    /// How many members' actions are required.
    pub(super) required: u32,
    /// How many cannot run.
    pub(super) unrunnable: u32,
    /// Some member has no such action, although it ought to.
    pub(super) incomplete: bool,
}

/// The tallies of all groups' actions that were asked for.
#[derive(Default)]
pub(super) struct Tallies {
    of: BTreeMap<ActionId, Tally>,
    /// By member's action: the groups' actions that count it.
    counted_by: BTreeMap<ActionId, Vec<ActionId>>,
    /// How many actions there were. When there are more, everything is counted again.
    actions: usize,
}

/// One of the two verdicts that are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Required,
    Unrunnable,
}

impl Settler<'_> {
    /// The tally of a group's action.
    pub(super) fn tally(&mut self, action: ActionId, group: ResourceId) -> &Tally {
        if self.tallies.actions != self.draft.actions.len() {
            self.forget_tallies();
        }
        if !self.tallies.of.contains_key(&action) {
            let tally = self.count(action, group);
            self.tallies.of.insert(action, tally);
        }
        &self.tallies.of[&action]
    }

    /// Something other than this pass has changed verdicts.
    pub(super) fn forget_tallies(&mut self) {
        self.tallies = Tallies {
            actions: self.draft.actions.len(),
            ..Tallies::default()
        };
    }

    fn count(&mut self, action: ActionId, group: ResourceId) -> Tally {
        let task = &self.draft.actions[action].task;
        let members = &self.draft.resource[group].children;
        let of_members = |task: &Task| -> Vec<ActionId> {
            let found = members.iter().map(|&member| self.find(member, task, None));
            found.flatten().collect()
        };
        let same = of_members(task);
        let folded = members
            .first()
            .and_then(|&first| self.member_task(first, task));
        let counted = folded.as_ref().map(of_members).unwrap_or_default();
        let may_miss = matches!(folded, Some(Task::Stop | Task::Demote));
        let verdicts = || counted.iter().map(|&id| self.action(id));
        let tally = Tally {
            folded: folded.as_ref() != Some(task),
            required: verdicts().filter(|member| !member.optional).count() as u32,
            unrunnable: verdicts().filter(|member| !member.runnable).count() as u32,
            incomplete: counted.len() < members.len() && !may_miss,
            same: same.into(),
        };
        for member in counted {
            let counted_by = self.tallies.counted_by.entry(member);
            counted_by.or_default().push(action);
        }
        tally
    }

    /// Sets a verdict: the only way in which this pass does.
    pub(super) fn set_optional(&mut self, id: ActionId, optional: bool) {
        let before = std::mem::replace(&mut self.draft.actions[id].optional, optional);
        if before != optional {
            self.recount(id, Counted::Required, !optional);
        }
    }

    /// Sets a verdict: the only way in which this pass does.
    pub(super) fn set_runnable(&mut self, id: ActionId, runnable: bool) {
        let before = std::mem::replace(&mut self.draft.actions[id].runnable, runnable);
        if before != runnable {
            self.recount(id, Counted::Unrunnable, !runnable);
        }
    }

    fn recount(&mut self, id: ActionId, what: Counted, now: bool) {
        let Tallies { of, counted_by, .. } = &mut self.tallies;
        for action in counted_by.get(&id).into_iter().flatten() {
            let Some(tally) = of.get_mut(action) else {
                continue;
            };
            let count = match what {
                Counted::Required => &mut tally.required,
                Counted::Unrunnable => &mut tally.unrunnable,
            };
            *count = if now { *count + 1 } else { *count - 1 };
        }
    }
}
