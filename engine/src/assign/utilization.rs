//! Does a node have room for a resource?
//!
//! With a placement strategy other than the default, resources use up what nodes have of each
//! utilization attribute, and go only where enough is left: if possible, for all that must be with
//! them as well.

use std::cmp::Ordering;

use super::colocation::{Affects, Side};
use super::scratch::Assigner;
use crate::World;
use crate::config::{PlacementStrategy, Variant};
use crate::id::{IdSet, NodeId, ResourceId, Table};
use crate::score::Cause;

/// Amounts by attribute, in the order in which attributes were first named.
#[derive(Clone, Debug, Default)]
pub(super) struct Amounts(Vec<(u32, i32)>);

impl Amounts {
    fn get(&self, attribute: u32) -> i32 {
        let entry = self.0.iter().find(|&&(known, _)| known == attribute);
        entry.map_or(0, |&(_, amount)| amount)
    }

    /// Adds (or with a negative sign takes away) amounts, clipped to 32 bits. What was not there
    /// before counts as 0.
    fn add(&mut self, other: &Amounts, sign: i64) {
        for &(attribute, amount) in &other.0 {
            let sum = i64::from(self.get(attribute)) + sign * i64::from(amount);
            let sum = clip(sum);
            match self.0.iter_mut().find(|(known, _)| *known == attribute) {
                Some(entry) => entry.1 = sum,
                None => self.0.push((attribute, sum)),
            }
        }
    }

    fn covers(&self, needed: &Amounts) -> bool {
        needed
            .0
            .iter()
            .all(|&(attribute, amount)| amount <= self.get(attribute))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, i32)> + '_ {
        self.0.iter().copied()
    }
}

fn clip(amount: i64) -> i32 {
    amount.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// What nodes have left, and what resources need.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacity {
    names: Vec<String>,
    left: Table<NodeId, Amounts>,
    needed: Table<ResourceId, Amounts>,
}

impl Capacity {
    pub(super) fn new(world: World<'_>) -> Self {
        let mut capacity = Capacity::default();
        let state = world.state;
        let left = state
            .nodes
            .iter()
            .map(|node| capacity.amounts(&node.utilization))
            .collect();
        capacity.left = left;
        let needed = state.resources.iter();
        let needed = needed
            .map(|resource| capacity.amounts(&resource.utilization))
            .collect();
        capacity.needed = needed;
        capacity
    }

    fn amounts(&mut self, utilization: &[(String, i64)]) -> Amounts {
        let amounts = utilization.iter().map(|(name, amount)| {
            let known = self.names.iter().position(|known| known == name);
            let attribute = known.unwrap_or_else(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            });
            (attribute as u32, clip(*amount))
        });
        Amounts(amounts.collect())
    }

    /// Takes from a node what a resource needs.
    pub(super) fn consume(&mut self, node: NodeId, resource: ResourceId) {
        self.left[node].add(&self.needed[resource], -1);
    }

    /// Gives back to a node what a resource needed.
    pub(super) fn release(&mut self, node: NodeId, resource: ResourceId) {
        self.left[node].add(&self.needed[resource], 1);
    }

    /// `Less` if more attributes vote for the first node than for the second.
    pub(super) fn compare(&self, a: NodeId, b: NodeId) -> Ordering {
        let (a, b) = (&self.left[a], &self.left[b]);
        let only_in_b =
            b.0.iter()
                .filter(|&&(attribute, _)| a.0.iter().all(|&(known, _)| known != attribute));
        let attributes = a.0.iter().chain(only_in_b).map(|&(attribute, _)| attribute);
        let votes: i64 = attributes
            .map(|attribute| match a.get(attribute).cmp(&b.get(attribute)) {
                Ordering::Greater => -1,
                Ordering::Equal => 0,
                Ordering::Less => 1,
            })
            .sum();
        votes.cmp(&0)
    }

    /// What a node has left, with the names of attributes.
    pub(super) fn left(&self, node: NodeId) -> impl Iterator<Item = (&str, i32)> {
        self.left[node]
            .iter()
            .map(|(attribute, amount)| (self.names[attribute as usize].as_str(), amount))
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
            .any(|&node| self.capacity.left[node].covers(&needed))
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
            if !self.capacity.left[node].covers(needed) {
                self.ban(resource, node, Cause::Utilization);
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
            for index in self
                .lists
                .effective(self.world, &self.resources, side, resource)
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
                    self.collect_together(other, origin, found);
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
            Variant::Primitive(_) => needed.add(&self.capacity.needed[resource], 1),
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
