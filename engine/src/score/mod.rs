//! Scores of nodes for a resource, and the ledger of every change to them.

use crate::id::{Id, NodeId};
use crate::value::Score;

/// Scores by node; a node may be absent (opt-in clusters, removed resources).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScoreTable {
    entries: Vec<Option<NodeEntry>>,
}

/// One node in a [`ScoreTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEntry {
    /// The score.
    pub score: Score,
    /// Instances counted there (each table counts for itself).
    pub count: i32,
    /// What locations say about probing there.
    pub probe: ProbeMode,
}

/// `resource-discovery` of locations; the highest wins.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeMode {
    #[default]
    Always,
    Never,
    Exclusive,
}

impl ScoreTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        ScoreTable::default()
    }
    /// The entry of `node`, if it is in the table.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<&NodeEntry> {
        self.entries.get(node.index())?.as_ref()
    }
    /// The entry of `node` for change, if it is in the table.
    pub fn get_mut(&mut self, node: NodeId) -> Option<&mut NodeEntry> {
        self.entries.get_mut(node.index())?.as_mut()
    }
    /// The score of `node`, if it is in the table.
    #[must_use]
    pub fn score(&self, node: NodeId) -> Option<Score> {
        self.get(node).map(|entry| entry.score)
    }
    /// Puts `node` into the table (replacing what was there).
    pub fn set(&mut self, node: NodeId, score: Score) {
        *self.slot(node) = Some(NodeEntry {
            score,
            count: 0,
            probe: ProbeMode::Always,
        });
    }
    /// The entry of `node`, made with `score` if it was absent.
    pub fn entry(&mut self, node: NodeId, score: Score) -> &mut NodeEntry {
        self.slot(node).get_or_insert(NodeEntry {
            score,
            count: 0,
            probe: ProbeMode::Always,
        })
    }
    /// Takes `node` out of the table.
    pub fn remove(&mut self, node: NodeId) {
        if let Some(slot) = self.entries.get_mut(node.index()) {
            *slot = None;
        }
    }
    /// Entries in id order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &NodeEntry)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(index, slot)| Some((NodeId::from_index(index), slot.as_ref()?)))
    }
    /// Entries in id order, for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut NodeEntry)> {
        let entries = self.entries.iter_mut().enumerate();
        entries.filter_map(|(index, slot)| Some((NodeId::from_index(index), slot.as_mut()?)))
    }
    /// Whether no node is in the table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(Option::is_none)
    }
    fn slot(&mut self, node: NodeId) -> &mut Option<NodeEntry> {
        if node.index() >= self.entries.len() {
            self.entries.resize(node.index() + 1, None);
        }
        &mut self.entries[node.index()]
    }
}

/// Every change of a score, in order: what `explain` filters and renders. A score is the ordered
/// fold of its entries (infinities make the order matter).
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

/// One change of one score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose score.
    pub resource: crate::id::ResourceId,
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

/// Why a score changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cause {
    /// Base score of the node, symmetric cluster.
    Node,
    /// Location constraint, index into `Constraints::locations`.
    Location(u32),
    /// Colocation, index into `Constraints::colocations`.
    Colocation(u32),
    Stickiness,
    /// `migration-threshold` reached, with the fail count.
    FailureThreshold(i32),
    /// A history entry says the resource cannot run there (text: which).
    History(String),
    /// Node health.
    Health,
    Exclusive,
    ShutdownLock,
    Ticket(u32),
    Utilization,
    TargetRole,
    Unmanaged,
    /// Instance limits of a clone or bundle.
    InstanceLimit,
    Promotion,
    NodeUnavailable,
    Removed,
    Other(&'static str),
}

impl Ledger {
    /// Appends a change.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
    /// All changes in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
