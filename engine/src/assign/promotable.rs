//! Which instances of a promotable clone are promoted?
//!
//! Agents say how well an instance could serve as promoted, with a node attribute: its promotion
//! score. Locations and colocations for the promoted role add to it. The result is the instance's
//! priority, then that of its node; the best ones are promoted.

use std::collections::BTreeMap;

use super::colocation::{Side, add_priorities};
use super::scratch::{Assigned, Assigner};
use crate::config::{NoQuorumPolicy, Role, Variant};
use crate::diagnostic::Severity;
use crate::id::{IdSet, NodeId, ResourceId, Table};
use crate::score::{Cause, Change};
use crate::value::Score;

impl Assigner<'_> {
    /// Adds promotion scores to the nodes of the instances, so that instances are where they can be
    /// promoted, and makes each instance's best one its priority.
    pub(super) fn add_promotion_scores(&mut self, clone: ResourceId) {
        if std::mem::replace(&mut self.resources[clone].promotion_scores_added, true) {
            return;
        }
        let known = Known::new(self, clone);
        for position in 0..self.resources[clone].children.len() {
            let instance = self.resources[clone].children[position];
            let names = self.promotion_names(instance);
            let nodes: Vec<NodeId> = self.resources[instance]
                .table
                .iter()
                .map(|(node, _)| node)
                .collect();
            for node in nodes {
                if !self.nodes.available(node) {
                    continue; // nothing will be promoted there
                }
                let score = self.promotion_score(&names, node, &known).unwrap_or(0);
                let scratch = &mut self.resources[instance];
                if score > 0
                    && let Some(entry) = scratch.table.get_mut(node)
                {
                    let change = Change::Add(Score::from(score));
                    if change.apply(entry.score) != entry.score {
                        self.ledger
                            .change((instance, node), entry, change, Cause::Promotion);
                    }
                }
                scratch.priority = scratch.priority.max(score);
            }
        }
    }

    /// Chooses the roles of all instances, once they have nodes.
    pub(super) fn choose_roles(&mut self, clone: ResourceId) {
        // Counts are now those of promoted instances.
        for (_, entry) in self.resources[clone].table.iter_mut() {
            entry.count = 0;
        }
        let known = Known::new(self, clone);
        for position in 0..self.resources[clone].children.len() {
            let instance = self.resources[clone].children[position];
            self.set_priority(clone, instance, &known);
        }
        self.sort_by_promotion(clone);
        let mut promoted = 0;
        for position in 0..self.resources[clone].children.len() {
            let instance = self.resources[clone].children[position];
            self.choose_role(clone, instance, &mut promoted);
        }
    }

    /// Sets the priority with which an instance would be promoted.
    fn set_priority(&mut self, clone: ResourceId, instance: ResourceId, known: &Known) {
        if self.role(instance, true) == Role::Started {
            self.current_role_unpromoted(instance);
        }
        let assigned = self.assigned_nodes(instance);
        if assigned.len() > 1 {
            let message = format!(
                "Cannot promote non-colocated child {}",
                self.config(instance).id
            );
            self.misconfigured(instance, message);
        }
        let [Assigned { node, .. }] = assigned[..] else {
            return;
        };

        let next_role = self.role(instance, false);
        match next_role {
            Role::Started | Role::Unknown => {
                let names = self.promotion_names(instance);
                // Without a promotion score it takes a location to be promoted.
                let score = self.promotion_score(&names, node, known).unwrap_or(-1);
                self.resources[instance].priority = score;
            }
            Role::Unpromoted | Role::Stopped => {
                self.resources[instance].priority = Score::MINUS_INFINITY.value();
            }
            Role::Promoted => {}
        }
        self.add_promoted_locations(instance, instance, node);
        self.add_promoted_locations(instance, clone, node);
        for index in self.colocations_of(instance, Side::ThisWith) {
            self.apply_colocation(instance, self.lists.link(index).primary, index);
        }
        let scratch = &mut self.resources[instance];
        scratch.promotion_priority = match next_role {
            Role::Promoted => Score::INFINITY.value(),
            _ => scratch.priority,
        };
    }

    fn current_role_unpromoted(&mut self, resource: ResourceId) {
        let scratch = &mut self.resources[resource];
        if scratch.role == Role::Started {
            scratch.role = Role::Unpromoted;
        }
        for position in 0..scratch.children.len() {
            self.current_role_unpromoted(self.resources[resource].children[position]);
        }
    }

    /// Adds the scores of locations of `located` for the promoted role on a node.
    fn add_promoted_locations(&mut self, instance: ResourceId, located: ResourceId, node: NodeId) {
        let mut priority = self.resources[instance].priority;
        for &index in &self.resources[located].locations {
            let location = &self.world.constraints.locations[index as usize];
            if location.role == Some(Role::Promoted)
                && let Some((_, score)) = location.nodes.iter().find(|(other, _)| *other == node)
            {
                priority = add_priorities(priority, score.value());
            }
        }
        self.resources[instance].priority = priority;
    }

    /// Sorts instances by what their nodes are worth to the promoted role.
    fn sort_by_promotion(&mut self, clone: ResourceId) {
        if std::mem::replace(&mut self.resources[clone].roles_chosen, true) {
            return;
        }
        self.merging.insert(clone);
        self.add_priorities_to_nodes(clone);
        for index in self.colocations_of(clone, Side::WithThis) {
            let link = self.lists.link(index);
            if link.primary_role == Role::Promoted && self.has_influence(link, link.primary) {
                self.add_wishes_to(clone, link.dependent, index, true);
            }
        }
        for (index, ticket) in (0u32..).zip(&self.world.constraints.tickets) {
            if ticket.resource == clone && ticket.role == Some(Role::Promoted) && !ticket.satisfied
            {
                self.ban_everywhere(clone, Cause::Ticket(index));
            }
        }
        self.set_priorities_to_nodes(clone);

        let mut instances = self.resources[clone].children.clone();
        self.sort_instances_by(&mut instances, |assigner, a, b| {
            let priority = |instance| assigner.resources[instance].promotion_priority;
            let role = |instance| assigner.role(instance, true);
            priority(b)
                .cmp(&priority(a))
                .then_with(|| role(b).cmp(&role(a)))
        });
        self.resources[clone].children = instances;
        self.merging.remove(clone);
    }

    fn add_priorities_to_nodes(&mut self, clone: ResourceId) {
        for position in 0..self.resources[clone].children.len() {
            let instance = self.resources[clone].children[position];
            let priority = self.resources[instance].promotion_priority;
            if priority >= 0
                && let Some(Assigned { node, .. }) = self.assigned_node(instance)
                && let Some(entry) = self.resources[clone].table.get_mut(node)
            {
                let change = Change::Add(Score::from(priority));
                self.ledger
                    .change((clone, node), entry, change, Cause::Promotion);
            }
        }
    }

    fn set_priorities_to_nodes(&mut self, clone: ResourceId) {
        for position in 0..self.resources[clone].children.len() {
            let instance = self.resources[clone].children[position];
            let assigned = self.assigned_node(instance);
            let score = assigned.and_then(|at| self.resources[clone].table.score(at.node));
            let scratch = &mut self.resources[instance];
            if !scratch.managed && scratch.next_role == Role::Promoted {
                scratch.promotion_priority = Score::INFINITY.value();
            } else if assigned.is_none() {
                scratch.promotion_priority = Score::MINUS_INFINITY.value();
            } else if scratch.promotion_priority >= 0
                && let Some(score) = score
            {
                scratch.promotion_priority = score.value();
            }
        }
    }

    /// Promotes an instance if it may be, and if there may still be another one.
    fn choose_role(&mut self, clone: ResourceId, instance: ResourceId, promoted: &mut i32) {
        let node = self.assigned_node(instance).map(|assigned| assigned.node);
        let scratch = &self.resources[instance];
        self.report
            .promotion(instance, node, Score::from(scratch.promotion_priority));

        let Variant::Clone(settings) = &self.config(clone).variant else {
            return;
        };
        let may_be = scratch.promotion_priority >= 0
            && (*promoted < settings.promoted_max || !self.resources[clone].managed);
        let chosen = if may_be {
            self.node_to_be_promoted_on(clone, instance, settings.promoted_node_max)
        } else {
            None
        };
        let Some(node) = chosen else {
            self.next_role_unpromoted(instance);
            return;
        };
        let options = &self.world.config.options;
        if scratch.role < Role::Promoted
            && !options.quorate
            && options.no_quorum_policy == NoQuorumPolicy::Freeze
        {
            let id = &self.config(instance).id;
            let message = format!("Clone instance {id} cannot be promoted without quorum");
            self.say(Severity::Notice, instance, message);
            self.next_role_unpromoted(instance);
            return;
        }
        if let Some(entry) = self.resources[clone].table.get_mut(node) {
            entry.count += 1;
        }
        self.next_role_promoted(instance);
        *promoted += 1;
    }

    /// The node where an instance, and every member of it, can be promoted.
    fn node_to_be_promoted_on(
        &self,
        clone: ResourceId,
        instance: ResourceId,
        max_per_node: i32,
    ) -> Option<NodeId> {
        let scratch = &self.resources[instance];
        for &child in &scratch.children {
            self.node_to_be_promoted_on(clone, child, max_per_node)?;
        }
        let node = self.assigned_node(instance)?.node;
        if !scratch.managed {
            if self.role(instance, true) != Role::Promoted {
                return None;
            }
        } else if scratch.priority < 0 || !self.nodes.available(node) || !self.will_be_up(node) {
            return None;
        }
        let count = self.resources[clone].table.get(node)?.count;
        (count < max_per_node || !scratch.managed).then_some(node)
    }

    /// Of a guest: whether what launches it is assigned.
    fn will_be_up(&self, node: NodeId) -> bool {
        let launcher = self.nodes.get(node).launcher;
        launcher.is_none_or(|launcher| self.assigned_node(launcher).is_some())
    }

    fn next_role_unpromoted(&mut self, resource: ResourceId) {
        let stays = !self.assigned_nodes(resource).is_empty();
        let scratch = &mut self.resources[resource];
        scratch.next_role = if stays {
            Role::Unpromoted
        } else {
            Role::Stopped
        };
        for position in 0..scratch.children.len() {
            self.next_role_unpromoted(self.resources[resource].children[position]);
        }
    }

    fn next_role_promoted(&mut self, resource: ResourceId) {
        let scratch = &mut self.resources[resource];
        if scratch.next_role == Role::Unknown {
            scratch.next_role = Role::Promoted;
        }
        for position in 0..scratch.children.len() {
            self.next_role_promoted(self.resources[resource].children[position]);
        }
    }
}

