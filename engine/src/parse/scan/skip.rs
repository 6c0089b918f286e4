//! What is between the tags, and means nothing in a CIB? Text, comments, CDATA and processing
//! instructions must still be well-formed.

use super::{Scan, Scanner};
use crate::parse::chars::{self, SPACE};
use crate::parse::error::Fault;
use crate::parse::{ErrorKind, NONE};

impl Scanner<'_> {
    pub(super) fn text_until_markup(&mut self) -> Scan<()> {
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

    pub(super) fn comment_or_cdata(&mut self) -> Scan<()> {
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

    pub(super) fn instruction(&mut self) -> Scan<()> {
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
        // Such names are reserved; libxml2 knows two that are in use.
        let reserved = target
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("xml"))
            && !matches!(target, "xml-stylesheet" | "xml-model");
        let ends = self.starts_with(b"?>") || self.byte(0).is_none_or(|b| chars::is(b, SPACE));
        if !ends || reserved || target.contains(':') {
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
    pub(super) fn declaration(&mut self) -> Scan<()> {
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
        let version_fits = version.is_some_and(|(_, v)| v == "1.0");
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
