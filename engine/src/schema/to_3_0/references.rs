//! What do sets stand for that only refer to another?

use crate::parse::{Document, ElementId, IdIndex, Name, names};
use crate::schema::upgrade::TooBig;

/// Ids of copied sets begin with this, before the id of the original.
const COPY: &str = "_cibtr-2_";

const SETS: [Name; 3] = [
    names::CLUSTER_PROPERTY_SET,
    names::INSTANCE_ATTRIBUTES,
    names::META_ATTRIBUTES,
];

/// Replaces every set with an `id-ref` by a copy of what it refers to, with ids of its own.
pub(super) fn resolve(document: &mut Document) -> Result<(), TooBig> {
    let ids = IdIndex::new(document);
    let references: Vec<ElementId> = sets(document)
        .into_iter()
        .filter(|&set| document.attr_by(set, names::ID_REF).is_some())
        .collect();
    for reference in references {
        let (Some(original), Some(parent)) =
            (ids.resolve(document, reference), document.parent(reference))
        else {
            return Err(TooBig);
        };
        let original_id = super::id(document, original).to_owned();
        let copy = document.copy_subtree(original, parent);
        document.move_before(copy, reference);
        document.remove(reference);
        let inside: Vec<ElementId> = document.descendants(copy).collect();
        for e in inside {
            if let Some(id) = document.id(e) {
                let id = format!("_{COPY}{original_id}__{id}");
                document.set_attr_by(e, names::ID, &id);
            }
        }
        document.set_attr_by(copy, names::ID, &format!("{COPY}{original_id}"));
    }
    Ok(())
}

/// Makes copies references again where they say the same as the original.
pub(super) fn refer_again(document: &mut Document) {
    let ids = IdIndex::new(document);
    for set in sets(document) {
        let Some(original_id) = document.id(set).and_then(|id| id.strip_prefix(COPY)) else {
            continue;
        };
        let Some(original) = ids.find(document, document.name_of(set), original_id) else {
            continue;
        };
        if !says_the_same(document, set, original) {
            continue;
        }
        let original_id = original_id.to_owned();
        let children: Vec<ElementId> = document.children(set).collect();
        for child in children {
            document.remove(child);
        }
        let attributes: Vec<Name> = document.attrs_by(set).map(|(name, _)| name).collect();
        for name in attributes {
            document.remove_attr(set, name);
        }
        document.set_attr_by(set, names::ID_REF, &original_id);
    }
}

fn sets(document: &Document) -> Vec<ElementId> {
    let all = document.descendants(document.root());
    all.filter(|&e| SETS.contains(&document.name_of(e)))
        .collect()
}

/// Are two elements the same but for ids, with everything below them?
fn says_the_same(document: &Document, a: ElementId, b: ElementId) -> bool {
    let lines = |top| {
        document.subtree(top).map(move |e| {
            let attributes = document.attrs_by(e).filter(|(name, _)| *name != names::ID);
            (
                document.name_of(e),
                document.children(e).count(),
                attributes.collect::<Vec<_>>(),
            )
        })
    };
    lines(a).eq(lines(b))
}