/// A primitive with the names of node attributes that can hold its promotion score.
struct PromotionName {
    primitive: ResourceId,
    /// As history knows it, which is how agents name it.
    attribute: String,
    /// Without instance number: anonymous instances before there is any history.
    fallback: Option<String>,
}

impl Assigner<'_> {
    fn promotion_names(&self, resource: ResourceId) -> Vec<PromotionName> {
        let mut names = Vec::new();
        self.collect_promotion_names(resource, &mut names);
        names
    }

    fn collect_promotion_names(&self, resource: ResourceId, names: &mut Vec<PromotionName>) {
        let scratch = &self.resources[resource];
        for &child in &scratch.children {
            self.collect_promotion_names(child, names);
        }
        if scratch.children.is_empty() {
            let config = self.config(resource);
            let name = self
                .observed(resource)
                .history_id
                .as_ref()
                .unwrap_or(&config.id);
            let base = base_name(&config.id);
            names.push(PromotionName {
                primitive: resource,
                attribute: format!("master-{name}"),
                fallback: (!config.unique && base != config.id).then(|| format!("master-{base}")),
            });
        }
    }

    /// The promotion score of an instance on a node: the sum of its primitives'. None if there is
    /// none.
    fn promotion_score(&self, names: &[PromotionName], node: NodeId, known: &Known) -> Option<i32> {
        let scores = names.iter().filter_map(|name| {
            let text = self.promotion_attribute(name, node)?;
            known
                .score_applies(self, name.primitive, node)
                .then(|| Score::parse(text).unwrap_or_default().value())
        });
        scores.reduce(i32::saturating_add)
    }

    fn promotion_attribute(&self, name: &PromotionName, node: NodeId) -> Option<&str> {
        let mut holder = node;
        if let Some(launcher) = self.nodes.get(node).launcher
            && self.targets_host(name.primitive)
        {
            holder = if self.resources[name.primitive].unassigned {
                *self.active_on(launcher).first()?
            } else {
                self.resources[launcher].assigned?.node
            };
        }
        let attributes = &self.world.state.node[holder].attributes;
        let value = attributes.get(name.attribute.as_str());
        let value = value.or_else(|| attributes.get(name.fallback.as_deref()?));
        value.map(AsRef::as_ref)
    }
}

