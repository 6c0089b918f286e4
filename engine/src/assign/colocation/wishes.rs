//! Where do the dependents of a resource, and theirs, want it to be?
//!
//! Each dependent's best score on the same place is added to the primary's node, weakened by the
//! colocation's score over infinity, and so on through the dependents' dependents. This is the one
//! place of the engine with floating point: factors are `f32`, each step rounded on its own, because
//! results are rounded to integers that users see.

use std::cell::OnceCell;

use super::lists::Side;
use super::{Link, Memory};
use crate::assign::scratch::Assigner;
use crate::config::Variant;
use crate::id::{IdSet, NodeId, ResourceId};
use crate::score::{NodeEntry, ScoreTable};
use crate::stack;
use crate::value::Score;

/// A copy of a score table to which wishes are added.
#[derive(Clone)]
pub(in crate::assign) struct Wishes {
    table: ScoreTable,
    /// Nodes that would have become forbidden although only nonnegative wishes count: they keep
    /// out of everything until the level that saw it is done, then they have score 1.
    frozen: IdSet<NodeId>,
    copies: u32,
}

/// Which wishes are added, and how.
#[derive(Clone, Copy)]
pub(in crate::assign) struct Selection {
    /// Wishes must not make a node forbidden.
    pub(in crate::assign) nonnegative: bool,
    /// Wishes that leave no usable node are dropped.
    pub(in crate::assign) droppable: bool,
    /// Follow the colocations in which a resource is the dependent, not the primary.
    pub(in crate::assign) this_with: bool,
}

/// The factor of a colocation as such.
fn factor(score: Score) -> f32 {
    score.value() as f32 / INFINITY
}

/// The factor of a colocation behind another one.
fn deeper_factor(factor: f32, score: Score) -> f32 {
    factor * score.value() as f32 / INFINITY
}

/// A score times a factor, rounded half away from zero; what is not 0 does not become 0.
fn weaken(factor: f32, score: Score) -> Score {
    let product = f64::from(factor * score.value() as f32);
    // Truncated by the conversion.
    let rounded = if product < 0.0 {
        product - 0.5
    } else {
        product + 0.5
    } as i64;
    if rounded == 0 && score != Score::ZERO {
        if factor > 0.0 {
            return Score::new(1);
        } else if factor < 0.0 {
            return Score::new(-1);
        }
    }
    Score::new(rounded)
}

/// How often colocations may be followed for one plan, where there are that many resources: once for
/// each way that leads to one. There are more ways than anybody can go if each of a dozen resources is
/// colocated with every other.
pub(in crate::assign) fn wishes_allowed(resources: usize) -> u64 {
    100_000_000 + 20_000 * resources as u64
}

const INFINITY: f32 = Score::INFINITY.value() as f32;

impl Wishes {
    pub(in crate::assign) fn new(table: ScoreTable, copies: u32) -> Self {
        Wishes {
            table,
            frozen: IdSet::new(),
            copies,
        }
    }

    pub(in crate::assign) fn into_table(self) -> ScoreTable {
        self.table
    }

    /// How often the peer would have copied the table.
    pub(in crate::assign) fn copies(&self) -> u32 {
        self.copies
    }

    pub(super) fn table(&self) -> &ScoreTable {
        &self.table
    }

    pub(super) fn any_frozen(&self) -> bool {
        !self.frozen.is_empty()
    }

    /// Changes every score; the table stays shared if none is another then.
    pub(super) fn change_scores(&mut self, new: impl Fn(NodeId, Score) -> Score) {
        let other = |(node, entry): (NodeId, &NodeEntry)| new(node, entry.score) != entry.score;
        if self.table.iter().any(other) {
            for (node, entry) in self.table.iter_mut() {
                entry.score = new(node, entry.score);
            }
        }
    }

    pub(super) fn count_copies(&mut self, copies: u32) {
        self.copies += copies;
    }

    fn release_frozen(&mut self) {
        for node in self.frozen.iter() {
            if let Some(entry) = self.table.get_mut(node) {
                entry.score = Score::new(1);
            }
        }
        self.frozen.clear();
    }
}

