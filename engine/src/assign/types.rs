//! Where everything shall run: the result of the assign pass.

use std::sync::Arc;

use super::colocation::ColocationLists;
use super::nodes::Nodes;
use super::report::Report;
use super::utilization::{Capacity, Shortage};
use crate::config::Role;
use crate::constraint::Colocation;
use crate::id::{NodeId, ResourceId, Table};
use crate::score::ScoreTable;

/// Decisions of the assign pass.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Decision by resource.
    pub resource: Table<ResourceId, Placed>,
    /// Order of top-level resources after assignment (a placement strategy re-sorts them).
    pub top: Vec<ResourceId>,
    /// Primitives in the order in which they were assigned for good, with where they went. A
    /// primitive may come twice, if more than one rule keeps it from running. What assignment does
    /// to actions that exist already (a primitive without node has to stop, cannot start and is not
    /// monitored) happens in this order.
    pub assigned: Vec<(ResourceId, Option<NodeId>)>,
    /// Node conditions that assignment settles: connections that will run bring their node online,
    /// connections without a node shut it down.
    pub node: Table<NodeId, PlacedNode>,
    /// Every colocation: those of `Constraints`, then what assignment added (connections into
    /// bundles that run on a remote node).
    pub colocations: Vec<Colocation>,
    /// Which colocations matter for which resource, and in which order.
    pub(super) lists: ColocationLists,
    /// Load of nodes, for comparing them.
    pub(super) nodes: Nodes,
    /// What nodes have left, for comparing them.
    pub(super) capacity: Capacity,
    /// Earliest time after `now` at which a shutdown lock expires.
    pub recheck_by: Option<i64>,
    /// What was too little where: indexed by `score::Cause::Utilization`.
    pub shortages: Vec<Shortage>,
    /// Scores and capacities as `crm_simulate` shows them.
    pub report: Report,
    /// Every score change, if that was asked for.
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
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub struct Placed {
    /// The node it is assigned to (primitives only; for collectives see their members).
    pub node: Option<NodeId>,
    /// The role it shall have there.
    pub next_role: Role,
    /// Still managed (a fencing cluster without any device unmanages what it cannot protect).
    pub managed: bool,
    /// Blocked.
    pub blocked: bool,
    /// Failed (launchers of guests that a lost ticket fences fail because of that).
    pub failed: bool,
    /// Current role as assignment sees it (instances of promotable clones: at least Unpromoted).
    pub role: Role,
    /// Final allowed table: scores, counts, probe modes.
    pub allowed: ScoreTable,
    /// Nodes that constraints put into the table, before assignment.
    pub inserted: Vec<NodeId>,
    /// Children in the order in which assignment or promotion left them.
    pub children: Arc<[ResourceId]>,
    /// Configured priority; for instances of promotable clones, and groups in them, what promotion
    /// made of it.
    pub priority: i32,
    /// Promotion priority, for promotable instances.
    pub promotion_priority: i32,
    /// Probed only where a location says `exclusive`.
    pub exclusive_probes: bool,
    /// Node and time of a shutdown lock in force.
    pub lock: Option<(NodeId, i64)>,
    /// Assignment did not get to it.
    pub(super) unassigned: bool,
    /// Roles of the instances of this promotable clone have been chosen.
    pub(super) roles_chosen: bool,
}
