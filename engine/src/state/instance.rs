//! Which resource does a history belong to? Above all: which instance of an anonymous clone?
//!
//! Histories of anonymous instances have no numbers (or numbers of other times), so numbers are
//! given out as histories are read: the instance that is active or pending on the node, else the
//! first that is so nowhere, else a new one beyond the configured maximum. [`Instances`] knows
//! where each instance is, so that a clone of a thousand instances is not searched a thousand times.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::names::base_name;
use crate::config::{self, Requires, Variant};
use crate::id::{NodeId, ResourceId};

/// Where the instances of anonymous clones are, by clone.
#[derive(Debug, Default)]
pub(super) struct Instances {
    clones: BTreeMap<ResourceId, Whereabouts>,
}

#[derive(Debug, Default)]
struct Whereabouts {
    /// The first node where each instance (by position) is active or pending.
    located: Vec<Option<NodeId>>,
    /// Positions of the instances on a node, ascending.
    on_node: BTreeMap<NodeId, Vec<usize>>,
    /// All instances before this position are somewhere, or blocked.
    first_free: usize,
}

impl Builder<'_> {
    /// The resource whose history has this name on a node. None if it is not configured (as a
    /// primitive) any more.
    pub(super) fn find_resource(&mut self, node: NodeId, name: &str) -> Option<ResourceId> {
        let (found, top) = match self.resource_names.find(name, &self.state.resources) {
            Some(id) if !matches!(self.state.resources[id].variant, Variant::Primitive(_)) => {
                return None;
            }
            Some(id) => (Some(id), self.top_of(id)),
            None => {
                // Even a clone without instances has one: `:0`, which counts as removed.
                let id = format!("{}:0", base_name(name));
                let id = self.resource_names.by_id(&id, &self.state.resources)?;
                if self.state.resources[id].unique {
                    return None;
                }
                (Some(id), self.top_of(id))
            }
        };
        let found = if !self.is_anonymous_clone(top) {
            found
        } else if let Some(bundle) = self.state.resources[top].parent {
            self.replica_on(bundle, node)
        } else {
            self.find_instance(node, top, base_name(name))
        }?;
        self.note_history_name(found, name);
        Some(found)
    }

    fn note_history_name(&mut self, resource: ResourceId, name: &str) {
        let known = &mut self.state.resource[resource].history_id;
        if self.state.resources[resource].id != name && known.as_deref() != Some(name) {
            self.resource_names
                .rename(resource, known.as_deref(), Some(name));
            *known = Some(name.to_owned());
        }
    }

    /// Forgets the name that history uses for a resource.
    pub(super) fn forget_history_name(&mut self, resource: ResourceId) {
        let known = self.state.resource[resource].history_id.take();
        self.resource_names.rename(resource, known.as_deref(), None);
    }

    /// The instance of a bundle's primitive that belongs to a bundle node.
    fn replica_on(&self, bundle: ResourceId, node: NodeId) -> Option<ResourceId> {
        let Variant::Bundle(bundle) = &self.state.resources[bundle].variant else {
            return None;
        };
        let replica = bundle
            .replicas
            .iter()
            .find(|replica| replica.node == Some(node));
        replica?.child
    }

    /// The instance of an anonymous clone (or the member called `base` of a cloned group's
    /// instance) that a history on `node` is about.
    fn find_instance(&mut self, node: NodeId, clone: ResourceId, base: &str) -> Option<ResourceId> {
        self.whereabouts(clone);
        let found = match self.instance_on(node, clone, base) {
            Here::Active(id) => Some(id),
            Here::Surplus => None,
            Here::Nothing => self.free_instance(clone, base),
        };
        let usable = |&id: &ResourceId| {
            // Nobody waits for fencing of such a node before the instance is started elsewhere, so
            // it must not use up a number that is needed there.
            let state = &self.state.node[node];
            self.state.resource[id].requires >= Requires::Fencing
                || (state.online && !state.unclean)
                || self.is_guest(node)
                || self.has_instance_per_node(clone)
        };
        match found.filter(usable) {
            Some(id) => Some(id),
            None => self.add_surplus_instance(clone, base),
        }
    }

    fn has_instance_per_node(&self, clone: ResourceId) -> bool {
        let nodes = self.state.nodes.len();
        match &self.state.resources[clone].variant {
            Variant::Clone(settings) => usize::try_from(settings.max).is_ok_and(|max| max == nodes),
            _ => false,
        }
    }

    fn instance_on(&self, node: NodeId, clone: ResourceId, base: &str) -> Here {
        let whereabouts = &self.instances.clones[&clone];
        let mut here = Here::Nothing;
        for &position in whereabouts.on_node.get(&node).into_iter().flatten() {
            let instance = self.state.resources[clone].children[position];
            match self.member(instance, base) {
                // A second history of the same resource on one node: of a time when the clone was
                // unique.
                Some(id) if !self.state.resource[id].active_on.is_empty() => here = Here::Surplus,
                Some(id) => return Here::Active(id),
                None => {}
            }
        }
        here
    }

    fn free_instance(&mut self, clone: ResourceId, base: &str) -> Option<ResourceId> {
        let children = &self.state.resources[clone].children;
        let whereabouts = self.instances.clones.get_mut(&clone)?;
        while let Some(&instance) = children.get(whereabouts.first_free) {
            let located = whereabouts.located[whereabouts.first_free].is_some();
            if !located && !self.state.resource[instance].blocked {
                return self.member(instance, base);
            }
            whereabouts.first_free += 1;
        }
        None
    }

    fn add_surplus_instance(&mut self, clone: ResourceId, base: &str) -> Option<ResourceId> {
        let instance = config::add_instance(
            self.config,
            &mut self.state.resources,
            &self.state.nodes,
            clone,
        )?;
        self.observe_new_resources();
        self.whereabouts(clone);
        self.member(instance, base)
    }

    /// The primitive called `base` in an instance.
    fn member(&self, instance: ResourceId, base: &str) -> Option<ResourceId> {
        let resources = &self.state.resources;
        let is_it = |id: &ResourceId| {
            let resource = &resources[*id];
            resource.config_id == base || resource.id == base
        };
        let members = resources[instance].children.iter().copied();
        std::iter::once(instance).chain(members).find(is_it)
    }

    /// Makes sure that the whereabouts of a clone's instances are known.
    fn whereabouts(&mut self, clone: ResourceId) {
        let children = &self.state.resources[clone].children;
        let whereabouts = self.instances.clones.entry(clone).or_default();
        // Nothing is anywhere yet when the first history of a clone is read, and nothing of a new
        // instance ever is.
        debug_assert!(
            children[whereabouts.located.len()..]
                .iter()
                .all(|&instance| self.state.resource[instance].active_on.is_empty())
        );
        whereabouts.located.resize(children.len(), None);
    }

    /// Notes that a primitive has become active or pending somewhere.
    pub(super) fn instance_moved(&mut self, resource: ResourceId) {
        if self.state.resources[resource].parent.is_none() {
            return;
        }
        // Whether the instance itself says that it is unique does not matter.
        let clone = self.top_of(resource);
        if !self.is_anonymous_clone(clone) {
            return;
        }
        let mut instance = resource;
        while let Some(parent) = self.state.resources[instance].parent
            && parent != clone
        {
            instance = parent;
        }
        let children = &self.state.resources[clone].children;
        let location = self.first_location(instance);
        let Some(whereabouts) = self.instances.clones.get_mut(&clone) else {
            return;
        };
        // Numbers are given out in order, so positions and ids ascend together.
        let Ok(position) = children.binary_search(&instance) else {
            return;
        };
        let previous = std::mem::replace(&mut whereabouts.located[position], location);
        if previous == location {
            return;
        }
        if let Some(positions) = previous.and_then(|node| whereabouts.on_node.get_mut(&node)) {
            positions.retain(|&other| other != position);
        }
        if let Some(node) = location {
            let positions = whereabouts.on_node.entry(node).or_default();
            let at = positions.partition_point(|&other| other < position);
            positions.insert(at, position);
        }
    }

    fn first_location(&self, instance: ResourceId) -> Option<NodeId> {
        let location = |id: ResourceId| {
            let state = &self.state.resource[id];
            let pending = state.pending.as_ref().map(|pending| pending.1);
            state.active_on.first().copied().or(pending)
        };
        match self.state.resources[instance].children.as_slice() {
            [] => location(instance),
            members => members.iter().find_map(|&member| location(member)),
        }
    }
}

/// What is known of a resource on a node.
enum Here {
    /// This instance (of a group) is there, and the resource not yet.
    Active(ResourceId),
    /// The resource is there already.
    Surplus,
    Nothing,
}
