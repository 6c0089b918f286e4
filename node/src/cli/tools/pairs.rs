//! Which name-value pairs does an element have, and how are they changed?

use lockstep_engine::parse::{Document, ElementId};

/// Where pairs are: sets of one kind below an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairs<'p> {
    /// The element.
    pub(super) of: ElementId,
    /// `instance_attributes`, `cluster_property_set`, …
    pub(super) sets: &'p str,
    /// Only the set with this id, if given.
    pub(super) set: Option<&'p str>,
}

impl Pairs<'_> {
    fn elements(self, cib: &Document) -> Vec<ElementId> {
        let sets = cib.children_named(self.of, self.sets);
        let wanted = sets.filter(|set| self.set.is_none_or(|id| cib.id(*set) == Some(id)));
        wanted
            .flat_map(|set| cib.children_named(set, "nvpair"))
            .collect()
    }

    /// All names and values, in document order.
    pub(super) fn all(self, cib: &Document) -> Vec<(String, String)> {
        let pairs = self.elements(cib).into_iter().filter_map(|pair| {
            let (name, value) = (cib.attr(pair, "name")?, cib.attr(pair, "value")?);
            Some((name.to_owned(), value.to_owned()))
        });
        pairs.collect()
    }

    /// Sets a value where it stands already, or in the first set, or in a new one that is called
    /// `new_set`.
    pub(super) fn set(self, cib: &mut Document, name: &str, value: &str, new_set: &str) {
        let found = self.find(cib, name);
        if let Some(pair) = found {
            cib.set_attr(pair, "value", value);
            return;
        }
        let id = self.set.unwrap_or(new_set);
        let fits = |set: &ElementId| match self.set {
            Some(id) => cib.id(*set) == Some(id),
            None => cib.child(*set, "rule").is_none(),
        };
        let present = cib.children_named(self.of, self.sets).find(fits);
        let set = present.unwrap_or_else(|| {
            let set = cib.append(self.of, self.sets);
            cib.set_attr(set, "id", id);
            set
        });
        let set_id = cib.id(set).unwrap_or(id).to_owned();
        let pair = cib.append(set, "nvpair");
        cib.set_attr(pair, "id", &format!("{set_id}-{}", as_id(name)));
        cib.set_attr(pair, "name", name);
        cib.set_attr(pair, "value", value);
    }

    /// Removes a value; returns whether there was one.
    pub(super) fn remove(self, cib: &mut Document, name: &str) -> bool {
        let found = self.find(cib, name);
        if let Some(pair) = found {
            cib.remove(pair);
        }
        found.is_some()
    }

    fn find(self, cib: &Document, name: &str) -> Option<ElementId> {
        let mut all = self.elements(cib).into_iter();
        all.find(|pair| cib.attr(*pair, "name") == Some(name))
    }
}

/// What an id may hold of a name.
fn as_id(name: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars()
        .map(|c| if allowed(c) { c } else { '.' })
        .collect()
}
