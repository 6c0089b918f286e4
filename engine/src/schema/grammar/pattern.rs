//! What is still permitted, after these attributes and children?
//!
//! A pattern is what may follow. Taking an attribute or a child off it gives another pattern: its
//! *derivative* (Brzozowski 1964; James Clark's algorithm for RELAX NG). Patterns are numbered and
//! each exists once, so derivatives are remembered by number: after the first few elements of a kind
//! an attribute or child costs one look-up.
//!
//! The grammar knows every child of an element by its name alone, so that what is inside a child
//! can be checked on its own. Nothing is remembered of it but that it was there.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::notation::Body;
use super::types::{IdKind, Type};
use crate::hashed::HashIndex;
use crate::id::Table;
use crate::schema::version::Version;

/// The number of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::schema) struct PatternId(u32);

crate::dense_id!(
    /// An element or attribute name of the grammar.
    pub(in crate::schema) Symbol
);

/// The number of an element's content: a body of the notation with arguments.
pub(super) type BodyId = u32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pattern {
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
    /// An attribute with the number of its type.
    Attribute(Symbol, u16),
    Element(Symbol, BodyId),
}

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
            Self::Attribute(name, kind) => (7, name.0, u32::from(kind)),
            Self::Element(name, body) => (8, name.0, body),
        };
        let word = u64::from(a) << 32 | u64::from(b) << 4 | kind;
        // 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }
}

pub(super) const NEVER: PatternId = PatternId(0);
pub(super) const EMPTY: PatternId = PatternId(1);
pub(super) const ANY: PatternId = PatternId(2);

/// What an attribute leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::schema) struct AfterAttribute {
    pub(in crate::schema) pattern: PatternId,
    /// What its value is, if one of the ways to read the attribute says so.
    pub(in crate::schema) kind: Option<IdKind>,
}

/// What a child leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::schema) struct AfterChild {
    pub(in crate::schema) pattern: PatternId,
    /// What may be in the child.
    pub(in crate::schema) content: PatternId,
}

/// The grammar, of one version at a time and as far as it was needed.
///
/// What a version has in common with one that was looked at before is known already: patterns are
/// the same in all versions, only what may be in an element can be another pattern.
pub(in crate::schema) struct Grammar {
    pub(super) version: Version,
    /// Through which version the grammar is the same, as far as it was needed in this one.
    pub(super) same_through: Version,
    patterns: Vec<Known>,
    /// The patterns by what they are: see [`Grammar::slot`]. At least half of it is free.
    slots: Vec<Option<PatternId>>,
    names: Table<Symbol, &'static str>,
    symbols: HashIndex<Symbol>,
    pub(super) types: Vec<Type>,
    /// By symbol: the types that attributes of this name have somewhere.
    pub(super) types_of: Table<Symbol, Vec<u16>>,
    pub(super) bodies: Vec<Content>,
    pub(super) body_numbers: BTreeMap<(usize, Vec<Option<PatternId>>), BodyId>,
}

/// A pattern with what was found out about it.
struct Known {
    pattern: Pattern,
    /// Whether nothing need come.
    optional: bool,
    closed: Option<PatternId>,
    /// By name and by which of the name's types the value has.
    attributes: Vec<((Symbol, u64), Option<AfterAttribute>)>,
    children: Vec<(Symbol, Option<(PatternId, BodyId)>)>,
}

pub(super) struct Content {
    pub(super) body: &'static Body,
    pub(super) arguments: Vec<Option<PatternId>>,
    /// What it was in the versions that were looked at last.
    pub(super) pattern: Option<(RangeInclusive<Version>, PatternId)>,
}

impl Grammar {
    /// The grammar of a version.
    pub(in crate::schema) fn new(version: Version) -> Self {
        let mut grammar = Self {
            version,
            same_through: Version::LATEST,
            patterns: Vec::new(),
            slots: vec![None; 1024],
            names: Table::new(),
            symbols: HashIndex::with_capacity(256),
            types: Vec::new(),
            types_of: Table::new(),
            bodies: Vec::new(),
            body_numbers: BTreeMap::new(),
        };
        for pattern in [Pattern::Never, Pattern::Empty, Pattern::Any] {
            grammar.number(pattern);
        }
        grammar
    }

    /// Goes over to another version.
    pub(in crate::schema) fn set_version(&mut self, version: Version) {
        (self.version, self.same_through) = (version, Version::LATEST);
    }

    /// Through which version the grammar is the same, as far as it was needed so far.
    pub(in crate::schema) fn same_through(&self) -> Version {
        self.same_through
    }

    /// Begins to look at a part by itself; returns what [`Grammar::end_part`] takes.
    pub(in crate::schema) fn begin_part(&mut self) -> Version {
        std::mem::replace(&mut self.same_through, Version::LATEST)
    }

