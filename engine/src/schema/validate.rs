//! Does a document follow the rules of a schema version?

use std::fmt;

use super::grammar::{AfterChild, Grammar, IdKind, PatternId, Symbol, trim};
use super::version::Version;
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
pub(super) struct Validator {
    version: Version,
    grammar: Grammar,
    start: PatternId,
    /// Symbols of the grammar, by the number of a document's name.
    symbols: Vec<Option<Symbol>>,
}

type Validity<T = ()> = Result<T, Box<Violation>>;

impl Validator {
    pub(super) fn new(version: Version) -> Self {
        let mut grammar = Grammar::new(version);
        let start = grammar.start();
        Self {
            version,
            grammar,
            start,
            symbols: Vec::new(),
        }
    }

    /// Goes over to another version: faster than another validator.
    pub(super) fn set_version(&mut self, version: Version) {
        self.version = version;
        self.grammar.set_version(version);
        self.start = self.grammar.start();
    }

    /// Validates a document. Returns the last of the versions, from this one on, in which
    /// everything is permitted that was looked at.
    pub(super) fn validate(&mut self, document: &Document) -> Validity<Version> {
        // Names are numbered by document.
        self.symbols.clear();
        let root = document.root();
        let start = self.symbol(document, document.name_of(root));
        let after = start.and_then(|root| self.grammar.after_child(self.start, root));
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
        }) = open.last_mut()
        {
            let Some(current) = *child else {
                if !self.grammar.may_end(*content) {
                    let expected = self.grammar.missing_children(*content);
                    let expected = expected.into_iter().map(str::to_owned).collect();
                    let problem = Problem::Incomplete(expected);
                    return Err(self.violation(document, *element, None, problem));
                }
                open.pop();
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
        self.check_references(document, references)?;
        Ok(self.grammar.same_through())
    }

    /// Opens an element, unless anything may be in it.
    fn enter<'d>(
        &mut self,
        document: &'d Document,
        element: ElementId,
        content: PatternId,
        references: &mut References<'d>,
    ) -> Validity<Option<Open>> {
        if self.grammar.is_any(content) {
            return Ok(None);
        }
        let content = self.attributes(document, element, content, references)?;
        Ok(Some(Open {
            element,
            child: document.first_child(element),
            content,
        }))
    }

    /// Takes the attributes of an element and returns what may be in it.
    fn attributes<'d>(
        &mut self,
        document: &'d Document,
        element: ElementId,
        content: PatternId,
        references: &mut References<'d>,
    ) -> Validity<PatternId> {
        let mut pattern = content;
        for (name, value) in document.attrs_by(element) {
            let symbol = self.symbol(document, name);
            let after = symbol.and_then(|s| self.grammar.after_attribute(pattern, s, value));
            let Some(after) = after else {
                let problem = self.attribute_problem(document, content, name, value);
                return Err(self.violation(document, element, Some(name), problem));
            };
            // Blanks around a name do not belong to it.
            let id = trim(value);
            match after.kind {
                Some(IdKind::Id) => references.ids.push((hashed(id), element)),
                Some(IdKind::IdRef) => references.idrefs.push((hashed(id), element, name)),
                None => {}
            }
            pattern = after.pattern;
        }
        match self.grammar.close(pattern) {
            Some(closed) => Ok(closed),
            None => {
                let missing = self.grammar.missing_attributes(pattern);
                let missing = missing
                    .into_iter()
                    .map(|name| format!("'{name}'"))
                    .collect();
                let problem = Problem::MissingAttribute(missing);
                Err(self.violation(document, element, None, problem))
            }
        }
    }

    fn attribute_problem(
        &self,
        document: &Document,
        content: PatternId,
        name: Name,
        value: &str,
    ) -> Problem {
        let attribute = document.name_text(name).to_owned();
        let attributes = self.grammar.attributes_of(content).into_iter();
        let types: Vec<_> = attributes
            .filter(|(name, _)| *name == attribute)
            .map(|(_, kind)| kind)
            .collect();
        if types.is_empty() {
            let mut allowed: Vec<String> = Vec::new();
            for (name, _) in self.grammar.attributes_of(content) {
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

    /// Every id is used once, and every reference is to one.
    fn check_references(&self, document: &Document, mut references: References<'_>) -> Validity {
        references.ids.sort_unstable();
        let pairs = references.ids.windows(2);
        let repeated = pairs.filter(|pair| pair[0].0 == pair[1].0);
        let first_by_id = repeated.map(|pair| (pair[1].0.1, pair[1].1)).min();
        if let Some((id, element)) = first_by_id {
            let problem = Problem::DuplicateId { id: id.to_owned() };
            return Err(self.violation(document, element, None, problem));
        }
        for (id, element, name) in references.idrefs {
            if references
                .ids
                .binary_search_by_key(&id, |&(id, _)| id)
                .is_err()
            {
                let attribute = document.name_text(name).to_owned();
                let problem = Problem::Dangling {
                    attribute,
                    id: id.1.to_owned(),
                };
                return Err(self.violation(document, element, Some(name), problem));
            }
        }
        Ok(())
    }

    /// The symbol of a name. Symbols come into being while the grammar is read, so that a missing
    /// one is asked for again.
    fn symbol(&mut self, document: &Document, name: Name) -> Option<Symbol> {
        if self.symbols.len() <= name.index() {
            self.symbols.resize(name.index() + 1, None);
        }
        let known = &mut self.symbols[name.index()];
        if known.is_none() {
            *known = self.grammar.symbol(document.name_text(name));
        }
        *known
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

/// An element whose children are being looked at.
struct Open {
    element: ElementId,
    /// The next child.
    child: Option<ElementId>,
    /// What may follow.
    content: PatternId,
}

/// An id behind its hash: most comparisons are of hashes.
type HashedId<'d> = (u64, &'d str);

fn hashed(id: &str) -> HashedId<'_> {
    (crate::hashed::hash(id.len() as u64, id), id)
}

/// Ids and references to them, as they were found.
#[derive(Default)]
struct References<'d> {
    ids: Vec<(HashedId<'d>, ElementId)>,
    idrefs: Vec<(HashedId<'d>, ElementId, Name)>,
}
