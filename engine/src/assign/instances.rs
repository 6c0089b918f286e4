//! Which instances of a clone, or containers of a bundle, go to which nodes?
//!
//! Instances that are active stay where they are if their node gets instances at all; the others
//! fill what is left. No node gets more than it may, and the collective no more than its maximum.

use std::cmp::Ordering;

use super::colocation::{Selection, Side, Wishes};
use super::scratch::{Assigner, Attempt};
use crate::diagnostic::Severity;
use crate::id::{NodeId, ResourceId};
use crate::merge_sort::merge_sort;
use crate::score::{Cause, Change, Limit, ScoreTable};
use crate::value::{Score, integer};

impl Assigner<'_> {
    /// Assigns at most `max` instances, at most `max_per_node` to each node.
    pub(super) fn assign_instances(
        &mut self,
        collective: ResourceId,
        instances: &[ResourceId],
        max: i32,
        max_per_node: i32,
    ) {
        let available = self.reset_counts(collective);
        let optimal_per_node = max.checked_div(available).unwrap_or(0).max(1);
        let mut assigned = 0;

        for &instance in instances {
            if assigned >= max {
                break;
            }
            if let Some(current) = self.node_to_keep(instance, optimal_per_node)
                && self.try_to_keep(instance, current, max_per_node, max - assigned)
            {
                assigned += 1;
            }
        }
        for &instance in instances {
            if !self.resources[instance].unassigned {
                continue;
            }
            if assigned >= max {
                self.ban_everywhere(instance, Cause::InstanceLimit(Limit::Max));
            } else {
                self.note_if_no_longer_allowed(instance);
                if self.assign_instance(instance, None, max_per_node).is_some() {
                    assigned += 1;
                }
            }
        }
    }

    /// Instances are counted per node in the table of their collective. Returns the number of nodes
    /// that can run any, whatever their scores.
    fn reset_counts(&mut self, collective: ResourceId) -> i32 {
        let mut available = 0;
        for (node, entry) in self.resources[collective].table.iter_mut() {
            entry.count = 0;
            available += i32::from(self.nodes.available(node));
        }
        available
    }

    /// The current node of an instance that could stay there.
    fn node_to_keep(&self, instance: ResourceId, optimal_per_node: i32) -> Option<NodeId> {
        let scratch = &self.resources[instance];
        if !scratch.unassigned || scratch.failed {
            return None;
        }
        let node = self.current_node(instance)?;
        let count = self
            .collective_table(instance)
            .get(node)
            .map(|entry| entry.count);
        let full = count.is_some_and(|count| count >= optimal_per_node);
        (self.nodes.usable_as_such(node) && !full).then_some(node)
    }

    fn note_if_no_longer_allowed(&mut self, instance: ResourceId) {
        if let Some(node) = self.current_node(instance)
            && self.collective_table(instance).get(node).is_none()
        {
            let message = format!(
                "{} is running on {} which is no longer allowed",
                self.config(instance).id,
                self.world.state.nodes[node].name
            );
            self.say(Severity::Notice, instance, message);
        }
    }

    /// The table in which instances are counted: that of the collective.
    fn collective_table(&self, instance: ResourceId) -> &ScoreTable {
        let parent = self.config(instance).parent.unwrap_or(instance);
        &self.resources[parent].table
    }

    /// Tries whether an instance that prefers to stay is assigned to its current node. If it goes
    /// elsewhere, one instance is reserved for that better node, and the next try sees it taken:
    /// nodes get their instances by preference, but which ones moves as few as possible.
    fn try_to_keep(
        &mut self,
        instance: ResourceId,
        current: NodeId,
        max_per_node: i32,
        available: i32,
    ) -> bool {
        let Some(parent) = self.config(instance).parent else {
            return false;
        };
        let score = self.resources[instance].table.score(current);
        if !score.is_some_and(|score| self.nodes.usable(current, score)) {
            return false;
        }
        let before = self.save_tables(instance);
        let counts_before = self.resources[parent].table.clone();

        let mut kept = false;
        for _ in 0..available {
            let chosen = self.assign_instance(instance, Some(current), max_per_node);
            if chosen == Some(current) {
                kept = true;
                break;
            }
            self.restore_tables(&before);
            if chosen.is_none() {
                self.resources[instance].unassigned = true;
                break;
            }
            self.unassign(instance);
        }

        let table = &mut self.resources[parent].table;
        self.ledger
            .replace(parent, table, counts_before, Cause::Undone);
        if kept {
            self.count_instance(instance, current);
        }
        kept
    }

    /// Assigns an instance: on trial if it prefers a node, else for good.
    fn assign_instance(
        &mut self,
        instance: ResourceId,
        prefer: Option<NodeId>,
        max_per_node: i32,
    ) -> Option<NodeId> {
        if self.resources[instance].assigning {
            return None; // a loop of colocations
        }
        self.ban_full_nodes(instance, max_per_node);
        let attempt = if prefer.is_some() {
            Attempt::Trial
        } else {
            Attempt::Final
        };
        let chosen = self.assign(instance, prefer, attempt);
        if let Some(node) = chosen {
            self.count_instance(instance, node);
        }
        chosen
    }

    /// Counts an instance in the table of its collective.
    fn count_instance(&mut self, instance: ResourceId, node: NodeId) {
        if let Some(parent) = self.config(instance).parent
            && let Some(entry) = self.resources[parent].table.get_mut(node)
        {
            entry.count += 1;
        }
    }

    /// Bans an instance, and its members, from nodes that cannot take it.
    fn ban_full_nodes(&mut self, instance: ResourceId, max_per_node: i32) {
        let parent = self.config(instance).parent.unwrap_or(instance);
        let removed = self.config(instance).removed;
        let collective = &self.resources[parent].table;
        let table = &self.resources[instance].table;
        let limit = |node: NodeId| match collective.get(node) {
            _ if removed => Some(Limit::Surplus),
            _ if !self.nodes.available(node) => Some(Limit::NodeUnavailable),
            None => Some(Limit::Forbidden),
            Some(entry) if entry.score.is_negative() => Some(Limit::Forbidden),
            Some(entry) if entry.count >= max_per_node => Some(Limit::PerNode),
            Some(_) => None,
        };
        let banned: Vec<(NodeId, Limit)> = table
            .iter()
            .filter_map(|(node, _)| Some((node, limit(node)?)))
            .collect();
        let change = Change::Set(Score::MINUS_INFINITY);
        for (node, limit) in banned {
            for &part in std::iter::once(&instance).chain(&self.config(instance).children) {
                if let Some(entry) = self.resources[part].table.get_mut(node)
                    && !entry.score.is_minus_infinite()
                {
                    self.ledger
                        .change((part, node), entry, change, Cause::InstanceLimit(limit));
                }
            }
        }
    }

    /// Sorts instances in the order in which they choose their nodes.
    pub(super) fn sort_instances(&mut self, instances: &mut [ResourceId]) {
        self.sort_instances_by(instances, |_, _, _| Ordering::Equal);
    }

    /// Like [`Assigner::sort_instances`], for instances that another comparison finds equal.
    pub(super) fn sort_instances_by(
        &mut self,
        instances: &mut [ResourceId],
        first: impl Fn(&Self, ResourceId, ResourceId) -> Ordering,
    ) {
        let keys: Vec<Key> = instances
            .iter()
            .map(|&instance| self.instance_key(instance))
            .collect();
        // What colocations say is dear, and seldom asked.
        let mut wanted: Vec<Option<Score>> = vec![None; keys.len()];
        let mut order: Vec<usize> = (0..keys.len()).collect();
        merge_sort(&mut order, |&a, &b| {
            let (key_a, key_b) = (&keys[a], &keys[b]);
            first(self, key_a.instance, key_b.instance).then_with(|| {
                key_a.compare(key_b).unwrap_or_else(|(node_a, node_b)| {
                    let wanted_a =
                        *wanted[a].get_or_insert_with(|| self.wanted_on(key_a.instance, node_a));
                    let wanted_b =
                        *wanted[b].get_or_insert_with(|| self.wanted_on(key_b.instance, node_b));
                    wanted_b
                        .cmp(&wanted_a)
                        .then(key_a.number.cmp(&key_b.number))
                })
            })
        });
        let sorted: Vec<ResourceId> = order
            .into_iter()
            .map(|index| keys[index].instance)
            .collect();
        instances.copy_from_slice(&sorted);
    }

    fn instance_key(&self, instance: ResourceId) -> Key {
        let scratch = &self.resources[instance];
        let current = self.current_node(instance);
        let allowed = |node: NodeId| {
            scratch
                .table
                .score(node)
                .is_some_and(|score| !score.is_negative())
        };
        let node = current.filter(|&node| allowed(node));
        Key {
            instance,
            active_on: self.active_on(instance).len(),
            forbidden: current.is_some() && node.is_none(),
            priority: scratch.priority,
            node,
            available: node.is_some_and(|node| self.nodes.available(node)),
            count: node.and_then(|node| Some(self.collective_table(instance).get(node)?.count)),
            failed: self.any_failed(instance),
            number: instance_number(&self.config(instance).id),
        }
    }

    /// How much the colocations of an instance, and those behind them, want it on a node.
    fn wanted_on(&mut self, instance: ResourceId, node: NodeId) -> Score {
        let mut table = ScoreTable::new();
        *table.entry(node, Score::ZERO) = self.nodes.base_entry(node);
        let mut wishes = Wishes::new(table, 0);
        let selection = Selection {
            nonnegative: false,
            droppable: false,
            this_with: false,
        };
        for index in self.colocations_of(instance, Side::ThisWith) {
            let primary = self.lists.link(index).primary;
            self.add_wishes(&mut wishes, primary, instance, index, selection);
        }
        let selection = Selection {
            nonnegative: true,
            ..selection
        };
        for index in self.colocations_of(instance, Side::WithThis) {
            let link = self.lists.link(index);
            if self.has_influence(link, instance) {
                self.add_wishes(&mut wishes, link.dependent, instance, index, selection);
            }
        }
        wishes.into_table().score(node).unwrap_or_default()
    }

    /// Sorts the instances of an ordered clone by their numbers.
    pub(super) fn sort_by_instance_number(&mut self, clone: ResourceId) {
        let resources = &self.world.state.resources;
        let instances = &mut self.resources[clone].children;
        instances.sort_by_key(|&instance| instance_number(&resources[instance].id));
    }
}

