//! What does a name in a constraint mean?

use std::collections::BTreeMap;

use crate::config::{Config, Resource, Tags, Variant};
use crate::id::{NodeId, ResourceId, Table};
use crate::state::State;

/// Finds resources, templates and tags by name.
pub(super) struct Lookup<'a> {
    resources: &'a Table<ResourceId, Resource>,
    /// The first resource, from the top down, that has a name or is called so by its history.
    by_name: BTreeMap<&'a str, ResourceId>,
    /// Nodes by name without case; of several the first in name order counts.
    nodes: BTreeMap<String, NodeId>,
    tags: &'a Tags,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Referent<'a> {
    Resource,
    /// The ids that a template or tag stands for.
    Several(&'a [String]),
}

impl<'a> Lookup<'a> {
    pub(super) fn new(config: &'a Config, state: &'a State) -> Self {
        let mut lookup = Self {
            resources: &state.resources,
            by_name: BTreeMap::new(),
            nodes: BTreeMap::new(),
            tags: &config.tags,
        };
        for &id in &state.nodes_by_name {
            let name = state.nodes[id].name.to_ascii_lowercase();
            lookup.nodes.entry(name).or_insert(id);
        }
        let mut rest: Vec<ResourceId> = state.top.iter().rev().copied().collect();
        while let Some(id) = rest.pop() {
            let resource = &state.resources[id];
            lookup.by_name.entry(&resource.id).or_insert(id);
            if let Some(name) = &state.resource[id].history_id {
                lookup.by_name.entry(name).or_insert(id);
            }
            rest.extend(resource.children.iter().rev());
        }
        lookup
    }

    /// The node with a name.
    pub(super) fn node(&self, name: &str) -> Option<NodeId> {
        self.nodes.get(&name.to_ascii_lowercase()).copied()
    }

    /// The resource with a name. What only history calls so is an instance of a clone; then the
    /// clone is meant.
    pub(super) fn resource(&self, name: &str) -> Option<ResourceId> {
        let found = *self.by_name.get(name)?;
        if self.resources[found].id == name {
            return Some(found);
        }
        let parent = |id: &ResourceId| {
            let parent = self.resources[*id].parent?;
            let in_bundle = matches!(self.resources[parent].variant, Variant::Bundle(_));
            (!in_bundle).then_some(parent)
        };
        std::iter::successors(Some(found), parent).last()
    }

    /// What a name stands for. A template or tag that stands for nothing counts as unknown.
    pub(super) fn referent(&self, name: &str) -> Option<Referent<'a>> {
        if self.resource(name).is_some() {
            return Some(Referent::Resource);
        }
        let several = match self.tags.templates.get(name) {
            Some(users) => users,
            None => self.tags.tags.get(name)?,
        };
        (!several.is_empty()).then_some(Referent::Several(several))
    }

    /// Whether a name is that of a template or tag, even of one that stands for nothing.
    pub(super) fn is_collection(&self, name: &str) -> bool {
        self.tags.templates.contains_key(name) || self.tags.tags.contains_key(name)
    }
}
