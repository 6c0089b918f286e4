//! Where does a primitive go?

use super::colocation::Side;
use super::report::Source;
use super::scratch::{Assigned, Assigner, Attempt};
use crate::config::{NoQuorumPolicy, Role, Variant};
use crate::diagnostic::Severity;
use crate::id::{NodeId, ResourceId};
use crate::score::Cause;
use crate::stack;
use crate::value::Score;

impl Assigner<'_> {
    /// Assigns a resource of any kind, if that has not been done. Returns the node of a primitive,
    /// and of a group whose members are together.
    pub(super) fn assign(
        &mut self,
        resource: ResourceId,
        prefer: Option<NodeId>,
        attempt: Attempt,
    ) -> Option<NodeId> {
        match &self.config(resource).variant {
            Variant::Primitive(_) => {
                self.guarded += 1;
                let node = stack::deeper(|| self.assign_primitive(resource, prefer, attempt));
                self.guarded -= 1;
                node
            }
            Variant::Group(group) => self.assign_group(resource, group, prefer, attempt),
            Variant::Clone(clone) => {
                self.assign_clone(resource, clone, prefer, attempt);
                None
            }
            Variant::Bundle(bundle) => {
                self.assign_bundle(resource, bundle, prefer, attempt);
                None
            }
        }
    }

    fn assign_primitive(
        &mut self,
        resource: ResourceId,
        prefer: Option<NodeId>,
        attempt: Attempt,
    ) -> Option<NodeId> {
        if let Some(parent) = self.config(resource).parent
            && !self.resources[parent].assigning
        {
            self.assign(parent, prefer, attempt);
        }
        let scratch = &mut self.resources[resource];
        if !scratch.unassigned {
            return scratch.assigned.map(|assigned| assigned.node);
        }
        if scratch.assigning {
            return None; // a loop of colocations
        }
        scratch.assigning = true;

        self.apply_colocations(resource);
        self.settle_role(resource);
        self.show_scores(Source::Primitive, resource);
        let options = &self.world.config.options;
        if options.fencing_enabled && !self.world.state.have_fencing {
            self.resources[resource].managed = false;
        }
        self.choose_node(resource, prefer, attempt);

        let scratch = &mut self.resources[resource];
        scratch.assigning = false;
        let node = scratch.assigned.map(|assigned| assigned.node);
        self.settle_connection(resource);
        node
    }

    /// Applies all colocations: mandatory ones first, to satisfy as many as possible.
    fn apply_colocations(&mut self, resource: ResourceId) {
        let this_with = self.colocations_of(resource, Side::ThisWith);
        let with_this = self.colocations_of(resource, Side::WithThis);
        for mandatory in [true, false] {
            for &index in &this_with {
                if self.is_mandatory(index) == mandatory {
                    self.apply_this_with(resource, index);
                }
            }
            for &index in &with_this {
                if self.is_mandatory(index) == mandatory {
                    self.add_dependent_wishes(resource, index);
                }
            }
        }
    }

    /// Every colocation that matters for a resource on one side, in order.
    pub(super) fn colocations_of(&self, resource: ResourceId, side: Side) -> Vec<u32> {
        self.lists
            .effective(self.world, &self.resources, side, resource)
            .into_owned()
    }

    fn is_mandatory(&self, index: u32) -> bool {
        let score = self.lists.link(index).score;
        score.is_infinite() || score.is_minus_infinite()
    }

    /// What shall be stopped can run nowhere; a partition without quorum that is frozen promotes
    /// and starts nothing.
    fn settle_role(&mut self, resource: ResourceId) {
        let options = &self.world.config.options;
        let scratch = &mut self.resources[resource];
        if scratch.next_role == Role::Stopped {
            self.ban_everywhere(resource, Cause::TargetRole);
        } else if scratch.next_role > scratch.role
            && !options.quorate
            && options.no_quorum_policy == NoQuorumPolicy::Freeze
        {
            scratch.next_role = scratch.role;
            let message = format!(
                "Resource {} cannot be elevated due to no-quorum-policy=freeze",
                self.config(resource).id
            );
            self.say(Severity::Notice, resource, message);
        }
    }

    fn choose_node(&mut self, resource: ResourceId, prefer: Option<NodeId>, attempt: Attempt) {
        let current = self.current_node(resource);
        let scratch = &mut self.resources[resource];
        if !scratch.managed {
            scratch.next_role = scratch.role;
            let current = current.map(|node| self.nodes.as_such(node));
            self.assign_to(resource, current, true, attempt);
        } else if self.world.config.options.stop_all_resources {
            self.assign_to(resource, None, true, attempt);
        } else {
            self.assign_best_node(resource, prefer, current, attempt);
        }
    }

    fn assign_best_node(
        &mut self,
        resource: ResourceId,
        prefer: Option<NodeId>,
        current: Option<NodeId>,
        attempt: Attempt,
    ) {
        let most_room = self.ban_insufficient_capacity(resource);
        let scratch = &self.resources[resource];
        if !scratch.unassigned {
            return;
        }
        let chosen = self
            .node_order(current)
            .best(scratch.candidates())
            .map(|best| {
                let score = |node| scratch.table.score(node);
                // The preferred node needs to be as good as the best one.
                if let Some(node) = prefer.or(most_room)
                    && let Some(score) = score(node)
                    && score >= best.score
                    && self.nodes.usable(node, score)
                {
                    return Assigned { node, score };
                }
                // So does the current one. (Unique instances have had their chance to stay.)
                if best.score > Score::ZERO
                    && self.nodes.available(best.node)
                    && !self.is_unique_instance(resource)
                    && let Some(node) = current
                    && self.nodes.usable_as_such(node)
                    && score(node) == Some(best.score)
                {
                    return Assigned {
                        node,
                        score: best.score,
                    };
                }
                best
            });
        self.assign_to(resource, chosen, false, attempt);
    }

    fn is_unique_instance(&self, resource: ResourceId) -> bool {
        let parent = self.config(resource).parent;
        parent.is_some_and(|parent| self.is_clone(parent) && self.config(parent).unique)
    }

    /// Assigns a resource, with all below it, to a node or to none. Unless forced, the node has to
    /// be usable (guests are assumed to come up).
    pub(super) fn assign_to(
        &mut self,
        resource: ResourceId,
        node: Option<Assigned>,
        force: bool,
        attempt: Attempt,
    ) {
        if !self.resources[resource].children.is_empty() {
            for position in 0..self.resources[resource].children.len() {
                let child = self.resources[resource].children[position];
                self.assign_to(child, node, force, attempt);
            }
            return;
        }
        let node = node.filter(|candidate| {
            force
                || !candidate.score.is_negative()
                    && (self.nodes.available(candidate.node) || self.nodes.is_guest(candidate.node))
        });
        self.unassign(resource);
        let scratch = &mut self.resources[resource];
        scratch.unassigned = false;
        match node {
            None => {
                if attempt == Attempt::Final {
                    scratch.next_role = Role::Stopped;
                    self.assigned.push((resource, None));
                }
            }
            Some(assigned) => {
                scratch.assigned = Some(assigned);
                if !force && let Some(entry) = scratch.table.get_mut(assigned.node) {
                    entry.count += 1;
                }
                self.nodes.change_load(assigned.node, 1);
                self.capacity.consume(assigned.node, resource);
                self.assigned.push((resource, Some(assigned.node)));
                self.report.utilization(resource, assigned.node);
            }
        }
    }

    /// Takes a resource, with all below it, from its node again.
    pub(super) fn unassign(&mut self, resource: ResourceId) {
        let scratch = &mut self.resources[resource];
        scratch.unassigned = true;
        for position in 0..scratch.children.len() {
            self.unassign(self.resources[resource].children[position]);
        }
        if let Some(assigned) = self.resources[resource].assigned.take() {
            self.nodes.change_load(assigned.node, -1);
            self.capacity.release(assigned.node, resource);
            // What is undone was done a moment ago.
            let event = (resource, Some(assigned.node));
            if let Some(position) = self.assigned.iter().rposition(|&known| known == event) {
                self.assigned.remove(position);
            }
        }
    }

    /// A connection that will run brings its node online, another one shuts it down.
    fn settle_connection(&mut self, resource: ResourceId) {
        let config = self.config(resource);
        let Some(node) = config.connection_to.filter(|_| config.remote_connection) else {
            return;
        };
        let scratch = &self.resources[resource];
        let will_run = scratch.assigned.is_some() && scratch.next_role != Role::Stopped;
        let seen = self.world.state.node[node].seen;
        let mut condition = self.nodes.condition(node);
        if will_run {
            condition.online = true;
            // Never seen: try to connect before fencing it.
            condition.unclean &= seen;
        } else {
            condition.shutdown = true;
        }
        self.nodes.set_condition(node, condition);
    }
}
