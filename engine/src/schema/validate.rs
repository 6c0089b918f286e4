//! Does a document follow the rules of a schema version?

use std::fmt;
use std::ops::{Range, RangeInclusive};

use super::grammar::{AfterChild, Attributes, ContentId, Grammar, IdKind, PatternId, Symbol, trim};
use super::version::Version;
use crate::hashed::hash_of;
use crate::parse::{Document, ElementId, Name, Position};

/// The first place where a document breaks the rules of a schema version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The version.
    pub version: Version,
    /// The element.
    pub element: ElementId,
    /// Its name and id, for people.
    pub element_text: String,
    /// Where it, or its attribute, stands in the source text.
    pub position: Option<Position>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        write!(f, "{}: {}", self.element_text, self.problem)
    }
}

impl std::error::Error for Violation {}

/// What is wrong with an element.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message is its documentation")]
pub enum Problem {
    #[error("the document is not a CIB: its outermost element must be 'cib'")]
    NotACib,
    #[error("attribute '{attribute}' is not allowed here, only {}", listed(.allowed))]
    UnknownAttribute {
        attribute: String,
        allowed: Vec<String>,
    },
    #[error("'{value}' is not a valid '{attribute}': it must be {expected}")]
    InvalidValue {
        attribute: String,
        value: String,
        expected: String,
    },
    #[error("attribute '{attribute}' does not go with the other attributes")]
    ConflictingAttribute { attribute: String },
    #[error("attribute {} is missing", .0.join(" or "))]
    MissingAttribute(Vec<String>),
    #[error("element '{child}' is not allowed here, only {}", listed(.allowed))]
    UnexpectedChild { child: String, allowed: Vec<String> },
    #[error("it is not complete: {} is missing", .0.join(" or "))]
    Incomplete(Vec<String>),
    #[error("the id '{id}' is used more than once")]
    DuplicateId { id: String },
    #[error("'{attribute}' refers to '{id}', which does not exist")]
    Dangling { attribute: String, id: String },
}

/// Names for people: at most as many as one cares to read.
fn listed(names: &[String]) -> String {
    const MANY: usize = 12;
    match names {
        [] => "the end".to_owned(),
        _ if names.len() > MANY => format!("{}, …", names[..MANY].join(", ")),
        _ => names.join(", "),
    }
}

impl Problem {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotACib => "give the file that 'cibadmin --query' writes",
            Self::UnknownAttribute { .. } | Self::UnexpectedChild { .. } => {
                "check its spelling and place, or validate-with if it belongs to another version"
            }
            Self::InvalidValue { .. } => "change the value",
            Self::ConflictingAttribute { .. } => "keep one of those that exclude each other",
            Self::MissingAttribute(_) => "add the attribute",
            Self::Incomplete(_) => "add what is missing, or remove the element",
            Self::DuplicateId { .. } => "give one of them another id",
            Self::Dangling { .. } => "remove the reference, or add what it refers to",
        }
    }
}

/// Validates documents against one schema version at a time.
///
/// Versions differ in little. What a version was found to permit is not looked at again in another
/// one in which the grammar is the same as far as it was needed there.
pub(super) struct Validator {
    version: Version,
    grammar: Grammar,
    /// Symbols of the grammar, by the number of a document's name, once they were asked for.
    symbols: Vec<Option<Option<Symbol>>>,
    /// Elements that were found valid, by number, since [`Validator::forget`].
    seen: Vec<Option<Seen>>,
    /// The ids and references that were found last.
    known: References,
}

/// An element that is valid with everything in it.
#[derive(Clone)]
struct Seen {
    /// As this content.
    content: ContentId,
    versions: RangeInclusive<Version>,
    /// Positions of the ids and references in it.
    ids: Range<u32>,
    idrefs: Range<u32>,
}

type Validity<T = ()> = Result<T, Box<Violation>>;