impl Assigner<'_> {
    /// Whether a dependent's wishes count for a primary (a colocation's, or an instance of it).
    pub(in crate::assign) fn has_influence(&self, link: Link, primary: ResourceId) -> bool {
        let active_on = self.active_on(primary);
        // Connections into bundles move easily: no healthy container moves for their sake.
        if self.config(link.dependent).meta.remote_nesting_allowed
            && !self.resources[primary].failed
            && active_on.len() == 1
        {
            return false;
        }
        link.influence || active_on.is_empty()
    }

    /// Adds the wishes of `source`, one end of a colocation, and those behind it.
    pub(in crate::assign) fn add_wishes(
        &mut self,
        wishes: &mut Wishes,
        source: ResourceId,
        target: ResourceId,
        index: u32,
        selection: Selection,
    ) {
        let factor = factor(self.lists.link(index).score);
        self.merge(target, |merge| {
            merge.add(wishes, source, index, factor, selection)
        });
    }

    /// The scores of a resource with those of all that it is to be with, and so on: what decides
    /// the order of resources under a placement strategy.
    pub(in crate::assign) fn combined_scores(&mut self, resource: ResourceId) -> Wishes {
        let mut source = resource;
        // The last member is with its predecessor, and so with all of the group.
        while let Variant::Group(_) = self.config(source).variant
            && let Some(&last) = self.config(source).children.last()
        {
            source = last;
        }
        let mut wishes = Wishes::new(self.resources[source].table.clone(), 1);
        let selection = Selection {
            nonnegative: false,
            droppable: false,
            this_with: true,
        };
        self.merge(source, |merge| {
            merge.merging.insert(resource);
            merge.merging.insert(source);
            merge.spread(&mut wishes, source, 1.0, selection);
            merge.merging.remove(source);
            merge.merging.remove(resource);
        });
        wishes
    }

    fn merge(&mut self, target: ResourceId, act: impl FnOnce(&mut Merge<'_, '_>)) {
        let merging = std::mem::take(&mut self.merging);
        let mut memory = std::mem::take(&mut self.memory);
        let seen = (self.colocations.len(), self.nodes.changes());
        memory.forget_changed(&self.ledger.take_changed(), seen);
        let mut merge = Merge {
            assigner: self,
            target,
            merging,
            memory,
            best: Vec::new(),
            changed: Vec::new(),
            left: self.wishes_left,
        };
        act(&mut merge);
        let Merge {
            merging,
            memory,
            left,
            ..
        } = merge;
        (self.merging, self.memory) = (merging, memory);
        if left == 0 && self.wishes_left > 0 {
            let message = "Colocations lead to one another in too many ways: not all of them are \
                           followed to where they end";
            self.misconfigured(target, message.to_owned());
        }
        self.wishes_left = left;
    }

    /// Locations of a group count for its first member alone. If another member is itself the
    /// dependent of a configured colocation, they are its wishes as well.
    pub(super) fn with_group_locations(
        &self,
        member: ResourceId,
        link: Link,
    ) -> Option<ScoreTable> {
        if member != link.dependent || !link.explicit {
            return None;
        }
        let group = self
            .config(member)
            .parent
            .filter(|&parent| self.is_group(parent))?;
        if self.config(group).children.first() == Some(&member) {
            return None;
        }
        let mut table = self.resources[member].table.clone();
        for &index in &self.resources[group].locations {
            let location = &self.world.constraints.locations[index as usize];
            if location
                .role
                .is_some_and(|role| role != self.resources[member].next_role)
            {
                continue;
            }
            for &(node, score) in &location.nodes {
                match table.get_mut(node) {
                    Some(entry) => entry.score += score,
                    None => table.set(node, score),
                }
            }
        }
        Some(table)
    }

    /// Whether exactly one node is not forbidden.
    fn allowed_on_one(&self, resource: ResourceId) -> bool {
        let table = self.resources[resource].table.iter();
        table
            .filter(|(_, entry)| !entry.score.is_negative())
            .take(2)
            .count()
            == 1
    }
}

/// Wishes on their way to one resource.
pub(super) struct Merge<'a, 'w> {
    pub(super) assigner: &'a Assigner<'w>,
    /// The resource for which all is done: places are seen with its eyes.
    target: ResourceId,
    /// Sources on the way: breaks loops.
    merging: IdSet<ResourceId>,
    pub(super) memory: Memory,
    /// Scores by class of node, and new scores of nodes: buffers that are used again and again.
    pub(super) best: Vec<Score>,
    changed: Vec<(NodeId, Score)>,
    /// How often colocations may still be followed.
    left: u64,
}

