//! Which characters may stand where? (XML 1.0, fifth edition, sections 2.2 and 2.3.)

use std::borrow::Cow;

/// What a byte can be in markup. A byte may have several of these.
pub(super) const SPACE: u8 = 1;
/// First byte of a name. Bytes past ASCII need [`is_name_start`] of the whole character.
pub(super) const NAME_START: u8 = 2;
/// Later byte of a name; bytes past ASCII as above.
pub(super) const NAME: u8 = 4;
/// Stands for itself in an attribute value, whichever quote surrounds it.
pub(super) const PLAIN: u8 = 8;

/// The classes of each byte.
pub(super) const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if matches!(b, b' ' | b'\t' | b'\n' | b'\r') {
            table[byte] |= SPACE;
        }
        if b.is_ascii_alphabetic() || matches!(b, b'_' | b':') {
            table[byte] |= NAME_START | NAME;
        }
        if b.is_ascii_digit() || matches!(b, b'-' | b'.') {
            table[byte] |= NAME;
        }
        // 0xEF may begin U+FFFE or U+FFFF, which are not characters of XML.
        if b >= 0x20 && b != 0xEF && !matches!(b, b'"' | b'\'' | b'<' | b'&') {
            table[byte] |= PLAIN;
        }
        byte += 1;
    }
    table
}

pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// May this character stand in a document at all?
pub(super) fn is_xml(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        c => c >= ' ',
    }
}

/// The text, with U+FFFD for each character that may not.
pub(super) fn expressible(text: &str) -> Cow<'_, str> {
    // The first byte of every such character; mostly there is none.
    let suspicious = |byte: u8| (byte < b' ' && !is(byte, SPACE)) || byte == 0xEF;
    if !text.bytes().any(suspicious) {
        return Cow::Borrowed(text);
    }
    let mend = |c| {
        if is_xml(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    };
    Cow::Owned(text.chars().map(mend).collect())
}

pub(crate) fn is_name_start(c: char) -> bool {
    match c {
        c if c.is_ascii() => is(c as u8, NAME_START),
        '\u{D7}' | '\u{F7}' | '\u{37E}' => false,
        '\u{C0}'..='\u{2FF}'
        | '\u{370}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}' => true,
        _ => false,
    }
}

pub(crate) fn is_name(c: char) -> bool {
    is_name_start(c)
        || (c.is_ascii() && is(c as u8, NAME))
        || matches!(c, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Can an attribute have this name, without a namespace? Who sets an attribute whose name comes from
/// outside must ask: another one would make a document that cannot be read again.
pub fn is_attribute_name(text: &str) -> bool {
    text.starts_with(is_name_start)
        && text.chars().all(|c| is_name(c) && c != ':')
        && text != "xmlns"
}
