//! How do orderings of tasks become links between actions?

use super::Settler;
use crate::action::{Key, Task};
use crate::config::Role;
use crate::id::{ActionId, ResourceId};
use crate::relate::{Cause, Effects, End, Ordering, link};

/// What the ordering that is being applied orders: kept, as there are many orderings.
#[derive(Default)]
struct Ends {
    firsts: Vec<ActionId>,
    thens: Vec<ActionId>,
}

impl Settler<'_> {
    /// Applies every ordering in order of creation: `first`s that one ordering creates are found
    /// by later ones.
    pub(super) fn apply_orderings(&mut self) {
        let orderings = std::mem::take(&mut self.draft.orderings);
        let mut repeats = std::mem::take(&mut self.draft.repeats)
            .into_iter()
            .peekable();
        let mut ends = Ends::default();
        // Where an action was made last.
        let mut made_at = None;
        for at in 0..=orderings.len() {
            let actions = self.draft.actions.len();
            while let Some(repeat) = repeats.next_if(|repeat| repeat.at == at) {
                // What is linked is linked: only what was made since then can make a difference.
                if made_at >= Some(repeat.orderings.start) {
                    for ordering in &orderings[repeat.orderings] {
                        self.apply(ordering, &mut ends);
                    }
                }
            }
            if let Some(ordering) = orderings.get(at) {
                self.apply(ordering, &mut ends);
            }
            if self.draft.actions.len() > actions {
                made_at = Some(at);
            }
        }
        // Probes are ordered by them later.
        self.draft.orderings = orderings;
    }

    fn apply(&mut self, ordering: &Ordering, ends: &mut Ends) {
        ends.firsts.clear();
        match &ordering.first {
            End::Action(action) => ends.firsts.push(*action),
            End::Task { resource, task } => {
                self.find_firsts(*resource, task, &ordering.then, &mut ends.firsts);
            }
            // `act` has put the action made for the request in its place.
            End::Requested(_) => return,
        }
        for &first in &ends.firsts {
            match &ordering.then {
                End::Action(then) => match self.action(*then).resource {
                    Some(resource) => {
                        self.link_unless_dangling(first, *then, resource, ordering);
                    }
                    None => self.connect(first, *then, ordering.effects, &ordering.cause),
                },
                End::Task { resource, task } => {
                    ends.thens.clear();
                    ends.thens.extend_from_slice(self.find_all(*resource, task));
                    for &then in &ends.thens {
                        self.link_unless_dangling(first, then, *resource, ordering);
                    }
                }
                End::Requested(_) => {}
            }
        }
    }

    /// The actions that come first. One that nobody asked for is created, optional and without a
    /// node, unless it is a stop or demotion of what is stopped or demoted, or of `then` itself.
    fn find_firsts(
        &mut self,
        resource: ResourceId,
        task: &Task,
        then: &End,
        firsts: &mut Vec<ActionId>,
    ) {
        firsts.extend_from_slice(self.find_all(resource, task));
        if !firsts.is_empty() {
            return;
        }
        let then_resource = match then {
            End::Task { resource, .. } => Some(*resource),
            // The peer compares with the resource named by the ordering, and an ordering to a
            // given action of a resource names that resource as well.
            End::Action(action) => self.action(*action).resource,
            End::Requested(_) => None,
        };
        let needless = matches!(
            (self.role(resource), task),
            (Role::Stopped, Task::Stop) | (Role::Unpromoted, Task::Demote)
        );
        if then_resource == Some(resource) || needless {
            return;
        }
        let key = Key::once(resource, task.clone());
        firsts.push(self.draft.request(self.world, key, None, true));
    }

    /// One-time actions of `resource` with `task`, oldest first.
    ///
    /// The peer takes a key that it does not find apart from its end, and so finds `delete` when
    /// it looks for `lrm_delete`: a probe spares both kinds of erasing history.
    fn find_all(&self, resource: ResourceId, task: &Task) -> &[ActionId] {
        let found = self.draft.once(resource, task);
        if found.is_empty() && *task == Task::LrmDelete {
            return self.draft.once(resource, &Task::Delete);
        }
        found
    }

    fn link_unless_dangling(
        &mut self,
        first: ActionId,
        then: ActionId,
        then_resource: ResourceId,
        ordering: &Ordering,
    ) {
        let before = self.action(first);
        let effects = if before.resource == Some(then_resource) && before.migration_abort {
            // The stop of a dangling migration does not make the resource restart.
            ordering.effects.without(Effects::FIRST_IMPLIES_THEN)
        } else {
            ordering.effects
        };
        self.connect(first, then, effects, &ordering.cause);
    }

    fn connect(&mut self, first: ActionId, then: ActionId, effects: Effects, cause: &Cause) {
        if first != then {
            link(self.draft, first, then, effects, cause.clone());
        }
    }
}
