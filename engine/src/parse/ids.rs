//! Which element has this id?
//!
//! The index is made once, for a document that is no longer edited, and is sorted by a hash of
//! element name and id, then by the ids themselves: finding is `O(log n)` whatever the ids are.

use std::cmp::Ordering;

use super::{Document, ElementId, Name, names};

/// Elements by name and `id`. Holds for the document it was made from until that is edited.
#[derive(Clone, Debug, Default)]
pub struct IdIndex {
    entries: Vec<(u64, ElementId)>,
}

/// What an `id-ref` refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Referent {
    /// The element has no `id-ref`: it stands for itself.
    Itself,
    /// The only element with the same name and that id.
    Other(ElementId),
    /// There is no such element, or there are several.
    Missing,
}

impl IdIndex {
    /// Indexes a document, but for the operation history: most of a document, and nothing refers
    /// there.
    pub fn new(document: &Document) -> Self {
        let is_history =
            |e: ElementId| matches!(document.name_of(e), names::LRM_RESOURCE | names::LRM_RSC_OP);
        let mut entries: Vec<(u64, ElementId)> = document
            .subtree(document.root())
            .filter(|&e| !is_history(e))
            .filter_map(|e| Some((hash(document.name_of(e), document.id(e)?), e)))
            .collect();
        entries.sort_unstable_by(|a, b| {
            let by_key = || key(document, a.1).cmp(&key(document, b.1));
            a.0.cmp(&b.0).then_with(by_key).then(a.1.cmp(&b.1))
        });
        Self { entries }
    }

    /// The elements with this name and id, in document order.
    pub fn all<'i>(
        &'i self,
        document: &'i Document,
        name: Name,
        id: &str,
    ) -> impl Iterator<Item = ElementId> + use<'i> {
        let wanted = hash(name, id);
        let side = |entry: &(u64, ElementId)| {
            entry
                .0
                .cmp(&wanted)
                .then_with(|| key(document, entry.1).cmp(&(name, id)))
        };
        let start = self
            .entries
            .partition_point(|entry| side(entry) == Ordering::Less);
        let len = self.entries[start..].partition_point(|entry| side(entry) == Ordering::Equal);
        self.entries[start..start + len].iter().map(|entry| entry.1)
    }

    /// The only element with this name and id.
    pub fn find(&self, document: &Document, name: Name, id: &str) -> Option<ElementId> {
        let mut found = self.all(document, name, id);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// What an element's `id-ref` refers to. References are not followed further.
    pub fn referent(&self, document: &Document, e: ElementId) -> Referent {
        match document.attr_by(e, names::ID_REF) {
            None => Referent::Itself,
            Some(id) => match self.find(document, document.name_of(e), id) {
                Some(other) => Referent::Other(other),
                None => Referent::Missing,
            },
        }
    }

    /// The element that stands for `e`: itself, or the one that its `id-ref` refers to.
    pub fn resolve(&self, document: &Document, e: ElementId) -> Option<ElementId> {
        match self.referent(document, e) {
            Referent::Itself => Some(e),
            Referent::Other(other) => Some(other),
            Referent::Missing => None,
        }
    }
}

/// Where references lead: to anywhere in a document, or only to what is below some elements.
///
/// The peer takes each resource out of its document, so that from a set of a resource, and from a
/// rule in it, nothing outside the resource and its template is found.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'i> {
    /// Of the whole document.
    pub ids: &'i IdIndex,
    within: Option<&'i [ElementId]>,
}

impl<'i> From<&'i IdIndex> for Scope<'i> {
    fn from(ids: &'i IdIndex) -> Self {
        Self { ids, within: None }
    }
}

impl<'i> Scope<'i> {
    /// Only what is below these elements, of which none is below another.
    pub fn within(ids: &'i IdIndex, elements: &'i [ElementId]) -> Self {
        Self {
            ids,
            within: Some(elements),
        }
    }

    /// The element that stands for `e`: itself, or the one that its `id-ref` refers to.
    pub fn resolve(&self, document: &Document, e: ElementId) -> Option<ElementId> {
        let (Some(within), Some(id)) = (self.within, document.attr_by(e, names::ID_REF)) else {
            return self.ids.resolve(document, e);
        };
        let ancestors = |e| std::iter::successors(Some(e), |&e| document.parent(e));
        let is_inside = |&e: &ElementId| ancestors(e).any(|above| within.contains(&above));
        let mut found = self
            .ids
            .all(document, document.name_of(e), id)
            .filter(is_inside);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

fn key(document: &Document, e: ElementId) -> (Name, &str) {
    (document.name_of(e), document.id(e).unwrap_or_default())
}

/// Equal hashes cost a string comparison, nothing more.
fn hash(name: Name, id: &str) -> u64 {
    crate::hashed::hash(u64::from(name.0) << 32 | id.len() as u64, id)
}
