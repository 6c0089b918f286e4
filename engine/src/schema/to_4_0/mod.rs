//! 3.10 → 4.0: what was deprecated goes.
//!
//! References between sets, rules and operations are resolved first, so that each can be rewritten
//! on its own, and made again last, where the copies are still there.

mod constraints;
mod options;
mod references;
mod resources;

use super::upgrade::TooBig;
use crate::parse::{Document, ElementId, Name, names};
use references::Copies;

/// Ids of what a rewrite adds begin with this.
const PREFIX: &str = "pcmk__3_10_upgrade-";

/// Rewrites a document that follows the rules of 3.10.
pub(super) fn rewrite(document: &mut Document, notes: &mut Vec<String>) -> Result<(), TooBig> {
    let copies = Copies::resolve(document)?;
    options::sort_sets(document);
    options::drop_and_rename(document, notes);
    options::keep_effective_pairs(document);
    resources::rename(document);
    constraints::split_by_rule(document);
    constraints::ban_ping_nodes(document);
    constraints::drop_lifetimes(document, &copies, notes);
    resources::drop_unsupported(document, notes);
    copies.refer_again(document);
    references::repair_permissions(document);
    Ok(())
}

/// Every element with a name, in document order.
fn all(document: &Document, name: Name) -> Vec<ElementId> {
    document.descendants_by(document.root(), name).collect()
}

/// The parent's name.
fn parent_name(document: &Document, e: ElementId) -> Option<Name> {
    document.parent(e).map(|parent| document.name_of(parent))
}

fn id(document: &Document, e: ElementId) -> &str {
    document.attr_by(e, names::ID).unwrap_or_default()
}
