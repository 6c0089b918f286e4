//! What does assignment know while it is under way?
//!
//! [`Assigner`] is the only mutable state of the pass. It starts from what was configured and
//! observed; the other files of this module change it, each for its own question.

use super::colocation::{AttributeClasses, ColocationLists, Memory, wishes_allowed};
use super::nodes::Nodes;
use super::report::Report;
use super::types::{Placed, Placement};
use super::utilization::{Capacity, Shortage};
use crate::World;
use crate::config::{Resource, Role, Variant};
use crate::constraint::Colocation;
use crate::diagnostic::{Diagnostic, Severity};
use crate::id::{IdSet, NodeId, ResourceId, Table};
use crate::score::{Cause, Change, Ledger, NodeEntry, ScoreTable};
use crate::state::{self, ResourceState};
use crate::value::Score;

/// The scratch state of the assign pass.
pub(super) struct Assigner<'a> {
    pub(super) world: World<'a>,
    pub(super) resources: Table<ResourceId, Scratch>,
    pub(super) nodes: Nodes,
    pub(super) top: Vec<ResourceId>,
    pub(super) colocations: Vec<Colocation>,
    pub(super) lists: ColocationLists,
    pub(super) classes: AttributeClasses,
    pub(super) capacity: Capacity,
    /// Sources of wishes that are being added: breaks loops.
    pub(super) merging: IdSet<ResourceId>,
    pub(super) memory: Memory,
    /// How often colocations may still be followed while wishes are added.
    pub(super) wishes_left: u64,
    /// How many resources are under assignment that are not begun again before they are done: all
    /// but bundles, and clones in them.
    pub(super) guarded: u32,
    pub(super) assigned: Vec<(ResourceId, Option<NodeId>)>,
    pub(super) recheck_by: Option<i64>,
    pub(super) report: Report,
    pub(super) ledger: Ledger,
    pub(super) shortages: Vec<Shortage>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A resource under assignment.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub(super) struct Scratch {
    /// Its own scores.
    pub(super) table: ScoreTable,
    /// Nodes that were put into the table after the status was read, in order.
    pub(super) inserted: Vec<NodeId>,
    /// How many of these were there when assignment began.
    pub(super) inserted_early: usize,
    /// How often the peer would have copied the table (see `hash_order`).
    pub(super) copies: u32,
    /// Where a primitive goes.
    pub(super) assigned: Option<Assigned>,
    /// Not been assigned yet (to a node or to none).
    pub(super) unassigned: bool,
    /// Being assigned: breaks loops.
    pub(super) assigning: bool,
    /// Of a bundle: [`Assigner::guarded`] when assigning it was begun last.
    pub(super) begun_at: Option<u32>,
    pub(super) managed: bool,
    pub(super) blocked: bool,
    pub(super) failed: bool,
    pub(super) role: Role,
    pub(super) next_role: Role,
    pub(super) priority: i32,
    pub(super) promotion_priority: i32,
    /// Promotion scores have been added to the instances' node scores.
    pub(super) promotion_scores_added: bool,
    /// Choosing the roles of the instances has begun.
    pub(super) roles_chosen: bool,
    pub(super) exclusive_probes: bool,
    pub(super) lock: Option<(NodeId, i64)>,
    pub(super) children: Vec<ResourceId>,
    /// Locations for this resource as such (indexes into `Constraints::locations`), newest first.
    pub(super) locations: Vec<u32>,
}

/// A node with the score it had when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) node: NodeId,
    pub(super) score: Score,
}

/// Whether an assignment is only tried. Trials can be undone: they change no roles and no actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Trial,
    Final,
}

impl<'a> Assigner<'a> {
    pub(super) fn new(world: World<'a>, ledger: Ledger) -> Self {
        let mut assigner = Assigner {
            resources: world
                .state
                .resources
                .iter()
                .zip(world.state.resource.iter())
                .map(|(resource, state)| Scratch::new(resource, state))
                .collect(),
            nodes: Nodes::new(world),
            top: world.state.top.clone(),
            classes: AttributeClasses::default(),
            capacity: Capacity::new(world),
            lists: ColocationLists::new(world.state.resources.len()),
            colocations: Vec::new(),
            merging: IdSet::new(),
            memory: Memory::default(),
            wishes_left: wishes_allowed(world.state.resources.len()),
            guarded: 0,
            assigned: Vec::new(),
            recheck_by: None,
            report: Report::default(),
            ledger,
            shortages: Vec::new(),
            diagnostics: Vec::new(),
            world,
        };
        for colocation in &world.constraints.colocations {
            assigner.add_colocation(colocation.clone());
        }
        assigner
    }

    /// Notes which nodes constraints have put into tables: assignment goes on to add all others
    /// to the tables of what it bans from everywhere.
    pub(super) fn remember_insertions(&mut self) {
        for scratch in self.resources.iter_mut() {
            scratch.inserted_early = scratch.inserted.len();
        }
    }

