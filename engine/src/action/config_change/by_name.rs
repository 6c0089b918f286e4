//! Which primitives does a history entry name?

use std::collections::BTreeMap;

use crate::config::Variant;
use crate::hashed::Hashed;
use crate::id::ResourceId;
use crate::state::State;

/// Primitives by their own name and by the one that history uses.
pub(super) struct HistoryNames<'s> {
    by_name: BTreeMap<Hashed<'s>, Vec<ResourceId>>,
}

impl<'s> HistoryNames<'s> {
    pub(super) fn new(state: &'s State) -> Self {
        let mut names = HistoryNames {
            by_name: BTreeMap::new(),
        };
        for resource in &state.top {
            names.add(state, *resource);
        }
        names
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
