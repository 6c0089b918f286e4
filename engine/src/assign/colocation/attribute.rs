//! Do two nodes count as the same place for a colocation?
//!
//! They do if the colocation's node attribute has the same value on both, whatever the case;
//! by default that is the node's name. Values are compared once, beforehand: every node gets a
//! class for each attribute that some colocation uses.

use crate::World;
use crate::assign::scratch::{Assigner, bundle_of};
use crate::config::Variant;
use crate::id::{NodeId, ResourceId, Table};

/// Nodes by the value of a node attribute.
#[derive(Default)]
pub(in crate::assign) struct AttributeClasses {
    names: Vec<String>,
    /// By attribute and node; [`NO_VALUE`] where the attribute is not set.
    classes: Vec<Table<NodeId, u32>>,
    /// By attribute, classes run from 0 to this.
    count: Vec<u32>,
}

/// The class of nodes without a value: they are equal among themselves.
const NO_VALUE: u32 = 0;

impl AttributeClasses {
    /// The index of an attribute.
    pub(in crate::assign) fn attribute(&mut self, world: &World<'_>, name: &str) -> u32 {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return index as u32;
        }
        let mut values: Vec<(String, NodeId)> = Vec::new();
        for node in world.state.nodes.ids() {
            if let Some(value) = world.state.node[node].attributes.get(name) {
                values.push((value.to_ascii_lowercase(), node));
            }
        }
        values.sort();
        let mut classes = Table::filled(NO_VALUE, world.state.nodes.len());
        let mut count = NO_VALUE;
        let mut previous: Option<&str> = None;
        for (value, node) in &values {
            if previous != Some(value) {
                count += 1;
                previous = Some(value);
            }
            classes[*node] = count;
        }
        self.names.push(name.to_owned());
        self.classes.push(classes);
        self.count.push(count);
        self.names.len() as u32 - 1
    }
}

impl Assigner<'_> {
    /// The number of classes of an attribute; classes are below it.
    pub(super) fn class_count(&self, attribute: u32) -> usize {
        self.classes.count[attribute as usize] as usize + 1
    }

    /// The class of a node (or of no node at all) as seen by a resource.
    ///
    /// What runs in a bundle can run on its bundle nodes only: there it is the container's host
    /// that counts. Other resources on guests may ask for the same.
    pub(in crate::assign) fn class(
        &self,
        attribute: u32,
        node: Option<NodeId>,
        resource: ResourceId,
    ) -> u32 {
        let Some(mut node) = node else {
            return NO_VALUE;
        };
        if let Some(launcher) = self.nodes.get(node).launcher
            && self.looks_at_host(node, resource)
        {
            match &self.resources[launcher].assigned {
                Some(host) => node = host.node,
                None => return NO_VALUE,
            }
        }
        self.classes.classes[attribute as usize][node]
    }

    /// Whether this resource means the host when it asks for an attribute of this guest.
    fn looks_at_host(&self, guest: NodeId, resource: ResourceId) -> bool {
        if self.nodes.get(guest).in_bundle
            && let Some(bundle) = bundle_of(self.world, resource)
            && let Variant::Bundle(bundle) = &self.config(bundle).variant
            && bundle.child == Some(self.top_of(resource))
        {
            return true;
        }
        self.targets_host(resource)
    }

    /// Whether `container-attribute-target` of the resource is `host`.
    pub(in crate::assign) fn targets_host(&self, resource: ResourceId) -> bool {
        let target = self
            .config(resource)
            .meta_text
            .get("container-attribute-target");
        target.is_some_and(|target| target.eq_ignore_ascii_case("host"))
    }
}
