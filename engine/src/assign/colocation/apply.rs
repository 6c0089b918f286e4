//! What does a colocation do to its dependent, once it is known where the primary is?
//!
//! Before the dependent is assigned it changes node scores; once it is, and if it is an instance of
//! a promotable clone, it changes the priority with which the instance is promoted.
//!
//! A group as dependent means its first member, or each. For collectives as primaries see
//! [`super::collective`].

use super::{Link, Wishes};
use crate::assign::scratch::{Assigner, Attempt};
use crate::config::{Group, Role, Variant};
use crate::id::ResourceId;
use crate::score::Cause;
use crate::value::Score;

/// What a colocation affects at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::assign) enum Affects {
    Nothing,
    Location,
    Role,
}

/// Saturating sum of priorities, with a score's rules about infinities.
pub(in crate::assign) fn add_priorities(a: i32, b: i32) -> i32 {
    (Score::from(a) + Score::from(b)).value()
}

impl Assigner<'_> {
    /// Applies a colocation to a dependent, on whose behalf it is done. Returns what was added to
    /// its priority.
    pub(in crate::assign) fn apply_colocation(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        index: u32,
    ) -> i32 {
        match &self.config(dependent).variant {
            Variant::Primitive(_) => self.apply_for_primary(dependent, primary, index),
            Variant::Group(group) => self.apply_to_group(dependent, group, primary, index),
            // Clones and bundles hand their colocations down to their instances.
            Variant::Clone(_) | Variant::Bundle(_) => 0,
        }
    }

    /// The first member of a group stands for all, unless they need not be together.
    fn apply_to_group(
        &mut self,
        dependent: ResourceId,
        group: &Group,
        primary: ResourceId,
        index: u32,
    ) -> i32 {
        let members = &self.config(dependent).children;
        let Some(&first) = members.first() else {
            return 0;
        };
        let mut delta = 0;
        if group.colocated {
            delta = self.apply_colocation(first, primary, index);
        } else if self.lists.link(index).score.is_infinite() {
            self.refuse_mandatory(dependent, index);
        } else {
            for &member in members {
                let added = self.apply_to_primitive(member, primary, index);
                delta = add_priorities(delta, added);
            }
        }
        if delta != 0 {
            let priority = &mut self.resources[dependent].priority;
            *priority = add_priorities(delta, *priority);
        }
        delta
    }

    pub(super) fn refuse_mandatory(&mut self, group: ResourceId, index: u32) {
        let link = self.lists.link(index);
        let name = |resource| self.config(resource).id.clone();
        let dependent = name(link.dependent);
        let message = if group == link.dependent {
            format!(
                "{dependent}: Cannot perform mandatory colocation between non-colocated group and \
                 {}",
                name(link.primary)
            )
        } else {
            format!(
                "{dependent}: Cannot perform mandatory colocation with non-colocated group {}",
                name(group)
            )
        };
        self.misconfigured(group, message);
    }

    pub(super) fn apply_for_primary(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        index: u32,
    ) -> i32 {
        match &self.config(primary).variant {
            Variant::Primitive(_) => self.apply_to_primitive(dependent, primary, index),
            Variant::Group(group) => self.apply_with_group(dependent, primary, group, index),
            Variant::Clone(clone) => self.apply_with_clone(dependent, primary, clone, index),
            Variant::Bundle(bundle) => self.apply_with_bundle(dependent, primary, bundle, index),
        }
    }

    /// One resource with one other.
    fn apply_to_primitive(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        index: u32,
    ) -> i32 {
        match self.affects(dependent, primary, self.lists.link(index), false) {
            Affects::Nothing => 0,
            Affects::Location => {
                self.apply_to_scores(dependent, primary, index);
                0
            }
            Affects::Role => self.apply_to_priority(dependent, primary, index),
        }
    }

    /// What a colocation affects now, or (`preview`) would affect if everything were assigned.
    pub(in crate::assign) fn affects(
        &self,
        dependent: ResourceId,
        primary: ResourceId,
        link: Link,
        preview: bool,
    ) -> Affects {
        if !preview && self.resources[primary].unassigned {
            return Affects::Nothing;
        }
        // A container's role is that of what runs in it.
        let in_role = self.inside(dependent);
        let is_assigned = |resource: ResourceId| !self.resources[resource].unassigned;
        if link.dependent_role >= Role::Unpromoted
            && self
                .config(in_role)
                .parent
                .is_some_and(|parent| self.config(parent).promotable)
            && is_assigned(in_role)
        {
            return Affects::Role;
        }
        if !preview && is_assigned(dependent) {
            return Affects::Nothing;
        }
        let will_be = |resource: ResourceId, role: Role| {
            role == Role::Unknown || role == self.resources[resource].next_role
        };
        if will_be(in_role, link.dependent_role) && will_be(self.inside(primary), link.primary_role)
        {
            Affects::Location
        } else {
            Affects::Nothing
        }
    }

    /// Of a bundle's container: what runs in it. Of anything else: itself.
    fn inside(&self, resource: ResourceId) -> ResourceId {
        let config = self.config(resource);
        if config.replica_container
            && let Some(bundle) = config.parent
            && let Variant::Bundle(bundle) = &self.config(bundle).variant
            && let Some(replica) = bundle
                .replicas
                .iter()
                .find(|replica| replica.container == resource)
            && let Some(child) = replica.child
        {
            return child;
        }
        resource
    }

    /// Changes the dependent's node scores. A preference that would leave no node is dropped.
    fn apply_to_scores(&mut self, dependent: ResourceId, primary: ResourceId, index: u32) {
        let link = self.lists.link(index);
        let primary_node = self.resources[primary]
            .assigned
            .map(|assigned| assigned.node);
        if primary_node.is_none() && link.score.is_negative() {
            return; // away from what does not run
        }
        let place = self.class(link.attribute, primary_node, primary);
        let mut table = self.resources[dependent].table.clone();
        for (node, entry) in table.iter_mut() {
            if primary_node.is_none() {
                entry.score += -link.score;
            } else if self.class(link.attribute, Some(node), dependent) == place {
                // Being mandatory makes the other nodes impossible, not this one better.
                if !link.score.is_infinite() {
                    entry.score += link.score;
                }
            } else if link.score.is_infinite() {
                entry.score = Score::MINUS_INFINITY;
            }
        }
        let mandatory = link.score.is_infinite() || link.score.is_minus_infinite();
        if mandatory || self.any_usable(&table) {
            let scratch = &mut self.resources[dependent];
            scratch.copies += 1;
            self.ledger.replace(
                dependent,
                &mut scratch.table,
                table,
                Cause::Colocation(index),
            );
        }
    }

    /// Changes the priority with which the dependent is promoted.
    fn apply_to_priority(&mut self, dependent: ResourceId, primary: ResourceId, index: u32) -> i32 {
        let link = self.lists.link(index);
        let node = |resource: ResourceId| {
            self.resources[resource]
                .assigned
                .map(|assigned| assigned.node)
        };
        let (dependent_node, primary_node) = (node(dependent), node(primary));
        if dependent_node.is_none() {
            return 0;
        }
        if primary_node.is_some()
            && link.primary_role != Role::Unknown
            && link.primary_role != self.resources[self.inside(primary)].next_role
        {
            return 0;
        }
        let together = self.class(link.attribute, dependent_node, dependent)
            == self.class(link.attribute, primary_node, primary);
        let delta = if together {
            if link.dependent_role == Role::Unpromoted {
                -link.score
            } else {
                link.score
            }
        } else if link.score.is_infinite() && link.dependent_role == Role::Promoted {
            -link.score
        } else {
            return 0;
        };
        let priority = &mut self.resources[dependent].priority;
        *priority = add_priorities(delta.value(), *priority);
        delta.value()
    }

    /// Applies a colocation of a resource with another one, which is assigned first if it is not
    /// yet. What leaves no node is undone if it is a preference to be elsewhere, or only about where
    /// the resource is promoted.
    pub(in crate::assign) fn apply_this_with(&mut self, resource: ResourceId, index: u32) {
        let link = self.lists.link(index);
        let can_be_undone = link.dependent_role >= Role::Promoted
            || link.score.is_negative() && !link.score.is_minus_infinite();
        let before = can_be_undone.then(|| {
            let scratch = &self.resources[resource];
            (scratch.table.clone(), scratch.copies + 1)
        });
        if self.resources[link.primary].unassigned {
            self.assign(link.primary, None, Attempt::Final);
        }
        self.apply_colocation(resource, link.primary, index);
        if let Some((before, copies)) = before
            && !self.any_usable(&self.resources[resource].table)
        {
            let scratch = &mut self.resources[resource];
            scratch.copies = copies;
            self.ledger
                .replace(resource, &mut scratch.table, before, Cause::Undone);
        }
    }

    /// Adds the wishes of the dependent of a colocation, and of its dependents, to the scores of the
    /// primary.
    pub(in crate::assign) fn add_dependent_wishes(&mut self, primary: ResourceId, index: u32) {
        let link = self.lists.link(index);
        if !self.has_influence(link, link.primary) {
            return;
        }
        let nonnegative = self.is_clone(primary);
        self.add_wishes_to(primary, link.dependent, index, nonnegative);
    }

    /// Adds the wishes of `source` to the scores of `target` itself.
    pub(in crate::assign) fn add_wishes_to(
        &mut self,
        target: ResourceId,
        source: ResourceId,
        index: u32,
        nonnegative: bool,
    ) {
        let scratch = &self.resources[target];
        let mut wishes = Wishes::new(scratch.table.clone(), 0);
        let selection = super::Selection {
            nonnegative,
            droppable: true,
            this_with: false,
        };
        self.add_wishes(&mut wishes, source, target, index, selection);
        let scratch = &mut self.resources[target];
        scratch.copies += wishes.copies();
        self.ledger.replace(
            target,
            &mut scratch.table,
            wishes.into_table(),
            Cause::Colocation(index),
        );
    }
}
