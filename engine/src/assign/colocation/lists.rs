//! Which colocations matter for a resource, and in which order?
//!
//! A resource has *this-with* colocations, in which it is the dependent, and *with-this* ones, in
//! which it is the primary. The effective lists add what its collective says: a group's colocations
//! are those of its first member (this-with) or last one (with-this), the other members follow
//! through the colocations of each with its predecessor.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::World;
use crate::assign::scratch::{Scratch, top_of};
use crate::assign::types::{Placed, Placement};
use crate::config::{Resource, Role, Variant};
use crate::constraint::Colocation;
use crate::id::{ResourceId, Table};
use crate::value::Score;

/// A colocation in the form in which it is used again and again.
#[derive(Clone, Copy, Debug)]
pub(in crate::assign) struct Link {
    pub(in crate::assign) dependent: ResourceId,
    pub(in crate::assign) primary: ResourceId,
    /// `Unknown` if any will do.
    pub(in crate::assign) dependent_role: Role,
    /// `Unknown` if any will do.
    pub(in crate::assign) primary_role: Role,
    pub(in crate::assign) score: Score,
    /// Index of the node attribute in [`super::AttributeClasses`].
    pub(in crate::assign) attribute: u32,
    pub(in crate::assign) explicit: bool,
    pub(in crate::assign) influence: bool,
}

/// The colocations of every resource itself.
#[derive(Clone, Debug)]
pub(crate) struct ColocationLists {
    links: Vec<Link>,
    this_with: Table<ResourceId, Vec<u32>>,
    with_this: Table<ResourceId, Vec<u32>>,
}

/// Which end of a colocation a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::assign) enum Side {
    /// The dependent.
    ThisWith,
    /// The primary.
    WithThis,
}

/// What the lists have to know about resources, during assignment or after it.
pub(in crate::assign) trait Facts {
    fn priority(&self, resource: ResourceId) -> i32;
    fn managed(&self, resource: ResourceId) -> bool;
    fn unassigned(&self, resource: ResourceId) -> bool;
    fn roles_chosen(&self, resource: ResourceId) -> bool;
}

impl ColocationLists {
    /// Lists for this many resources.
    pub(in crate::assign) fn new(resources: usize) -> Self {
        ColocationLists {
            links: Vec::new(),
            this_with: Table::filled(Vec::new(), resources),
            with_this: Table::filled(Vec::new(), resources),
        }
    }

    /// Adds a colocation; those of equal rank are listed newest first.
    pub(in crate::assign) fn add(
        &mut self,
        world: World<'_>,
        facts: &impl Facts,
        colocation: &Colocation,
        attribute: u32,
    ) {
        let index = self.links.len() as u32;
        self.links.push(Link {
            dependent: colocation.dependent,
            primary: colocation.primary,
            dependent_role: colocation.dependent_role.unwrap_or(Role::Unknown),
            primary_role: colocation.primary_role.unwrap_or(Role::Unknown),
            score: colocation.score,
            attribute,
            explicit: colocation.explicit,
            influence: colocation.influence,
        });
        for (side, resource) in [
            (Side::ThisWith, colocation.dependent),
            (Side::WithThis, colocation.primary),
        ] {
            let list = match side {
                Side::ThisWith => &self.this_with[resource],
                Side::WithThis => &self.with_this[resource],
            };
            let position = list
                .partition_point(|&known| self.compare(world, facts, side, index, known).is_gt());
            match side {
                Side::ThisWith => self.this_with[resource].insert(position, index),
                Side::WithThis => self.with_this[resource].insert(position, index),
            }
        }
    }

    /// A colocation by its index.
    pub(in crate::assign) fn link(&self, index: u32) -> Link {
        self.links[index as usize]
    }

