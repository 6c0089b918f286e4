//! Where is a resource active, and what follows if that is in several places?

use super::builder::Builder;
use super::{Effect, State};
use crate::config::{MultipleActive, Requires, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::value::Score;

impl Builder<'_> {
    /// Notes that a primitive is active on a node, and so is everything that it is part of.
    /// `failed`: it does not count for the importance of the node.
    pub(super) fn add_active(&mut self, resource: ResourceId, node: NodeId, failed: bool) {
        let mut next = Some(resource);
        while let Some(id) = next {
            if !self.active[id].insert(node) {
                return;
            }
            self.state.resource[id].active_on.push(node);
            let entry = &self.state.resources[id];
            next = entry.parent;
            if matches!(entry.variant, Variant::Primitive(_)) {
                self.occupy(id, node, failed);
            }
            if !self.state.resource[id].managed {
                // It stays where it is, so nothing that depends on this node has to be avoided.
                self.add_score(id, node, Score::INFINITY);
                self.add_active_to_ancestors(id, node);
                return;
            }
            self.restrict_multiply_active(id, node);
        }
    }

    fn add_active_to_ancestors(&mut self, resource: ResourceId, node: NodeId) {
        let mut next = self.state.resources[resource].parent;
        while let Some(id) = next {
            self.active[id].insert(node);
            self.state.resource[id].active_on.push(node);
            next = self.state.resources[id].parent;
        }
    }

    fn occupy(&mut self, resource: ResourceId, node: NodeId, failed: bool) {
        self.state.node[node].running.push(resource);
        self.instance_moved(resource);
        if !failed {
            self.add_importance(resource, node);
        }
        if self.state.node[node].maintenance {
            let state = &mut self.state.resource[resource];
            (state.managed, state.maintenance) = (false, true);
        }
    }

    /// A node is as important as what is active there; a promoted instance counts one more. What is
    /// active in a guest counts for the guest's hosts as well.
    fn add_importance(&mut self, resource: ResourceId, node: NodeId) {
        let priority = self.state.resources[resource].meta.priority;
        if priority == 0 {
            return;
        }
        let promoted = self.state.resource[resource].role == Role::Promoted;
        let added = priority.saturating_add(i32::from(promoted));
        let hosts = match self.launcher_of(node) {
            Some(launcher) => self.state.resource[launcher].active_on.clone(),
            None => Vec::new(),
        };
        for node in hosts.into_iter().chain([node]) {
            let importance = &mut self.state.node[node].priority;
            *importance = importance.saturating_add(added);
        }
    }

    /// Applies what `multiple-active` says to a resource that is active in several places, as far
    /// as it has to be applied early.
    fn restrict_multiply_active(&mut self, resource: ResourceId, node: NodeId) {
        if !self.is_multiply_active(resource) {
            return;
        }
        let entry = &self.state.resources[resource];
        match entry.meta.multiple_active {
            MultipleActive::StopOnly => {
                self.replace_by_ban(resource);
                self.note(resource, node, Effect::MultiplyActive, None);
            }
            MultipleActive::Block => {
                let blocks_all = |parent: &ResourceId| {
                    let parent = &self.state.resources[*parent];
                    matches!(parent.variant, Variant::Group(_) | Variant::Bundle(_))
                        && parent.meta.multiple_active == MultipleActive::Block
                };
                let siblings = match entry.parent.filter(blocks_all) {
                    Some(parent) => self.state.resources[parent].children.clone(),
                    None => Vec::new(),
                };
                for id in siblings.into_iter().chain([resource]) {
                    self.block(id);
                    self.note(id, node, Effect::MultiplyActive, None);
                }
            }
            MultipleActive::StopStart | MultipleActive::StopUnexpected => {}
        }
    }

    /// Whether a primitive is active in several places. Unless it requires fencing, only clean
    /// nodes count.
    fn is_multiply_active(&self, resource: ResourceId) -> bool {
        if !matches!(
            self.state.resources[resource].variant,
            Variant::Primitive(_)
        ) {
            return false;
        }
        let state = &self.state.resource[resource];
        let counts = |node: &&NodeId| {
            let node = &self.state.node[**node];
            state.requires >= Requires::Fencing || (node.online && !node.unclean)
        };
        state.active_on.len() > 1 && state.active_on.iter().filter(counts).count() > 1
    }

    /// Lets a resource be as it is until someone cleans up.
    pub(super) fn block(&mut self, resource: ResourceId) {
        let state = &mut self.state.resource[resource];
        (state.managed, state.blocked) = (false, true);
    }

    pub(super) fn current_node(&self, resource: ResourceId) -> Option<NodeId> {
        current_node(&self.state, resource)
    }
}

/// The node on which a resource is active, as observed; see [`main_node`].
#[must_use]
pub fn current_node(state: &State, resource: ResourceId) -> Option<NodeId> {
    let resource = &state.resource[resource];
    let is_clean = |node: NodeId| state.node[node].online && !state.node[node].unclean;
    let (active, migration) = (&resource.active_on, resource.partial_migration);
    main_node(active, migration, resource.requires, is_clean)
}

/// The one that counts of several nodes on which a resource is active: the source of a migration
/// under way, else (unless the resource requires fencing) the first clean one, else the first.
#[must_use]
pub fn main_node(
    active_on: &[NodeId],
    migration: Option<(NodeId, NodeId)>,
    requires: Requires,
    is_clean: impl Fn(NodeId) -> bool,
) -> Option<NodeId> {
    let mut active = active_on.iter().copied();
    let preferred = match migration {
        Some((source, _)) => active.find(|&node| node == source),
        None if requires >= Requires::Fencing => None,
        None => active.find(|&node| is_clean(node)),
    };
    preferred.or(active_on.first().copied())
}
