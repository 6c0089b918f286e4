//! How are texts compared fast where their order does not matter?

use std::borrow::Cow;

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
            hash: hash(text.len() as u64, &text),
            text,
        }
    }
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
