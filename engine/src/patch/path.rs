//! How does a difference name an element? By names and ids from the root on:
//! `/cib/configuration/nodes/node[@id='1']`.

use crate::parse::{Document, ElementId};

/// The path of an element.
pub(super) fn of(document: &Document, e: ElementId) -> String {
    let above: Vec<ElementId> = std::iter::successors(Some(e), |e| document.parent(*e)).collect();
    let mut path = String::new();
    for e in above.into_iter().rev() {
        path.push('/');
        path.push_str(document.name(e));
        // There is one root, whatever its id was and becomes.
        if let Some(id) = document.id(e).filter(|_| e != document.root()) {
            path.push_str("[@id='");
            path.push_str(id);
            path.push_str("']");
        }
    }
    path
}

/// The element at a path; `None` if there is none, or the path cannot be read.
pub(super) fn find(document: &Document, path: &str) -> Option<ElementId> {
    let mut rest = path;
    let mut found = None;
    while !rest.is_empty() {
        let (name, id, after) = component(rest)?;
        let matches =
            |e: &ElementId| document.name(*e) == name && (id.is_none() || document.id(*e) == id);
        found = match found {
            None => Some(document.root()).filter(matches),
            Some(parent) => document.children(parent).find(matches),
        };
        found?;
        rest = after;
    }
    found
}

/// Name and id of a path's first component, and what follows. An id may hold anything but a quote
/// and bracket in a row.
fn component(path: &str) -> Option<(&str, Option<&str>, &str)> {
    let path = path.strip_prefix('/')?;
    let end = path.find(['/', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    match rest.strip_prefix("[@id='") {
        Some(rest) => {
            let (id, rest) = rest.split_once("']")?;
            Some((name, Some(id), rest))
        }
        None => Some((name, None, rest)).filter(|(name, ..)| !name.is_empty()),
    }
}
