//! How is a part of the grammar's text read?

use std::ops::Range;

use super::notation::{
    Body, DefinitionId, Expression, Fault, Meaning, Notation, Values, WORDS, Word, name_at,
};
use super::types::Type;
use crate::schema::version::Version;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    Name(&'static str),
    /// `@name`
    Attribute(&'static str),
    /// `%name`
    Call(&'static str),
    /// `"text"`
    Word(&'static str),
    /// `[1.0-2.0]`
    Versions(Version, Version),
    Mark(u8),
}

/// Reads a part of the text, one token ahead.
pub(super) struct Reader<'n> {
    notation: &'n Notation,
    /// The definition that is being read, with its parameters.
    definition: DefinitionId,
    parameters: Vec<&'static str>,
    /// Behind the next token.
    at: usize,
    end: usize,
    next: Option<Token>,
    /// Where the next token begins.
    next_at: usize,
    /// The next token is none.
    unreadable: bool,
}

impl<'n> Reader<'n> {
    pub(super) fn new(
        notation: &'n Notation,
        definition: DefinitionId,
        parameters: &[&'static str],
        span: &Range<usize>,
    ) -> Self {
        let mut reader = Reader {
            notation,
            definition,
            parameters: parameters.to_vec(),
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
        let bytes = &self.notation.text.as_bytes()[..self.end];
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
    fn token(&self, at: usize) -> Option<(Token, usize)> {
        let text = self.notation.text;
        let rest = &text[at..self.end];
        let named = |start: usize, token: fn(&'static str) -> Token| {
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
        let line = self.notation.line(self.next_at);
        Err(if self.unreadable {
            let rest = &self.notation.text[self.next_at..];
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
    pub(super) fn definition(mut self) -> Result<Meaning, Fault> {
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
        Ok(Meaning {
            parameters: self.parameters,
            expression,
        })
    }

    /// What is between the braces of an element.
    pub(super) fn body(mut self) -> Result<Expression, Fault> {
        if self.next_at == self.end {
            return Ok(Expression::Group(Vec::new()));
        }
        let expression = self.expression()?;
        self.ending("the end")?;
        Ok(expression)
    }

    /// Nothing but remarks.
    #[cfg(test)]
    pub(super) fn nothing(self) -> Result<(), Fault> {
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
    fn expression(&mut self) -> Result<Expression, Fault> {
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

    fn item(&mut self) -> Result<Expression, Fault> {
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
                    Values::Type(Type::Text)
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

    /// An element; what is between its braces is left for later.
    fn element(&mut self, name: &'static str) -> Result<Expression, Fault> {
        if self.next != Some(Token::Mark(b'{')) {
            return self.fault("'{'");
        }
        let start = self.at;
        let text = &self.notation.text.as_bytes()[..self.end];
        let mut depth = 1;
        let closing = text[start..].iter().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        self.at = closing.map_or(self.end, |len| start + len);
        let span = start..self.at;
        self.advance();
        self.expect(b'}')?;
        let body = Body::new(self.definition, span);
        Ok(Expression::Element(name, Box::new(body)))
    }

    fn call(&mut self, name: &'static str) -> Result<Expression, Fault> {
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

    fn values(&mut self) -> Result<Values, Fault> {
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
            Some(Token::Name(name)) => match Type::by_name(name) {
                Some(known) => {
                    self.advance();
                    Ok(Values::Type(known))
                }
                None => self.fault("the name of a type"),
            },
            _ => self.fault("a type or words"),
        }
    }

    fn words(&mut self, exclude: bool) -> Result<Values, Fault> {
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

    fn callee(&self, name: &str) -> Result<DefinitionId, Fault> {
        let known = self.notation.by_name(name);
        known.ok_or_else(|| format!("%{name} is not defined"))
    }
}
