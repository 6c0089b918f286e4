//! What do all dependents of a resource add to a node's score, taken together?
//!
//! In a stack of a thousand resources each asks for the wishes of all above it. One after the other
//! that would be half a million steps; but what they do to a node's score is a function of a
//! simple shape, which can be put together from the functions of those next to it, kept, and used
//! as often as it is asked for ([`OnNode`]).
//!
//! Kept is only what does not depend on who asks: the wishes of clones, and of primitives in groups
//! at most, behind mandatory colocations, where no guest counts as its host. Everything else goes
//! the long way, and so does whatever may end in wishes that are dropped.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::lists::Side;
use super::wishes::{Merge, Selection, Wishes};
use crate::config::Variant;
use crate::id::{NodeId, ResourceId, Table};
use crate::score::NodeEntry;
use crate::stack;
use crate::value::Score;

/// A sequence of sums, as a function of the score that it begins with.
///
/// Sums saturate, and infinities stay. So low scores end at −INFINITY, high ones at INFINITY, and
/// those between are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnNode {
    /// Scores below end at −INFINITY.
    floor: i32,
    /// Other scores from here on end at INFINITY.
    ceiling: i32,
    /// What is added to the others.
    sum: i32,
    /// From here on, the score was never negative when that was looked at.
    least: i32,
    /// Nothing but −INFINITY is added.
    banning: bool,
}

const INFINITY: i32 = Score::INFINITY.value();
/// No score is as high.
const NEVER: i32 = i32::MAX;

impl OnNode {
    /// Adds one score.
    fn adding(score: Score) -> OnNode {
        let (lowest, sum) = (1 - INFINITY, score.value());
        let (floor, ceiling) = match score {
            Score::MINUS_INFINITY => (NEVER, NEVER),
            Score::INFINITY => (lowest, lowest),
            // An infinity stays what it is.
            _ => (lowest.max(lowest - sum), INFINITY.min(INFINITY - sum)),
        };
        OnNode {
            floor,
            ceiling,
            sum,
            least: -INFINITY,
            banning: score.is_minus_infinite(),
        }
    }

    /// Looks whether the score is negative.
    fn looking(self) -> OnNode {
        OnNode {
            least: self.least.max(self.reaches(0)),
            ..self
        }
    }

    /// From which score on the result is at least `result`, which is not above INFINITY.
    fn reaches(self, result: i32) -> i32 {
        let moved = result.saturating_sub(self.sum);
        self.ceiling.min(self.floor.max(moved))
    }

    /// This, and then another.
    fn then(self, next: OnNode) -> OnNode {
        let between = |bound: i32| bound.saturating_sub(self.sum);
        let (floor, ceiling) = match next.floor {
            NEVER => (NEVER, NEVER),
            _ => (
                self.floor.max(between(next.floor)).min(self.ceiling),
                self.ceiling.min(between(next.ceiling)).max(self.floor),
            ),
        };
        OnNode {
            floor,
            ceiling,
            sum: self.sum.saturating_add(next.sum),
            least: self.least.max(self.passes(next.least)),
            banning: self.banning && next.banning,
        }
    }

    /// From which score on the result is one that `least` lets pass.
    fn passes(self, least: i32) -> i32 {
        match least {
            NEVER => NEVER,
            // Everything passes, −INFINITY too.
            least if least <= -INFINITY => -INFINITY,
            least => self.reaches(least),
        }
    }

    fn apply(self, score: Score) -> Score {
        if score.value() < self.floor {
            Score::MINUS_INFINITY
        } else if score.value() >= self.ceiling {
            Score::INFINITY
        } else {
            Score::from(score.value() + self.sum)
        }
    }

    /// The same where wishes must not make a score negative; none if single steps decide.
    fn apply_nonnegative(self, score: Score) -> Option<Score> {
        if score.value() >= self.least || score.is_minus_infinite() {
            return Some(self.apply(score));
        }
        self.banning.then(|| match score.value().signum() {
            1 => Score::new(1),
            0 => Score::ZERO,
            _ => Score::MINUS_INFINITY,
        })
    }
}

/// What a resource and all behind it add.
pub(super) struct Sum {
    nodes: Table<NodeId, OnNode>,
    /// How many resources those are.
    sources: u32,
}

/// The index of the colocation by which a resource's wishes are asked for.
type Asked = u32;

/// Sums that are kept until a score changes that went into them.
#[derive(Default)]
pub(in crate::assign) struct Memory {
    /// None while a sum is made, and where there is none to be kept.
    sums: BTreeMap<Asked, Option<Rc<Sum>>>,
    /// Which sums another one is part of.
    part_of: BTreeMap<Asked, Vec<Asked>>,
    /// Which sums a resource's own scores are part of.
    scores_in: BTreeMap<ResourceId, Vec<Asked>>,
    /// How many colocations there were, and how often a node's condition had changed.
    seen: (usize, u32),
}

