//! Does a node have room for a resource?
//!
//! With a placement strategy other than the default, resources use up what nodes have of each
//! utilization attribute, and go only where enough is left: if possible, for all that must be with
//! them as well.

use std::cmp::Ordering;

use super::colocation::{Affects, Side};
use super::scratch::Assigner;
use super::types::Placement;
use crate::World;
use crate::config::{PlacementStrategy, Variant};
use crate::id::{Id, IdSet, NodeId, ResourceId, Table};
use crate::score::Cause;
use crate::stack;

/// Amounts of some attributes, in the order in which these were first named.
#[derive(Clone, Debug, Default)]
struct Amounts(Vec<(u32, i32)>);

impl Amounts {
    /// Adds amounts, clipped to 32 bits. What was not there before counts as 0.
    fn add(&mut self, other: &Amounts) {
        for &(attribute, amount) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| *known == attribute) {
                Some(entry) => entry.1 = clip(i64::from(entry.1) + i64::from(amount)),
                None => self.0.push((attribute, amount)),
            }
        }
    }
}

fn clip(amount: i64) -> i32 {
    amount.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// What nodes have left, and what resources need.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacity {
    names: Vec<String>,
    needed: Table<ResourceId, Amounts>,
    /// What is left, by node and attribute; attributes that a node does not have count as 0.
    left: Vec<i32>,
    /// Attributes that nodes have, in the order in which they were first named: listed, and given
    /// a value, even if nothing is left.
    named: Table<NodeId, Vec<u32>>,
}

impl Capacity {
    pub(super) fn new(world: World<'_>) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut amounts = |utilization: &[(String, i64)]| {
            let amounts = utilization.iter().map(|(name, amount)| {
                let known = names.iter().position(|known| known == name);
                let attribute = known.unwrap_or_else(|| {
                    names.push(name.clone());
                    names.len() - 1
                });
                (attribute as u32, clip(*amount))
            });
            Amounts(amounts.collect())
        };
        let state = world.state;
        let had: Vec<Amounts> = state
            .nodes
            .iter()
            .map(|node| amounts(&node.utilization))
            .collect();
        let needed = state
            .resources
            .iter()
            .map(|resource| amounts(&resource.utilization))
            .collect();
        let mut capacity = Capacity {
            left: vec![0; names.len() * state.nodes.len()],
            named: Table::filled(Vec::new(), state.nodes.len()),
            names,
            needed,
        };
        for (node, had) in state.nodes.ids().zip(&had) {
            capacity.change(node, had, 1);
        }
        capacity
    }

    /// What a node has left of each attribute.
    fn left(&self, node: NodeId) -> &[i32] {
        let from = node.index() * self.names.len();
        &self.left[from..from + self.names.len()]
    }

    fn change(&mut self, node: NodeId, amounts: &Amounts, sign: i64) {
        for &(attribute, amount) in &amounts.0 {
            let left = &mut self.left[node.index() * self.names.len() + attribute as usize];
            *left = clip(i64::from(*left) + sign * i64::from(amount));
            if !self.named[node].contains(&attribute) {
                self.named[node].push(attribute);
            }
        }
    }

    /// Takes from a node what a resource needs.
    pub(super) fn consume(&mut self, node: NodeId, resource: ResourceId) {
        let needed = std::mem::take(&mut self.needed[resource]);
        self.change(node, &needed, -1);
        self.needed[resource] = needed;
    }

    /// Gives back to a node what a resource needed.
    pub(super) fn release(&mut self, node: NodeId, resource: ResourceId) {
        let needed = std::mem::take(&mut self.needed[resource]);
        self.change(node, &needed, 1);
        self.needed[resource] = needed;
    }

    /// `Less` if more attributes vote for the first node than for the second.
    pub(super) fn compare(&self, a: NodeId, b: NodeId) -> Ordering {
        let both = self.left(a).iter().zip(self.left(b));
        let votes: i32 = both.map(|(a, b)| i32::from(a < b) - i32::from(a > b)).sum();
        votes.cmp(&0)
    }

    fn has_room(&self, node: NodeId, needed: &Amounts) -> bool {
        self.shortage(node, needed).is_none()
    }

    /// The first attribute of which a node has too little.
    fn shortage(&self, node: NodeId, needed: &Amounts) -> Option<Shortage> {
        let left = self.left(node);
        let mut amounts = needed.0.iter();
        let &(attribute, amount) =
            amounts.find(|&&(attribute, amount)| amount > left[attribute as usize])?;
        Some(Shortage {
            attribute,
            needed: amount,
            left: left[attribute as usize],
        })
    }

    /// The name of a utilization attribute.
    pub(super) fn name(&self, attribute: u32) -> &str {
        &self.names[attribute as usize]
    }

    /// What a node has left, with the names of attributes.
    pub(super) fn listed(&self, node: NodeId) -> impl Iterator<Item = (&str, i32)> {
        let left = self.left(node);
        let named = self.named[node].iter().map(|&attribute| attribute as usize);
        named.map(|attribute| (self.names[attribute].as_str(), left[attribute]))
    }
}

