//! patch: what is the difference of two CIBs, and what does a CIB become by such a difference?
//!
//! A difference is a document of its own: Pacemaker's `<diff format="2">`, as `crm_diff` writes it and
//! `cibadmin --patch` reads it. It lists changes, each with the path of the element that it is
//! about. Elements are the same if they stand in the same parent and have the same name and id.
//!
//! Deletions come first; then, in the order of the new document, what was modified, created and
//! moved, with positions among the siblings of the new document. Comments are not part of documents
//! here, and digests of the result are neither written nor checked.

mod apply;
mod make;
mod path;
#[cfg(test)]
mod tests;

pub use apply::{PatchError, apply};
pub use make::make;

use crate::parse::Document;

/// The counters of a CIB's root, in the order of their weight.
pub const COUNTERS: [&str; 3] = ["admin_epoch", "epoch", "num_updates"];

/// The counters of the CIB from which a difference was made, if it says so.
#[must_use]
pub fn source(diff: &Document) -> Option<[u64; 3]> {
    version(diff, "source")
}

/// The counters of the CIB to which a difference leads, if it says so.
#[must_use]
pub fn target(diff: &Document) -> Option<[u64; 3]> {
    version(diff, "target")
}

fn version(diff: &Document, which: &str) -> Option<[u64; 3]> {
    let version = diff.child(diff.root(), "version")?;
    let counters = diff.child(version, which)?;
    let mut found = [0; 3];
    for (value, name) in found.iter_mut().zip(COUNTERS) {
        *value = diff.attr(counters, name)?.parse().ok()?;
    }
    Some(found)
}

/// The path of every change, as written.
pub fn paths(diff: &Document) -> impl Iterator<Item = &str> {
    let changes = diff.children_named(diff.root(), "change");
    changes.filter_map(|change| diff.attr(change, "path"))
}