impl Validator {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            grammar: Grammar::new(version),
            symbols: Vec::new(),
            seen: Vec::new(),
            known: References::default(),
        }
    }

    /// Goes over to another version: faster than another validator.
    pub(super) fn set_version(&mut self, version: Version) {
        self.version = version;
        self.grammar.set_version(version);
    }

    /// Goes over to another document, or to one that was edited.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.known = References::default();
    }

    /// Validates a document, the same as last time unless [`Validator::forget`] is called between.
    /// Returns the last of the versions, from this one on, in which everything is permitted that
    /// was looked at.
    pub(super) fn validate(&mut self, document: &Document) -> Validity<Version> {
        let valid = self.validate_tree(document).and_then(|references| {
            if references != self.known {
                check_references(document, &references).map_err(|(element, name, problem)| {
                    self.violation(document, element, name, problem)
                })?;
                if !self.known.ids.is_empty() {
                    // Positions may not be what they were.
                    self.seen.clear();
                }
                self.known = references;
            }
            Ok(self.grammar.same_through())
        });
        if valid.is_err() {
            self.forget();
        }
        valid
    }

    fn validate_tree(&mut self, document: &Document) -> Validity<References> {
        // Names are numbered by document.
        self.symbols.clear();
        let root = document.root();
        let start = self.grammar.start();
        let symbol = self.symbol(document, document.name_of(root));
        let after = symbol.and_then(|symbol| self.grammar.after_child(start, symbol));
        let Some(AfterChild { content, .. }) = after else {
            return Err(self.violation(document, root, None, Problem::NotACib));
        };
        let mut references = References::default();
        let mut open = Vec::new();
        open.extend(self.enter(document, root, content, &mut references)?);
        while let Some(Open {
            element,
            child,
            content,
            ..
        }) = open.last_mut()
        {
            let Some(current) = *child else {
                if !self.grammar.may_end(*content) {
                    let expected = self.grammar.missing_children(*content);
                    let expected = expected.into_iter().map(str::to_owned).collect();
                    let problem = Problem::Incomplete(expected);
                    return Err(self.violation(document, *element, None, problem));
                }
                if let Some(open) = open.pop() {
                    self.close(open, &references);
                }
                continue;
            };
            let symbol = self.symbol(document, document.name_of(current));
            let after = symbol.and_then(|symbol| self.grammar.after_child(*content, symbol));
            let Some(after) = after else {
                let allowed = self.grammar.next_children(*content);
                let problem = Problem::UnexpectedChild {
                    child: document.name(current).to_owned(),
                    allowed: allowed.into_iter().map(str::to_owned).collect(),
                };
                return Err(self.violation(document, current, None, problem));
            };
            *child = document.next_sibling(current);
            *content = after.pattern;
            open.extend(self.enter(document, current, after.content, &mut references)?);
        }
        Ok(references)
    }

    /// Opens an element, unless anything may be in it or it is known to be valid.
    fn enter(
        &mut self,
        document: &Document,
        element: ElementId,
        content: ContentId,
        references: &mut References,
    ) -> Validity<Option<Open>> {
        if self.grammar.is_any(content) {
            return Ok(None);
        }
        if let Some(Some(seen)) = self.seen.get(element.index())
            && seen.content == content
            && seen.versions.contains(&self.version)
        {
            self.grammar.rely_through(*seen.versions.end());
            references.take_over(&self.known, seen);
            return Ok(None);
        }
        let outside = self.grammar.begin_part();
        let (ids, idrefs) = (references.ids.len(), references.idrefs.len());
        Ok(Some(Open {
            element,
            child: document.first_child(element),
            whole: content,
            content: self.attributes(document, element, content, references)?,
            outside,
            ids: ids as u32,
            idrefs: idrefs as u32,
        }))
    }

    /// Keeps in mind that an element is valid.
    fn close(&mut self, open: Open, references: &References) {
        let through = self.grammar.end_part(open.outside);
        let number = open.element.index();
        if self.seen.len() <= number {
            self.seen.resize(number + 1, None);
        }
        self.seen[number] = Some(Seen {
            content: open.whole,
            versions: self.version..=through,
            ids: open.ids..references.ids.len() as u32,
            idrefs: open.idrefs..references.idrefs.len() as u32,
        });
    }

    /// Takes the attributes of an element and returns what may be in it.
    fn attributes(
        &mut self,
        document: &Document,
        element: ElementId,
        content: ContentId,
        references: &mut References,
    ) -> Validity<PatternId> {
        let mut attributes = Attributes::new(content);
        for (name, value) in document.attrs_by(element) {
            let symbol = self.symbol(document, name);
            let kind = symbol.and_then(|symbol| attributes.take(symbol, value));
            match kind {
                Some(Some(IdKind::Id)) => references.ids.push(Reference::new(element, name, value)),
                Some(Some(IdKind::IdRef)) => {
                    references.idrefs.push(Reference::new(element, name, value));
                }
                Some(None) => {}
                None => {
                    let problem = attribute_problem(document, content, name, value);
                    return Err(self.violation(document, element, Some(name), problem));
                }
            }
        }
        self.grammar.after_attributes(&attributes).ok_or_else(|| {
            let missing = attributes.missing().into_iter();
            let missing = missing.map(|name| format!("'{name}'")).collect();
            self.violation(document, element, None, Problem::MissingAttribute(missing))
        })
    }

    /// The symbol of a name, if the grammar has it.
    fn symbol(&mut self, document: &Document, name: Name) -> Option<Symbol> {
        if self.symbols.len() <= name.index() {
            self.symbols.resize(name.index() + 1, None);
        }
        *self.symbols[name.index()].get_or_insert_with(|| Symbol::of(document.name_text(name)))
    }

    fn violation(
        &self,
        document: &Document,
        element: ElementId,
        attribute: Option<Name>,
        problem: Problem,
    ) -> Box<Violation> {
        let element_text = match document.id(element) {
            Some(id) => format!("{} '{id}'", document.name(element)),
            None => document.name(element).to_owned(),
        };
        let position = match attribute {
            Some(name) => document.attr_position(element, name),
            None => document.position(element),
        };
        Box::new(Violation {
            version: self.version,
            element,
            element_text,
            position,
            problem,
        })
    }
}

