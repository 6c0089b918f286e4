//! What can be done with a node while resources are assigned?

use super::hash_order::string_hash;
use super::scratch::{Assigned, bundle_of};
use super::types::PlacedNode;
use crate::World;
use crate::config::{Node, NodeKind};
use crate::id::{NodeId, ResourceId, Table};
use crate::score::NodeEntry;
use crate::value::Score;

/// The nodes while resources are assigned to them.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    nodes: Table<NodeId, NodeScratch>,
    /// Asked more often than anything else.
    available: Table<NodeId, bool>,
    /// How often a condition has changed.
    changes: u32,
}

/// A node under assignment.
#[derive(Clone, Debug)]
pub(super) struct NodeScratch {
    condition: PlacedNode,
    /// Standby or maintenance.
    barred: bool,
    base: NodeEntry,
    pub(super) kind: NodeKind,
    /// The connection resource of a remote, guest or bundle node.
    pub(super) connection: Option<ResourceId>,
    /// The resource that launches a guest or bundle node.
    pub(super) launcher: Option<ResourceId>,
    /// Made by a bundle.
    pub(super) in_bundle: bool,
    /// Position among all nodes by the bytes of their names.
    pub(super) name_rank: u32,
    /// Hash of the id in the peer's tables.
    pub(super) id_hash: u32,
    /// Number of primitives assigned to it.
    pub(super) load: i32,
}

impl NodeScratch {
    fn new(world: World<'_>, node: NodeId, configured: &Node) -> NodeScratch {
        let observed = &world.state.node[node];
        let connection = configured.connection;
        let launcher = match configured.kind {
            NodeKind::Guest => {
                connection.and_then(|connection| world.state.resources[connection].launcher)
            }
            NodeKind::Cluster | NodeKind::Remote => None,
        };
        let bundle = connection.and_then(|connection| bundle_of(world, connection));
        NodeScratch {
            condition: PlacedNode {
                online: observed.online,
                shutdown: observed.shutdown,
                unclean: observed.unclean,
            },
            barred: observed.standby || observed.standby_on_fail || observed.maintenance,
            base: NodeEntry {
                score: configured.base_score,
                count: 0,
                probe: configured.probe,
            },
            kind: configured.kind,
            connection,
            launcher,
            in_bundle: launcher.is_some() && bundle.is_some(),
            name_rank: 0,
            id_hash: string_hash(&configured.id),
            load: 0,
        }
    }

    fn is_available(&self) -> bool {
        let PlacedNode {
            online,
            shutdown,
            unclean,
        } = self.condition;
        online && !shutdown && !unclean && !self.barred
    }
}

impl Nodes {
    pub(super) fn new(world: World<'_>) -> Nodes {
        let configured = &world.state.nodes;
        let nodes = configured.enumerate();
        let mut nodes: Table<NodeId, NodeScratch> = nodes
            .map(|(id, node)| NodeScratch::new(world, id, node))
            .collect();
        let mut by_name: Vec<NodeId> = configured.ids().collect();
        by_name.sort_by_key(|&node| configured[node].name.as_bytes());
        for (rank, node) in (0..).zip(by_name) {
            nodes[node].name_rank = rank;
        }
        let available = nodes.iter().map(NodeScratch::is_available).collect();
        Nodes {
            nodes,
            available,
            changes: 0,
        }
    }

    /// Whether the node can run resources: online, clean, neither leaving nor barred.
    pub(super) fn available(&self, node: NodeId) -> bool {
        self.available[node]
    }

    /// Whether the node can run resources and this score does not forbid it.
    pub(super) fn usable(&self, node: NodeId, score: Score) -> bool {
        !score.is_negative() && self.available(node)
    }

    /// Whether the node can run resources and its own base score does not forbid it.
    pub(super) fn usable_as_such(&self, node: NodeId) -> bool {
        self.usable(node, self.nodes[node].base.score)
    }

    /// Online and clean.
    pub(super) fn clean(&self, node: NodeId) -> bool {
        let condition = self.condition(node);
        condition.online && !condition.unclean
    }

    /// What a table gets for a node that it has to take up.
    pub(super) fn base_entry(&self, node: NodeId) -> NodeEntry {
        self.nodes[node].base
    }

    /// The node as such, with its base score.
    pub(super) fn as_such(&self, node: NodeId) -> Assigned {
        let score = self.nodes[node].base.score;
        Assigned { node, score }
    }

    /// A guest or bundle node.
    pub(super) fn is_guest(&self, node: NodeId) -> bool {
        self.nodes[node].launcher.is_some()
    }

    pub(super) fn get(&self, node: NodeId) -> &NodeScratch {
        &self.nodes[node]
    }

    pub(super) fn change_load(&mut self, node: NodeId, by: i32) {
        self.nodes[node].load += by;
    }

    pub(super) fn condition(&self, node: NodeId) -> PlacedNode {
        self.nodes[node].condition
    }

    pub(super) fn set_condition(&mut self, node: NodeId, condition: PlacedNode) {
        self.nodes[node].condition = condition;
        self.available[node] = self.nodes[node].is_available();
        self.changes += 1;
    }

    /// How often the condition of a node has changed.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// Whether some node is a guest.
    pub(super) fn have_guests(&self) -> bool {
        self.nodes.iter().any(|node| node.launcher.is_some())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.nodes.ids()
    }

    pub(super) fn conditions(&self) -> Table<NodeId, PlacedNode> {
        self.nodes.iter().map(|node| node.condition).collect()
    }
}