    /// Ends a part, and tells through which version the grammar is the same as far as that part
    /// needs it.
    pub(in crate::schema) fn end_part(&mut self, outside: Version) -> Version {
        let part = self.same_through;
        self.same_through = part.min(outside);
        part
    }

    /// Relies on something that is the same through a version.
    pub(in crate::schema) fn rely_through(&mut self, version: Version) {
        self.same_through = self.same_through.min(version);
    }

    /// Is something written in this version, if it is in these?
    pub(super) fn is_written(&mut self, versions: &RangeInclusive<Version>) -> bool {
        let (first, last) = (*versions.start(), *versions.end());
        if self.version < first {
            // It will be.
            let before = first.previous().unwrap_or(self.version);
            self.same_through = self.same_through.min(before);
        } else if self.version <= last {
            self.same_through = self.same_through.min(last);
        }
        versions.contains(&self.version)
    }

    /// The number of a name, if the grammar has been seen to use it.
    pub(in crate::schema) fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name, |symbol| self.names[symbol])
    }

    /// The number of a name, known or new.
    pub(super) fn intern(&mut self, name: &'static str) -> Symbol {
        self.symbol(name).unwrap_or_else(|| {
            let symbol = self.names.push(name);
            self.symbols.insert(symbol, |symbol| self.names[symbol]);
            self.types_of.push(Vec::new());
            symbol
        })
    }

    /// Is anything permitted?
    pub(in crate::schema) fn is_any(&self, pattern: PatternId) -> bool {
        pattern == ANY
    }

    /// May it end here?
    pub(in crate::schema) fn may_end(&self, pattern: PatternId) -> bool {
        self.known(pattern).optional
    }

    // ---- Derivatives

    /// What may follow an attribute; nothing if it is not permitted.
    pub(in crate::schema) fn after_attribute(
        &mut self,
        pattern: PatternId,
        name: Symbol,
        value: &str,
    ) -> Option<AfterAttribute> {
        let types = &self.types_of[name];
        let admits = |&number: &u16| self.types[usize::from(number)].admits(value);
        let admitting = types
            .iter()
            .enumerate()
            .filter(|(_, number)| admits(number));
        let mask = admitting.fold(0u64, |mask, (bit, _)| mask | 1 << bit);
        let key = (name, mask);
        if let Some((_, after)) = self
            .known(pattern)
            .attributes
            .iter()
            .find(|(k, _)| *k == key)
        {
            return *after;
        }
        let mut kind = None;
        let next = self.take_attribute(pattern, name, mask, &mut kind);
        let after = (next != NEVER).then_some(AfterAttribute {
            pattern: next,
            kind,
        });
        self.patterns[pattern.0 as usize]
            .attributes
            .push((key, after));
        after
    }

    fn take_attribute(
        &mut self,
        pattern: PatternId,
        name: Symbol,
        mask: u64,
        kind: &mut Option<IdKind>,
    ) -> PatternId {
        match self.known(pattern).pattern {
            Pattern::Attribute(symbol, number) if symbol == name => {
                let types = &self.types_of[name];
                let bit = types.iter().position(|&of_name| of_name == number);
                if bit.is_none_or(|bit| mask & (1 << bit) == 0) {
                    return NEVER;
                }
                *kind = kind.or(self.types[usize::from(number)].id_kind());
                EMPTY
            }
            Pattern::Choice(a, b) => {
                let a = self.take_attribute(a, name, mask, kind);
                let b = self.take_attribute(b, name, mask, kind);
                self.choice(a, b)
            }
            Pattern::Group(a, b) => {
                let (of_a, of_b) = (
                    self.take_attribute(a, name, mask, kind),
                    self.take_attribute(b, name, mask, kind),
                );
                let (a, b) = (self.group(of_a, b), self.group(a, of_b));
                self.choice(a, b)
            }
            Pattern::Interleave(a, b) => {
                let (of_a, of_b) = (
                    self.take_attribute(a, name, mask, kind),
                    self.take_attribute(b, name, mask, kind),
                );
                let (a, b) = (self.interleave(of_a, b), self.interleave(a, of_b));
                self.choice(a, b)
            }
            Pattern::Any => ANY,
            _ => NEVER,
        }
    }

    /// What may follow when there are no more attributes; nothing if one is missing.
    pub(in crate::schema) fn close(&mut self, pattern: PatternId) -> Option<PatternId> {
        Some(self.without_attributes(pattern)).filter(|&closed| closed != NEVER)
    }

    fn without_attributes(&mut self, pattern: PatternId) -> PatternId {
        if let Some(closed) = self.known(pattern).closed {
            return closed;
        }
        let closed = match self.known(pattern).pattern {
            Pattern::Attribute(..) => NEVER,
            Pattern::Choice(a, b) => {
                let (a, b) = (self.without_attributes(a), self.without_attributes(b));
                self.choice(a, b)
            }
            Pattern::Group(a, b) => {
                let (a, b) = (self.without_attributes(a), self.without_attributes(b));
                self.group(a, b)
            }
            Pattern::Interleave(a, b) => {
                let (a, b) = (self.without_attributes(a), self.without_attributes(b));
                self.interleave(a, b)
            }
            _ => pattern,
        };
        self.patterns[pattern.0 as usize].closed = Some(closed);
        closed
    }

    /// What may follow a child element, and be in it; nothing if it is not permitted.
    pub(in crate::schema) fn after_child(
        &mut self,
        pattern: PatternId,
        name: Symbol,
    ) -> Option<AfterChild> {
        let mut known = self.known(pattern).children.iter();
        let after = match known.find(|(known, _)| *known == name) {
            Some((_, after)) => *after,
            None => {
                let mut body = None;
                let next = self.take_child(pattern, name, &mut body);
                let after = body.filter(|_| next != NEVER).map(|body| (next, body));
                let known = &mut self.patterns[pattern.0 as usize].children;
                known.push((name, after));
                after
            }
        };
        after.map(|(pattern, body)| AfterChild {
            pattern,
            content: self.content(body),
        })
    }

    fn take_child(
        &mut self,
        pattern: PatternId,
        name: Symbol,
        body: &mut Option<BodyId>,
    ) -> PatternId {
        match self.known(pattern).pattern {
            Pattern::Element(symbol, content) if symbol == name => {
                debug_assert!(
                    body.is_none_or(|body| body == content),
                    "one name, two contents"
                );
                *body = Some(content);
                EMPTY
            }
            Pattern::Choice(a, b) => {
                let a = self.take_child(a, name, body);
                let b = self.take_child(b, name, body);
                self.choice(a, b)
            }
            Pattern::Group(a, b) => {
                let of_a = self.take_child(a, name, body);
                let in_a = self.group(of_a, b);
                if !self.may_end(a) {
                    return in_a;
                }
                let in_b = self.take_child(b, name, body);
                self.choice(in_a, in_b)
            }
            Pattern::Interleave(a, b) => {
                let (of_a, of_b) = (
                    self.take_child(a, name, body),
                    self.take_child(b, name, body),
                );
                let (a, b) = (self.interleave(of_a, b), self.interleave(a, of_b));
                self.choice(a, b)
            }
            Pattern::Repeated(a) => {
                let once = self.take_child(a, name, body);
                let more = self.choice(pattern, EMPTY);
                self.group(once, more)
            }
            _ => NEVER,
        }
    }

    // ---- For messages

    /// Names of attributes that a pattern has, with their types.
    pub(in crate::schema) fn attributes_of(
        &self,
        pattern: PatternId,
    ) -> Vec<(&'static str, &Type)> {
        let mut found = Vec::new();
        self.visit(pattern, &mut |pattern| {
            if let Pattern::Attribute(symbol, number) = pattern {
                found.push((self.text(*symbol), &self.types[usize::from(*number)]));
            }
        });
        found
    }

    /// Names of the attributes without which nothing fits, or if each has an alternative, of the
    /// alternatives.
    pub(in crate::schema) fn missing_attributes(
        &mut self,
        pattern: PatternId,
    ) -> Vec<&'static str> {
        let mut alternatives = Vec::new();
        self.collect(pattern, &mut alternatives, |pattern| match pattern {
            Pattern::Attribute(symbol, _) => Some(*symbol),
            _ => None,
        });
        let mut required = alternatives.clone();
        required.retain(|name| self.without_attribute(pattern, name) == NEVER);
        if required.is_empty() {
            alternatives
        } else {
            required
        }
    }

    /// Names of child elements of which one must come.
    pub(in crate::schema) fn missing_children(&self, pattern: PatternId) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.collect(pattern, &mut names, |pattern| match pattern {
            Pattern::Element(symbol, _) => Some(*symbol),
            _ => None,
        });
        names
    }

    /// Names of child elements that may come next.
    pub(in crate::schema) fn next_children(&self, pattern: PatternId) -> Vec<&'static str> {
        let mut names = Vec::new();
        let mut rest = vec![pattern];
        while let Some(pattern) = rest.pop() {
            match self.known(pattern).pattern {
                Pattern::Element(symbol, _) => {
                    let name = self.text(symbol);
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Pattern::Choice(a, b) | Pattern::Interleave(a, b) => rest.extend([b, a]),
                Pattern::Group(a, b) => {
                    if self.known(a).optional {
                        rest.push(b);
                    }
                    rest.push(a);
                }
                Pattern::Repeated(a) => rest.push(a),
                _ => {}
            }
        }
        names
    }

    /// Names of what is picked out of a pattern, but for what may be left out anyway.
    fn collect(
        &self,
        pattern: PatternId,
        names: &mut Vec<&'static str>,
        pick: fn(&Pattern) -> Option<Symbol>,
    ) {
        let known = self.known(pattern);
        if known.optional {
            return;
        }
        if let Some(symbol) = pick(&known.pattern) {
            let name = self.text(symbol);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match known.pattern {
            Pattern::Choice(a, b) | Pattern::Group(a, b) | Pattern::Interleave(a, b) => {
                self.collect(a, names, pick);
                self.collect(b, names, pick);
            }
            Pattern::Repeated(a) => self.collect(a, names, pick),
            _ => {}
        }
    }

    /// What is left of a pattern if an attribute never comes.
    fn without_attribute(&mut self, pattern: PatternId, name: &str) -> PatternId {
        match self.known(pattern).pattern {
            Pattern::Attribute(symbol, _) if self.text(symbol) == name => NEVER,
            Pattern::Choice(a, b) => {
                let (a, b) = (
                    self.without_attribute(a, name),
                    self.without_attribute(b, name),
                );
                self.choice(a, b)
            }
            Pattern::Group(a, b) | Pattern::Interleave(a, b) => {
                let (a, b) = (
                    self.without_attribute(a, name),
                    self.without_attribute(b, name),
                );
                self.group(a, b)
            }
            _ => pattern,
        }
    }

    /// Every element that a pattern has, with what may be in it.
    #[cfg(test)]
    pub(super) fn contents(&mut self, pattern: PatternId) -> Vec<(&'static str, PatternId)> {
        let mut found = Vec::new();
        self.visit(pattern, &mut |pattern| {
            if let Pattern::Element(symbol, body) = pattern {
                found.push((*symbol, *body));
            }
        });
        found
            .into_iter()
            .map(|(name, body)| (self.text(name), self.content(body)))
            .collect()
    }

    fn visit(&self, pattern: PatternId, visitor: &mut impl FnMut(&Pattern)) {
        let known = &self.known(pattern).pattern;
        visitor(known);
        match *known {
            Pattern::Choice(a, b) | Pattern::Group(a, b) | Pattern::Interleave(a, b) => {
                self.visit(a, visitor);
                self.visit(b, visitor);
            }
            Pattern::Repeated(a) => self.visit(a, visitor),
            _ => {}
        }
    }

    fn text(&self, symbol: Symbol) -> &'static str {
        self.names[symbol]
    }

    // ---- Patterns

    fn known(&self, pattern: PatternId) -> &Known {
        &self.patterns[pattern.0 as usize]
    }

    pub(super) fn number(&mut self, pattern: Pattern) -> PatternId {
        let slot = self.slot(pattern);
        if let Some(number) = self.slots[slot] {
            return number;
        }
        let optional = match pattern {
            Pattern::Empty | Pattern::Any => true,
            Pattern::Choice(a, b) => self.may_end(a) || self.may_end(b),
            Pattern::Group(a, b) | Pattern::Interleave(a, b) => self.may_end(a) && self.may_end(b),
            Pattern::Repeated(a) => self.may_end(a),
            Pattern::Never | Pattern::Attribute(..) | Pattern::Element(..) => false,
        };
        let number = PatternId(self.patterns.len() as u32);
        self.patterns.push(Known {
            pattern,
            optional,
            closed: None,
            attributes: Vec::new(),
            children: Vec::new(),
        });
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
            && self.known(number).pattern != pattern
        {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn make_room(&mut self) {
        self.slots = vec![None; 2 * self.slots.len()];
        for number in 0..self.patterns.len() {
            let slot = self.slot(self.patterns[number].pattern);
            self.slots[slot] = Some(PatternId(number as u32));
        }
    }

    pub(super) fn choice(&mut self, a: PatternId, b: PatternId) -> PatternId {
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
            match self.known(rest).pattern {
                Pattern::Choice(a, _) if a == wanted => return true,
                Pattern::Choice(_, b) => rest = b,
                _ => return false,
            }
        }
        true
    }

    pub(super) fn group(&mut self, a: PatternId, b: PatternId) -> PatternId {
        match (a, b) {
            (NEVER, _) | (_, NEVER) => NEVER,
            (EMPTY, other) | (other, EMPTY) => other,
            _ => self.number(Pattern::Group(a, b)),
        }
    }

    pub(super) fn interleave(&mut self, a: PatternId, b: PatternId) -> PatternId {
        match (a, b) {
            (NEVER, _) | (_, NEVER) => NEVER,
            (EMPTY, other) | (other, EMPTY) => other,
            _ => self.number(Pattern::Interleave(a, b)),
        }
    }
}
