//! How did a resource come by its score on a node? The ledger's entries about it, without what was
//! only tried.

use crate::World;
use crate::id::{NodeId, ResourceId, Table};
use crate::score::{Cause, Change, Entry, Ledger};
use crate::value::Score;

/// The ledger by resource.
pub(super) struct Trails<'a> {
    of: Table<ResourceId, Vec<&'a Entry>>,
}

impl<'a> Trails<'a> {
    pub(super) fn new(world: World<'_>, ledger: &'a Ledger) -> Trails<'a> {
        let mut of = Table::filled(Vec::new(), world.state.resources.len());
        for entry in ledger.entries() {
            of[entry.resource].push(entry);
        }
        Trails { of }
    }

    pub(super) fn of(&self, world: World<'_>, resource: ResourceId, node: NodeId) -> Trail<'a> {
        let start = world.state.resource[resource].allowed.score(node);
        let base = world.state.nodes[node].base_score;
        let mut trail = Trail {
            start,
            steps: Vec::new(),
        };
        for &entry in self.of[resource].iter().filter(|entry| entry.node == node) {
            let before = trail.score().unwrap_or(base);
            let after = entry.change.apply(before);
            if entry.cause == Cause::Undone {
                trail.undo_to(after);
            } else {
                trail.steps.push((entry, after));
            }
        }
        trail
    }
}

/// The changes of one score, with the score after each.
pub(super) struct Trail<'a> {
    pub(super) start: Option<Score>,
    pub(super) steps: Vec<(&'a Entry, Score)>,
}

impl<'a> Trail<'a> {
    /// The score in the end; none if the node never was a candidate.
    pub(super) fn score(&self) -> Option<Score> {
        self.steps.last().map(|step| step.1).or(self.start)
    }

    /// Forgets the newest changes, as far as the score was something else.
    fn undo_to(&mut self, score: Score) {
        while self.score() != Some(score) && self.steps.pop().is_some() {}
        if self.score() != Some(score) {
            self.start = Some(score);
        }
    }

    /// The changes without which the node would not be forbidden, the first one first. Nothing if
    /// it was from the start, or is not.
    pub(super) fn forbidding(&self) -> Vec<&'a Entry> {
        let forbidden = |score: &Score| score.is_minus_infinite();
        let after = self.steps.iter().map(|step| step.1);
        let allowed_last = after.clone().rposition(|score| !forbidden(&score));
        let first = match allowed_last {
            Some(last) => last + 1,
            None if self.start.as_ref().is_some_and(forbidden) => self.steps.len(),
            None => 0,
        };
        let forbids = |entry: &&Entry| match entry.change {
            Change::Add(score) | Change::Set(score) => forbidden(&score),
        };
        let steps = self.steps[first.min(self.steps.len())..].iter();
        let mut found: Vec<&Entry> = Vec::new();
        for (position, &(entry, _)) in steps.enumerate() {
            let known = found.iter().any(|other| other.cause == entry.cause);
            if !known && (position == 0 || forbids(&entry)) {
                found.push(entry);
            }
        }
        found
    }

    /// The sum of what each cause added, in the order in which the causes first came.
    pub(super) fn sums(&self) -> Vec<(Cause, Effect)> {
        let mut sums: Vec<(Cause, Effect)> = Vec::new();
        let mut before = self.start.unwrap_or_default();
        for &(entry, after) in &self.steps {
            let effect = match entry.change {
                Change::Add(score) => Effect::Added(score),
                Change::Set(score) => match Change::between(before, after) {
                    Change::Add(delta) if !score.is_minus_infinite() => Effect::Added(delta),
                    _ => Effect::SetTo(score),
                },
            };
            before = after;
            match (sums.iter_mut().find(|sum| sum.0 == entry.cause), effect) {
                (Some((_, Effect::Added(sum))), Effect::Added(more)) => *sum += more,
                (Some((_, known)), effect) => *known = effect,
                (None, effect) => sums.push((entry.cause, effect)),
            }
        }
        sums.retain(|sum| sum.1 != Effect::Added(Score::ZERO));
        sums
    }
}

/// What a cause did to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Added(Score),
    SetTo(Score),
}

impl Effect {
    pub(super) fn score(self) -> Score {
        match self {
            Effect::Added(score) | Effect::SetTo(score) => score,
        }
    }
}
