//! Which node is better than another?
//!
//! By score first; nodes that cannot run anything come last. Among equals, what counts depends on
//! the placement strategy: free capacity (`balanced`), number of resources (all but `minimal`), the
//! current node, the name.

use std::cmp::Ordering;

use super::hash_order::{iteration_order, string_hash};
use super::merge_sort::merge_sort;
use super::nodes::Nodes;
use super::scratch::{Assigned, Assigner, Scratch};
use super::types::Placement;
use super::utilization::Capacity;
use crate::World;
use crate::config::PlacementStrategy;
use crate::id::NodeId;
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

impl Placement {
    /// The nodes where a resource might run, best first, as they compare once all is assigned.
    #[must_use]
    pub fn sorted_nodes(&self, world: World<'_>, allowed: &ScoreTable) -> Vec<NodeId> {
        let (nodes, capacity) = (&self.nodes, &self.capacity);
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
        order
            .sorted(candidates)
            .into_iter()
            .map(|candidate| candidate.node)
            .collect()
    }
}

impl NodeOrder<'_> {
    /// The best node.
    pub(super) fn best(&self, candidates: Candidates<'_>) -> Option<Assigned> {
        if self.is_balanced() {
            return self.sorted(candidates).first().copied();
        }
        let nodes = candidates.table.iter().map(candidate);
        nodes.min_by(|a, b| self.compare(a, b))
    }

    /// All nodes, best first.
    pub(super) fn sorted(&self, candidates: Candidates<'_>) -> Vec<Assigned> {
        let mut nodes = if self.is_balanced() {
            // Votes can be cyclic: then the order before sorting matters as well.
            let mut nodes = self.hash_ordered(candidates);
            nodes.reverse();
            nodes
        } else {
            candidates.table.iter().map(candidate).collect()
        };
        merge_sort(&mut nodes, &mut |a, b| self.compare(a, b));
        nodes
    }

    /// All nodes of the cluster, best first as far as they are better as such.
    pub(super) fn sorted_cluster(&self) -> Vec<NodeId> {
        let names = &self.world.state.nodes_by_name;
        let mut nodes: Vec<Assigned> = names.iter().map(|&node| self.nodes.as_such(node)).collect();
        merge_sort(&mut nodes, &mut |a, b| self.compare(a, b));
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
        let ids = nodes
            .iter()
            .map(|candidate| &self.world.state.nodes[candidate.node].id);
        let hashes: Vec<u32> = ids.map(|id| string_hash(id)).collect();
        let order = iteration_order(&hashes, candidates.copies);
        order.into_iter().map(|index| nodes[index]).collect()
    }

    fn is_balanced(&self) -> bool {
        self.world.config.options.placement_strategy == PlacementStrategy::Balanced
    }

    fn compare(&self, a: &Assigned, b: &Assigned) -> Ordering {
        let effective = |candidate: &Assigned| {
            if self.nodes.available(candidate.node) {
                candidate.score
            } else {
                Score::MINUS_INFINITY
            }
        };
        let node = |candidate: &Assigned| self.nodes.get(candidate.node);
        let is_active = |candidate: &Assigned| Some(candidate.node) == self.active;
        let by_score = effective(b).cmp(&effective(a));
        let by_capacity = || match self.is_balanced() {
            true => self.capacity.compare(a.node, b.node),
            false => Ordering::Equal,
        };
        let by_name = || node(a).name_rank.cmp(&node(b).name_rank);
        if self.world.config.options.placement_strategy == PlacementStrategy::Minimal {
            return by_score.then_with(by_name);
        }
        by_score
            .then_with(by_capacity)
            .then_with(|| node(a).load.cmp(&node(b).load))
            .then_with(|| is_active(b).cmp(&is_active(a)))
            .then_with(by_name)
    }
}

fn candidate((node, entry): (NodeId, &NodeEntry)) -> Assigned {
    Assigned {
        node,
        score: entry.score,
    }
}
