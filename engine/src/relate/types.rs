//! Orderings between actions: by resource and task before actions are looked up, links afterwards.

use std::ops::Range;
use std::sync::Arc;

use super::LinkId;
use crate::action::Task;
use crate::id::{ActionId, ResourceId};

/// An ordering, as constraints and passes ask for it.
#[derive(Clone, Debug)]
pub struct Ordering {
    /// What comes first.
    pub first: End,
    /// What comes then.
    pub then: End,
    /// What the ordering means.
    pub effects: Effects,
    /// Where it comes from, for explanations (a constraint id, or a short description).
    pub cause: Cause,
}

/// Orderings that are asked for once more.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// Their positions among all.
    pub orderings: Range<usize>,
    /// Before which position they are asked for again.
    pub at: usize,
}

/// One end of an ordering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A known action.
    Action(ActionId),
    /// The action made for the request at this position of `Constraints::requests`.
    Requested(u32),
    /// Every one-time action of `resource` with this task (one per node).
    Task {
        /// Whose actions.
        resource: ResourceId,
        /// Which.
        task: Task,
    },
}

impl Ordering {
    /// An ordering that the engine itself asks for, with the rule in words.
    #[must_use]
    pub fn rule(first: End, then: End, effects: Effects, rule: &'static str) -> Ordering {
        Ordering {
            first,
            then,
            effects,
            cause: Cause::Rule(rule),
        }
    }
}

impl Cause {
    /// The configured constraint with this id.
    #[must_use]
    pub fn constraint(id: &str) -> Cause {
        Cause::Constraint(Arc::new(id.into()))
    }
}

impl End {
    /// Every one-time action of `resource` with this task.
    #[must_use]
    pub fn task(resource: ResourceId, task: Task) -> End {
        End::Task { resource, task }
    }
}

/// Where an ordering comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A configured constraint with this id: a pointer to it, as each ordering and each link has a
    /// cause, and an `Arc<str>` would make all of them larger.
    Constraint(Arc<Box<str>>),
    /// A rule of the engine, in words.
    Rule(&'static str),
}

/// An ordering between two actions.
#[derive(Clone, Debug)]
pub struct Link {
    /// What comes first.
    pub first: ActionId,
    /// What comes then.
    pub then: ActionId,
    /// Effects as `then` sees them; empty when disabled.
    pub effects: Effects,
    /// Effects as `first` sees them (not emptied by disabling).
    pub effects_of_first: Effects,
    /// Where it comes from.
    pub cause: Cause,
    /// The next older link with the same `first`.
    pub(crate) older_after: Option<LinkId>,
    /// The next older link with the same `then`.
    pub(crate) older_before: Option<LinkId>,
}

/// What an ordering means: a set of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Effects(pub u32);

#[allow(missing_docs)]
impl Effects {
    pub const NONE: Effects = Effects(0);
    /// Sequence only.
    pub const ORDERED: Effects = Effects(1);
    /// Only if first cannot be migrated.
    pub const IF_FIRST_UNMIGRATABLE: Effects = Effects(1 << 1);
    pub const THEN_IMPLIES_FIRST: Effects = Effects(1 << 4);
    pub const FIRST_IMPLIES_THEN: Effects = Effects(1 << 5);
    pub const PROMOTED_THEN_IMPLIES_FIRST: Effects = Effects(1 << 6);
    pub const UNMIGRATABLE_THEN_BLOCKS: Effects = Effects(1 << 7);
    pub const UNRUNNABLE_FIRST_BLOCKS: Effects = Effects(1 << 8);
    pub const FIRST_ELSE_THEN: Effects = Effects(1 << 9);
    pub const FIRST_IMPLIES_SAME_NODE_THEN: Effects = Effects(1 << 10);
    pub const NESTED_REMOTE_PROBE: Effects = Effects(1 << 11);
    pub const INTERMEDIATE_STOP: Effects = Effects(1 << 12);
    pub const SERIALIZE: Effects = Effects(1 << 14);
    pub const SAME_NODE: Effects = Effects(1 << 15);
    pub const THEN_IMPLIES_FIRST_GRAPHED: Effects = Effects(1 << 16);
    pub const FIRST_IMPLIES_THEN_GRAPHED: Effects = Effects(1 << 17);
    pub const ASYMMETRIC: Effects = Effects(1 << 20);
    pub const SAME_NODE_OR_TARGET: Effects = Effects(1 << 21);
    pub const MIN_RUNNABLE: Effects = Effects(1 << 22);
    pub const REQUIRED_SAME_NODE: Effects = Effects(1 << 23);
    pub const GUEST_ALLOWED: Effects = Effects(1 << 24);
    pub const THEN_CANCELS_FIRST: Effects = Effects(1 << 25);

    /// Whether every effect of `other` is in here.
    #[must_use]
    pub const fn contains(self, other: Effects) -> bool {
        self.0 & other.0 == other.0
    }
    /// Whether some effect of `other` is in here.
    #[must_use]
    pub const fn intersects(self, other: Effects) -> bool {
        self.0 & other.0 != 0
    }
    /// Both together.
    #[must_use]
    pub const fn with(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }
    /// Without those of `other`.
    #[must_use]
    pub const fn without(self, other: Effects) -> Effects {
        Effects(self.0 & !other.0)
    }
    /// No effect at all: disabled.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Effects {
    type Output = Effects;
    fn bitor(self, other: Effects) -> Effects {
        self.with(other)
    }
}

impl std::ops::BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = self.with(other);
    }
}
