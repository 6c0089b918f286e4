//! What do elements stand for that only refer to another?

use std::collections::{BTreeMap, BTreeSet};

use super::PREFIX;
use crate::parse::{Document, ElementId, names};
use crate::schema::upgrade::TooBig;

/// So many elements, and so many for each that was there, may resolving references add. It adds more
/// only if they go in circles, or refer to each other over and over.
const MAX_COPIES: usize = 100_000;
const MAX_COPIES_EACH: usize = 10;

/// Tells apart which elements were in the document and which came later: copies of what was referred
/// to, and what rewriting adds.
pub(super) struct Copies {
    /// Elements with lower numbers were there.
    first_new: usize,
}

impl Copies {
    /// Replaces every element with an `id-ref` by a copy of what it refers to.
    pub(super) fn resolve(document: &mut Document) -> Result<Self, TooBig> {
        let first_new = document.element_count();
        let limit = first_new + MAX_COPIES + MAX_COPIES_EACH * first_new;
        let mut by_id: BTreeMap<String, Vec<ElementId>> = BTreeMap::new();
        let mut open = Vec::new();
        for e in document.subtree(document.root()) {
            if let Some(id) = document.id(e) {
                by_id.entry(id.to_owned()).or_default().push(e);
            }
            if document.attr_by(e, names::ID_REF).is_some() {
                open.push(e);
            }
        }
        // What is copied may itself hold references.
        while let Some(e) = open.pop() {
            let Some(reference) = document.attr_by(e, names::ID_REF).map(str::to_owned) else {
                continue;
            };
            let referents = by_id.get(&reference).cloned().unwrap_or_default();
            if document.is(e, names::NVPAIR) && document.attr_by(e, names::NAME).is_some() {
                copy_pair(document, e, &referents);
                continue;
            }
            for referent in referents {
                if document.element_count() > limit {
                    return Err(TooBig);
                }
                let Some(parent) = document.parent(e) else {
                    continue;
                };
                let copy = document.copy_subtree(referent, parent);
                document.move_before(copy, e);
                let inside = document.subtree(copy);
                open.extend(inside.filter(|&e| document.attr_by(e, names::ID_REF).is_some()));
            }
            document.remove(e);
        }
        Ok(Self { first_new })
    }

    /// Was the element in the document from the beginning?
    pub(super) fn is_original(&self, e: ElementId) -> bool {
        e.index() < self.first_new
    }

    /// Makes later elements references again where another with the same id is kept: one that was
    /// there from the beginning, or else the first.
    pub(super) fn refer_again(&self, document: &mut Document) {
        let with_id: Vec<(ElementId, String)> = document
            .subtree(document.root())
            .filter_map(|e| Some((e, document.id(e)?.to_owned())))
            .collect();
        let original_ids: BTreeSet<&str> = with_id
            .iter()
            .filter(|(e, _)| self.is_original(*e))
            .map(|(_, id)| id.as_str())
            .collect();
        let mut seen = BTreeSet::new();
        for (e, id) in &with_id {
            let is_first = seen.insert(id.as_str());
            if self.is_original(*e) || (is_first && !original_ids.contains(id.as_str())) {
                continue;
            }
            let children: Vec<ElementId> = document.children(*e).collect();
            for child in children {
                document.remove(child);
            }
            let attributes: Vec<_> = document.attrs_by(*e).map(|(name, _)| name).collect();
            for name in attributes {
                document.remove_attr(*e, name);
            }
            document.set_attr_by(*e, names::ID_REF, id);
        }
    }
}

/// A pair that refers to another but has a name of its own becomes a pair with that name and the
/// other's value.
fn copy_pair(document: &mut Document, pair: ElementId, referents: &[ElementId]) {
    let name = document
        .attr_by(pair, names::NAME)
        .unwrap_or_default()
        .to_owned();
    let mut attributes: Vec<(String, String)> = Vec::new();
    for &referent in referents {
        let copied = document
            .attrs(referent)
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        attributes.extend(copied);
    }
    let referred = referents
        .first()
        .and_then(|&e| document.id(e))
        .unwrap_or_default();
    let id = format!("{PREFIX}{referred}-{name}");
    let fresh = document.insert_before(pair, "nvpair");
    for (name, value) in attributes {
        document.set_attr(fresh, &name, &value);
    }
    document.set_attr_by(fresh, names::ID, &id);
    document.set_attr_by(fresh, names::NAME, &name);
    document.remove(pair);
}

/// Access permissions for what is not there any more match nothing.
pub(super) fn repair_permissions(document: &mut Document) {
    let ids: BTreeSet<String> = document
        .subtree(document.root())
        .filter_map(|e| document.id(e).map(str::to_owned))
        .collect();
    for permission in super::all(document, names::ACL_PERMISSION) {
        let reference = document.attr_by(permission, names::REFERENCE);
        if reference.is_some_and(|reference| !ids.contains(reference)) {
            document.remove_attr(permission, names::REFERENCE);
            document.set_attr_by(permission, names::XPATH, "/*[false()]");
        }
    }
}