    /// Every colocation that matters for a resource on this side of it, in order. An entry can
    /// come more than once.
    pub(in crate::assign) fn effective(
        &self,
        world: World<'_>,
        facts: &impl Facts,
        side: Side,
        resource: ResourceId,
    ) -> Cow<'_, [u32]> {
        let config = &world.state.resources[resource];
        if config.parent.is_none() && matches!(config.variant, Variant::Primitive(_)) {
            return Cow::Borrowed(self.own(side, resource));
        }
        let mut list = Vec::new();
        let collector = Collector {
            lists: self,
            world,
            facts,
            side,
            origin: resource,
        };
        collector.collect(resource, &mut list);
        Cow::Owned(list)
    }

    fn own(&self, side: Side, resource: ResourceId) -> &[u32] {
        match side {
            Side::ThisWith => &self.this_with[resource],
            Side::WithThis => &self.with_this[resource],
        }
    }

    /// Colocations are considered in the order of the other resource: priority, then bundles,
    /// clones (promotable ones first), groups, primitives, then id.
    fn compare(
        &self,
        world: World<'_>,
        facts: &impl Facts,
        side: Side,
        a: u32,
        b: u32,
    ) -> Ordering {
        let other = |index: u32| match side {
            Side::ThisWith => self.links[index as usize].primary,
            Side::WithThis => self.links[index as usize].dependent,
        };
        let (a, b) = (other(a), other(b));
        let (config_a, config_b) = (&world.state.resources[a], &world.state.resources[b]);
        facts
            .priority(b)
            .cmp(&facts.priority(a))
            .then_with(|| rank(config_b).cmp(&rank(config_a)))
            .then_with(|| config_a.id.as_bytes().cmp(config_b.id.as_bytes()))
    }
}

fn rank(resource: &Resource) -> u8 {
    match resource.variant {
        Variant::Primitive(_) => 0,
        Variant::Group(_) => 1,
        Variant::Clone(_) if !resource.promotable => 2,
        Variant::Clone(_) => 3,
        Variant::Bundle(_) => 4,
    }
}

/// Puts the effective list of one resource together.
struct Collector<'a, F> {
    lists: &'a ColocationLists,
    world: World<'a>,
    facts: &'a F,
    side: Side,
    /// The resource that the list is for.
    origin: ResourceId,
}