impl Memory {
    /// Forgets what is not right any more, since these resources' scores have changed.
    pub(super) fn forget_changed(&mut self, changed: &[ResourceId], seen: (usize, u32)) {
        if self.seen != seen {
            *self = Memory {
                seen,
                ..Memory::default()
            };
        }
        for resource in changed {
            for asked in self.scores_in.remove(resource).unwrap_or_default() {
                self.forget(asked);
            }
        }
    }

    fn forget(&mut self, asked: Asked) {
        let mut waiting = vec![asked];
        while let Some(asked) = waiting.pop() {
            if self.sums.remove(&asked).is_some() {
                waiting.extend(self.part_of.remove(&asked).into_iter().flatten());
            }
        }
    }
}

impl Merge<'_, '_> {
    /// Adds the wishes of `source` and of all behind it at once, if they are kept or can be. False
    /// if they have to be added one by one.
    pub(super) fn add_sum(
        &mut self,
        wishes: &mut Wishes,
        source: ResourceId,
        index: u32,
        factor: f32,
        selection: Selection,
    ) -> bool {
        #[expect(clippy::float_cmp, reason = "exactly so: mandatory")]
        let mandatory = factor == 1.0;
        if !mandatory
            || selection.this_with
            || wishes.any_frozen()
            || self.assigner.nodes.have_guests()
        {
            return false;
        }
        if source != self.assigner.lists.link(index).dependent {
            return false;
        }
        // One step is made as fast as it is kept.
        if self.behind(self.first_member(source)).is_empty() {
            return false;
        }
        let Some(sum) = self.sum(source, index) else {
            return false;
        };
        let nodes = &self.assigner.nodes;
        let never_dropped = wishes.table().iter().any(|(node, entry)| {
            nodes.available(node) && entry.score.value() >= sum.nodes[node].least
        });
        let new = |node: NodeId, score: Score| match selection.nonnegative {
            true => sum.nodes[node].apply_nonnegative(score),
            false => Some(sum.nodes[node].apply(score)),
        };
        let unknown = |(node, entry): (NodeId, &NodeEntry)| new(node, entry.score).is_none();
        if !never_dropped || wishes.table().iter().any(unknown) {
            return false;
        }
        wishes.change_scores(|node, score| new(node, score).unwrap_or(score));
        wishes.count_copies(sum.sources);
        true
    }

    /// The colocations by which others are behind a resource.
    fn behind(&self, source: ResourceId) -> Vec<u32> {
        let assigner = self.assigner;
        let lists = &assigner.lists;
        let behind = lists.effective(assigner.world, &assigner.resources, Side::WithThis, source);
        let counts = |index: &u32| {
            let link = lists.link(*index);
            assigner.has_influence(link, link.primary)
        };
        behind.iter().copied().filter(counts).collect()
    }

    /// The sum of a resource and all behind it; none if that depends on who asks.
    fn sum(&mut self, source: ResourceId, index: u32) -> Option<Rc<Sum>> {
        if let Some(known) = self.memory.sums.get(&index) {
            return known.clone();
        }
        // Whoever comes back to this one meanwhile has found a loop.
        self.memory.sums.insert(index, None);
        let sum = stack::deeper(|| self.make_sum(source, index)).map(Rc::new);
        self.memory.sums.insert(index, sum.clone());
        sum
    }

    fn make_sum(&mut self, source: ResourceId, index: u32) -> Option<Sum> {
        let source = self.first_member(source);
        if !self.is_simple(source) {
            return None;
        }
        let scores = self.memory.scores_in.entry(source).or_default();
        if !scores.contains(&index) {
            scores.push(index);
        }
        let link = self.assigner.lists.link(index);
        if self.assigner.with_group_locations(source, link).is_some() {
            return None; // which may be for some role only
        }
        self.find_best_scores(source, link);
        let mut sum = Sum {
            nodes: self
                .assigner
                .nodes
                .ids()
                .map(|node| {
                    let class = self.assigner.class(link.attribute, Some(node), source);
                    OnNode::adding(self.best[class as usize]).looking()
                })
                .collect(),
            sources: 1,
        };
        for behind in self.behind(source) {
            let link = self.assigner.lists.link(behind);
            if !link.score.is_infinite() {
                return None;
            }
            let more = self.sum(link.dependent, behind)?;
            self.memory.part_of.entry(behind).or_default().push(index);
            for (sum, more) in sum.nodes.iter_mut().zip(more.nodes.iter()) {
                *sum = sum.then(*more);
            }
            sum.sources += more.sources;
        }
        Some(sum)
    }

    fn first_member(&self, source: ResourceId) -> ResourceId {
        let config = self.assigner.config(source);
        match (&config.variant, config.children.first()) {
            (Variant::Group(_), Some(&first)) => first,
            _ => source,
        }
    }

    /// A resource whose colocations are its own or its group's, for good.
    fn is_simple(&self, source: ResourceId) -> bool {
        let config = self.assigner.config(source);
        let kind = matches!(config.variant, Variant::Primitive(_) | Variant::Clone(_));
        kind && config.parent.is_none_or(|parent| {
            self.assigner.is_group(parent) && self.assigner.config(parent).parent.is_none()
        })
    }
}

#[cfg(test)]
mod tests;
