//! Which primitives does a history entry name?

use std::collections::BTreeMap;

use crate::config::Variant;
use crate::hashed::Hashed;
use crate::id::{IdSet, ResourceId};
use crate::state::State;

/// Primitives by their own name and by the one that history uses.
pub(super) struct HistoryNames<'s> {
    by_name: BTreeMap<Hashed<'s>, Vec<ResourceId>>,
    /// Those that share their own name with no other.
    only: IdSet<ResourceId>,
}

impl<'s> HistoryNames<'s> {
    pub(super) fn new(state: &'s State) -> Self {
        let mut names = HistoryNames {
            by_name: BTreeMap::new(),
            only: IdSet::new(),
        };
        for resource in &state.top {
            names.add(state, *resource);
        }
        let holders = names
            .by_name
            .iter()
            .map(|(name, holders)| (name.text(), &holders[..]));
        for (name, holders) in holders {
            if let [only] = holders
                && state.resources[*only].id == name
            {
                names.only.insert(*only);
            }
        }
        names
    }

    /// Whether no other primitive has the name of this one.
    pub(super) fn is_only(&self, resource: ResourceId) -> bool {
        self.only.contains(resource)
    }

    /// All primitives with this name: latest first, as Pacemaker collects them.
    pub(super) fn find<'n>(&'n self, name: &'n str) -> impl Iterator<Item = ResourceId> + 'n {
        let found = self
            .by_name
            .get(&Hashed::new(name))
            .map_or(&[][..], Vec::as_slice);
        found.iter().rev().copied()
    }

    fn add(&mut self, state: &'s State, id: ResourceId) {
        let resource = &state.resources[id];
        if matches!(resource.variant, Variant::Primitive(_)) {
            let own = Some(resource.id.as_str());
            let of_history = state.resource[id].history_id.as_deref();
            for name in own
                .into_iter()
                .chain(of_history.filter(|name| own != Some(*name)))
            {
                let holders = self.by_name.entry(Hashed::new(name));
                holders.or_default().push(id);
            }
        }
        for child in &resource.children {
            self.add(state, *child);
        }
    }
}
