//! Which patterns are there?
//!
//! A pattern is what children an element may have. Patterns are numbered, and each exists once.
//! The build script makes those of the grammar, and the engine makes those that are left of them.

/// An element or attribute name of the grammar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Symbol(pub(crate) u16);

/// The number of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PatternId(pub(crate) u32);

/// What an element may hold, by its number. It may be something else in another version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct BodyId(pub(crate) u16);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pattern {
    /// Nothing that could come would do.
    Never,
    /// Nothing may come any more.
    Empty,
    /// Anything may come.
    Any,
    Choice(PatternId, PatternId),
    Group(PatternId, PatternId),
    Interleave(PatternId, PatternId),
    /// Once or more.
    Repeated(PatternId),
    Element(Symbol, BodyId),
}

pub(crate) const NEVER: PatternId = PatternId(0);
pub(crate) const EMPTY: PatternId = PatternId(1);
pub(crate) const ANY: PatternId = PatternId(2);

impl Pattern {
    /// The same on all machines; multiplied so that small numbers spread.
    fn hash(self) -> usize {
        let (kind, a, b) = match self {
            Self::Never => (0, 0, 0),
            Self::Empty => (1, 0, 0),
            Self::Any => (2, 0, 0),
            Self::Choice(a, b) => (3, a.0, b.0),
            Self::Group(a, b) => (4, a.0, b.0),
            Self::Interleave(a, b) => (5, a.0, b.0),
            Self::Repeated(a) => (6, a.0, 0),
            Self::Element(name, body) => (7, u32::from(name.0), u32::from(body.0)),
        };
        let word = u64::from(a) << 32 | u64::from(b) << 4 | kind;
        // 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }
}

/// Patterns by their numbers, and their numbers by what they are.
pub(crate) struct Arena {
    /// Each with whether nothing need come.
    patterns: Vec<(Pattern, bool)>,
    /// Numbers by what they are: see [`Arena::slot`]. At least half of it is free.
    slots: Vec<Option<PatternId>>,
}

impl Arena {
    /// An arena of patterns, each of which is there once and after those that it is made of. The
    /// first are [`NEVER`], [`EMPTY`] and [`ANY`].
    pub(crate) fn new(patterns: &[Pattern]) -> Self {
        let mut arena = Self {
            patterns: Vec::with_capacity(2 * patterns.len()),
            slots: vec![None; (4 * patterns.len()).next_power_of_two()],
        };
        for pattern in patterns {
            arena.number(*pattern);
        }
        arena
    }

    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn pattern(&self, number: PatternId) -> Pattern {
        self.patterns[number.0 as usize].0
    }

    /// Need nothing come any more?
    pub(crate) fn may_end(&self, number: PatternId) -> bool {
        self.patterns[number.0 as usize].1
    }

    pub(crate) fn number(&mut self, pattern: Pattern) -> PatternId {
        let slot = self.slot(pattern);
        if let Some(number) = self.slots[slot] {
            return number;
        }
        let may_end = match pattern {
            Pattern::Empty | Pattern::Any => true,
            Pattern::Choice(a, b) => self.may_end(a) || self.may_end(b),
            Pattern::Group(a, b) | Pattern::Interleave(a, b) => self.may_end(a) && self.may_end(b),
            Pattern::Repeated(a) => self.may_end(a),
            Pattern::Never | Pattern::Element(..) => false,
        };
        let number = PatternId(self.patterns.len() as u32);
        self.patterns.push((pattern, may_end));
        self.slots[slot] = Some(number);
        if 2 * self.patterns.len() > self.slots.len() {
            self.make_room();
        }
        number
    }

    /// Where a pattern is to be found by what it is, or where it belongs: open addressing with
    /// linear probing. The length is a power of two.
    fn slot(&self, pattern: Pattern) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = pattern.hash() & last;
        while let Some(number) = self.slots[slot]
            && self.pattern(number) != pattern
        {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn make_room(&mut self) {
        self.slots = vec![None; 2 * self.slots.len()];
        for number in 0..self.patterns.len() {
            let slot = self.slot(self.patterns[number].0);
            self.slots[slot] = Some(PatternId(number as u32));
        }
    }

    /// One of two.
    pub(crate) fn choice(&mut self, a: PatternId, b: PatternId) -> PatternId {
        if a == NEVER || self.has_alternative(b, a) {
            return b;
        }
        if b == NEVER || self.has_alternative(a, b) {
            return a;
        }
        match (a, b) {
            (EMPTY, other) | (other, EMPTY) if self.may_end(other) => return other,
            _ => {}
        }
        self.number(Pattern::Choice(a, b))
    }

    fn has_alternative(&self, pattern: PatternId, wanted: PatternId) -> bool {
        let mut rest = pattern;
        while rest != wanted {
            match self.pattern(rest) {
                Pattern::Choice(a, _) if a == wanted => return true,
                Pattern::Choice(_, b) => rest = b,
                _ => return false,
            }
        }
        true
    }

    /// One after the other.
    pub(crate) fn group(&mut self, a: PatternId, b: PatternId) -> PatternId {
        match (a, b) {
            (NEVER, _) | (_, NEVER) => NEVER,
            (EMPTY, other) | (other, EMPTY) => other,
            _ => self.number(Pattern::Group(a, b)),
        }
    }

    /// Both, mixed in any order.
    pub(crate) fn interleave(&mut self, a: PatternId, b: PatternId) -> PatternId {
        match (a, b) {
            (NEVER, _) | (_, NEVER) => NEVER,
            (EMPTY, other) | (other, EMPTY) => other,
            _ => self.number(Pattern::Interleave(a, b)),
        }
    }
}
