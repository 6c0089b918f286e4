//! Which resources does only history know? Removed ones, and instances beyond `clone-max`.

use super::clone::mark_removed;
use super::definition::{Inherited, Reader};
use super::maker::{Allowed, Maker, Place, allow_initially};
use super::primitive::clear_unique;
use super::template::Templates;
use super::{Config, Evaluation, Node, Options, Resource, Variant};
use crate::id::{NodeId, ResourceId, Table};
use crate::parse::ElementId;

/// A primitive as its history entry `element` (an `lrm_resource`) describes it; none if that has
/// no id. It is not yet banned from anywhere, has no launcher, and if it is a connection, no node.
pub fn removed(
    evaluation: &mut Evaluation<'_>,
    config: &Config,
    nodes: &Table<NodeId, Node>,
    element: ElementId,
) -> Option<Resource> {
    let id = evaluation.document().id(element)?;
    let mut reader = Reader {
        document: evaluation.document(),
        ids: &config.ids,
        evaluation,
        templates: &Templates::default(),
        resource_defaults: &config.resource_defaults,
    };
    let definition = reader.history(element, id, Inherited::NOTHING);
    let mut maker = Maker {
        evaluation,
        options: &config.options,
    };
    let mut resource = maker.make(&definition, Place::TOP);
    resource.removed = true;
    allow_initially(
        &mut resource,
        &config.options,
        nodes,
        &mut Allowed::default(),
    );
    Some(resource)
}

/// Adds one more instance to a clone: a copy of its last one with the next number. It counts as
/// removed if the clone has enough. None if `clone` is no clone.
pub fn add_instance(
    config: &Config,
    resources: &mut Table<ResourceId, Resource>,
    nodes: &Table<NodeId, Node>,
    clone: ResourceId,
) -> Option<ResourceId> {
    let Variant::Clone(settings) = &resources[clone].variant else {
        return None;
    };
    let max = settings.max;
    let number = resources[clone].children.len();
    let model = *resources[clone].children.last()?;
    let copy = copy_tree(resources, nodes, &config.options, model, clone, number);
    if makes_anonymous(resources, copy) {
        // What was joined to the clone before the copy is made anonymous once more, which concerns
        // what follows the member that does it: that was not reached when the model was made.
        clear_unique(resources, model);
    }
    let enough = i32::try_from(number).map_or(true, |number| number >= max);
    if enough {
        mark_removed(resources, copy);
    }
    resources[clone].children.push(copy);
    Some(copy)
}

fn makes_anonymous(resources: &Table<ResourceId, Resource>, id: ResourceId) -> bool {
    let resource = &resources[id];
    let mut members = resource.children.iter();
    resource.makes_anonymous || members.any(|&member| makes_anonymous(resources, member))
}

fn copy_tree(
    resources: &mut Table<ResourceId, Resource>,
    nodes: &Table<NodeId, Node>,
    options: &Options,
    model: ResourceId,
    parent: ResourceId,
    number: usize,
) -> ResourceId {
    let mut copy = resources[model].clone();
    copy.id = format!("{}:{number}", copy.config_id);
    copy.meta_text
        .insert("clone".into(), number.to_string().into());
    // What joined the model to its replica does not hold for the copy.
    copy.meta_text.remove("external-ip");
    copy.exclusive_probes = false;
    copy.removed = false;
    copy.parent = Some(parent);
    copy.launcher = None;
    copy.launched = Vec::new();
    copy.connection_to = None;
    copy.allowed = Default::default();
    allow_initially(&mut copy, options, nodes, &mut Allowed::default());
    let members = std::mem::take(&mut copy.children);
    let id = resources.push(copy);
    for member in members {
        let member = copy_tree(resources, nodes, options, member, id, number);
        resources[id].children.push(member);
    }
    id
}
