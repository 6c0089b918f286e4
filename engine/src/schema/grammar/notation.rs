//! What does the text of the grammar say?
//!
//! Most documents need a part of it only. So a definition is read when it is first called, and what
//! an element may hold when such an element is first met.

use std::ops::{Range, RangeInclusive};
use std::sync::OnceLock;

use super::read::Reader;
use super::types::Type;
use crate::hashed::HashIndex;
use crate::id::Id as _;
use crate::schema::version::Version;

crate::dense_id!(
    /// A definition of the grammar.
    pub(super) DefinitionId
);

/// A grammar, read as far as it was needed.
pub(super) struct Notation {
    pub(super) text: &'static str,
    /// How much of the text comes before the definitions: remarks.
    #[cfg(test)]
    prelude: usize,
    definitions: Vec<Definition>,
    by_name: HashIndex<DefinitionId>,
}

struct Definition {
    name: &'static str,
    /// Where in the text it stands, without its name.
    span: Range<usize>,
    /// What it says, once somebody asked.
    meaning: OnceLock<Result<Meaning, Fault>>,
}

#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) parameters: Vec<&'static str>,
    pub(super) expression: Expression,
}

#[derive(Debug)]
pub(super) enum Expression {
    Any,
    /// A parameter of the definition that this is in.
    Parameter(usize),
    /// Another definition with its arguments.
    Call(DefinitionId, Vec<Expression>),
    Versions(RangeInclusive<Version>, Box<Expression>),
    Group(Vec<Expression>),
    Interleave(Vec<Expression>),
    Choice(Vec<Expression>),
    Optional(Box<Expression>),
    Repeated(Box<Expression>),
    Attribute(&'static str, Values),
    Element(&'static str, Box<Body>),
}

/// What an element may hold.
#[derive(Debug)]
pub(super) struct Body {
    /// Whose parameters it may name.
    definition: DefinitionId,
    /// Where in the text it stands.
    span: Range<usize>,
    content: OnceLock<Result<Expression, Fault>>,
}

impl Body {
    pub(super) fn new(definition: DefinitionId, span: Range<usize>) -> Self {
        Body {
            definition,
            span,
            content: OnceLock::new(),
        }
    }

    /// Where it begins in the text: no other body does.
    pub(super) fn place(&self) -> usize {
        self.span.start
    }
}

/// The values of an attribute.
#[derive(Debug)]
pub(super) enum Values {
    Type(Type),
    /// One of these words, or none of them; each in its versions only.
    Words {
        exclude: bool,
        words: Vec<Word>,
    },
    /// The words that a definition consists of.
    Defined(DefinitionId),
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) versions: RangeInclusive<Version>,
    pub(super) text: &'static str,
}

/// Definitions that consist of words are kept as an attribute without a name.
pub(super) const WORDS: &str = "";

/// Why a grammar cannot be read, and in which line.
pub(super) type Fault = String;

impl Notation {
    /// A grammar in which the definitions have been found. Each begins at the beginning of a line;
    /// what goes on with it is indented, or closes it.
    pub(super) fn new(text: &'static str) -> Self {
        let mut definitions: Vec<Definition> = Vec::with_capacity(64);
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let name = name_at(line, 0);
            if !name.is_empty() {
                if let Some(last) = definitions.last_mut() {
                    last.span.end = at;
                }
                definitions.push(Definition {
                    name,
                    span: at + name.len()..text.len(),
                    meaning: OnceLock::new(),
                });
            }
            at += line.len();
        }
        let mut by_name = HashIndex::with_capacity(definitions.len());
        for number in 0..definitions.len() {
            by_name.insert(DefinitionId::from_index(number), |id| {
                definitions[id.index()].name
            });
        }
        Notation {
            text,
            #[cfg(test)]
            prelude: definitions
                .first()
                .map_or(text.len(), |first| first.span.start - first.name.len()),
            definitions,
            by_name,
        }
    }

    /// What the first definition says: a whole document.
    pub(super) fn first(&self) -> Result<&Expression, Fault> {
        self.definition(DefinitionId(0))
    }

    /// What a definition says.
    pub(super) fn definition(&self, id: DefinitionId) -> Result<&Expression, Fault> {
        self.meaning(id).map(|meaning| &meaning.expression)
    }

    /// What an element may hold.
    pub(super) fn body<'n>(&'n self, body: &'n Body) -> Result<&'n Expression, Fault> {
        let read = || {
            let parameters = &self.meaning(body.definition)?.parameters;
            Reader::new(self, body.definition, parameters, &body.span).body()
        };
        body.content
            .get_or_init(read)
            .as_ref()
            .map_err(Fault::clone)
    }

    fn meaning(&self, id: DefinitionId) -> Result<&Meaning, Fault> {
        let definition = &self.definitions[id.index()];
        let read = || Reader::new(self, id, &[], &definition.span).definition();
        let meaning = definition.meaning.get_or_init(read);
        meaning.as_ref().map_err(Fault::clone)
    }

    /// The definition with a name.
    pub(super) fn by_name(&self, name: &str) -> Option<DefinitionId> {
        let named = |id: DefinitionId| self.definitions[id.index()].name;
        self.by_name.get(name, named)
    }

    /// The line that a place in the text is in, counted from 1.
    pub(super) fn line(&self, place: usize) -> usize {
        1 + self.text[..place].matches('\n').count()
    }

    /// Reads all of it.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), Fault> {
        Reader::new(self, DefinitionId(0), &[], &(0..self.prelude)).nothing()?;
        let mut open = Vec::new();
        for number in 0..self.definitions.len() {
            open.push(self.definition(DefinitionId::from_index(number))?);
        }
        while let Some(expression) = open.pop() {
            match expression {
                Expression::Call(callee, arguments) => {
                    if self.meaning(*callee)?.parameters.len() != arguments.len() {
                        let name = self.definitions[callee.index()].name;
                        return Err(format!("wrong number of arguments for %{name}"));
                    }
                    open.extend(arguments);
                }
                Expression::Versions(_, inner)
                | Expression::Optional(inner)
                | Expression::Repeated(inner) => open.push(inner),
                Expression::Group(items)
                | Expression::Interleave(items)
                | Expression::Choice(items) => open.extend(items),
                Expression::Element(_, body) => open.push(self.body(body)?),
                Expression::Any | Expression::Parameter(_) | Expression::Attribute(..) => {}
            }
        }
        Ok(())
    }
}

/// The name that begins there.
pub(super) fn name_at(text: &str, start: usize) -> &str {
    let text = &text[start..];
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = text.bytes().take_while(in_name).count();
    &text[..len]
}
