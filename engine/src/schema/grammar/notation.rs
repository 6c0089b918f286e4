//! What does the text of the grammar say?

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::vec::IntoIter;

use super::types::Type;
use crate::schema::version::Version;

/// The definitions of a grammar.
#[derive(Debug)]
pub(super) struct Notation {
    pub(super) definitions: Vec<Definition>,
    /// Content of every element that is written in the grammar.
    pub(super) bodies: Vec<Expression>,
}

#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    parameters: Vec<&'static str>,
    pub(super) expression: Expression,
}

#[derive(Debug)]
pub(super) enum Expression {
    Any,
    /// A parameter of the definition that this is in.
    Parameter(usize),
    /// Another definition with its arguments.
    Call(usize, Vec<Expression>),
    Versions(RangeInclusive<Version>, Box<Expression>),
    Group(Vec<Expression>),
    Interleave(Vec<Expression>),
    Choice(Vec<Expression>),
    Optional(Box<Expression>),
    Repeated(Box<Expression>),
    Attribute(&'static str, Values),
    /// An element with the number of its body.
    Element(&'static str, usize),
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
    Defined(usize),
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

/// Reads a grammar.
pub(super) fn read(text: &'static str) -> Result<Notation, Fault> {
    let tokens = tokens(text)?;
    let names = definition_names(&tokens);
    let mut reader = Reader {
        tokens: tokens.into_iter().peekable(),
        names,
        parameters: Vec::new(),
        bodies: Vec::new(),
    };
    let mut definitions = Vec::new();
    while reader.tokens.peek().is_some() {
        definitions.push(reader.definition()?);
    }
    let notation = Notation {
        definitions,
        bodies: reader.bodies,
    };
    if cfg!(debug_assertions) {
        notation.check_calls()?;
    }
    Ok(notation)
}

impl Notation {
    fn check_calls(&self) -> Result<(), Fault> {
        let definitions = self
            .definitions
            .iter()
            .map(|definition| &definition.expression);
        let mut open: Vec<&Expression> = definitions.chain(&self.bodies).collect();
        while let Some(expression) = open.pop() {
            match expression {
                Expression::Call(callee, arguments) => {
                    let callee = &self.definitions[*callee];
                    if callee.parameters.len() != arguments.len() {
                        return Err(format!("wrong number of arguments for %{}", callee.name));
                    }
                    open.extend(arguments);
                }
                Expression::Versions(_, inner)
                | Expression::Optional(inner)
                | Expression::Repeated(inner) => open.push(inner),
                Expression::Group(items)
                | Expression::Interleave(items)
                | Expression::Choice(items) => open.extend(items),
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Name(&'static str),
    /// `@name`
    Attribute(&'static str),
    /// `%name`
    Call(&'static str),
    /// `"text"`
    Word(&'static str),
    /// `[1.0-2.0]`
    Versions(Version, Version),
    Mark(char),
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    line: usize,
}

fn tokens(text: &'static str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    for (index, line_text) in text.lines().enumerate() {
        let line = index + 1;
        let mut rest = line_text;
        loop {
            rest = rest.trim_ascii_start();
            let Some(first) = rest.chars().next().filter(|&c| c != '#') else {
                break;
            };
            let (kind, len) = match first {
                '@' => name_at(rest, 1).map(|name| (Kind::Attribute(name), name.len() + 1)),
                '%' => name_at(rest, 1).map(|name| (Kind::Call(name), name.len() + 1)),
                '"' => rest[1..]
                    .split_once('"')
                    .map(|(word, _)| (Kind::Word(word), word.len() + 2)),
                '[' => rest.split_once(']').and_then(|(versions, _)| {
                    let (from, to) = versions[1..].split_once('-')?;
                    let from = if from.is_empty() {
                        Some(Version::FIRST)
                    } else {
                        Version::from_number(from)
                    };
                    let to = if to.is_empty() {
                        Some(Version::LATEST)
                    } else {
                        Version::from_number(to)
                    };
                    Some((Kind::Versions(from?, to?), versions.len() + 1))
                }),
                c if c.is_ascii_alphabetic() => {
                    name_at(rest, 0).map(|name| (Kind::Name(name), name.len()))
                }
                c => Some((Kind::Mark(c), c.len_utf8())),
            }
            .ok_or_else(|| format!("line {line}: unreadable: {rest}"))?;
            tokens.push(Token { kind, line });
            rest = &rest[len..];
        }
    }
    Ok(tokens)
}

fn name_at(text: &'static str, start: usize) -> Option<&'static str> {
    let text = &text[start..];
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = text.bytes().take_while(in_name).count();
    Some(&text[..len]).filter(|name| !name.is_empty())
}

/// Numbers of the definitions: names that are followed by `=`, or by parameters and `=`.
fn definition_names(tokens: &[Token]) -> BTreeMap<&'static str, usize> {
    let mut names = BTreeMap::new();
    for (index, token) in tokens.iter().enumerate() {
        if begins_definition(
            token.kind,
            tokens[index + 1..].iter().map(|token| token.kind),
        ) {
            let Kind::Name(name) = token.kind else {
                continue;
            };
            let number = names.len();
            names.entry(name).or_insert(number);
        }
    }
    names
}

fn begins_definition(kind: Kind, mut after: impl Iterator<Item = Kind>) -> bool {
    if !matches!(kind, Kind::Name(_)) {
        return false;
    }
    match after.next() {
        Some(Kind::Mark('=')) => true,
        Some(Kind::Mark('(')) => {
            let mut rest =
                after.skip_while(|kind| matches!(kind, Kind::Name(_) | Kind::Mark(',' | ')')));
            rest.next() == Some(Kind::Mark('='))
        }
        _ => false,
    }
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    names: BTreeMap<&'static str, usize>,
    /// Of the definition that is being read.
    parameters: Vec<&'static str>,
    bodies: Vec<Expression>,
}

impl Reader {
    fn definition(&mut self) -> Result<Definition, Fault> {
        let Some(Kind::Name(name)) = self.next() else {
            return self.fault("a name");
        };
        self.parameters.clear();
        if self.skip('(') {
            loop {
                let Some(Kind::Name(parameter)) = self.next() else {
                    return self.fault("a name");
                };
                self.parameters.push(parameter);
                if !self.skip(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        self.expect('=')?;
        let is_words = matches!(self.peek(), Some(Kind::Word(_)));
        let expression = if is_words {
            Expression::Attribute(WORDS, self.words(false)?)
        } else {
            self.expression()?
        };
        Ok(Definition {
            name,
            parameters: self.parameters.clone(),
            expression,
        })
    }

    /// Items with one kind of sign between them.
    fn expression(&mut self) -> Result<Expression, Fault> {
        let first = self.item()?;
        let Some(Kind::Mark(sign @ (',' | '&' | '|'))) = self.peek() else {
            return Ok(first);
        };
        let mut items = Vec::with_capacity(8);
        items.push(first);
        while self.skip(sign) {
            items.push(self.item()?);
        }
        if let Some(Kind::Mark(',' | '&' | '|')) = self.peek() {
            return self.fault("parentheses");
        }
        Ok(match sign {
            ',' => Expression::Group(items),
            '&' => Expression::Interleave(items),
            _ => Expression::Choice(items),
        })
    }

    fn item(&mut self) -> Result<Expression, Fault> {
        if let Some(Kind::Versions(from, to)) = self.peek() {
            self.next();
            return Ok(Expression::Versions(from..=to, Box::new(self.item()?)));
        }
        let item = match self.next() {
            Some(Kind::Mark('(')) => {
                let inner = self.expression()?;
                self.expect(')')?;
                inner
            }
            Some(Kind::Attribute(name)) => {
                let values = if self.skip(':') {
                    self.values()?
                } else {
                    Values::Type(Type::Text)
                };
                Expression::Attribute(name, values)
            }
            Some(Kind::Call(name)) => self.call(name)?,
            Some(Kind::Name("any")) => Expression::Any,
            Some(Kind::Name(name)) => {
                self.expect('{')?;
                let body = match self.peek() {
                    Some(Kind::Mark('}')) => Expression::Group(Vec::new()),
                    _ => self.expression()?,
                };
                self.expect('}')?;
                self.bodies.push(body);
                Expression::Element(name, self.bodies.len() - 1)
            }
            _ => return self.fault("an item"),
        };
        Ok(if self.skip('?') {
            Expression::Optional(Box::new(item))
        } else if self.skip('+') {
            Expression::Repeated(Box::new(item))
        } else if self.skip('*') {
            Expression::Optional(Box::new(Expression::Repeated(Box::new(item))))
        } else {
            item
        })
    }

    fn call(&mut self, name: &'static str) -> Result<Expression, Fault> {
        if let Some(parameter) = self
            .parameters
            .iter()
            .position(|&parameter| parameter == name)
        {
            return Ok(Expression::Parameter(parameter));
        }
        let callee = self.definition_number(name)?;
        let mut arguments = Vec::new();
        if self.skip('(') {
            loop {
                arguments.push(self.item()?);
                if !self.skip(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        Ok(Expression::Call(callee, arguments))
    }

    fn values(&mut self) -> Result<Values, Fault> {
        match self.peek() {
            Some(Kind::Mark('-')) => {
                self.next();
                self.words(true)
            }
            Some(Kind::Word(_) | Kind::Versions(..)) => self.words(false),
            Some(Kind::Call(name)) => {
                self.next();
                Ok(Values::Defined(self.definition_number(name)?))
            }
            Some(Kind::Name(name)) => {
                self.next();
                match Type::by_name(name) {
                    Some(known) => Ok(Values::Type(known)),
                    None => self.fault("the name of a type"),
                }
            }
            _ => self.fault("a type or words"),
        }
    }

    fn words(&mut self, exclude: bool) -> Result<Values, Fault> {
        let mut words = Vec::with_capacity(4);
        loop {
            let mut versions = Version::FIRST..=Version::LATEST;
            if let Some(Kind::Versions(from, to)) = self.peek() {
                self.next();
                versions = from..=to;
            }
            let Some(Kind::Word(text)) = self.next() else {
                return self.fault("a word");
            };
            words.push(Word { versions, text });
            if !matches!(self.peek(), Some(Kind::Word(_) | Kind::Versions(..))) {
                return Ok(Values::Words { exclude, words });
            }
        }
    }

    fn definition_number(&self, name: &str) -> Result<usize, Fault> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| format!("%{name} is not defined"))
    }

    fn peek(&mut self) -> Option<Kind> {
        self.tokens.peek().map(|token| token.kind)
    }

    fn next(&mut self) -> Option<Kind> {
        self.tokens.next().map(|token| token.kind)
    }

    fn skip(&mut self, mark: char) -> bool {
        self.tokens
            .next_if(|token| token.kind == Kind::Mark(mark))
            .is_some()
    }

    fn expect(&mut self, mark: char) -> Result<(), Fault> {
        if self.skip(mark) {
            Ok(())
        } else {
            self.fault(&format!("'{mark}'"))
        }
    }

    fn fault<T>(&mut self, expected: &str) -> Result<T, Fault> {
        Err(match self.tokens.peek() {
            Some(token) => format!("line {}: {expected} is expected", token.line),
            None => format!("at the end: {expected} is expected"),
        })
    }
}
