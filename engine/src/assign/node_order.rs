//! Which node is better than another?
//!
//! By score first; nodes that cannot run anything come last. Among equals, what counts depends on
//! the placement strategy: free capacity (`balanced`), number of resources (all but `minimal`), the
//! current node, the name.

use std::cmp::Ordering;

use super::hash_order::iteration_order;
use super::nodes::Nodes;
use super::scratch::{Assigned, Assigner, Scratch};
use super::types::Placement;
use super::utilization::Capacity;
use crate::World;
use crate::config::PlacementStrategy;
use crate::id::{NodeId, ResourceId};
use crate::merge_sort::merge_sort;
use crate::score::{NodeEntry, ScoreTable};
use crate::value::Score;

/// The nodes of a resource that are to be compared.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    table: &'a ScoreTable,
    /// See [`Scratch::inserted`].
    inserted: &'a [NodeId],
    /// See [`Scratch::copies`].
    copies: u32,
}

impl Scratch {
    pub(super) fn candidates(&self) -> Candidates<'_> {
        Candidates {
            table: &self.table,
            inserted: &self.inserted,
            copies: self.copies,
        }
    }
}

/// How nodes compare at this moment.
#[derive(Clone, Copy)]
pub(super) struct NodeOrder<'a> {
    world: World<'a>,
    nodes: &'a Nodes,
    capacity: &'a Capacity,
    /// The current node of the resource for which nodes are compared.
    active: Option<NodeId>,
}

impl Assigner<'_> {
    pub(super) fn node_order(&self, active: Option<NodeId>) -> NodeOrder<'_> {
        NodeOrder {
            world: self.world,
            nodes: &self.nodes,
            capacity: &self.capacity,
            active,
        }
    }

    pub(super) fn strategy(&self) -> PlacementStrategy {
        self.world.config.options.placement_strategy
    }
}

/// How loaded nodes are after assignments were given up.
#[derive(Clone, Debug)]
pub struct Loads {
    nodes: Nodes,
    capacity: Capacity,
}

impl Loads {
    /// How loaded nodes are once all is assigned.
    #[must_use]
    pub fn of(placement: &Placement) -> Self {
        Loads {
            nodes: placement.nodes.clone(),
            capacity: placement.capacity.clone(),
        }
    }

    /// A primitive that was assigned to a node will not run after all.
    pub fn give_up(&mut self, node: NodeId, resource: ResourceId) {
        self.nodes.change_load(node, -1);
        self.capacity.release(node, resource);
    }
}

impl Placement {
    /// The best of the `wanted` nodes where a resource might run: as they compare once all is
    /// assigned, and, if something of that was given up, with `loads` since.
    #[must_use]
    pub fn best_node(
        &self,
        world: World<'_>,
        allowed: &ScoreTable,
        loads: Option<&Loads>,
        wanted: impl Fn(NodeId) -> bool,
    ) -> Option<NodeId> {
        let (nodes, capacity) = match loads {
            Some(loads) => (&loads.nodes, &loads.capacity),
            None => (&self.nodes, &self.capacity),
        };
        let order = NodeOrder {
            world,
            nodes,
            capacity,
            active: None,
        };
        let candidates = Candidates {
            table: allowed,
            inserted: &[],
            copies: 0,
        };
        order.best_of(candidates, wanted).map(|best| best.node)
    }
}

/// What a node is compared by, looked up once.
#[derive(Clone, Copy)]
struct Key {
    candidate: Assigned,
    /// The score, if the node can run anything.
    score: Score,
    load: i32,
    is_active: bool,
    name_rank: u32,
}

