//! How is a part of the grammar's text read?

use std::ops::Range;

use super::notation::{Body, Expression, Fault, Values, WORDS, Word, name_at};
use super::version::Version;

/// The types of attribute values: as the grammar calls them, and their variants in the engine.
const TYPES: [(&str, &str); 11] = [
    ("id", "Id"),
    ("idref", "IdRef"),
    ("integer", "Integer"),
    ("natural", "Natural"),
    ("positive", "Positive"),
    ("digit", "Digit"),
    ("boolean", "Boolean"),
    ("score", "Score"),
    ("schema", "Schema"),
    ("ports", "Ports"),
    ("devices", "Devices"),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token<'t> {
    Name(&'t str),
    /// `@name`
    Attribute(&'t str),
    /// `%name`
    Call(&'t str),
    /// `"text"`
    Word(&'t str),
    /// `[1.0-2.0]`
    Versions(Version, Version),
    Mark(u8),
}

/// Reads a part of the text, one token ahead.
pub(crate) struct Reader<'n, 't> {
    text: &'t str,
    /// Names of the definitions.
    names: &'n [&'t str],
    /// Parameters of the definition that is being read.
    parameters: Vec<&'t str>,
    /// Behind the next token.
    at: usize,
    end: usize,
    next: Option<Token<'t>>,
    /// Where the next token begins.
    next_at: usize,
    /// The next token is none.
    unreadable: bool,
}

impl<'n, 't> Reader<'n, 't> {
    pub(crate) fn new(text: &'t str, names: &'n [&'t str], span: Range<usize>) -> Self {
        let mut reader = Reader {
            text,
            names,
            parameters: Vec::new(),
            at: span.start,
            end: span.end,
            next: None,
            next_at: span.start,
            unreadable: false,
        };
        reader.advance();
        reader
    }

    // ---- Tokens

    fn advance(&mut self) {
        self.next_at = self.beginning();
        (self.next, self.at) = match self.token(self.next_at) {
            Some((token, len)) => (Some(token), self.next_at + len),
            None => (None, self.end),
        };
        self.unreadable = self.next.is_none() && self.next_at < self.end;
    }

    /// Where the next token begins.
    fn beginning(&self) -> usize {
        let bytes = &self.text.as_bytes()[..self.end];
        let mut at = self.at;
        loop {
            match bytes.get(at) {
                Some(b' ' | b'\n') => at += 1,
                Some(b'#') => {
                    let comment = bytes[at..].iter().position(|&byte| byte == b'\n');
                    at = comment.map_or(self.end, |len| at + len);
                }
                _ => return at,
            }
        }
    }

    /// The token that begins there, and how long it is.
    fn token(&self, at: usize) -> Option<(Token<'t>, usize)> {
        let text = self.text;
        let rest = &text[at..self.end];
        let named = |start: usize, token: fn(&'t str) -> Token<'t>| {
            let name = name_at(rest, start);
            (!name.is_empty()).then(|| (token(name), start + name.len()))
        };
        match *rest.as_bytes().first()? {
            b'@' => named(1, Token::Attribute),
            b'%' => named(1, Token::Call),
            b'"' => {
                let (word, _) = rest[1..].split_once('"')?;
                Some((Token::Word(word), word.len() + 2))
            }
            b'[' => {
                let (versions, _) = rest[1..].split_once(']')?;
                let (from, to) = versions.split_once('-')?;
                let or = |number: &str, otherwise| match number {
                    "" => Some(otherwise),
                    _ => Version::from_number(number),
                };
                let (from, to) = (or(from, Version::FIRST)?, or(to, Version::LATEST)?);
                Some((Token::Versions(from, to), versions.len() + 2))
            }
            byte if byte.is_ascii_alphabetic() => named(0, Token::Name),
            byte => byte.is_ascii().then_some((Token::Mark(byte), 1)),
        }
    }

    fn skip(&mut self, mark: u8) -> bool {
        let is_next = self.next == Some(Token::Mark(mark));
        if is_next {
            self.advance();
        }
        is_next
    }

    fn expect(&mut self, mark: u8) -> Result<(), Fault> {
        if self.skip(mark) {
            Ok(())
        } else {
            self.fault(&format!("'{}'", char::from(mark)))
        }
    }

    fn fault<T>(&self, expected: &str) -> Result<T, Fault> {
        let before = &self.text.as_bytes()[..self.next_at];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Err(if self.unreadable {
            let rest = &self.text[self.next_at..];
            let rest = rest.lines().next().unwrap_or_default();
            format!("line {line}: unreadable: {rest}")
        } else if self.next.is_some() {
            format!("line {line}: {expected} is expected")
        } else {
            format!("at the end: {expected} is expected")
        })
    }

    // ---- What they make up

    /// Parameters and what is said of them.
    pub(crate) fn definition(mut self) -> Result<(Vec<&'t str>, Expression<'t>), Fault> {
        if self.skip(b'(') {
            loop {
                let Some(Token::Name(parameter)) = self.next else {
                    return self.fault("a name");
                };
                self.advance();
                self.parameters.push(parameter);
                if !self.skip(b',') {
                    break;
                }
            }
            self.expect(b')')?;
        }
        self.expect(b'=')?;
        let expression = match self.next {
            Some(Token::Word(_)) => Expression::Attribute(WORDS, self.words(false)?),
            _ => self.expression()?,
        };
        self.ending("the end")?;
        Ok((self.parameters, expression))
    }

    /// Nothing but remarks.
    pub(crate) fn nothing(self) -> Result<(), Fault> {
        self.ending("a name")
    }

    /// Nothing comes any more; who made the mistake forgot what was `expected`.
    fn ending(&self, expected: &str) -> Result<(), Fault> {
        if self.next_at == self.end {
            Ok(())
        } else {
            self.fault(expected)
        }
    }

    /// Items with one kind of sign between them.
    fn expression(&mut self) -> Result<Expression<'t>, Fault> {
        let first = self.item()?;
        let Some(Token::Mark(sign @ (b',' | b'&' | b'|'))) = self.next else {
            return Ok(first);
        };
        let mut items = Vec::with_capacity(8);
        items.push(first);
        while self.skip(sign) {
            items.push(self.item()?);
        }
        if let Some(Token::Mark(b',' | b'&' | b'|')) = self.next {
            return self.fault("parentheses");
        }
        Ok(match sign {
            b',' => Expression::Group(items),
            b'&' => Expression::Interleave(items),
            _ => Expression::Choice(items),
        })
    }

    fn item(&mut self) -> Result<Expression<'t>, Fault> {
        if let Some(Token::Versions(from, to)) = self.next {
            self.advance();
            return Ok(Expression::Versions(from..=to, Box::new(self.item()?)));
        }
        let item = match self.next {
            Some(Token::Mark(b'(')) => {
                self.advance();
                let inner = self.expression()?;
                self.expect(b')')?;
                inner
            }
            Some(Token::Attribute(name)) => {
                self.advance();
                let values = if self.skip(b':') {
                    self.values()?
                } else {
                    Values::Type("Text")
                };
                Expression::Attribute(name, values)
            }
            Some(Token::Call(name)) => {
                self.advance();
                self.call(name)?
            }
            Some(Token::Name("any")) => {
                self.advance();
                Expression::Any
            }
            Some(Token::Name(name)) => {
                self.advance();
                self.element(name)?
            }
            _ => return self.fault("an item"),
        };
        Ok(match self.next {
            Some(Token::Mark(b'?')) => {
                self.advance();
                Expression::Optional(Box::new(item))
            }
            Some(Token::Mark(b'+')) => {
                self.advance();
                Expression::Repeated(Box::new(item))
            }
            Some(Token::Mark(b'*')) => {
                self.advance();
                Expression::Optional(Box::new(Expression::Repeated(Box::new(item))))
            }
            _ => item,
        })
    }

    fn element(&mut self, name: &'t str) -> Result<Expression<'t>, Fault> {
        let place = self.next_at;
        self.expect(b'{')?;
        let content = match self.next {
            Some(Token::Mark(b'}')) => Expression::Group(Vec::new()),
            _ => self.expression()?,
        };
        self.expect(b'}')?;
        let content = Box::new(content);
        Ok(Expression::Element(name, Body { place, content }))
    }

    fn call(&mut self, name: &'t str) -> Result<Expression<'t>, Fault> {
        let mut parameters = self.parameters.iter();
        if let Some(parameter) = parameters.position(|&parameter| parameter == name) {
            return Ok(Expression::Parameter(parameter));
        }
        let callee = self.callee(name)?;
        let mut arguments = Vec::new();
        if self.skip(b'(') {
            loop {
                arguments.push(self.item()?);
                if !self.skip(b',') {
                    break;
                }
            }
            self.expect(b')')?;
        }
        Ok(Expression::Call(callee, arguments))
    }

    fn values(&mut self) -> Result<Values<'t>, Fault> {
        match self.next {
            Some(Token::Mark(b'-')) => {
                self.advance();
                self.words(true)
            }
            Some(Token::Word(_) | Token::Versions(..)) => self.words(false),
            Some(Token::Call(name)) => {
                self.advance();
                Ok(Values::Defined(self.callee(name)?))
            }
            Some(Token::Name(name)) => match TYPES.iter().find(|(known, _)| *known == name) {
                Some((_, variant)) => {
                    self.advance();
                    Ok(Values::Type(variant))
                }
                None => self.fault("the name of a type"),
            },
            _ => self.fault("a type or words"),
        }
    }

    fn words(&mut self, exclude: bool) -> Result<Values<'t>, Fault> {
        let mut words = Vec::with_capacity(4);
        loop {
            let mut versions = Version::FIRST..=Version::LATEST;
            if let Some(Token::Versions(from, to)) = self.next {
                self.advance();
                versions = from..=to;
            }
            let Some(Token::Word(text)) = self.next else {
                return self.fault("a word");
            };
            self.advance();
            words.push(Word { versions, text });
            if !matches!(self.next, Some(Token::Word(_) | Token::Versions(..))) {
                return Ok(Values::Words { exclude, words });
            }
        }
    }

    fn callee(&self, name: &str) -> Result<usize, Fault> {
        let known = self.names.iter().position(|known| *known == name);
        known.ok_or_else(|| format!("%{name} is not defined"))
    }
}
