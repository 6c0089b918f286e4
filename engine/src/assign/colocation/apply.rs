//! What does a colocation do to its dependent, once it is known where the primary is?
//!
//! Before the dependent is assigned it changes node scores; once it is, and if it is an instance of
//! a promotable clone, it changes the priority with which the instance is promoted.
//!
//! A collective as dependent means its first member, or each; a collective as primary means one of
//! its members, or the nodes of all: [`Assigner::apply_colocation`] says which.

use super::{Link, Wishes};
use crate::assign::scratch::{Assigned, Assigner, Attempt};
use crate::config::{Bundle, Clone_, Group, Role, Variant};
use crate::diagnostic::Severity;
use crate::id::{NodeId, ResourceId};
use crate::score::{Cause, Change};
use crate::value::{Score, is_true};

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

    fn refuse_mandatory(&mut self, group: ResourceId, index: u32) {
        let link = self.lists.link(index);
        let name = |resource| self.config(resource).id.clone();
        let message = format!(
            "Cannot perform mandatory colocation '{}' of {} with {}: group {} is not colocated",
            self.colocations[index as usize].id,
            name(link.dependent),
            name(link.primary),
            name(group),
        );
        self.say(Severity::Error, group, message);
    }

    fn apply_for_primary(&mut self, dependent: ResourceId, primary: ResourceId, index: u32) -> i32 {
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

    /// With a group: mandatory means with all of it, so with its last member; else its first will
    /// do.
    fn apply_with_group(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        group: &Group,
        index: u32,
    ) -> i32 {
        if self.resources[primary].unassigned {
            return 0;
        }
        let members = &self.config(primary).children;
        let mandatory = self.lists.link(index).score.is_infinite();
        if group.colocated {
            let member = if mandatory {
                members.last()
            } else {
                members.first()
            };
            return match member {
                Some(&member) => self.apply_for_primary(dependent, member, index),
                None => 0,
            };
        }
        if mandatory {
            self.refuse_mandatory(primary, index);
            return 0;
        }
        let mut delta = 0;
        for &member in members {
            delta = add_priorities(delta, self.apply_for_primary(dependent, member, index));
        }
        delta
    }

    fn apply_with_clone(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        clone: &Clone_,
        index: u32,
    ) -> i32 {
        if self.resources[primary].unassigned {
            return 0;
        }
        let link = self.lists.link(index);
        if self.config(primary).promotable && link.primary_role != Role::Unknown {
            if self.resources[dependent].unassigned {
                self.follow_role(dependent, primary, index);
                return 0;
            }
            if link.dependent_role == Role::Promoted {
                return self.promote_with(dependent, primary, index);
            }
        }
        if self.can_interleave(link, clone.node_max) {
            let found = self.compatible_instance(dependent, primary, Role::Unknown, None);
            return match found {
                Some(instance) => self.apply_colocation(dependent, instance, index),
                None => self.without_instance(dependent, link),
            };
        }
        if link.score.is_infinite() {
            let instances = self.resources[primary].children.clone();
            let nodes = instances
                .iter()
                .filter(|&&instance| !self.any_blocked(instance))
                .filter_map(|&instance| self.assigned_node(instance))
                .collect::<Vec<_>>();
            self.keep_to_nodes(dependent, &nodes, false, index);
            return 0;
        }
        let mut delta = 0;
        for position in 0..self.resources[primary].children.len() {
            let instance = self.resources[primary].children[position];
            delta = add_priorities(delta, self.apply_for_primary(dependent, instance, index));
        }
        delta
    }

    /// No instance of the primary is where this instance of the dependent could be.
    fn without_instance(&mut self, dependent: ResourceId, link: Link) -> i32 {
        if link.score.is_infinite() {
            self.assign_to(dependent, None, true, Attempt::Final);
        }
        0
    }

    /// Whether each instance of the dependent goes with one instance of the primary.
    fn can_interleave(&mut self, link: Link, primary_node_max: i32) -> bool {
        let dependent = self.config(link.dependent);
        let node_max = match &dependent.variant {
            Variant::Primitive(_) | Variant::Group(_) => return false,
            Variant::Clone(clone) => clone.node_max,
            Variant::Bundle(bundle) => bundle.replicas_per_host,
        };
        if !is_true(dependent.meta_text.get("interleave").map(String::as_str)) {
            return false;
        }
        if node_max != primary_node_max {
            let message = format!(
                "Cannot interleave {} and {} because they do not support the same number of \
                 instances per node",
                dependent.id,
                self.config(link.primary).id,
            );
            self.say(Severity::Error, link.dependent, message);
            return false;
        }
        true
    }

    /// An instance of a collective where another resource is, or else could be: on its best node
    /// that has one.
    pub(in crate::assign) fn compatible_instance(
        &self,
        with: ResourceId,
        collective: ResourceId,
        role: Role,
        attribute: Option<u32>,
    ) -> Option<ResourceId> {
        let instances = &self.resources[collective].children;
        let find = |node| {
            let mut instances = instances.iter();
            instances
                .find(|&&instance| self.matches(instance, node, role, attribute))
                .copied()
        };
        match self.assigned_node(with) {
            Some(assigned) => find(assigned.node),
            None => self
                .node_order(None)
                .sorted(self.resources[with].candidates())
                .into_iter()
                .find_map(|candidate| find(candidate.node)),
        }
    }

    /// Whether an instance will be on a node (or one with the same value of an attribute) in a role,
    /// and is not blocked.
    fn matches(
        &self,
        instance: ResourceId,
        node: NodeId,
        role: Role,
        attribute: Option<u32>,
    ) -> bool {
        if role != Role::Unknown && role != self.role(instance, false) || self.any_blocked(instance)
        {
            return false;
        }
        let Some(assigned) = self.assigned_node(instance) else {
            return false;
        };
        match attribute {
            None => assigned.node == node,
            Some(attribute) => {
                self.class(attribute, Some(assigned.node), instance)
                    == self.class(attribute, Some(node), instance)
            }
        }
    }

    /// Bans the dependent from all but these nodes, whose scores are added if asked for.
    fn keep_to_nodes(
        &mut self,
        dependent: ResourceId,
        nodes: &[Assigned],
        add_scores: bool,
        index: u32,
    ) {
        // The last instance found on a node is the first one looked at.
        let mut scores: Vec<(NodeId, Score)> = nodes
            .iter()
            .rev()
            .map(|assigned| (assigned.node, assigned.score))
            .collect();
        scores.sort_by_key(|&(node, _)| node);
        let cause = Cause::Colocation(index);
        for (node, entry) in self.resources[dependent].table.iter_mut() {
            let position = scores.partition_point(|&(other, _)| other < node);
            let change = match scores.get(position) {
                Some(&(other, score)) if other == node => {
                    if !add_scores {
                        continue;
                    }
                    Change::Add(score)
                }
                _ => Change::Set(Score::MINUS_INFINITY),
            };
            self.ledger.change((dependent, node), entry, change, cause);
        }
    }

    /// The dependent is to be where a promotable clone has, or has not, a role.
    fn follow_role(&mut self, dependent: ResourceId, primary: ResourceId, index: u32) {
        let link = self.lists.link(index);
        let mut nodes = Vec::new();
        for position in 0..self.resources[primary].children.len() {
            let instance = self.resources[primary].children[position];
            let Some(assigned) = self.assigned_node(instance) else {
                continue;
            };
            if self.role(instance, false) != link.primary_role {
                continue;
            }
            nodes.push(assigned);
            if !link.score.is_infinite() {
                self.add_where_same(dependent, primary, assigned.node, index);
            }
        }
        // Promoted with promoted says nothing about where unpromoted instances can run.
        if link.score.is_infinite()
            && (link.dependent_role != Role::Promoted || link.primary_role != Role::Promoted)
        {
            self.keep_to_nodes(dependent, &nodes, true, index);
        }
    }

    /// Adds the score on all of the dependent's nodes that are the same place as `at`.
    fn add_where_same(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        at: NodeId,
        index: u32,
    ) {
        let link = self.lists.link(index);
        let place = self.class(link.attribute, Some(at), primary);
        let mut table = self.resources[dependent].table.clone();
        for (node, entry) in table.iter_mut() {
            if self.class(link.attribute, Some(node), dependent) == place {
                entry.score += link.score;
            }
        }
        let scratch = &mut self.resources[dependent];
        self.ledger.replace(
            dependent,
            &mut scratch.table,
            table,
            Cause::Colocation(index),
        );
    }

    /// An instance is to be promoted where another promotable clone has a role.
    fn promote_with(&mut self, dependent: ResourceId, primary: ResourceId, index: u32) -> i32 {
        let link = self.lists.link(index);
        let found =
            self.compatible_instance(dependent, primary, link.primary_role, Some(link.attribute));
        let priority = &mut self.resources[dependent].priority;
        if found.is_some() {
            *priority = add_priorities(*priority, link.score.value());
            link.score.value()
        } else if link.score.is_infinite() {
            *priority = Score::MINUS_INFINITY.value();
            Score::MINUS_INFINITY.value()
        } else {
            0
        }
    }

    fn apply_with_bundle(
        &mut self,
        dependent: ResourceId,
        primary: ResourceId,
        bundle: &Bundle,
        index: u32,
    ) -> i32 {
        if self.resources[primary].unassigned {
            return 0;
        }
        let link = self.lists.link(index);
        if matches!(
            self.config(link.dependent).variant,
            Variant::Clone(_) | Variant::Bundle(_)
        ) {
            return match self.compatible_container(dependent, bundle) {
                Some(container) => self.apply_colocation(dependent, container, index),
                None => self.without_instance(dependent, link),
            };
        }
        if !link.score.is_infinite() {
            let mut delta = 0;
            for replica in &bundle.replicas {
                let added = self.apply_for_primary(dependent, replica.container, index);
                delta = add_priorities(delta, added);
            }
            return delta;
        }
        let mut hosts = Vec::new();
        for replica in &bundle.replicas {
            let promoted = replica
                .child
                .is_some_and(|child| self.resources[child].next_role >= Role::Promoted);
            if self.any_blocked(replica.container)
                || link.primary_role >= Role::Promoted && !promoted
            {
                continue;
            }
            hosts.extend(self.assigned_node(replica.container));
        }
        self.keep_to_nodes(dependent, &hosts, false, index);
        0
    }

    /// A container of a bundle where the dependent is, or else could be.
    fn compatible_container(&self, dependent: ResourceId, bundle: &Bundle) -> Option<ResourceId> {
        let host = |node: NodeId| {
            let node_scratch = self.nodes.get(node);
            match node_scratch.launcher {
                Some(launcher) if node_scratch.in_bundle => {
                    self.assigned_node(launcher).map(|assigned| assigned.node)
                }
                _ => Some(node),
            }
        };
        let find = |node: NodeId| {
            let mut containers = bundle.replicas.iter().map(|replica| replica.container);
            containers.find(|&container| self.matches(container, node, Role::Unknown, None))
        };
        if let Some(node) = self
            .assigned_node(dependent)
            .and_then(|assigned| host(assigned.node))
        {
            return find(node);
        }
        let nodes = self
            .node_order(None)
            .sorted(self.resources[dependent].candidates());
        nodes
            .into_iter()
            .find_map(|candidate| find(host(candidate.node)?))
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
