//! What does a colocation mean if the primary is a collective?
//!
//! Being with a group is being with its last member, or its first one. Being with a clone or a
//! bundle is being where one of its instances is, or where those in some role are; an instance of
//! another one can be tied to one instance.

use super::Link;
use super::apply::add_priorities;
use crate::assign::scratch::{Assigned, Assigner, Attempt};
use crate::config::{Bundle, Clone_, Group, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::score::{Cause, Change};
use crate::value::{Score, is_true};

impl Assigner<'_> {
    /// With a group: mandatory means with all of it, so with its last member; else its first will
    /// do.
    pub(super) fn apply_with_group(
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

    pub(super) fn apply_with_clone(
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
        if !is_true(dependent.meta_text.get("interleave").map(AsRef::as_ref)) {
            return false;
        }
        if node_max != primary_node_max {
            let message = format!(
                "Cannot interleave {} and {} because they do not support the same number of \
                 instances per node",
                dependent.id,
                self.config(link.primary).id,
            );
            self.misconfigured(link.dependent, message);
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

    pub(super) fn apply_with_bundle(
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
}
