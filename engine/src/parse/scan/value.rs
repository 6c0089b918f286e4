//! What is the value of an attribute?

use super::{Scan, Scanner, is_xml_name};
use crate::parse::chars::{self, PLAIN};
use crate::parse::error::Fault;
use crate::parse::{Attribute, ErrorKind, Name};

impl Scanner<'_> {
    pub(super) fn value(&mut self, name: Name) -> Scan<Attribute> {
        let Some(quote @ (b'"' | b'\'')) = self.byte(0) else {
            let attribute = self.names.text(name).to_owned();
            return self.expected(ErrorKind::QuoteExpected { attribute });
        };
        self.at += 1;
        let start = self.at;
        loop {
            self.pass(PLAIN);
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
    pub(super) fn reference(&mut self) -> Scan<char> {
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
}

fn character_by_number(number: &str) -> Option<char> {
    let code = match number.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse(),
        _ => return None,
    };
    char::from_u32(code.ok()?).filter(|&c| chars::is_xml(c))
}