impl Assigner<'_> {
    /// Bans a resource from nodes without enough room. Returns the node with most room if none has
    /// enough for the resource with all that must be with it.
    pub(super) fn ban_insufficient_capacity(&mut self, resource: ResourceId) -> Option<NodeId> {
        if self.strategy() == PlacementStrategy::Default {
            return None;
        }
        let together = self.placed_together(resource);
        let mut needed = Amounts::default();
        for &other in &together.list {
            self.add_needs(other, &together, &mut needed);
        }
        let table = &self.resources[resource].table;
        let usable: Vec<NodeId> = table
            .iter()
            .filter(|(node, entry)| self.nodes.usable(*node, entry.score))
            .map(|(node, _)| node)
            .collect();
        if usable
            .iter()
            .any(|&node| self.capacity.has_room(node, &needed))
        {
            self.ban_small(resource, &usable, &needed);
            return None;
        }
        let mut most_room: Option<NodeId> = None;
        for candidate in self
            .node_order(None)
            .hash_ordered(self.resources[resource].candidates())
        {
            if self.nodes.usable(candidate.node, candidate.score)
                && most_room.is_none_or(|best| self.capacity.compare(candidate.node, best).is_lt())
            {
                most_room = Some(candidate.node);
            }
        }
        let alone = self.capacity.needed[resource].clone();
        self.ban_small(resource, &usable, &alone);
        most_room
    }

    fn ban_small(&mut self, resource: ResourceId, nodes: &[NodeId], needed: &Amounts) {
        for &node in nodes {
            if let Some(shortage) = self.capacity.shortage(node, needed) {
                // There are fewer than entries in the ledger, which fit.
                let index = self.shortages.len() as u32;
                self.shortages.push(shortage);
                self.ban(resource, node, Cause::Utilization(index));
            }
        }
    }

    /// A resource and all that mandatory colocations tie to it.
    fn placed_together(&self, resource: ResourceId) -> Together {
        let mut together = Together::default();
        self.collect_together(resource, resource, &mut together);
        if !together.members.contains(resource) {
            together.add(resource);
        }
        together
    }

    fn collect_together(&self, resource: ResourceId, origin: ResourceId, found: &mut Together) {
        let config = self.config(resource);
        if let Variant::Group(group) = &config.variant {
            if group.colocated || config.parent.is_some_and(|parent| self.is_clone(parent)) {
                // The first and the last member bring the group's own colocations.
                found.add(resource);
                for &member in &config.children {
                    self.collect_together(member, origin, found);
                }
                return;
            } else if config.children.is_empty() {
                return;
            }
        }
        if found.members.contains(resource) {
            return;
        }
        found.add(resource);
        for side in [Side::ThisWith, Side::WithThis] {
            let lists = &self.lists;
            for &index in lists
                .effective(self.world, &self.resources, side, resource)
                .iter()
            {
                let link = self.lists.link(index);
                let (other, affects) = match side {
                    Side::ThisWith => (
                        link.primary,
                        self.affects(resource, link.primary, link, true),
                    ),
                    Side::WithThis => (
                        link.dependent,
                        self.affects(link.dependent, resource, link, true),
                    ),
                };
                // Which instance of a clone a dependent goes with is not known.
                let unknown =
                    side == Side::WithThis && self.is_clone(resource) && !self.is_clone(other);
                if other != origin
                    && !unknown
                    && link.score.is_infinite()
                    && affects == Affects::Location
                {
                    stack::deeper(|| self.collect_together(other, origin, found));
                }
            }
        }
    }

    /// Adds what a resource still has to be given room for.
    fn add_needs(&self, resource: ResourceId, together: &Together, needed: &mut Amounts) {
        if !self.resources[resource].unassigned {
            return;
        }
        let config = self.config(resource);
        let scratch = &self.resources[resource];
        let counted = |member: ResourceId| together.members.contains(member);
        match &config.variant {
            Variant::Primitive(_) => needed.add(&self.capacity.needed[resource]),
            Variant::Group(group) => {
                let cloned = config.parent.is_some_and(|parent| self.is_clone(parent));
                let count = if group.colocated || cloned {
                    usize::MAX
                } else {
                    1
                };
                for &member in config.children.iter().take(count) {
                    if self.resources[member].unassigned && !counted(member) {
                        self.add_needs(member, together, needed);
                    }
                }
            }
            Variant::Clone(_) => {
                let mut any = false;
                for &instance in &scratch.children {
                    if counted(instance) {
                        any = true;
                    } else if self
                        .config(instance)
                        .children
                        .iter()
                        .any(|&part| counted(part))
                    {
                        self.add_needs(instance, together, needed);
                        any = true;
                    }
                }
                if let Some(&first) = scratch.children.first()
                    && !any
                {
                    self.add_needs(first, together, needed);
                }
            }
            Variant::Bundle(bundle) => {
                if let Some(replica) = bundle.replicas.first() {
                    self.add_needs(replica.container, together, needed);
                }
            }
        }
    }
}

/// Too little of something on a node, for a resource and what must be with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    attribute: u32,
    /// How much would be needed.
    pub needed: i32,
    /// How much there was left.
    pub left: i32,
}

impl Placement {
    /// The utilization attribute that a shortage is about.
    #[must_use]
    pub fn scarce(&self, shortage: Shortage) -> &str {
        self.capacity.name(shortage.attribute)
    }
}

/// Resources that have to be on one node.
#[derive(Default)]
struct Together {
    /// As found; collectives can come more than once.
    list: Vec<ResourceId>,
    members: IdSet<ResourceId>,
}

impl Together {
    fn add(&mut self, resource: ResourceId) {
        self.list.push(resource);
        self.members.insert(resource);
    }
}
