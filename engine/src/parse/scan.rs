//! Is this text well-formed, and which elements and attributes does it hold?
//!
//! - this file: tags and names;
//! - `value`: attribute values and references in them;
//! - `skip`: what is not kept, and the XML declaration.
//!
//! One pass over the bytes, straight into the tables of the [`Document`]: no token or event is built.
//! What libxml2 refuses (Pacemaker refuses a text on any of its complaints) is refused here, and a
//! document type declaration as well, so that the only entities are the predefined five.

mod skip;
mod value;

use std::sync::Arc;

use super::chars::{self, NAME, NAME_START, SPACE};
use super::error::Fault;
use super::names::{self, Names};
use super::{
    Attribute, Document, Element, ErrorKind, Limits, MAX_BYTES, NONE, Name, ParseError, Position,
    Source,
};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn parse(mut bytes: Vec<u8>, limits: &Limits) -> Result<Document, ParseError> {
    let limit = limits.bytes.min(MAX_BYTES);
    if bytes.len() > limit {
        return Err(ParseError {
            position: Position { line: 1, column: 1 },
            kind: ErrorKind::TooLarge { limit },
        });
    }
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    bytes.drain(..mark);
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&error.as_bytes()[..offset]).into_owned();
        ParseError {
            position: Source::new(valid).position(offset),
            kind: ErrorKind::NotUtf8 {
                offset: mark + offset,
            },
        }
    })?;
    let mut scanner = Scanner::new(&text, limits);
    match scanner.document() {
        Ok(()) => {
            let mut document = scanner.finish();
            document.source = Arc::new(Source::new(text));
            Ok(document)
        }
        Err(fault) => Err(ParseError {
            position: Source::new(text).position(fault.at),
            kind: fault.kind,
        }),
    }
}

