//! How is a configuration edited, so that Pacemaker's tools and people find what they expect?
//!
//! Edits of a CIB for tasks of operators, as functions of the document: whoever has it replaced in
//! the cluster does so on condition that nobody else was faster. Ids and attributes are those that
//! Pacemaker 3.0's tools write, so that either's work can be undone with the other's.
//!
//! | file | question |
//! |---|---|
//! | `place.rs` | which constraints do move, ban and clear make and remove? |
//! | `meta.rs` | where does a resource's option go? |

pub mod meta;
pub mod place;

use std::collections::BTreeSet;

use lockstep_engine::parse::{Document, ElementId};

/// Elements that are resources.
const RESOURCES: [&str; 5] = ["primitive", "group", "clone", "master", "bundle"];

/// A section of the configuration, as `resources`.
pub fn section(cib: &Document, name: &str) -> Option<ElementId> {
    let configuration = cib.child(cib.root(), "configuration")?;
    cib.child(configuration, name)
}

/// A section of the configuration, made if missing.
fn section_or_new(cib: &mut Document, name: &str) -> ElementId {
    let root = cib.root();
    let configuration = child_or_new(cib, root, "configuration");
    child_or_new(cib, configuration, name)
}

fn child_or_new(cib: &mut Document, parent: ElementId, name: &str) -> ElementId {
    match cib.child(parent, name) {
        Some(found) => found,
        None => cib.append(parent, name),
    }
}

/// Whether an element is a resource.
pub fn is_resource(cib: &Document, e: ElementId) -> bool {
    RESOURCES.contains(&cib.name(e))
}

/// The element of a configured resource.
pub fn resource(cib: &Document, id: &str) -> Option<ElementId> {
    let mut all = cib.descendants(section(cib, "resources")?);
    all.find(|e| cib.id(*e) == Some(id) && is_resource(cib, *e))
}

/// The resource that one is part of, if it is.
pub fn parent(cib: &Document, resource: ElementId) -> Option<ElementId> {
    cib.parent(resource).filter(|e| is_resource(cib, *e))
}

/// Ids of the primitives that a resource consists of; its own if it is one.
pub fn primitives(cib: &Document, resource: ElementId) -> BTreeSet<&str> {
    let all = cib.subtree(resource);
    let primitives = all.filter(|e| cib.name(*e) == "primitive");
    primitives.filter_map(|e| cib.id(e)).collect()
}

/// Whether instances of a resource can be promoted.
pub fn is_promotable(cib: &Document, resource: ElementId) -> bool {
    let outermost = std::iter::successors(Some(resource), |e| parent(cib, *e)).last();
    let outermost = outermost.unwrap_or(resource);
    cib.name(outermost) == "master"
        || meta::get(cib, outermost, "promotable").is_some_and(is_true)
        || (cib.name(outermost) == "bundle"
            && cib.children(outermost).any(|e| {
                let replicas = |name| cib.attr(e, name).is_some_and(|text| text != "0");
                replicas("promoted-max") || replicas("masters")
            }))
}

/// Whether a boolean of the CIB says yes.
pub fn is_true(text: &str) -> bool {
    lockstep_engine::value::boolean(text) == Some(true)
}