/// What is wrong with an attribute that is not permitted.
fn attribute_problem(document: &Document, content: ContentId, name: Name, value: &str) -> Problem {
    let attribute = document.name_text(name).to_owned();
    let types: Vec<_> = content
        .attribute_types()
        .filter(|(name, _)| *name == attribute)
        .map(|(_, kind)| kind)
        .collect();
    if types.is_empty() {
        let mut allowed: Vec<String> = Vec::new();
        for (name, _) in content.attribute_types() {
            if allowed.iter().all(|known| known != name) {
                allowed.push(name.to_owned());
            }
        }
        return Problem::UnknownAttribute { attribute, allowed };
    }
    if types.iter().any(|kind| kind.admits(value)) {
        return Problem::ConflictingAttribute { attribute };
    }
    let expected: Vec<String> = types.iter().map(|kind| kind.describe()).collect();
    let value = value.to_owned();
    Problem::InvalidValue {
        attribute,
        value,
        expected: expected.join(", or "),
    }
}

/// An element whose children are being looked at.
struct Open {
    element: ElementId,
    /// The next child.
    child: Option<ElementId>,
    /// What the element may hold.
    whole: ContentId,
    /// What may follow.
    content: PatternId,
    /// Through which version the grammar is the same as far as it was needed before.
    outside: Version,
    /// How many ids and references were found before.
    ids: u32,
    idrefs: u32,
}

/// Ids and references to them, in document order.
#[derive(Default, PartialEq, Eq)]
struct References {
    ids: Vec<Reference>,
    idrefs: Vec<Reference>,
}

impl References {
    /// Adds those that were found in an element before.
    fn take_over(&mut self, known: &References, seen: &Seen) {
        let part = |range: &Range<u32>| range.start as usize..range.end as usize;
        self.ids.extend_from_slice(&known.ids[part(&seen.ids)]);
        self.idrefs
            .extend_from_slice(&known.idrefs[part(&seen.idrefs)]);
    }
}

/// An attribute that is an id or refers to one, with a hash of that id: most comparisons are of
/// hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reference {
    hash: u64,
    element: ElementId,
    name: Name,
}

impl Reference {
    fn new(element: ElementId, name: Name, value: &str) -> Self {
        Self {
            hash: hash_of(trim(value)),
            element,
            name,
        }
    }

    /// The id; blanks around it do not belong to it.
    fn id<'d>(&self, document: &'d Document) -> &'d str {
        trim(
            document
                .attr_by(self.element, self.name)
                .unwrap_or_default(),
        )
    }
}

/// Every id is used once, and every reference is to one.
fn check_references(
    document: &Document,
    references: &References,
) -> Result<(), (ElementId, Option<Name>, Problem)> {
    let compare = |a: &Reference, b: &Reference| {
        let by_hash = a.hash.cmp(&b.hash);
        by_hash.then_with(|| a.id(document).cmp(b.id(document)))
    };
    let mut ids = references.ids.clone();
    ids.sort_unstable_by(|a, b| compare(a, b).then(a.element.cmp(&b.element)));
    let pairs = ids.windows(2).filter(|pair| pair[0].hash == pair[1].hash);
    let repeated = pairs.map(|pair| (pair[0].id(document), pair[1].id(document), pair[1].element));
    let first_by_id = repeated
        .filter(|(id, next, _)| id == next)
        .map(|(id, _, element)| (id, element))
        .min();
    if let Some((id, element)) = first_by_id {
        let problem = Problem::DuplicateId { id: id.to_owned() };
        return Err((element, None, problem));
    }
    for reference in &references.idrefs {
        if ids.binary_search_by(|id| compare(id, reference)).is_err() {
            let problem = Problem::Dangling {
                attribute: document.name_text(reference.name).to_owned(),
                id: reference.id(document).to_owned(),
            };
            return Err((reference.element, Some(reference.name), problem));
        }
    }
    Ok(())
}