    /// What is configured for a resource.
    pub(super) fn config(&self, resource: ResourceId) -> &'a Resource {
        &self.world.state.resources[resource]
    }

    /// What is observed of a resource.
    pub(super) fn observed(&self, resource: ResourceId) -> &'a ResourceState {
        &self.world.state.resource[resource]
    }

    /// Where a resource is active, in the order found.
    pub(super) fn active_on(&self, resource: ResourceId) -> &'a [NodeId] {
        &self.observed(resource).active_on
    }

    pub(super) fn is_group(&self, resource: ResourceId) -> bool {
        matches!(self.config(resource).variant, Variant::Group(_))
    }

    pub(super) fn is_clone(&self, resource: ResourceId) -> bool {
        matches!(self.config(resource).variant, Variant::Clone(_))
    }

    /// The collective at the top, but below a bundle.
    pub(super) fn top_of(&self, resource: ResourceId) -> ResourceId {
        top_of(self.world, resource)
    }

    /// Bans a resource, with all below it, from a node.
    pub(super) fn ban(&mut self, resource: ResourceId, node: NodeId, cause: Cause) {
        self.add_score(resource, node, Score::MINUS_INFINITY, cause);
    }

    /// Bans a resource, with all below it, from every node of the cluster; an assignment is
    /// forgotten, but not given back.
    pub(super) fn ban_everywhere(&mut self, resource: ResourceId, cause: Cause) {
        for &node in &self.world.state.nodes_by_name {
            self.ban(resource, node, cause);
        }
        self.resources[resource].assigned = None;
    }

    /// Adds to the score of a node for a resource and all below it, putting the node into their
    /// tables where it is missing.
    pub(super) fn add_score(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        score: Score,
        cause: Cause,
    ) {
        for index in 0..self.resources[resource].children.len() {
            let child = self.resources[resource].children[index];
            self.add_score(child, node, score, cause);
        }
        let base = self.nodes.base_entry(node);
        let entry = self.resources[resource].entry(node, base);
        self.ledger
            .change((resource, node), entry, Change::Add(score), cause);
    }

    /// Sets the scores of some nodes of a resource's own table to -INFINITY.
    pub(super) fn ban_where(
        &mut self,
        resource: ResourceId,
        cause: Cause,
        mut banned: impl FnMut(&Nodes, NodeId) -> bool,
    ) {
        let change = Change::Set(Score::MINUS_INFINITY);
        for (node, entry) in self.resources[resource].table.iter_mut() {
            if !entry.score.is_minus_infinite() && banned(&self.nodes, node) {
                self.ledger.change((resource, node), entry, change, cause);
            }
        }
    }

    /// Whether the table has a node that can be used and is not forbidden.
    pub(super) fn any_usable(&self, table: &ScoreTable) -> bool {
        table
            .iter()
            .any(|(node, entry)| self.nodes.usable(node, entry.score))
    }

    /// The role that a resource has now, or will have: of collectives the highest of its members.
    pub(super) fn role(&self, resource: ResourceId, current: bool) -> Role {
        let scratch = &self.resources[resource];
        match self.config(resource).variant {
            Variant::Primitive(_) if current => scratch.role,
            Variant::Primitive(_) => scratch.next_role,
            // Whether a bundle is up is never expressed as a role.
            Variant::Bundle(_) => Role::Unknown,
            Variant::Group(_) | Variant::Clone(_) => {
                let roles = scratch
                    .children
                    .iter()
                    .map(|&child| self.role(child, current));
                roles.max().unwrap_or(Role::Unknown)
            }
        }
    }

    /// The nodes that a resource and all below it are assigned to, each once.
    pub(super) fn assigned_nodes(&self, resource: ResourceId) -> Vec<Assigned> {
        let mut found = Vec::new();
        self.collect_assigned(resource, &mut found);
        found
    }

    fn collect_assigned(&self, resource: ResourceId, found: &mut Vec<Assigned>) {
        let scratch = &self.resources[resource];
        if scratch.children.is_empty()
            && let Some(assigned) = scratch.assigned
            && found.iter().all(|other| other.node != assigned.node)
        {
            found.push(assigned);
        }
        for &child in &scratch.children {
            self.collect_assigned(child, found);
        }
    }

    /// The node that a resource, with all below it, is assigned to: none if to none or to several.
    pub(super) fn assigned_node(&self, resource: ResourceId) -> Option<Assigned> {
        let scratch = &self.resources[resource];
        if scratch.children.is_empty() {
            return scratch.assigned;
        }
        match self.assigned_nodes(resource)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The node where a resource counts as active: a migration's source, else (unless it needs
    /// fencing to be recovered) the first clean one, else the first.
    pub(super) fn current_node(&self, resource: ResourceId) -> Option<NodeId> {
        let Variant::Bundle(bundle) = &self.config(resource).variant else {
            return self.active_node(resource, self.active_on(resource));
        };
        // Where its containers are. One container decides by itself.
        let containers = bundle.replicas.iter().map(|replica| replica.container);
        let active: Vec<_> = containers
            .filter(|&container| !self.active_on(container).is_empty())
            .collect();
        match active[..] {
            [] => None,
            [only] => self.current_node(only),
            _ => {
                let nodes: Vec<_> = active
                    .iter()
                    .flat_map(|&container| self.active_on(container))
                    .collect();
                let nodes: Vec<_> = nodes.into_iter().copied().collect();
                self.active_node(resource, &nodes)
            }
        }
    }

    fn active_node(&self, resource: ResourceId, active_on: &[NodeId]) -> Option<NodeId> {
        let observed = self.observed(resource);
        let migration = observed.partial_migration;
        state::main_node(active_on, migration, observed.requires, |node| {
            self.nodes.clean(node)
        })
    }

    /// Whether a resource or anything below it is blocked.
    pub(super) fn any_blocked(&self, resource: ResourceId) -> bool {
        let scratch = &self.resources[resource];
        scratch.blocked
            || scratch
                .children
                .iter()
                .any(|&child| self.any_blocked(child))
    }

    /// Whether a resource or anything below it has failed.
    pub(super) fn any_failed(&self, resource: ResourceId) -> bool {
        let scratch = &self.resources[resource];
        scratch.failed || scratch.children.iter().any(|&child| self.any_failed(child))
    }

    /// Adds a colocation while resources are being assigned.
    pub(super) fn add_colocation(&mut self, colocation: Colocation) {
        let attribute = self
            .classes
            .attribute(&self.world, &colocation.node_attribute);
        self.lists
            .add(self.world, &self.resources, &colocation, attribute);
        self.colocations.push(colocation);
    }

    /// Notes a message about the configuration of a resource.
    pub(super) fn misconfigured(&mut self, resource: ResourceId, message: String) {
        let element = self.config(resource).element;
        self.diagnostics.push(Diagnostic::error(element, message));
    }

    /// Notes what happens to a resource.
    pub(super) fn say(&mut self, severity: Severity, resource: ResourceId, message: String) {
        let element = self.config(resource).element;
        let message = Diagnostic {
            severity,
            ..Diagnostic::notice(element, message)
        };
        self.diagnostics.push(message);
    }

    /// What was decided.
    pub(super) fn finish(self) -> Placement {
        let placed = |mut scratch: Scratch| Placed {
            inserted: {
                scratch.inserted.truncate(scratch.inserted_early);
                scratch.inserted
            },
            node: scratch.assigned.map(|assigned| assigned.node),
            next_role: scratch.next_role,
            managed: scratch.managed,
            blocked: scratch.blocked,
            failed: scratch.failed,
            role: scratch.role,
            allowed: scratch.table,
            children: crate::id::shared(&scratch.children),
            priority: scratch.priority,
            promotion_priority: scratch.promotion_priority,
            exclusive_probes: scratch.exclusive_probes,
            lock: scratch.lock,
            unassigned: scratch.unassigned,
            roles_chosen: scratch.roles_chosen,
        };
        Placement {
            resource: self.resources.into_iter().map(placed).collect(),
            top: self.top,
            assigned: self.assigned,
            node: self.nodes.conditions(),
            nodes: self.nodes,
            capacity: self.capacity,
            colocations: self.colocations,
            lists: self.lists,
            recheck_by: self.recheck_by,
            report: self.report,
            ledger: self.ledger,
            shortages: self.shortages,
            diagnostics: self.diagnostics,
        }
    }
}