impl NodeOrder<'_> {
    /// The best node.
    pub(super) fn best(&self, candidates: Candidates<'_>) -> Option<Assigned> {
        self.best_of(candidates, |_| true)
    }

    /// The best of the wanted nodes.
    fn best_of(
        &self,
        candidates: Candidates<'_>,
        wanted: impl Fn(NodeId) -> bool,
    ) -> Option<Assigned> {
        if self.strategy() == PlacementStrategy::Balanced {
            // Votes can be cyclic: then the nodes that are not wanted matter as well.
            let mut sorted = self.sorted(candidates).into_iter();
            return sorted.find(|candidate| wanted(candidate.node));
        }
        let keys = candidates
            .table
            .iter()
            .filter(|(node, _)| wanted(*node))
            .map(|entry| self.key(candidate(entry)));
        let best = keys.min_by(|a, b| self.compare(a, b));
        best.map(|key| key.candidate)
    }

    /// All nodes, best first.
    pub(super) fn sorted(&self, candidates: Candidates<'_>) -> Vec<Assigned> {
        if self.strategy() == PlacementStrategy::Balanced {
            // Votes can be cyclic: then the order before sorting matters as well.
            return self.sort(self.hash_ordered(candidates).into_iter().rev());
        }
        self.sort(candidates.table.iter().map(candidate))
    }

    /// All nodes of the cluster, best first as far as they are better as such.
    pub(super) fn sorted_cluster(&self) -> Vec<NodeId> {
        let names = self.world.state.nodes_by_name.iter();
        let nodes = self.sort(names.map(|&node| self.nodes.as_such(node)));
        nodes.into_iter().map(|candidate| candidate.node).collect()
    }

    /// All nodes in the order in which the peer's hash table would give them.
    pub(super) fn hash_ordered(&self, candidates: Candidates<'_>) -> Vec<Assigned> {
        let from_start = self.world.state.nodes_by_name.iter();
        let nodes: Vec<Assigned> = from_start
            .filter(|node| !candidates.inserted.contains(node))
            .chain(candidates.inserted)
            .filter_map(|&node| Some(candidate((node, candidates.table.get(node)?))))
            .collect();
        let hashes = nodes
            .iter()
            .map(|candidate| self.nodes.get(candidate.node).id_hash);
        let hashes: Vec<u32> = hashes.collect();
        let order = iteration_order(&hashes, candidates.copies);
        order.into_iter().map(|index| nodes[index]).collect()
    }

    fn strategy(&self) -> PlacementStrategy {
        self.world.config.options.placement_strategy
    }

    fn sort(&self, candidates: impl Iterator<Item = Assigned>) -> Vec<Assigned> {
        let mut keys: Vec<Key> = candidates.map(|candidate| self.key(candidate)).collect();
        match self.strategy() {
            PlacementStrategy::Balanced => merge_sort(&mut keys, |a, b| self.compare(a, b)),
            // Never cyclic: it ends with the names.
            _ => keys.sort_by(|a, b| self.compare(a, b)),
        }
        keys.into_iter().map(|key| key.candidate).collect()
    }

    fn key(&self, candidate: Assigned) -> Key {
        let node = self.nodes.get(candidate.node);
        let available = self.nodes.available(candidate.node);
        Key {
            candidate,
            score: if available {
                candidate.score
            } else {
                Score::MINUS_INFINITY
            },
            load: node.load,
            is_active: Some(candidate.node) == self.active,
            name_rank: node.name_rank,
        }
    }

    fn compare(&self, a: &Key, b: &Key) -> Ordering {
        let strategy = self.strategy();
        let by_score = b.score.cmp(&a.score);
        if strategy == PlacementStrategy::Minimal {
            return by_score.then(a.name_rank.cmp(&b.name_rank));
        }
        by_score
            .then_with(|| match strategy {
                PlacementStrategy::Balanced => {
                    self.capacity.compare(a.candidate.node, b.candidate.node)
                }
                _ => Ordering::Equal,
            })
            .then(a.load.cmp(&b.load))
            .then(b.is_active.cmp(&a.is_active))
            .then(a.name_rank.cmp(&b.name_rank))
    }
}

fn candidate((node, entry): (NodeId, &NodeEntry)) -> Assigned {
    Assigned {
        node,
        score: entry.score,
    }
}
