//! 2.10 → 3.0: options that had other names or places.
//!
//! References between sets are resolved first, because what becomes of an option depends on where
//! it stands, and made again last, where nothing has changed.

mod operations;
mod options;
mod references;
mod resources;

use super::upgrade::TooBig;
use crate::parse::{Document, ElementId, Name, names};

/// Ids of what a rewrite adds begin with this.
const PREFIX: &str = "_2TO3_";

/// Rewrites a document that follows the rules of 2.10.
pub(super) fn rewrite(document: &mut Document, notes: &mut Vec<String>) -> Result<(), TooBig> {
    references::resolve(document)?;
    options::rewrite(document, notes);
    for node in all(document, names::NODE) {
        if document.attr_by(node, names::TYPE) == Some("normal") {
            document.set_attr_by(node, names::TYPE, "member");
        }
    }
    for colocation in all(document, names::RSC_COLOCATION) {
        for name in [names::SCORE_ATTRIBUTE, names::SCORE_ATTRIBUTE_MANGLE] {
            document.remove_attr(colocation, name);
        }
    }
    let resources = document.descendants(document.root());
    let resources: Vec<ElementId> = resources
        .filter(|&e| matches!(document.name_of(e), names::PRIMITIVE | names::TEMPLATE))
        .collect();
    for resource in resources {
        let required = operations::Requires::find(document, resource);
        operations::rewrite(document, resource);
        resources::rewrite(document, resource, notes);
        required.add_to(document, resource);
    }
    references::refer_again(document);
    Ok(())
}

/// Every element with a name, in document order.
fn all(document: &Document, name: Name) -> Vec<ElementId> {
    document.descendants_by(document.root(), name).collect()
}

/// Child elements with a name.
fn children(document: &Document, e: ElementId, name: Name) -> Vec<ElementId> {
    document.children_by(e, name).collect()
}

fn id(document: &Document, e: ElementId) -> &str {
    document.id(e).unwrap_or_default()
}

/// The name of a pair.
fn pair_name(document: &Document, pair: ElementId) -> &str {
    document.attr_by(pair, names::NAME).unwrap_or_default()
}

fn has_rule(document: &Document, set: ElementId) -> bool {
    document.child_by(set, names::RULE).is_some()
}

/// Has one of these sets that has no rule a pair with this name?
fn is_set_without_rule(document: &Document, sets: &[ElementId], name: &str) -> bool {
    sets.iter()
        .filter(|&&set| !has_rule(document, set))
        .any(|&set| {
            document
                .children_by(set, names::NVPAIR)
                .any(|pair| pair_name(document, pair) == name)
        })
}

/// Takes sets out that have no pairs: rewriting leaves none that says nothing.
fn remove_without_pairs(document: &mut Document, sets: &[ElementId]) {
    for &set in sets {
        if document.child_by(set, names::NVPAIR).is_none() {
            document.remove(set);
        }
    }
}
