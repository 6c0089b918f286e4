//! How many instances does a clone have?

use super::definition::Definition;
use super::resources::Resolver;
use super::{Attributes, Clone_, Resource, Variant};
use crate::id::{Id, ResourceId, Table};
use crate::value;

impl Clone_ {
    /// Settings out of a clone's meta attributes. Numbers that are not valid count as 0.
    pub(super) fn from_meta(
        meta: &Attributes,
        promotable: bool,
        globally_unique: bool,
        nodes: usize,
    ) -> Self {
        let number = |names: &[&str], default: i32| {
            let text = names.iter().find_map(|&name| meta.get(name));
            text.map_or(default, |text| value::min_integer(Some(text), 0))
        };
        let is_true = |name: &str| value::is_true(meta.get(name).map(AsRef::as_ref));
        let promoted = |names: &[&str]| if promotable { number(names, 1) } else { 0 };
        let node_max = number(&["clone-node-max"], 1);
        let nodes = i32::try_from(nodes).unwrap_or(i32::MAX);
        Clone_ {
            // At least 1, so that a configuration without nodes can be checked.
            max: number(&["clone-max"], nodes.max(1)),
            node_max: if globally_unique {
                node_max
            } else {
                node_max.min(1)
            },
            min: meta
                .get("clone-min")
                .map(|text| value::min_integer(Some(text), 0)),
            promoted_max: promoted(&["promoted-max", "master-max"]),
            promoted_node_max: promoted(&["promoted-node-max", "master-node-max"]),
            promotable,
            globally_unique,
            interleave: is_true("interleave"),
            ordered: is_true("ordered"),
            child_element: None,
        }
    }
}

/// More instances than this of one clone are not made: a `clone-max` with a few digits too many must not
/// exhaust memory, or the patience of who waits for a plan.
const MAX_INSTANCES: usize = 10_000;

impl Resolver<'_> {
    /// Makes the instances: as many as `clone-max`, but at least one, to which history that is
    /// left of removed instances can be joined.
    pub(super) fn complete_clone(&mut self, id: ResourceId, definition: &Definition) -> bool {
        let Some(part) = definition.parts.first() else {
            let message = format!("{} has nothing to clone", definition.id);
            self.error(definition.element, message);
            return false;
        };
        let clone = &mut self.resources[id];
        let unique = clone.unique;
        // Instances are a little sticky, so that they are not shuffled around for no benefit.
        let mut default = |name: &str, value: &str| {
            clone
                .meta_text
                .entry(name.into())
                .or_insert_with(|| value.into());
        };
        default("resource-stickiness", "1");
        clone
            .meta_text
            .insert("globally-unique".into(), unique.to_string().into());
        if let Variant::Clone(settings) = &mut clone.variant {
            settings.child_element = part.element;
        }
        if usize::try_from(self.clone_max(id)).is_ok_and(|max| max > MAX_INSTANCES) {
            let message = format!(
                "clone {} is ignored: it has too many instances",
                definition.id
            );
            self.error(definition.element, message);
            return false;
        }
        let mut number = 0;
        loop {
            // A member may turn out not to allow as many.
            let max = self.clone_max(id);
            if number > 0 && number >= max {
                return true;
            }
            let Some(instance) = self.make(part, Some(id), Some(&number.to_string())) else {
                return false;
            };
            if number >= max {
                mark_removed(&mut self.resources, instance);
            }
            let meta = &mut self.resources[instance].meta_text;
            meta.insert("clone-max".into(), max.to_string().into());
            self.resources[id].children.push(instance);
            number += 1;
        }
    }

    fn clone_max(&self, id: ResourceId) -> i32 {
        match &self.resources[id].variant {
            Variant::Clone(settings) => settings.max,
            _ => 0,
        }
    }
}

/// Marks a resource and everything in it as removed from the configuration.
pub(super) fn mark_removed(resources: &mut Table<ResourceId, Resource>, id: ResourceId) {
    let resource = &mut resources[id];
    resource.removed = true;
    for child in resource.children.clone() {
        debug_assert!(child.index() > id.index());
        mark_removed(resources, child);
    }
}