impl Merge<'_, '_> {
    fn add(
        &mut self,
        wishes: &mut Wishes,
        source: ResourceId,
        index: u32,
        factor: f32,
        selection: Selection,
    ) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if !self.merging.insert(source) {
            return; // a loop
        }
        let config = self.assigner.config(source);
        if self.add_sum(wishes, source, index, factor, selection) {
            // All at once.
        } else if let Variant::Group(_) = config.variant {
            // The other members follow the first one.
            if let Some(&first) = config.children.first() {
                self.add(wishes, first, index, factor, selection);
            }
        } else {
            let mut work = wishes.clone();
            work.copies += 1;
            self.add_matching(&mut work, source, index, factor, selection.nonnegative);
            if self.spread(&mut work, source, factor, selection) {
                *wishes = work;
            }
        }
        self.merging.remove(source);
    }

    /// Adds what is behind `source`. False if the wishes so far have to be dropped.
    fn spread(
        &mut self,
        work: &mut Wishes,
        source: ResourceId,
        factor: f32,
        selection: Selection,
    ) -> bool {
        let assigner = self.assigner;
        if self.any_left(work) {
            let side = if selection.this_with {
                Side::ThisWith
            } else {
                Side::WithThis
            };
            let (world, facts) = (assigner.world, &assigner.resources);
            let behind = assigner.lists.effective(world, facts, side, source);
            let selection = Selection {
                droppable: true,
                ..selection
            };
            for &index in behind.iter() {
                let link = assigner.lists.link(index);
                let other = match side {
                    Side::ThisWith => link.primary,
                    Side::WithThis if assigner.has_influence(link, link.primary) => link.dependent,
                    Side::WithThis => continue,
                };
                let factor = deeper_factor(factor, link.score);
                stack::deeper(|| self.add(work, other, index, factor, selection));
            }
        } else if selection.droppable {
            return false;
        }
        if selection.nonnegative {
            work.release_frozen();
        }
        true
    }

    fn any_left(&self, wishes: &Wishes) -> bool {
        let nodes = &self.assigner.nodes;
        let mut table = wishes.table.iter();
        table.any(|(node, entry)| nodes.usable(node, entry.score) && !wishes.frozen.contains(node))
    }

    /// Adds, on each node, the best score that `source` has at the same place.
    fn add_matching(
        &mut self,
        work: &mut Wishes,
        source: ResourceId,
        index: u32,
        factor: f32,
        nonnegative: bool,
    ) {
        if factor == 0.0 {
            return; // weakened to nothing
        }
        let assigner = self.assigner;
        let link = assigner.lists.link(index);
        self.find_best_scores(source, link);
        // Who is kept away from the primary does not, by avoiding a node, make it attractive; unless
        // the dependent has one node only and could not run otherwise.
        let stuck = OnceCell::new();
        let counts_when_negative = |score: Score| {
            factor >= 0.0
                || assigner.config(link.primary).meta.stickiness < -score.value()
                    && *stuck.get_or_init(|| {
                        assigner.has_influence(link, link.primary)
                            && assigner.allowed_on_one(link.dependent)
                    })
        };
        self.changed.clear();
        for (node, entry) in work.table.iter() {
            let class = assigner.class(link.attribute, Some(node), self.target);
            let score = self.best[class as usize];
            if score == Score::ZERO
                || score.is_negative() && !counts_when_negative(score)
                || work.frozen.contains(node)
            {
                continue;
            }
            let new = entry.score + weaken(factor, score);
            if nonnegative && new.is_negative() && entry.score >= Score::ZERO {
                if entry.score > Score::ZERO {
                    work.frozen.insert(node);
                }
            } else if new != entry.score {
                self.changed.push((node, new));
            }
        }
        for &(node, score) in &self.changed {
            if let Some(entry) = work.table.get_mut(node) {
                entry.score = score;
            }
        }
    }

    /// Finds the best score that a resource has on an available node, by class of node.
    pub(super) fn find_best_scores(&mut self, source: ResourceId, link: Link) {
        let assigner = self.assigner;
        self.best.clear();
        self.best
            .resize(assigner.class_count(link.attribute), Score::MINUS_INFINITY);
        let with_locations = assigner.with_group_locations(source, link);
        let table = with_locations
            .as_ref()
            .unwrap_or(&assigner.resources[source].table);
        for (node, entry) in table.iter() {
            if assigner.nodes.available(node) {
                let class = assigner.class(link.attribute, Some(node), source) as usize;
                self.best[class] = self.best[class].max(entry.score);
            }
        }
    }
}

#[cfg(test)]
mod tests;
