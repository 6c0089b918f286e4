//! What is observed, typed: the result of the unpack pass.
//!
//! `State` completes the rosters of nodes and resources (history may know removed resources and
//! surplus instances), so every later pass reads `State::nodes` and `State::resources`, never
//! `Config`'s. Nothing here changes after [`super::unpack`].

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::action::ActionRequest;
use crate::config::{Attributes, Node, NodeKind, Requires, Resource, Role};
use crate::id::{IdSet, NodeId, ResourceId, Table};
use crate::parse::ElementId;
use crate::score::ScoreTable;

/// The observed state of nodes and resources.
#[derive(Clone, Debug)]
pub struct State {
    /// All nodes: the configuration's, then those found in the status.
    pub nodes: Table<NodeId, Node>,
    /// Node ids in name order (digit runs as numbers, without case): the order of every output.
    pub nodes_by_name: Vec<NodeId>,
    /// All resources: the configuration's, then removed ones and surplus instances.
    pub resources: Table<ResourceId, Resource>,
    /// Top-level resources in scheduler order, removed ones last.
    pub top: Vec<ResourceId>,
    /// Observed state by node.
    pub node: Table<NodeId, NodeState>,
    /// Observed state by resource.
    pub resource: Table<ResourceId, ResourceState>,
    /// Tickets by name, sorted.
    pub tickets: Vec<Ticket>,
    /// Actions that reading the status asks for, in the order asked: they get the lowest numbers.
    pub requests: Vec<ActionRequest>,
    /// Orderings between requests, as pairs of their positions: the first implies the second.
    pub request_links: Vec<(usize, usize)>,
    /// A fence device is known (also a removed one), or a watchdog is had.
    pub have_fencing: bool,
    /// History entries of recurring operations whose failure has expired: to be scheduled again,
    /// as if the resource's parameters had changed.
    pub expired_recurring: BTreeSet<ElementId>,
    /// Failures of bundle connections whose parameters can be compared only once their container
    /// is assigned, oldest first (the peer goes through them latest first).
    pub deferred_checks: Vec<DeferredCheck>,
    /// Digests calculated so far; whoever compares more goes on with a copy of them.
    pub digests: super::digest::Cache,
    /// The designated controller, if it is a known node.
    pub dc: Option<NodeId>,
    /// Operations that failed, in the order found, for the status listing.
    pub failed_operations: Vec<FailedOperation>,
    /// What histories did to resources, in the order found, for explanations.
    pub notes: Vec<super::Note>,
    /// Earliest time after `now` at which something read so far changes (rules, expiry).
    pub recheck_by: Option<i64>,
    /// Messages in the order found.
    pub diagnostics: Vec<crate::Diagnostic>,
}

impl State {
    /// The connection to the guest that a resource launches. Connections only count as such where
    /// any node is remote: inside a group they make none by themselves.
    pub(crate) fn guest_connection(&self, launcher: ResourceId) -> Option<ResourceId> {
        let launched = self.resources[launcher].launched.iter().copied();
        let mut connections = launched.filter(|&id| self.resources[id].remote_connection);
        let connection = connections.next()?;
        let mut nodes = self.nodes.iter();
        nodes
            .any(|node| node.kind != NodeKind::Cluster)
            .then_some(connection)
    }
}

