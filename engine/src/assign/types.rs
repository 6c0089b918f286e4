//! Where everything shall run: the result of the assign pass.

use crate::config::Role;
use crate::id::{NodeId, ResourceId, Table};
use crate::score::ScoreTable;

/// Decisions of the assign pass.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Decision by resource.
    pub resource: Table<ResourceId, Placed>,
    /// Order of top-level resources after assignment (a placement strategy re-sorts them).
    pub top: Vec<ResourceId>,
    /// Primitives in the order in which they were assigned for good (with where they went):
    /// what assignment does to actions that exist already happens in this order.
    pub assigned: Vec<(ResourceId, Option<NodeId>)>,
    /// Node conditions that assignment settles: connections that will run bring their node online,
    /// connections without a node shut it down.
    pub node: Table<NodeId, PlacedNode>,
    /// Lines of `crm_simulate -s` and `-U`, in order.
    pub lines: Vec<String>,
    /// Every score change.
    pub ledger: crate::score::Ledger,
    /// Messages in the order found.
    pub diagnostics: Vec<crate::Diagnostic>,
}

/// A node after assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlacedNode {
    /// In the cluster (guest and remote nodes: will be).
    pub online: bool,
    /// Shutting down.
    pub shutdown: bool,
    /// Needs fencing.
    pub unclean: bool,
}

/// A resource after assignment.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The node it is assigned to.
    pub node: Option<NodeId>,
    /// The role it shall have there.
    pub next_role: Role,
    /// Still managed (a fencing cluster without any device unmanages what it cannot protect).
    pub managed: bool,
    /// Blocked.
    pub blocked: bool,
    /// Current role as assignment sees it (instances of promotable clones: at least Unpromoted).
    pub role: Role,
    /// Final allowed table: scores, counts, probe modes.
    pub allowed: ScoreTable,
    /// Children in the order in which assignment or promotion left them.
    pub children: Vec<ResourceId>,
    /// Promotion priority, for promotable instances.
    pub promotion_priority: i32,
    /// Probed only where a location says `exclusive`.
    pub exclusive_probes: bool,
    /// Node and time of a shutdown lock in force.
    pub lock: Option<(NodeId, i64)>,
}
