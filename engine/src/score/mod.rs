//! Scores of nodes for a resource, and the ledger of every change to them.
//!
//! Scores as numbers are [`crate::value::Score`]. A [`ScoreTable`] says for which nodes a resource
//! has a score at all; the [`Ledger`] says how assignment arrived at each of them.

mod table;

pub use table::{NodeEntry, ProbeMode, ScoreTable};

use crate::id::{NodeId, ResourceId};
use crate::value::Score;

/// Every change that assignment makes to a score, in order: what `explain` filters and renders.
///
/// The scores before the first change are those of `State` (they are implied, not listed). A score
/// is the ordered fold of its entries: infinities make the order matter.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    records: bool,
    /// Resources whose scores have changed since that was last asked.
    changed: Vec<ResourceId>,
}

/// One change of one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose score.
    pub resource: ResourceId,
    /// For which node.
    pub node: NodeId,
    /// What was done.
    pub change: Change,
    /// Why.
    pub cause: Cause,
}

/// How a score changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Saturating sum.
    Add(Score),
    /// Replaced.
    Set(Score),
}

impl Change {
    /// The score after this change.
    #[must_use]
    pub fn apply(self, score: Score) -> Score {
        match self {
            Change::Add(delta) => score + delta,
            Change::Set(score) => score,
        }
    }
    /// The change that leads from one score to the other: a sum where a sum can.
    #[must_use]
    pub fn between(from: Score, to: Score) -> Change {
        let delta = Score::from(to.value() - from.value());
        if from + delta == to {
            Change::Add(delta)
        } else {
            Change::Set(to)
        }
    }
}

/// Why a score changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A location, index into `Constraints::locations`.
    Location(u32),
    /// A colocation, index into `Placement::colocations`: where the other resource is, or for the
    /// other one's sake, where the dependents (and theirs) want to be.
    Colocation(u32),
    /// A missing ticket, index into `Constraints::tickets`.
    Ticket(u32),
    /// Active there and sticky.
    Stickiness,
    /// `migration-threshold` reached.
    FailureThreshold,
    /// Probed only elsewhere.
    ExclusiveDiscovery,
    /// Locked to another node that is shutting down.
    ShutdownLock,
    /// Kept for another kind of node (no connection or fence device on a remote node, launched
    /// resources on their guest only).
    NodeKind,
    /// Not enough capacity, index into `Placement::shortages`.
    Utilization(u32),
    /// Shall be stopped.
    TargetRole,
    /// The clone or bundle can have no (more) instances there.
    InstanceLimit(Limit),
    /// Promotion score of the agent, or promotion priority of an instance.
    Promotion,
    /// Bundle parts belong on their own bundle node.
    Bundle,
    /// A trial placement or a colocation that would have left no node was undone.
    Undone,
}

/// Why a node gets no (more) instances of a clone or bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// There are as many instances as there may be.
    Max,
    /// The node has as many as a node may have.
    PerNode,
    /// The node can run nothing now.
    NodeUnavailable,
    /// The scores of the clone or bundle itself forbid the node.
    Forbidden,
    /// The instance is beyond the configured number, and only left from before.
    Surplus,
}

impl Ledger {
    /// A ledger that writes down every change. (The default one does not: only whoever wants a
    /// plan explained pays for it.)
    #[must_use]
    pub fn recording() -> Ledger {
        Ledger {
            records: true,
            ..Ledger::default()
        }
    }

    /// Changes a score and says why: the one way in which assignment changes the score of a
    /// resource.
    pub fn change(
        &mut self,
        (resource, node): (ResourceId, NodeId),
        entry: &mut NodeEntry,
        change: Change,
        cause: Cause,
    ) {
        entry.score = change.apply(entry.score);
        if self.changed.last() != Some(&resource) {
            self.changed.push(resource);
        }
        if self.records {
            self.entries.push(Entry {
                resource,
                node,
                change,
                cause,
            });
        }
    }
    /// Notes the changes that lead from one table to another, which replaces it.
    pub fn replace(
        &mut self,
        resource: ResourceId,
        table: &mut ScoreTable,
        new: ScoreTable,
        cause: Cause,
    ) {
        for (node, entry) in new.iter().filter(|_| self.records) {
            match table.score(node) {
                Some(score) if score == entry.score => {}
                Some(score) => {
                    let change = Change::between(score, entry.score);
                    self.entries.push(Entry {
                        resource,
                        node,
                        change,
                        cause,
                    });
                }
                None => {
                    let change = Change::Set(entry.score);
                    self.entries.push(Entry {
                        resource,
                        node,
                        change,
                        cause,
                    });
                }
            }
        }
        if *table != new {
            self.changed.push(resource);
        }
        *table = new;
    }
    /// The resources whose scores have changed since the last call, whether changes are written
    /// down or not.
    pub(crate) fn take_changed(&mut self) -> Vec<ResourceId> {
        std::mem::take(&mut self.changed)
    }
    /// All changes in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests;