/// The collective at the top of a resource, but below a bundle.
pub(super) fn top_of(world: World<'_>, mut resource: ResourceId) -> ResourceId {
    let resources = &world.state.resources;
    while let Some(parent) = resources[resource].parent
        && !matches!(resources[parent].variant, Variant::Bundle(_))
    {
        resource = parent;
    }
    resource
}

/// The bundle that a resource is part of.
pub(super) fn bundle_of(world: World<'_>, resource: ResourceId) -> Option<ResourceId> {
    let resources = &world.state.resources;
    resources[top_of(world, resource)].parent
}

impl Scratch {
    fn new(resource: &Resource, state: &ResourceState) -> Self {
        Scratch {
            table: state.allowed.clone(),
            inserted: Vec::new(),
            inserted_early: 0,
            copies: 0,
            assigned: None,
            unassigned: true,
            assigning: false,
            begun_at: None,
            managed: state.managed,
            blocked: state.blocked,
            failed: state.failed,
            role: state.role,
            next_role: state.next_role,
            priority: resource.meta.priority,
            promotion_priority: 0,
            promotion_scores_added: false,
            roles_chosen: false,
            exclusive_probes: resource.exclusive_probes,
            lock: state.lock,
            children: resource.children.clone(),
            locations: Vec::new(),
        }
    }

    /// The entry of a node, made from `base` if the table has none.
    pub(super) fn entry(&mut self, node: NodeId, base: NodeEntry) -> &mut NodeEntry {
        if self.table.get(node).is_none() {
            self.inserted.push(node);
            *self.table.entry(node, base.score) = base;
        }
        self.table.entry(node, base.score)
    }
}
