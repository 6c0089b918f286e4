//! What did the build script make of the grammar?
//!
//! Tables hold numbers, not references: they need no relocation when a process starts.

use super::arena::{BodyId, Pattern, PatternId, Symbol};
use super::types::Type;
use crate::schema::version::Version;

include!(concat!(env!("OUT_DIR"), "/grammar.rs"));

/// What an element may hold in some versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::schema) struct ContentId(u16);

/// Ranges of the other tables.
struct Content {
    attributes: (u16, u16),
    alternatives: (u16, u16),
}

/// An attribute of a content, with values of one type. Alternatives are bits.
pub(super) struct Attribute {
    pub(super) name: Symbol,
    kind: u8,
    /// The alternatives that have it.
    pub(super) permitted: u64,
    /// The alternatives that cannot do without it.
    pub(super) required: u64,
}

impl Attribute {
    pub(super) fn kind(&self) -> &'static Type {
        &TYPES[usize::from(self.kind)]
    }
}

/// What a body holds from one version to another.
struct Span {
    versions: (Version, Version),
    content: ContentId,
}

impl Symbol {
    /// The symbol of a name, if the grammar has it.
    pub(in crate::schema) fn of(name: &str) -> Option<Self> {
        let place = NAMES.binary_search(&name);
        place.ok().map(|place| Symbol(place as u16))
    }

    pub(super) fn text(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

impl ContentId {
    /// Every content of every version.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..CONTENTS.len() as u16).map(ContentId)
    }

    /// Its attributes, in the order in which the grammar has them.
    pub(super) fn attributes(self) -> &'static [Attribute] {
        let (first, end) = CONTENTS[usize::from(self.0)].attributes;
        &ATTRIBUTES[usize::from(first)..usize::from(end)]
    }

    /// The children of each alternative.
    pub(super) fn alternatives(self) -> &'static [PatternId] {
        let (first, end) = CONTENTS[usize::from(self.0)].alternatives;
        &ALTERNATIVES[usize::from(first)..usize::from(end)]
    }
}

impl BodyId {
    /// What a body holds in a version, and through which version. Nothing is asked of a body that
    /// is not in the version.
    pub(super) fn content(self, version: Version) -> Option<(ContentId, Version)> {
        let (first, end) = BODIES[usize::from(self.0)];
        let spans = &SPANS[usize::from(first)..usize::from(end)];
        let span = spans
            .iter()
            .find(|span| span.versions.0 <= version && version <= span.versions.1)?;
        Some((span.content, span.versions.1))
    }
}

/// The patterns of the grammar, by number.
pub(super) fn patterns() -> &'static [Pattern] {
    &PATTERNS
}

/// What a document may be.
pub(super) fn start() -> PatternId {
    START
}