/// What is known about the instances of an anonymous clone, by primitive (without instance number)
/// and node. They are all the same, so that what is known of one says something about another.
struct Known {
    by_name: BTreeMap<String, KnownPrimitive>,
}

struct KnownPrimitive {
    /// The instance that is active there: the first one, if there are several.
    active: Table<NodeId, Option<ResourceId>>,
    /// Some instance was probed there.
    probed: IdSet<NodeId>,
}

impl Known {
    fn new(assigner: &Assigner<'_>, clone: ResourceId) -> Self {
        let mut known = Known {
            by_name: BTreeMap::new(),
        };
        if !assigner.config(clone).unique {
            for &instance in &assigner.resources[clone].children {
                known.add(assigner, instance);
            }
        }
        known
    }

    fn add(&mut self, assigner: &Assigner<'_>, resource: ResourceId) {
        let children = &assigner.resources[resource].children;
        if !children.is_empty() {
            for &child in children {
                self.add(assigner, child);
            }
            return;
        }
        let name = base_name(&assigner.config(resource).id);
        if !self.by_name.contains_key(name) {
            let active = Table::filled(None, assigner.world.state.nodes.len());
            let unknown = KnownPrimitive {
                active,
                probed: IdSet::new(),
            };
            self.by_name.insert(name.to_owned(), unknown);
        }
        let Some(known) = self.by_name.get_mut(name) else {
            return;
        };
        for &node in assigner.active_on(resource) {
            known.active[node].get_or_insert(resource);
        }
        for node in assigner.observed(resource).known_on.iter() {
            known.probed.insert(node);
        }
    }

    /// Whether a promotion score counts on a node: the instance may be there, and it is known what
    /// is there (or nothing is known anywhere, as when a cluster starts).
    fn score_applies(&self, assigner: &Assigner<'_>, primitive: ResourceId, node: NodeId) -> bool {
        let config = assigner.config(primitive);
        let observed = assigner.observed(primitive);
        let same = if config.unique {
            None
        } else {
            self.by_name.get(base_name(&config.id))
        };
        let by_same = same.is_some_and(|same| match same.active[node] {
            Some(active) => active == primitive,
            None => same.probed.contains(node),
        });
        let nothing_known = observed.active_on.is_empty() && observed.known_on.is_empty();
        let by_itself = observed.known_on.contains(node) || observed.active_on.contains(&node);
        let allowed = assigner.resources[primitive].table.score(node);
        (by_same || nothing_known || by_itself) && allowed.is_some_and(|score| !score.is_negative())
    }
}

/// An id without instance number.
fn base_name(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((base, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            base
        }
        _ => id,
    }
}