/// What instances are compared by.
struct Key {
    instance: ResourceId,
    active_on: usize,
    /// Active on a node that it may not run on.
    forbidden: bool,
    priority: i32,
    /// The current node, unless it is forbidden.
    node: Option<NodeId>,
    available: bool,
    /// Instances counted on the current node, if the collective knows it.
    count: Option<i32>,
    failed: bool,
    number: i64,
}

impl Key {
    /// The order of two instances, or their nodes if it takes colocations to decide. This order is
    /// cyclic for some instances: what is compared depends on what both are.
    fn compare(&self, other: &Key) -> Result<Ordering, (NodeId, NodeId)> {
        let by_nodes = if self.active_on > 0 && other.active_on > 0 {
            self.active_on.cmp(&other.active_on)
        } else {
            Ordering::Equal
        };
        let before_nodes = by_nodes
            .then(self.forbidden.cmp(&other.forbidden))
            .then(other.priority.cmp(&self.priority));
        if before_nodes.is_ne() {
            return Ok(before_nodes);
        }
        let (node, other_node) = match (self.node, other.node) {
            (None, None) => return Ok(Ordering::Equal),
            (None, Some(_)) => return Ok(Ordering::Greater),
            (Some(_), None) => return Ok(Ordering::Less),
            (Some(node), Some(other_node)) => (node, other_node),
        };
        let by_availability = other.available.cmp(&self.available);
        if by_availability.is_ne() {
            return Ok(by_availability);
        }
        let by_count = match (self.count, other.count) {
            (None, None) => return Ok(Ordering::Equal),
            (None, Some(_)) => return Ok(Ordering::Greater),
            (Some(_), None) => return Ok(Ordering::Less),
            (Some(count), Some(other_count)) => count.cmp(&other_count),
        };
        match by_count.then(self.failed.cmp(&other.failed)) {
            Ordering::Equal => Err((node, other_node)),
            order => Ok(order),
        }
    }
}

/// The number of an instance: after the last colon, in bundles after the last dash.
fn instance_number(id: &str) -> i64 {
    let number = id.rsplit_once(':').or_else(|| id.rsplit_once('-'));
    number.and_then(|(_, number)| integer(number)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
