//! Constraints, typed: what the configuration's `constraints` section says once ids, tags,
//! patterns, templates and resource sets are resolved and rules are evaluated.

use crate::action::{ActionRequest, Task};
use crate::config::Role;
use crate::id::{NodeId, ResourceId};
use crate::relate::Ordering;
use crate::score::ProbeMode;
use crate::value::Score;

/// Every constraint, in the order in which the peer creates them.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    /// Locations in creation order (health first, then document order).
    /// They are *applied* last to first.
    pub locations: Vec<Location>,
    /// Colocations in creation order: configured ones, then those that groups, bundles and
    /// launchers imply.
    pub colocations: Vec<Colocation>,
    /// Orderings from `rsc_order`, colocation scores of −INFINITY and tickets, in creation order.
    pub orderings: Vec<Ordering>,
    /// Ticket constraints in creation order.
    pub tickets: Vec<TicketConstraint>,
    /// Helper actions that orderings need (`one-or-more:…`), in the order in which they are asked
    /// for: [`crate::relate::End::Requested`] refers to positions here.
    pub requests: Vec<ActionRequest>,
    /// Nodes to fence because a ticket was lost, in order.
    pub fence: Vec<LostNode>,
    /// Resources that a missing ticket bans from every node, with the ticket constraint's index.
    /// Applied before all locations.
    pub banned: Vec<(ResourceId, u32)>,
    /// Resources that a lost ticket freezes: unmanaged and blocked.
    pub frozen: Vec<ResourceId>,
    /// Rules' next change, as in `Config::recheck_by`.
    pub recheck_by: Option<i64>,
    /// Messages in the order found.
    pub diagnostics: Vec<crate::Diagnostic>,
}

/// Score of some nodes for one resource.
#[derive(Clone, Debug)]
pub struct Location {
    /// Constraint or rule id (node health: the strategy), the cause in the ledger.
    pub id: String,
    /// The resource.
    pub resource: ResourceId,
    /// Only for this role (`Promoted` touches promotion priority, not node scores).
    pub role: Option<Role>,
    /// Nodes with what is added there, in order.
    pub nodes: Vec<(NodeId, Score)>,
    /// `resource-discovery`. `Exclusive` also holds for the resource as such, even if no node
    /// matches.
    pub discovery: ProbeMode,
}

/// Dependent wants to be (or not to be) where primary is.
#[derive(Clone, Debug)]
pub struct Colocation {
    /// Constraint id, or `#…` for an implicit one.
    pub id: String,
    /// The resource that is placed with (or away from) the other.
    pub dependent: ResourceId,
    /// The other.
    pub primary: ResourceId,
    /// Only if the dependent has this role.
    pub dependent_role: Option<Role>,
    /// Only if the primary has this role.
    pub primary_role: Option<Role>,
    /// How much; never 0.
    pub score: Score,
    /// Node attribute whose values are compared; `#uname` by default.
    pub node_attribute: String,
    /// Written in the configuration (not implied by a group, bundle or launcher).
    pub explicit: bool,
    /// The dependent's wishes count for the primary's placement.
    pub influence: bool,
}

/// Resource needs a ticket.
#[derive(Clone, Debug)]
pub struct TicketConstraint {
    /// Constraint id.
    pub id: String,
    /// The resource.
    pub resource: ResourceId,
    /// The ticket is granted here and not in standby.
    pub satisfied: bool,
    /// Ticket name.
    pub ticket_id: String,
    /// Needed only in this role.
    pub role: Option<Role>,
    /// What happens on loss.
    pub loss_policy: LossPolicy,
}

/// A node to be fenced because a ticket was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostNode {
    /// The node.
    pub node: NodeId,
    /// Why, as the fencing action tells.
    pub reason: &'static str,
    /// How many of [`Constraints::requests`] come before.
    pub after: usize,
}

/// `loss-policy` of a ticket constraint.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossPolicy {
    Stop,
    Demote,
    Fence,
    Freeze,
}

/// One end of an `rsc_order`, for messages and explanations.
#[derive(Clone, Debug)]
pub struct OrderEnd {
    /// The resource.
    pub resource: ResourceId,
    /// The action.
    pub task: Task,
}
