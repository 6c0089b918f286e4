//! What does the text of the grammar say?

use std::ops::RangeInclusive;

use super::read::Reader;
use super::version::Version;

/// A grammar as it is written.
#[derive(Debug)]
pub(crate) struct Notation<'t> {
    /// The first one says what a whole document may be.
    pub(crate) definitions: Vec<Definition<'t>>,
}

#[derive(Debug)]
pub(crate) struct Definition<'t> {
    pub(crate) name: &'t str,
    pub(crate) parameters: Vec<&'t str>,
    pub(crate) expression: Expression<'t>,
}

#[derive(Debug)]
pub(crate) enum Expression<'t> {
    Any,
    /// A parameter of the definition that this is in.
    Parameter(usize),
    /// Another definition, by its number, with its arguments.
    Call(usize, Vec<Expression<'t>>),
    Versions(RangeInclusive<Version>, Box<Expression<'t>>),
    Group(Vec<Expression<'t>>),
    Interleave(Vec<Expression<'t>>),
    Choice(Vec<Expression<'t>>),
    Optional(Box<Expression<'t>>),
    Repeated(Box<Expression<'t>>),
    Attribute(&'t str, Values<'t>),
    Element(&'t str, Body<'t>),
}

/// What an element may hold.
#[derive(Debug)]
pub(crate) struct Body<'t> {
    /// Where it begins in the text: no other body does.
    pub(crate) place: usize,
    pub(crate) content: Box<Expression<'t>>,
}

/// The values of an attribute.
#[derive(Debug)]
pub(crate) enum Values<'t> {
    /// A type, by the name of its variant in the engine.
    Type(&'static str),
    /// One of these words, or none of them; each in its versions only.
    Words { exclude: bool, words: Vec<Word<'t>> },
    /// The words that a definition consists of.
    Defined(usize),
}

#[derive(Debug)]
pub(crate) struct Word<'t> {
    pub(crate) versions: RangeInclusive<Version>,
    pub(crate) text: &'t str,
}

/// Definitions that consist of words are kept as an attribute without a name.
pub(crate) const WORDS: &str = "";

/// Why a grammar cannot be read, and in which line.
pub(crate) type Fault = String;

impl<'t> Notation<'t> {
    /// Reads a grammar. Each definition begins at the beginning of a line; what goes on with it is
    /// indented, or closes it.
    ///
    /// # Errors
    /// The first mistake in it.
    pub(crate) fn read(text: &'t str) -> Result<Self, Fault> {
        let mut parts: Vec<(&'t str, usize, usize)> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let name = name_at(line, 0);
            if !name.is_empty() {
                if let Some((_, _, end)) = parts.last_mut() {
                    *end = at;
                }
                parts.push((name, at + name.len(), text.len()));
            }
            at += line.len();
        }
        let names: Vec<&str> = parts.iter().map(|(name, ..)| *name).collect();
        let prelude = parts
            .first()
            .map_or(text.len(), |(name, start, _)| start - name.len());
        Reader::new(text, &names, 0..prelude).nothing()?;
        let definitions = parts
            .iter()
            .map(|&(name, start, end)| {
                let reader = Reader::new(text, &names, start..end);
                let (parameters, expression) = reader.definition()?;
                Ok(Definition {
                    name,
                    parameters,
                    expression,
                })
            })
            .collect::<Result<_, Fault>>()?;
        let notation = Notation { definitions };
        for definition in &notation.definitions {
            notation.check_calls(&definition.expression)?;
        }
        Ok(notation)
    }

    fn check_calls(&self, expression: &Expression<'t>) -> Result<(), Fault> {
        if let Expression::Call(callee, arguments) = expression {
            let callee = &self.definitions[*callee];
            if callee.parameters.len() != arguments.len() {
                return Err(format!("wrong number of arguments for %{}", callee.name));
            }
        }
        expression
            .inner()
            .into_iter()
            .try_for_each(|inner| self.check_calls(inner))
    }
}

impl<'t> Expression<'t> {
    /// The expressions that it is made of, bodies included.
    pub(crate) fn inner(&self) -> Vec<&Expression<'t>> {
        match self {
            Self::Any | Self::Parameter(_) | Self::Attribute(..) => Vec::new(),
            Self::Versions(_, inner) | Self::Optional(inner) | Self::Repeated(inner) => vec![inner],
            Self::Call(_, items)
            | Self::Group(items)
            | Self::Interleave(items)
            | Self::Choice(items) => items.iter().collect(),
            Self::Element(_, body) => vec![&body.content],
        }
    }
}

/// The name that begins there.
pub(crate) fn name_at(text: &str, start: usize) -> &str {
    let text = &text[start..];
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = text.bytes().take_while(in_name).count();
    &text[..len]
}
