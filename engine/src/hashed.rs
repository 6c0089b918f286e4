//! How are texts compared fast where their order does not matter?

use std::borrow::Cow;

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
}

impl<I: Id> HashIndex<I> {
    /// An empty index with room for so many ids.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        let slots = vec![None; (2 * ids).next_power_of_two().max(2)];
        HashIndex { slots, len: 0 }
    }

    /// The id of a text; `text` tells that of an id.
    pub(crate) fn get<'t>(&self, wanted: &str, text: impl Fn(I) -> &'t str) -> Option<I> {
        let place = self.place(hash_of(wanted), |id| text(id) == wanted);
        self.slots[place].map(|(_, id)| id)
    }

    /// Adds an id, unless there is one with its text.
    pub(crate) fn insert<'t>(&mut self, id: I, text: impl Fn(I) -> &'t str) {
        if 2 * (self.len + 1) > self.slots.len() {
            let known = std::mem::take(&mut self.slots);
            self.slots = vec![None; 2 * known.len()];
            for (hash, id) in known.into_iter().flatten() {
                let place = self.place(hash, |_| false);
                self.slots[place] = Some((hash, id));
            }
        }
        let new = text(id);
        let hash = hash_of(new);
        let place = self.place(hash, |id| text(id) == new);
        if self.slots[place].is_none() {
            self.slots[place] = Some((hash, id));
            self.len += 1;
        }
    }

    /// The slot of what has this hash and is meant, or else the free one for it.
    fn place(&self, hash: u64, is_meant: impl Fn(I) -> bool) -> usize {
        let last = self.slots.len() - 1;
        // The hash mixes upwards: its upper half tells more.
        let mut place = (hash >> 32) as usize & last;
        while let Some((known, id)) = self.slots[place]
            && !(known == hash && is_meant(id))
        {
            place = (place + 1) & last;
        }
        place
    }
}

fn hash_of(text: &str) -> u64 {
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
