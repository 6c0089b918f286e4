//! How are texts compared fast where their order does not matter?

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::id::Id;

/// A text that is compared by a hash of it first.
///
/// As a key of a `BTreeMap` it is found without following a pointer for each comparison. The hash
/// is the same everywhere, and a text that has the hash of another one is only slower to find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hashed<'t> {
    hash: u64,
    text: Cow<'t, str>,
}

impl<'t> Hashed<'t> {
    pub(crate) fn new(text: impl Into<Cow<'t, str>>) -> Self {
        let text = text.into();
        Hashed {
            hash: hash_of(&text),
            text,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Ids by a text that stands elsewhere: found by its hash, then by looking there.
///
/// Of several ids with one text the first counts.
#[derive(Clone, Debug)]
pub(crate) struct HashIndex<I> {
    /// Open addressing with linear probing; the length is a power of two and at least twice the
    /// number of ids.
    slots: Vec<Option<(u64, I)>>,
    len: usize,
    /// What found no slot near its own: texts can be chosen so that their hashes meet.
    crowded: BTreeMap<Box<str>, I>,
}

/// How many slots are looked at for one text.
const PROBES: usize = 16;

impl<I: Id> HashIndex<I> {
    /// An empty index with room for so many ids.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        HashIndex {
            slots: vec![None; (2 * ids).next_power_of_two().max(2)],
            len: 0,
            crowded: BTreeMap::new(),
        }
    }

    /// The id of a text; `text` tells that of an id.
    pub(crate) fn get<'t>(&self, wanted: &str, text: impl Fn(I) -> &'t str) -> Option<I> {
        self.get_hashed(&Hashed::new(wanted), text)
    }

    /// The same, if the hash is at hand.
    pub(crate) fn get_hashed<'t>(
        &self,
        wanted: &Hashed<'_>,
        text: impl Fn(I) -> &'t str,
    ) -> Option<I> {
        let (hash, wanted) = (wanted.hash, wanted.text());
        let place = self.place(hash, |id| text(id) == wanted);
        let slot = place.and_then(|place| self.slots[place]);
        slot.map(|(_, id)| id)
            .or_else(|| self.crowded.get(wanted).copied())
    }

    /// Adds an id, unless there is one with its text.
    pub(crate) fn insert<'t>(&mut self, id: I, text: impl Fn(I) -> &'t str) {
        if 2 * (self.len + 1) > self.slots.len() {
            let known = std::mem::take(&mut self.slots);
            self.slots = vec![None; 2 * known.len()];
            for (hash, id) in known.into_iter().flatten() {
                self.put(hash, id, &text);
            }
        }
        self.len += usize::from(self.put(hash_of(text(id)), id, &text));
    }

    /// Puts an id in the place of the one that has its text.
    pub(crate) fn replace<'t>(&mut self, id: I, text: impl Fn(I) -> &'t str) {
        let new = text(id);
        if let Some(known) = self.crowded.get_mut(new) {
            *known = id;
            return;
        }
        let place = self.place(hash_of(new), |id| text(id) == new);
        if let Some((_, known)) = place.and_then(|place| self.slots[place].as_mut()) {
            *known = id;
        }
    }

    /// Tells whether this is a new text.
    fn put<'t>(&mut self, hash: u64, id: I, text: &impl Fn(I) -> &'t str) -> bool {
        let new = text(id);
        if self.crowded.contains_key(new) {
            return false;
        }
        let Some(place) = self.place(hash, |id| text(id) == new) else {
            self.crowded.insert(new.into(), id);
            return false;
        };
        let slot = &mut self.slots[place];
        let is_new = slot.is_none();
        slot.get_or_insert((hash, id));
        is_new
    }

    /// The slot of what has this hash and is meant, or else the free one for it; none if others
    /// have taken all near it.
    fn place(&self, hash: u64, is_meant: impl Fn(I) -> bool) -> Option<usize> {
        let last = self.slots.len() - 1;
        // The hash mixes upwards: its upper half tells more.
        let first = (hash >> 32) as usize;
        let mut near = (first..first + PROBES).map(|place| place & last);
        near.find(|&place| match self.slots[place] {
            Some((known, id)) => known == hash && is_meant(id),
            None => true,
        })
    }
}

/// The hash by which texts are compared.
pub(crate) fn hash_of(text: &str) -> u64 {
    hash(text.len() as u64, text)
}

/// FNV-1a over 8 bytes at a time, begun with any number.
pub(crate) fn hash(begin: u64, text: &str) -> u64 {
    let step = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x0000_0100_0000_01B3);
        mixed ^ (mixed >> 29)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let start = step(0xCBF2_9CE4_8422_2325, begin);
    let hash = words
        .iter()
        .fold(start, |hash, word| step(hash, u64::from_le_bytes(*word)));
    rest.iter()
        .fold(hash, |hash, &byte| step(hash, u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::{HashIndex, PROBES, hash_of};
    use crate::id::{Id as _, NodeId};

    fn check(texts: &[String]) {
        let text = |id: NodeId| texts[id.index()].as_str();
        // It grows from nothing.
        let mut index = HashIndex::with_capacity(0);
        for number in 0..texts.len() {
            index.insert(NodeId::from_index(number), text);
        }
        for wanted in texts {
            let first = texts.iter().position(|text| text == wanted);
            let first = first.map(NodeId::from_index);
            assert_eq!(index.get(wanted, text), first, "{wanted}");
        }
        for absent in ["", "another", "resource-"] {
            assert_eq!(index.get(absent, text), None, "{absent}");
        }
        for number in 0..texts.len() {
            index.replace(NodeId::from_index(number), text);
        }
        for wanted in texts {
            let last = texts.iter().rposition(|text| text == wanted);
            let last = last.map(NodeId::from_index);
            assert_eq!(index.get(wanted, text), last, "{wanted}, replaced");
        }
    }

    #[test]
    fn each_text_is_found_and_of_equal_ones_the_first() {
        let names = (0..1000).map(|number| format!("resource-{}", number % 700));
        check(&names.collect::<Vec<_>>());
    }

    #[test]
    fn texts_whose_hashes_meet_are_found_too() {
        let names = (0..).map(|number| format!("resource-{number}"));
        let meeting = names.filter(|name| hash_of(name) >> 32 & 0xFF == 7);
        let mut names: Vec<String> = meeting.take(4 * PROBES).collect();
        names.extend_from_within(..);
        check(&names);
        // There is room for more of them in a larger table.
        names.extend((0..1000).map(|number| format!("other-{number}")));
        names.extend_from_within(..);
        check(&names);
    }
}