/// Observed state of a node.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one observed fact, all combinations occur"
)]
pub struct NodeState {
    /// Has a `node_state`, or for remote nodes a connection that was seen.
    pub seen: bool,
    /// In the cluster now.
    pub online: bool,
    /// Joined neither fully nor gone: gets probes that cannot run.
    pub pending: bool,
    /// Needs fencing before it can be used.
    pub unclean: bool,
    /// Why, the first reason wins.
    pub unclean_reason: Option<String>,
    /// Standby, configured or from a pending join.
    pub standby: bool,
    /// Standby because of `on-fail=standby`.
    pub standby_on_fail: bool,
    /// In maintenance.
    pub maintenance: bool,
    /// Shutting down cleanly.
    pub shutdown: bool,
    /// `expected=member`.
    pub expected_up: bool,
    /// Probes are allowed (`resource-discovery-enabled` is not false).
    pub probes_allowed: bool,
    /// Guest to be recovered, or remote to be fenced.
    pub remote_reset: bool,
    /// Remote node was fenced since it was last connected.
    pub remote_fenced: bool,
    /// Remote node was in maintenance according to its `node_state`.
    pub remote_maintenance: bool,
    /// Its history was read.
    pub unpacked: bool,
    /// Sum of priorities of what is active there (for `priority-fencing-delay`).
    pub priority: i32,
    /// All attributes: built-in, configured, then transient ones.
    pub attributes: Arc<Attributes>,
    /// Resources active there, in the order found.
    pub running: Vec<ResourceId>,
    /// The `node_state` element.
    pub element: Option<ElementId>,
    /// The histories there (`lrm_resource`) of resources that have the name and the agent that the
    /// history says, in document order: no need to look at most of these again.
    pub familiar: Vec<(ElementId, ResourceId)>,
}

/// Observed state of a resource (of a collective: what its members add up to where said).
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one observed fact, all combinations occur"
)]
pub struct ResourceState {
    /// Current role.
    pub role: Role,
    /// Role wanted at the end, as far as history and target-role say; `Unknown` = free.
    pub next_role: Role,
    /// Nodes where it is active, in the order found (collectives: repeats possible).
    pub active_on: Vec<NodeId>,
    /// Nodes where its state is known, so that no probe is needed.
    pub known_on: IdSet<NodeId>,
    /// Nodes from which an interrupted migration left something to stop.
    pub dangling_on: Vec<NodeId>,
    /// Source and target of a migration that has half happened.
    pub partial_migration: Option<(NodeId, NodeId)>,
    /// A pending action, for the status listing, and where.
    pub pending: Option<(String, NodeId)>,
    /// Managed.
    pub managed: bool,
    /// In maintenance (itself, its node, the cluster).
    pub maintenance: bool,
    /// Nothing may be done with it until someone cleans up.
    pub blocked: bool,
    /// Failed.
    pub failed: bool,
    /// Failed such that it has to stop (rather than only be demoted).
    pub stop_if_failed: bool,
    /// A start is pending.
    pub start_pending: bool,
    /// A failure is being ignored (`on-fail=ignore`): disables migration-threshold.
    pub ignore_failure: bool,
    /// More than one active instance with `multiple-active=stop_unexpected`.
    pub stop_unexpected: bool,
    /// `allow-migrate` and nothing in history forbids it.
    pub migratable: bool,
    /// `requires`, after what status changes in it.
    pub requires: Requires,
    /// Name that history uses for it, if that is not `Resource::id`.
    pub history_id: Option<String>,
    /// Removed from the configuration while launched by a resource (see `launcher`).
    pub removed_launched: bool,
    /// Node and time (epoch) of a shutdown lock found in history.
    pub lock: Option<(NodeId, i64)>,
    /// `failure-timeout` in milliseconds, 0 if failures never expire or if one blocks the resource.
    pub failure_timeout_ms: i64,
    /// Allowed nodes with their scores after reading the status, before constraints.
    pub allowed: ScoreTable,
}

/// A ticket's state.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its id.
    pub id: String,
    /// Granted here.
    pub granted: bool,
    /// Standby.
    pub standby: bool,
    /// Epoch of the last grant, −1 if never.
    pub last_granted: i64,
    /// All attributes.
    pub attributes: Attributes,
}

/// A failed operation for the status listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedOperation {
    /// Its history entry.
    pub element: ElementId,
    /// Where.
    pub node: NodeId,
    /// Whose operation.
    pub resource: ResourceId,
}

/// A comparison of parameters that has to wait for the assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeferredCheck {
    /// The history entry of the failure.
    pub element: ElementId,
    /// Whose.
    pub resource: ResourceId,
    /// Where.
    pub node: NodeId,
}
