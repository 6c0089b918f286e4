//! Which children may an element have, after some that it has?
//!
//! Taking a child off a pattern gives another pattern: its *derivative* (Brzozowski 1964; James
//! Clark's algorithm for RELAX NG). Derivatives are remembered by number: after the first few
//! elements of a kind a child costs one look-up.
//!
//! The grammar knows every child of an element by its name alone, so that what is inside a child
//! can be checked on its own. Nothing is remembered of it but that it was there.

use super::arena::{ANY, Arena, BodyId, EMPTY, NEVER, Pattern, PatternId, Symbol};
use super::attributes::Attributes;
use super::tables::{self, ContentId};
use crate::schema::version::Version;

/// What a child leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::schema) struct AfterChild {
    pub(in crate::schema) pattern: PatternId,
    /// What may be in the child.
    pub(in crate::schema) content: ContentId,
}

/// What is left of a pattern, and what the child holds; nothing if it is not permitted.
type Taken = Option<(PatternId, BodyId)>;

/// The grammar, of one version at a time.
///
/// What a version has in common with one that was looked at before is known already: patterns are
/// the same in all versions, only what may be in an element can be something else.
pub(in crate::schema) struct Grammar {
    version: Version,
    /// Through which version the grammar is the same, as far as it was needed in this one.
    same_through: Version,
    arena: Arena,
    /// By pattern: what children lead to, as far as it was needed.
    taken: Vec<Vec<(Symbol, Taken)>>,
}

impl Grammar {
    /// The grammar of a version.
    pub(in crate::schema) fn new(version: Version) -> Self {
        Self {
            version,
            same_through: Version::LATEST,
            arena: Arena::new(tables::patterns()),
            taken: Vec::new(),
        }
    }

    /// What a whole document may be.
    pub(in crate::schema) fn start(&self) -> PatternId {
        tables::start()
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

    /// May anything be in it?
    pub(in crate::schema) fn is_any(&self, content: ContentId) -> bool {
        content.alternatives() == [ANY]
    }

    /// May it end here?
    pub(in crate::schema) fn may_end(&self, pattern: PatternId) -> bool {
        self.arena.may_end(pattern)
    }

    /// Which children an element with these attributes may have; nothing if one is missing.
    pub(in crate::schema) fn after_attributes(
        &mut self,
        attributes: &Attributes,
    ) -> Option<PatternId> {
        let complete = attributes.complete();
        let alternatives = attributes.content.alternatives().iter().enumerate();
        let left = alternatives.filter(|(bit, _)| complete & (1 << bit) != 0);
        let children = left.map(|(_, &children)| children).rev();
        children.reduce(|rest, children| self.arena.choice(children, rest))
    }

    /// What may follow a child element, and be in it; nothing if it is not permitted.
    pub(in crate::schema) fn after_child(
        &mut self,
        pattern: PatternId,
        name: Symbol,
    ) -> Option<AfterChild> {
        let known = self.taken.get(pattern.0 as usize).into_iter().flatten();
        let after = match known.into_iter().find(|(known, _)| *known == name) {
            Some((_, after)) => *after,
            None => {
                let mut body = None;
                let next = self.take_child(pattern, name, &mut body);
                let after = body.filter(|_| next != NEVER).map(|body| (next, body));
                self.remember(pattern, name, after);
                after
            }
        };
        let (pattern, body) = after?;
        let (content, through) = body.content(self.version)?;
        self.rely_through(through);
        Some(AfterChild { pattern, content })
    }

    fn remember(&mut self, pattern: PatternId, name: Symbol, after: Taken) {
        if self.taken.len() < self.arena.len() {
            self.taken.resize(self.arena.len(), Vec::new());
        }
        self.taken[pattern.0 as usize].push((name, after));
    }

    fn take_child(
        &mut self,
        pattern: PatternId,
        name: Symbol,
        body: &mut Option<BodyId>,
    ) -> PatternId {
        match self.arena.pattern(pattern) {
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
                self.arena.choice(a, b)
            }
            Pattern::Group(a, b) => {
                let of_a = self.take_child(a, name, body);
                let in_a = self.arena.group(of_a, b);
                if !self.arena.may_end(a) {
                    return in_a;
                }
                let in_b = self.take_child(b, name, body);
                self.arena.choice(in_a, in_b)
            }
            Pattern::Interleave(a, b) => {
                let (of_a, of_b) = (
                    self.take_child(a, name, body),
                    self.take_child(b, name, body),
                );
                let (a, b) = (
                    self.arena.interleave(of_a, b),
                    self.arena.interleave(a, of_b),
                );
                self.arena.choice(a, b)
            }
            Pattern::Repeated(a) => {
                let once = self.take_child(a, name, body);
                let more = self.arena.choice(pattern, EMPTY);
                self.arena.group(once, more)
            }
            _ => NEVER,
        }
    }

    // ---- For messages

    /// Names of child elements of which one must come.
    pub(in crate::schema) fn missing_children(&self, pattern: PatternId) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.collect_missing(pattern, &mut names);
        names
    }

    /// Names of child elements that may come next.
    pub(in crate::schema) fn next_children(&self, pattern: PatternId) -> Vec<&'static str> {
        let mut names = Vec::new();
        let mut rest = vec![pattern];
        while let Some(pattern) = rest.pop() {
            match self.arena.pattern(pattern) {
                Pattern::Element(symbol, _) => {
                    let name = symbol.text();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Pattern::Choice(a, b) | Pattern::Interleave(a, b) => rest.extend([b, a]),
                Pattern::Group(a, b) => {
                    if self.arena.may_end(a) {
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

    /// But for what may be left out anyway.
    fn collect_missing(&self, pattern: PatternId, names: &mut Vec<&'static str>) {
        if self.arena.may_end(pattern) {
            return;
        }
        match self.arena.pattern(pattern) {
            Pattern::Element(symbol, _) if !names.contains(&symbol.text()) => {
                names.push(symbol.text());
            }
            Pattern::Choice(a, b) | Pattern::Group(a, b) | Pattern::Interleave(a, b) => {
                self.collect_missing(a, names);
                self.collect_missing(b, names);
            }
            Pattern::Repeated(a) => self.collect_missing(a, names),
            _ => {}
        }
    }
}
