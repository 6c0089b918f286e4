//! What does one effect of a link do to the verdicts of two actions?

use super::sides::Side;
use super::{Changed, Settler, Verdicts};
use crate::action::{BecauseVerb, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId};
use crate::relate::{Effects, LinkId};

/// One effect of a link, asked of two actions: those of the link, or members of theirs.
#[derive(Clone, Copy)]
pub(super) struct Push {
    pub(super) first: ActionId,
    pub(super) then: ActionId,
    /// Where members' actions are looked for; anywhere if none.
    pub(super) node: Option<NodeId>,
    /// `first` as the ordering sees it.
    pub(super) side: Side,
    pub(super) effect: Effects,
    /// The link whose effect it is.
    pub(super) via: LinkId,
}

impl Settler<'_> {
    /// Applies an effect to the two actions themselves.
    pub(super) fn apply_effect(&mut self, push: Push) -> Changed {
        let Push {
            first,
            then,
            side,
            effect: effects,
            via,
            ..
        } = push;
        if self.is_idle(&push) {
            return Changed::default();
        }
        let then_was = Verdicts::of(self.action(then));
        let first_was = Verdicts::of(self.action(first));

        if effects.contains(Effects::ASYMMETRIC) {
            self.asymmetric(first, then, via);
        }
        if effects.contains(Effects::THEN_IMPLIES_FIRST) && !then_was.optional {
            if !side.optional && first_was.optional {
                self.lose(first, BecauseVerb::Required, then, via);
            }
            if side.migratable && !self.action(then).migratable {
                self.lose(first, BecauseVerb::Unmigrateable, then, via);
            }
        }
        if effects.contains(Effects::PROMOTED_THEN_IMPLIES_FIRST) {
            self.promoted_then_implies_first(first, then, via);
        }
        if effects.contains(Effects::UNMIGRATABLE_THEN_BLOCKS) {
            if !(self.action(then).migratable && self.action(then).runnable) {
                self.lose(first, BecauseVerb::Unrunnable, then, via);
            }
            if !self.action(then).optional {
                self.lose(first, BecauseVerb::Required, then, via);
            }
        }
        if effects.contains(Effects::FIRST_ELSE_THEN) && !self.action(first).runnable {
            self.lose(then, BecauseVerb::Unmigrateable, first, via);
            self.draft.actions[then].pseudo = false;
        }
        if effects.contains(Effects::UNRUNNABLE_FIRST_BLOCKS)
            && self.action(then).runnable
            && !side.runnable
        {
            self.lose(then, BecauseVerb::Unrunnable, first, via);
            self.lose(then, BecauseVerb::Unmigrateable, first, via);
        }
        if effects.contains(Effects::FIRST_IMPLIES_THEN)
            && self.action(then).optional
            && !side.optional
            && !self.action(first).migratable
        {
            self.lose(then, BecauseVerb::Required, first, via);
        }
        if effects.contains(Effects::INTERMEDIATE_STOP) {
            self.intermediate_stop(first, then, via);
        }

        let then_changed = then_was != Verdicts::of(self.action(then));
        if then_changed && self.has_parent(then) {
            // "Stop X then start X" has to reach the other members of a cloned group.
            self.update(then);
        }
        // That may have come back to what comes first (which may even be the same action).
        Changed {
            first: first_was != Verdicts::of(self.action(first)),
            then: then_changed,
        }
    }

    /// Whether an effect leaves alone whatever `first` is followed by. Most do, most of the time, and
    /// then the members of a collective need not be looked for.
    pub(super) fn is_idle(&self, push: &Push) -> bool {
        let first = self.action(push.first);
        match push.effect {
            Effects::ORDERED => true,
            Effects::UNRUNNABLE_FIRST_BLOCKS => push.side.runnable,
            Effects::FIRST_IMPLIES_THEN => push.side.optional || first.migratable,
            Effects::FIRST_ELSE_THEN | Effects::ASYMMETRIC => first.runnable,
            Effects::INTERMEDIATE_STOP => first.resource.is_none_or(|id| !self.is_primitive(id)),
            _ => false,
        }
    }

    fn has_parent(&self, action: ActionId) -> bool {
        self.action(action)
            .resource
            .is_some_and(|resource| self.world.state.resources[resource].parent.is_some())
    }

    /// A demotion before its own resource's stop; it never migrates.
    fn promoted_then_implies_first(&mut self, first: ActionId, then: ActionId, via: LinkId) {
        let promoted = self
            .action(then)
            .resource
            .is_some_and(|resource| self.draft.resource[resource].role == Role::Promoted);
        if promoted && !self.action(then).optional {
            self.lose(first, BecauseVerb::Required, then, via);
        }
    }

    /// Without its `first`, `then` must not happen: unless it is optional and there is nothing to
    /// do anyway.
    fn asymmetric(&mut self, first: ActionId, then: ActionId, via: LinkId) {
        let Some(resource) = self.action(then).resource else {
            return;
        };
        if self.action(first).runnable {
            return;
        }
        if self.action(then).optional {
            let role = self.role(resource);
            let task = &self.action(then).task;
            if role == Role::Stopped && *task == Task::Stop {
                return;
            }
            let active_on = &self.world.state.resource[resource].active_on;
            let there_only =
                active_on.len() == 1 && active_on.first().copied() == self.action(then).node;
            if role >= Role::Started && *task == Task::Start && there_only {
                return;
            }
        }
        self.lose(then, BecauseVerb::Required, first, via);
        self.lose(then, BecauseVerb::Unrunnable, first, via);
    }

    /// A stop on the way to a start, or a later member's stop before an earlier one's.
    fn intermediate_stop(&mut self, first: ActionId, then: ActionId, via: LinkId) {
        let (Some(first_resource), Some(then_resource)) =
            (self.action(first).resource, self.action(then).resource)
        else {
            return;
        };
        let primitives = matches!(self.variant(first_resource), Variant::Primitive(_))
            && matches!(self.variant(then_resource), Variant::Primitive(_));
        if !primitives {
            return;
        }
        let restart = !self.action(then).optional;
        // What should restart but cannot start is still stopped.
        let stop = !self.action(then).runnable
            && self.draft.resource[then_resource].managed
            && first_resource == then_resource;
        if !restart && !stop {
            return;
        }
        if self.action(first).runnable {
            self.lose(first, BecauseVerb::Required, then, via);
        }
        if !self.action(then).optional {
            self.lose(first, BecauseVerb::Required, then, via);
        }
        if !self.action(then).migratable {
            self.lose(first, BecauseVerb::Unmigrateable, then, via);
        }
        if !self.action(first).optional && !self.action(first).runnable {
            self.lose(then, BecauseVerb::Unrunnable, first, via);
        }
    }
}