impl<F: Facts> Collector<'_, F> {
    fn collect(&self, resource: ResourceId, list: &mut Vec<u32>) {
        let config = &self.world.state.resources[resource];
        match &config.variant {
            Variant::Primitive(_) if resource == self.origin => {
                self.append(resource, list);
                self.collect_parent(config, list);
            }
            // Asked for another resource's list: only what was configured counts.
            Variant::Primitive(_) => {
                for &index in self.lists.own(self.side, resource) {
                    if self.lists.link(index).explicit {
                        self.insert(index, list);
                    }
                }
            }
            Variant::Group(group) => self.collect_group(resource, config, group.colocated, list),
            Variant::Clone(_) => {
                self.append(resource, list);
                self.collect_parent(config, list);
            }
            Variant::Bundle(bundle) => {
                if self.bundle_counts(resource, bundle.child) {
                    self.append(resource, list);
                }
            }
        }
    }

    fn collect_parent(&self, config: &Resource, list: &mut Vec<u32>) {
        if let Some(parent) = config.parent {
            self.collect(parent, list);
        }
    }

    fn collect_group(
        &self,
        group: ResourceId,
        config: &Resource,
        colocated: bool,
        list: &mut Vec<u32>,
    ) {
        let representative = match self.side {
            Side::ThisWith => config.children.first(),
            Side::WithThis => config.children.last(),
        };
        let Some(&representative) = representative else {
            return;
        };
        if self.origin == group || self.origin == representative {
            self.append(group, list);
            self.collect_parent(config, list);
            if colocated {
                for &member in config
                    .children
                    .iter()
                    .filter(|&&member| member != self.origin)
                {
                    self.collect(member, list);
                }
            }
        } else if self.side == Side::ThisWith {
            // Behind an unmanaged member nobody follows the first one: at least what is mandatory
            // for the group is obeyed.
            let is_mandatory = |&&index: &&u32| self.lists.link(index).score.is_infinite();
            let own = self.lists.own(self.side, group).iter();
            let mut mandatory = own.filter(is_mandatory).peekable();
            let mut earlier = config
                .children
                .iter()
                .take_while(|&&member| member != self.origin);
            // Most groups are with nothing; their members are many.
            if mandatory.peek().is_some() && earlier.any(|&member| !self.facts.managed(member)) {
                for &index in mandatory {
                    self.insert(index, list);
                }
            }
        }
    }

    /// A bundle's colocations are for itself and its containers, and where roles inside are chosen,
    /// for what is inside.
    fn bundle_counts(&self, bundle: ResourceId, child: Option<ResourceId>) -> bool {
        let resources = &self.world.state.resources;
        if self.origin == bundle || resources[self.origin].replica_container {
            return true;
        }
        match child {
            Some(child) if resources[child].promotable => {
                if self.origin == child {
                    self.facts.roles_chosen(child)
                } else {
                    top_of(self.world, self.origin) == child && !self.facts.unassigned(self.origin)
                }
            }
            _ => false,
        }
    }

    /// Appends the own list of a resource. Only to an empty list this does what it says: to another
    /// one the peer adds the first colocation again and again instead, and results depend on it.
    fn append(&self, resource: ResourceId, list: &mut Vec<u32>) {
        let own = self.lists.own(self.side, resource);
        if list.is_empty() {
            list.extend_from_slice(own);
            return;
        }
        for _ in own {
            self.insert(own[0], list);
        }
    }

    /// Inserts a colocation before the first one that does not come before it.
    fn insert(&self, index: u32, list: &mut Vec<u32>) {
        let position = list.iter().position(|&known| {
            self.lists
                .compare(self.world, self.facts, self.side, index, known)
                .is_le()
        });
        list.insert(position.unwrap_or(list.len()), index);
    }
}

impl Facts for Table<ResourceId, Scratch> {
    fn priority(&self, resource: ResourceId) -> i32 {
        self[resource].priority
    }
    fn managed(&self, resource: ResourceId) -> bool {
        self[resource].managed
    }
    fn unassigned(&self, resource: ResourceId) -> bool {
        self[resource].unassigned
    }
    fn roles_chosen(&self, resource: ResourceId) -> bool {
        self[resource].roles_chosen
    }
}

/// Facts after assignment; instances of promotable clones have their clone's priority again.
struct AfterAssignment<'a> {
    world: World<'a>,
    placed: &'a Table<ResourceId, Placed>,
}

impl Facts for AfterAssignment<'_> {
    fn priority(&self, resource: ResourceId) -> i32 {
        let resources = &self.world.state.resources;
        match resources[resource].parent {
            Some(parent)
                if matches!(resources[parent].variant, Variant::Clone(_))
                    && resources[parent].promotable =>
            {
                self.placed[parent].priority
            }
            _ => self.placed[resource].priority,
        }
    }
    fn managed(&self, resource: ResourceId) -> bool {
        self.placed[resource].managed
    }
    fn unassigned(&self, resource: ResourceId) -> bool {
        self.placed[resource].unassigned
    }
    fn roles_chosen(&self, resource: ResourceId) -> bool {
        self.placed[resource].roles_chosen
    }
}

impl Placement {
    /// The colocations in which a resource, or its collective on its behalf, is the primary: indexes
    /// into [`Placement::colocations`] in the order in which they are considered. An entry can come
    /// more than once.
    #[must_use]
    pub fn with_this(&self, world: World<'_>, resource: ResourceId) -> Vec<u32> {
        let facts = AfterAssignment {
            world,
            placed: &self.resource,
        };
        self.lists
            .effective(world, &facts, Side::WithThis, resource)
            .into_owned()
    }
}
