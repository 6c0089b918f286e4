//! Scores by node.

use std::sync::Arc;

use crate::id::{Id, NodeId};
use crate::value::Score;

/// Scores by node; a node may be absent (opt-in clusters, removed resources).
///
/// Clones share their entries until one of them is changed: of a hundred thousand resources, most
/// start with the same thousand nodes.
#[derive(Clone, Debug, Default)]
pub struct ScoreTable {
    entries: Arc<Entries>,
}

/// Most tables have an entry for each of the first nodes. What a bundle runs has, besides those,
/// one for its own guest node, which is one of thousands: a slot for each node before it would make
/// the work of bundles quadratic.
#[derive(Clone, Debug, Default)]
struct Entries {
    /// By node.
    near: Vec<Option<NodeEntry>>,
    /// Nodes beyond those, ascending.
    far: Vec<(NodeId, NodeEntry)>,
}

/// A node so many slots beyond the last one is far.
const FAR: usize = 32;

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
        let Entries { near, far } = &*self.entries;
        match near.get(node.index()) {
            Some(slot) => slot.as_ref(),
            None => far_place(far, node).ok().map(|place| &far[place].1),
        }
    }
    /// The entry of `node` for change, if it is in the table.
    pub fn get_mut(&mut self, node: NodeId) -> Option<&mut NodeEntry> {
        self.get(node)?;
        let Entries { near, far } = Arc::make_mut(&mut self.entries);
        match near.get_mut(node.index()) {
            Some(slot) => slot.as_mut(),
            None => far_place(far, node).ok().map(|place| &mut far[place].1),
        }
    }
    /// The score of `node`, if it is in the table.
    #[must_use]
    pub fn score(&self, node: NodeId) -> Option<Score> {
        self.get(node).map(|entry| entry.score)
    }
    /// Puts `node` into the table (replacing what was there).
    pub fn set(&mut self, node: NodeId, score: Score) {
        *self.entry(node, score) = NodeEntry::new(score);
    }
    /// The entry of `node`, made with `score` if it was absent.
    pub fn entry(&mut self, node: NodeId, score: Score) -> &mut NodeEntry {
        let Entries { near, far } = Arc::make_mut(&mut self.entries);
        let index = node.index();
        if index >= near.len() + FAR {
            let place = far_place(far, node).unwrap_or_else(|place| {
                far.insert(place, (node, NodeEntry::new(score)));
                place
            });
            return &mut far[place].1;
        }
        if index >= near.len() {
            near.resize(index + 1, None);
            let reached = far.partition_point(|(id, _)| id.index() <= index);
            for (id, entry) in far.drain(..reached) {
                near[id.index()] = Some(entry);
            }
        }
        near[index].get_or_insert(NodeEntry::new(score))
    }
    /// Takes `node` out of the table.
    pub fn remove(&mut self, node: NodeId) {
        if self.get(node).is_none() {
            return;
        }
        let Entries { near, far } = Arc::make_mut(&mut self.entries);
        match near.get_mut(node.index()) {
            Some(slot) => *slot = None,
            None => far.retain(|(id, _)| *id != node),
        }
    }
    /// Entries in id order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &NodeEntry)> {
        let Entries { near, far } = &*self.entries;
        let near = near.iter().enumerate();
        let near =
            near.filter_map(|(index, slot)| Some((NodeId::from_index(index), slot.as_ref()?)));
        near.chain(far.iter().map(|(id, entry)| (*id, entry)))
    }
    /// Entries in id order, for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut NodeEntry)> {
        let Entries { near, far } = Arc::make_mut(&mut self.entries);
        let near = near.iter_mut().enumerate();
        let near =
            near.filter_map(|(index, slot)| Some((NodeId::from_index(index), slot.as_mut()?)));
        near.chain(far.iter_mut().map(|(id, entry)| (*id, entry)))
    }
    /// Whether no node is in the table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// However it came to them.
impl PartialEq for ScoreTable {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ScoreTable {}

/// Where the far entry of `node` is, or would be.
fn far_place(far: &[(NodeId, NodeEntry)], node: NodeId) -> Result<usize, usize> {
    far.binary_search_by_key(&node, |(id, _)| *id)
}

impl NodeEntry {
    fn new(score: Score) -> Self {
        NodeEntry {
            score,
            count: 0,
            probe: ProbeMode::Always,
        }
    }
}