type Scan<T> = Result<T, Fault>;

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    limits: &'t Limits,
    at: usize,
    /// The element whose content is being read, and how many are open with it.
    open: u32,
    depth: usize,
    /// Decoded values: what becomes [`Document::edits`].
    decoded: String,
    names: Names,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    /// By name: one more than the last element that had such an attribute.
    last_with: Vec<u32>,
    /// By name: the name that came next in the text, when it came last.
    next_name: Vec<Name>,
    /// The name before this place, of an element or an attribute.
    last_name: Name,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, limits: &'t Limits) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            limits,
            at: 0,
            open: NONE,
            depth: 0,
            decoded: String::new(),
            names: Names::default(),
            // A CIB has about one element in 150 bytes and one attribute in 26. Room that is not
            // needed is never touched.
            elements: Vec::with_capacity(text.len() / 150 + 1),
            attributes: Vec::with_capacity(text.len() / 20 + 1),
            last_with: Vec::new(),
            next_name: Vec::new(),
            last_name: names::CIB,
        }
    }

    /// What was found. The text that it is about has to be added.
    fn finish(self) -> Document {
        Document {
            source: Arc::default(),
            edits: self.decoded,
            stale_edits: 0,
            stale_attributes: 0,
            stale_elements: 0,
            names: self.names,
            elements: self.elements,
            attributes: self.attributes,
        }
    }

    fn document(&mut self) -> Scan<()> {
        if self.starts_with(b"<?xml") && self.byte(5).is_none_or(|b| chars::is(b, SPACE)) {
            self.declaration()?;
        }
        loop {
            self.text_until_markup()?;
            match (self.byte(0), self.byte(1)) {
                (None, _) => break,
                (_, Some(b'/')) => self.end_tag()?,
                (_, Some(b'!')) => self.comment_or_cdata()?,
                (_, Some(b'?')) => self.instruction()?,
                _ => self.start_tag()?,
            }
        }
        if self.open != NONE {
            let element = self.open_name().to_owned();
            let opened = self.line_of(self.open);
            return self.fault(ErrorKind::Unclosed { element, opened });
        }
        if self.elements.is_empty() {
            return self.fault(ErrorKind::Empty);
        }
        Ok(())
    }

    // ---- Tags

    fn start_tag(&mut self) -> Scan<()> {
        if self.open == NONE && !self.elements.is_empty() {
            return self.fault(ErrorKind::SecondRoot);
        }
        let limit = self.limits.depth;
        if self.depth >= limit {
            return self.fault(ErrorKind::TooDeep { limit });
        }
        let offset = self.at as u32;
        self.at += 1;
        let (name, prefixed) = self.name()?;
        let number = self.elements.len() as u32;
        let mut element = Element::new(name, self.open, offset);
        element.first_attribute = self.attributes.len() as u32;
        element.previous = self.link_to_parent(number);
        self.elements.push(element);
        let prefixed_attributes = self.attributes(number)?;
        let first = self.elements[number as usize].first_attribute;
        self.elements[number as usize].attributes = self.attributes.len() as u32 - first;
        if prefixed || prefixed_attributes {
            self.check_prefixes(number)?;
        }
        match self.byte(0) {
            Some(b'>') => {
                self.open = number;
                self.depth += 1;
            }
            Some(b'/') => {
                self.at += 1;
                if self.byte(0) != Some(b'>') {
                    return self.expected(ErrorKind::TagEndExpected);
                }
            }
            _ => return self.expected(ErrorKind::TagEndExpected),
        }
        self.at += 1;
        Ok(())
    }

    /// Makes `child` the last child of the open element and returns the one before it.
    fn link_to_parent(&mut self, child: u32) -> u32 {
        let Some(parent) = self.elements.get_mut(self.open as usize) else {
            return NONE;
        };
        let previous = std::mem::replace(&mut parent.last_child, child);
        match self.elements.get_mut(previous as usize) {
            Some(previous) => previous.next = child,
            None => self.elements[self.open as usize].first_child = child,
        }
        previous
    }

    /// Reads the attributes of `element` and stops before `>` or `/`. Tells whether a name has a
    /// prefix.
    fn attributes(&mut self, element: u32) -> Scan<bool> {
        let mut prefixed = false;
        loop {
            let before = self.at;
            self.spaces();
            match self.byte(0) {
                Some(b'>' | b'/') => return Ok(prefixed),
                None => return self.fault(ErrorKind::UnexpectedEnd { inside: "a tag" }),
                Some(_) if self.at == before => return self.fault(ErrorKind::SpaceExpected),
                Some(_) => {}
            }
            let start = self.at;
            let (name, has_prefix) = self.name()?;
            prefixed |= has_prefix;
            self.check_new(element, name, start)?;
            self.spaces();
            if self.byte(0) != Some(b'=') {
                let attribute = self.names.text(name).to_owned();
                return self.expected(ErrorKind::EqualsExpected { attribute });
            }
            self.at += 1;
            self.spaces();
            let value = self.value(name)?;
            self.attributes.push(value);
        }
    }

    fn check_new(&mut self, element: u32, name: Name, at: usize) -> Scan<()> {
        let limit = self.limits.attributes;
        let first = self.elements[element as usize].first_attribute as usize;
        if self.attributes.len() - first >= limit {
            let element = self
                .names
                .text(self.elements[element as usize].name)
                .to_owned();
            return Err(Fault {
                at,
                kind: ErrorKind::TooManyAttributes { element, limit },
            });
        }
        if self.last_with.len() <= name.0 as usize {
            self.last_with.resize(self.names.len(), 0);
        }
        let last = std::mem::replace(&mut self.last_with[name.0 as usize], element + 1);
        if last == element + 1 {
            let attribute = self.names.text(name).to_owned();
            return Err(Fault {
                at,
                kind: ErrorKind::DuplicateAttribute { attribute },
            });
        }
        Ok(())
    }

    fn end_tag(&mut self) -> Scan<()> {
        let start = self.at;
        self.at += 2;
        // Almost always it is the name of the open element, so that is compared first.
        let expected = if self.open == NONE {
            ""
        } else {
            self.open_name()
        };
        let len = expected.len();
        let matches = self.open != NONE
            && self.starts_with(expected.as_bytes())
            && self
                .byte(len)
                .is_none_or(|b| b == b'>' || chars::is(b, SPACE));
        if !matches {
            let found = self.name_text()?.to_owned();
            return Err(Fault {
                at: start,
                kind: self.wrong_end(found),
            });
        }
        self.at += len;
        self.spaces();
        if self.byte(0) != Some(b'>') {
            return self.expected(ErrorKind::TagEndExpected);
        }
        self.at += 1;
        self.open = self.elements[self.open as usize].parent;
        self.depth -= 1;
        Ok(())
    }

    fn wrong_end(&self, found: String) -> ErrorKind {
        if self.open == NONE {
            return ErrorKind::UnmatchedEnd { found };
        }
        let element = self.open_name().to_owned();
        ErrorKind::MismatchedEnd {
            found,
            element,
            opened: self.line_of(self.open),
        }
    }

    fn open_name(&self) -> &str {
        self.names.text(self.elements[self.open as usize].name)
    }

    /// The line of an element. It counts newlines: for error messages only.
    fn line_of(&self, element: u32) -> u32 {
        let offset = self.elements[element as usize].offset as usize;
        self.bytes[..offset]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count() as u32
            + 1
    }

    // ---- Names

    /// A name, and whether it has a namespace prefix.
    ///
    /// Elements of a kind have the same attributes in the same order, so that the name is almost
    /// always the one that came after the last name before: that is compared first.
    fn name(&mut self) -> Scan<(Name, bool)> {
        let before = self.last_name.index();
        if let Some(&expected) = self.next_name.get(before) {
            let text = self.names.text(expected);
            let len = text.len();
            if self.starts_with(text.as_bytes())
                && matches!(self.byte(len), Some(b'=' | b' ' | b'>' | b'/'))
            {
                self.at += len;
                self.last_name = expected;
                return Ok((expected, false));
            }
        }
        let (name, prefixed) = self.read_name()?;
        if self.next_name.len() <= before {
            self.next_name.resize(self.names.len(), names::CIB);
        }
        if !prefixed {
            self.next_name[before] = name;
        }
        self.last_name = name;
        Ok((name, prefixed))
    }

    fn read_name(&mut self) -> Scan<(Name, bool)> {
        let start = self.at;
        let text = self.name_text()?;
        let Some((prefix, local)) = text.split_once(':') else {
            return Ok((self.names.intern(text), false));
        };
        if prefix.is_empty() || !local.starts_with(chars::is_name_start) || local.contains(':') {
            return Err(Fault {
                at: start,
                kind: ErrorKind::NameExpected,
            });
        }
        Ok((self.names.intern(text), true))
    }

    fn name_text(&mut self) -> Scan<&'t str> {
        let start = self.at;
        while let Some(byte) = self.byte(0) {
            let class = if self.at == start { NAME_START } else { NAME };
            if chars::is(byte, class) {
                self.at += 1;
            } else if byte < 0x80 {
                break;
            } else {
                let c = self.character();
                let fits = if self.at == start {
                    chars::is_name_start(c)
                } else {
                    chars::is_name(c)
                };
                if !fits {
                    break;
                }
                self.at += c.len_utf8();
            }
        }
        if self.at == start {
            return self.expected(ErrorKind::NameExpected);
        }
        let limit = self.limits.name_bytes;
        if self.at - start > limit {
            return Err(Fault {
                at: start,
                kind: ErrorKind::NameTooLong { limit },
            });
        }
        Ok(&self.text[start..self.at])
    }

    /// Are all prefixes of the element and its attributes declared on it or around it?
    fn check_prefixes(&self, element: u32) -> Scan<()> {
        let number = element as usize;
        let first = self.elements[number].first_attribute as usize;
        let used = std::iter::once(self.elements[number].name)
            .chain(self.attributes[first..].iter().map(|a| a.name));
        for name in used {
            let Some((prefix, _)) = self.names.text(name).split_once(':') else {
                continue;
            };
            if matches!(prefix, "xml" | "xmlns") {
                continue;
            }
            let declaration = self.names.find(&format!("xmlns:{prefix}"));
            if !declaration.is_some_and(|declaration| self.is_declared(element, declaration)) {
                let at = self.elements[number].offset as usize;
                let prefix = prefix.to_owned();
                return Err(Fault {
                    at,
                    kind: ErrorKind::UnboundPrefix { prefix },
                });
            }
        }
        Ok(())
    }

    fn is_declared(&self, element: u32, declaration: Name) -> bool {
        let ancestors = std::iter::successors(Some(element), |&e| {
            Some(self.elements[e as usize].parent).filter(|&parent| parent != NONE)
        });
        ancestors.into_iter().any(|e| {
            let e = &self.elements[e as usize];
            let first = e.first_attribute as usize;
            let attributes = &self.attributes[first..first + e.attributes as usize];
            attributes.iter().any(|a| a.name == declaration)
        })
    }

    // ---- Bytes and characters

    /// The byte `ahead` of the current place.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, start: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(start)
    }

    fn spaces(&mut self) {
        self.pass(SPACE);
    }

    /// Passes over bytes of a class.
    fn pass(&mut self, class: u8) {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|&byte| !chars::is(byte, class));
        self.at += len.unwrap_or(rest.len());
    }

    /// The character here. Not at the end of the text, and always at a character boundary: only
    /// whole characters are ever passed over.
    fn character(&self) -> char {
        self.text[self.at..]
            .chars()
            .next()
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn check_character(&self) -> Scan<char> {
        match self.character() {
            c if chars::is_xml(c) => Ok(c),
            c => self.fault(ErrorKind::IllegalCharacter { code: u32::from(c) }),
        }
    }

    fn fault<T>(&self, kind: ErrorKind) -> Scan<T> {
        Err(Fault { at: self.at, kind })
    }

    /// Something else was expected here; the end of the text is said as such.
    fn expected<T>(&self, kind: ErrorKind) -> Scan<T> {
        match self.byte(0) {
            Some(_) => self.fault(kind),
            None => self.fault(ErrorKind::UnexpectedEnd { inside: "markup" }),
        }
    }
}

/// Is this a name, as elements and attributes have?
pub(crate) fn is_xml_name(text: &str) -> bool {
    // Past ASCII, bytes do not tell.
    let ascii = text.bytes().take_while(|&byte| chars::is(byte, NAME));
    let rest = &text[ascii.count()..];
    text.starts_with(chars::is_name_start) && rest.chars().all(chars::is_name)
}
