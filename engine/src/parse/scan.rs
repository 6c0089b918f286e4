//! Is this text well-formed, and which elements and attributes does it hold?
//!
//! One pass over the bytes, straight into the tables of the [`Document`]: no token or event is built.
//! What libxml2 refuses (Pacemaker refuses a text on any of its complaints) is refused here, and a
//! document type declaration as well, so that the only entities are the predefined five.

use std::sync::Arc;

use super::chars::{self, NAME, NAME_START, PLAIN, SPACE};
use super::error::Fault;
use super::names::Names;
use super::{
    Attribute, Document, Element, ErrorKind, Limits, MAX_BYTES, NONE, Name, ParseError, Position,
    Source,
};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let start_of_text = Position { line: 1, column: 1 };
    let limit = limits.bytes.min(MAX_BYTES);
    if bytes.len() > limit {
        return Err(ParseError {
            position: start_of_text,
            kind: ErrorKind::TooLarge { limit },
        });
    }
    let marked = bytes.starts_with(BYTE_ORDER_MARK);
    let bytes = if marked {
        &bytes[BYTE_ORDER_MARK.len()..]
    } else {
        bytes
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.valid_up_to();
            let valid = String::from_utf8_lossy(&bytes[..offset]).into_owned();
            let position = Source::new(valid).position(offset);
            let offset = if marked {
                offset + BYTE_ORDER_MARK.len()
            } else {
                offset
            };
            return Err(ParseError {
                position,
                kind: ErrorKind::NotUtf8 { offset },
            });
        }
    };
    let mut scanner = Scanner::new(text, limits);
    match scanner.document() {
        Ok(()) => Ok(scanner.finish()),
        Err(fault) => {
            let position = Source::new(text.to_owned()).position(fault.at);
            Err(ParseError {
                position,
                kind: fault.kind,
            })
        }
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
            // A CIB has about one element in 150 bytes and one attribute in 30.
            elements: Vec::with_capacity(text.len() / 150 + 1),
            attributes: Vec::with_capacity(text.len() / 30 + 1),
            last_with: Vec::new(),
        }
    }

    fn finish(self) -> Document {
        Document {
            source: Arc::new(Source::new(self.text.to_owned())),
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
    fn name(&mut self) -> Scan<(Name, bool)> {
        let start = self.at;
        let text = self.name_text()?;
        let prefixed = text.contains(':');
        if prefixed
            && (text.starts_with(':') || text.ends_with(':') || text.matches(':').count() > 1)
        {
            return Err(Fault {
                at: start,
                kind: ErrorKind::NameExpected,
            });
        }
        Ok((self.names.intern(text), prefixed))
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

    // ---- Values

    fn value(&mut self, name: Name) -> Scan<Attribute> {
        let Some(quote @ (b'"' | b'\'')) = self.byte(0) else {
            let attribute = self.names.text(name).to_owned();
            return self.expected(ErrorKind::QuoteExpected { attribute });
        };
        self.at += 1;
        let start = self.at;
        loop {
            while self.byte(0).is_some_and(|byte| chars::is(byte, PLAIN)) {
                self.at += 1;
            }
            match self.byte(0) {
                Some(byte) if byte == quote => break,
                // The other quote, and characters that only begin like U+FFFF.
                Some(b'"' | b'\'') => self.at += 1,
                Some(0xEF) => {
                    self.check_character()?;
                    self.at += 3;
                }
                _ => return self.decoded_value(name, quote, start),
            }
        }
        let len = self.at - start;
        self.at += 1;
        self.check_value_length(start, len)?;
        Ok(Attribute {
            name,
            start: start as u32,
            len: len as u32,
        })
    }

    /// The rest of a value from something that does not stand for itself: a reference, white space
    /// other than a blank, or a fault.
    fn decoded_value(&mut self, name: Name, quote: u8, start: usize) -> Scan<Attribute> {
        let begin = self.decoded.len();
        self.decoded.push_str(&self.text[start..self.at]);
        loop {
            match self.byte(0) {
                None => {
                    let inside = "an attribute value";
                    return self.fault(ErrorKind::UnexpectedEnd { inside });
                }
                Some(byte) if byte == quote => break,
                Some(b'<') => {
                    let attribute = self.names.text(name).to_owned();
                    return self.fault(ErrorKind::LessThanInValue { attribute });
                }
                Some(b'&') => {
                    let c = self.reference()?;
                    self.decoded.push(c);
                }
                Some(b'\r') => {
                    self.at += if self.byte(1) == Some(b'\n') { 2 } else { 1 };
                    self.decoded.push(' ');
                }
                Some(b'\n' | b'\t') => {
                    self.at += 1;
                    self.decoded.push(' ');
                }
                Some(_) => {
                    let c = self.check_character()?;
                    self.decoded.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        let len = self.decoded.len() - begin;
        self.check_value_length(start, len)?;
        // Decoding never makes a value longer, so this stays below 2 * MAX_BYTES.
        let start = (self.bytes.len() + begin) as u32;
        Ok(Attribute {
            name,
            start,
            len: len as u32,
        })
    }

    fn check_value_length(&self, start: usize, len: usize) -> Scan<()> {
        let limit = self.limits.value_bytes;
        if len > limit {
            return Err(Fault {
                at: start,
                kind: ErrorKind::ValueTooLong { limit },
            });
        }
        Ok(())
    }

    /// A character or predefined entity reference, from its `&` to after its `;`.
    fn reference(&mut self) -> Scan<char> {
        let start = self.at;
        // No reference that is allowed is longer, leading zeros aside.
        let window = &self.bytes[start + 1..self.bytes.len().min(start + 1 + 64)];
        let Some(len) = window.iter().position(|&b| b == b';') else {
            return self.fault(ErrorKind::MalformedReference);
        };
        let name = &self.text[start + 1..start + 1 + len];
        let c = match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => match name.strip_prefix('#') {
                Some(number) => match character_by_number(number) {
                    Some(c) => c,
                    None => {
                        return self.fault(ErrorKind::IllegalReference {
                            name: name.to_owned(),
                        });
                    }
                },
                None if is_xml_name(name) => {
                    return self.fault(ErrorKind::UnknownEntity {
                        name: name.to_owned(),
                    });
                }
                None => return self.fault(ErrorKind::MalformedReference),
            },
        };
        self.at = start + 1 + len + 1;
        Ok(c)
    }

    // ---- What is not kept: text, comments, CDATA, processing instructions

    fn text_until_markup(&mut self) -> Scan<()> {
        while let Some(byte) = self.byte(0) {
            if byte == b'<' {
                return Ok(());
            }
            if chars::is(byte, SPACE) {
                self.at += 1;
                continue;
            }
            if self.open == NONE {
                return self.fault(ErrorKind::TextOutsideRoot);
            }
            match byte {
                b'&' => {
                    self.reference()?;
                }
                b']' if self.starts_with(b"]]>") => return self.fault(ErrorKind::CdataEndInText),
                _ => self.at += self.check_character()?.len_utf8(),
            }
        }
        Ok(())
    }

    fn comment_or_cdata(&mut self) -> Scan<()> {
        if self.starts_with(b"<!--") {
            let end = self.skip_past(4, b"--", "a comment")?;
            if self.bytes.get(end) != Some(&b'>') {
                self.at = end - 2;
                return self.expected(ErrorKind::MalformedComment);
            }
            self.at = end + 1;
        } else if self.starts_with(b"<![CDATA[") {
            if self.open == NONE {
                return self.fault(ErrorKind::TextOutsideRoot);
            }
            self.at = self.skip_past(9, b"]]>", "CDATA")?;
        } else if self.starts_with(b"<!DOCTYPE") {
            return self.fault(ErrorKind::DoctypeRefused);
        } else {
            return self.fault(ErrorKind::UnknownMarkup);
        }
        Ok(())
    }

    fn instruction(&mut self) -> Scan<()> {
        let start = self.at;
        self.at += 2;
        let Ok(target) = self.name_text() else {
            return Err(Fault {
                at: start,
                kind: ErrorKind::MalformedInstruction,
            });
        };
        if target.eq_ignore_ascii_case("xml") {
            return Err(Fault {
                at: start,
                kind: ErrorKind::MalformedDeclaration,
            });
        }
        if !self.starts_with(b"?>") && !self.byte(0).is_none_or(|b| chars::is(b, SPACE)) {
            return Err(Fault {
                at: start,
                kind: ErrorKind::MalformedInstruction,
            });
        }
        self.at = self.skip_past(0, b"?>", "a processing instruction")?;
        Ok(())
    }

    /// Where the first `end` after the next `skip` bytes ends, having checked what is between.
    fn skip_past(&mut self, skip: usize, end: &[u8], inside: &'static str) -> Scan<usize> {
        let start = self.at + skip;
        let Some(len) = self.bytes[start..]
            .windows(end.len())
            .position(|w| w == end)
        else {
            self.at = self.bytes.len();
            return self.fault(ErrorKind::UnexpectedEnd { inside });
        };
        self.at = start;
        while self.at < start + len {
            self.at += self.check_character()?.len_utf8();
        }
        Ok(start + len + end.len())
    }

    /// `<?xml version="1.0" encoding="…" standalone="…"?>`
    fn declaration(&mut self) -> Scan<()> {
        let end = self.skip_past(5, b"?>", "the XML declaration")?;
        let malformed = Fault {
            at: 0,
            kind: ErrorKind::MalformedDeclaration,
        };
        let Some(parts) = pseudo_attributes(&self.text[5..end - 2]) else {
            return Err(malformed);
        };
        let mut parts = parts.into_iter().peekable();
        let version = parts.next_if(|&(name, _)| name == "version");
        let encoding = parts.next_if(|&(name, _)| name == "encoding");
        let standalone = parts.next_if(|&(name, _)| name == "standalone");
        let version_fits = version.is_some_and(|(_, v)| v.starts_with("1."));
        let standalone_fits = standalone.is_none_or(|(_, v)| matches!(v, "yes" | "no"));
        if !version_fits || !standalone_fits || parts.next().is_some() {
            return Err(malformed);
        }
        if let Some((_, name)) = encoding {
            let name_fits = is_utf8_name(name) || (is_ascii_superset(name) && self.text.is_ascii());
            if !name_fits {
                let kind = ErrorKind::UnsupportedEncoding {
                    name: name.to_owned(),
                };
                return Err(Fault { at: 0, kind });
            }
        }
        self.at = end;
        Ok(())
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
        while self.byte(0).is_some_and(|byte| chars::is(byte, SPACE)) {
            self.at += 1;
        }
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

fn character_by_number(number: &str) -> Option<char> {
    let code = match number.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse(),
        _ => return None,
    };
    char::from_u32(code.ok()?).filter(|&c| chars::is_xml(c))
}

/// Is this a name, as elements and attributes have?
pub(crate) fn is_xml_name(text: &str) -> bool {
    text.starts_with(chars::is_name_start) && text.chars().all(chars::is_name)
}

/// `name="value"` pairs, each after white space.
fn pseudo_attributes(text: &str) -> Option<Vec<(&str, &str)>> {
    let space = |c: char| c.is_ascii() && chars::is(c as u8, SPACE);
    let mut rest = text;
    let mut pairs = Vec::new();
    while !rest.trim_matches(space).is_empty() {
        let (name, after) = rest.strip_prefix(space)?.split_once('=')?;
        let after = after.trim_start_matches(space);
        let quote = after.chars().next().filter(|&c| c == '"' || c == '\'')?;
        let (value, after) = after[1..].split_once(quote)?;
        pairs.push((name.trim_matches(space), value));
        rest = after;
    }
    Some(pairs)
}

fn is_utf8_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
}

/// An encoding in which ASCII bytes mean what they mean in UTF-8.
fn is_ascii_superset(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "us-ascii" | "ascii")
        || name.starts_with("iso-8859-")
        || name.starts_with("windows-125")
}
