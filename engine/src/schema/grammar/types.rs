//! Which values does an attribute have?

use crate::schema::version::Version;

/// A type of attribute values. Where XML Schema has such a type, it is that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::schema) enum Type {
    /// Anything.
    Text,
    /// A name that no other attribute of type id in the document has.
    Id,
    /// A name that some attribute of type id has.
    IdRef,
    Integer,
    /// Not below zero.
    Natural,
    /// Above zero.
    Positive,
    /// From 1 to 9.
    Digit,
    /// `true`, `false`, `1` or `0`.
    Boolean,
    /// An integer or an infinity.
    Score,
    /// Name of a schema, or `none`.
    Schema,
    /// Digits and dashes.
    Ports,
    /// Names of letters, digits, `_`, `.` and `-`, with commas between.
    Devices,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Anything but these words.
    NoneOf(&'static [&'static str]),
}

/// What an attribute's value is to the rest of the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::schema) enum IdKind {
    Id,
    IdRef,
}

impl Type {
    pub(in crate::schema) fn id_kind(&self) -> Option<IdKind> {
        match self {
            Self::Id => Some(IdKind::Id),
            Self::IdRef => Some(IdKind::IdRef),
            _ => None,
        }
    }

    /// Is this a value of the type?
    pub(in crate::schema) fn admits(&self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Id | Self::IdRef => is_name(value),
            Self::Integer => is_integer(trim(value)),
            Self::Natural => is_natural(trim(value)),
            Self::Positive => is_natural(trim(value)) && has_nonzero_digit(value),
            Self::Digit => digit_value(trim(value)).is_some(),
            Self::Boolean => matches!(trim(value), "true" | "false" | "1" | "0"),
            Self::Score => is_integer(trim(value)) || is_infinity(trim(value)),
            Self::Schema => {
                let value = trim(value);
                value == "none" || Version::from_name(value).is_some()
            }
            Self::Ports => {
                !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            }
            Self::Devices => value.split(',').all(is_device),
            Self::OneOf(words) => words.contains(&trim(value)),
            Self::NoneOf(words) => !words.contains(&trim(value)),
        }
    }

    /// The values, for people.
    pub(in crate::schema) fn describe(&self) -> String {
        let words = |words: &[&str]| words.join(", ");
        match self {
            Self::Text => "any text".to_owned(),
            Self::Id => "a name that is used only once".to_owned(),
            Self::IdRef => "the id of another element".to_owned(),
            Self::Integer => "an integer".to_owned(),
            Self::Natural => "an integer not below zero".to_owned(),
            Self::Positive => "an integer above zero".to_owned(),
            Self::Digit => "an integer from 1 to 9".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Score => "an integer, INFINITY or -INFINITY".to_owned(),
            Self::Schema => "the name of a schema, like pacemaker-4.0".to_owned(),
            Self::Ports => "a port or a range of ports".to_owned(),
            Self::Devices => "resource ids with commas between".to_owned(),
            Self::OneOf(list) => format!("one of {}", words(list)),
            Self::NoneOf(list) => format!("anything but {}", words(list)),
        }
    }
}

/// A value without the blanks around it: they do not belong to it.
pub(in crate::schema) fn trim(value: &str) -> &str {
    // Almost no value has any, and this is asked for every one.
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t' | b'\n' | b'\r'));
    let bytes = value.as_bytes();
    if is_space(bytes.first()) || is_space(bytes.last()) {
        value.trim_matches([' ', '\t', '\n', '\r'])
    } else {
        value
    }
}

fn is_infinity(value: &str) -> bool {
    matches!(value, "INFINITY" | "+INFINITY" | "-INFINITY")
}

fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_natural(value: &str) -> bool {
    is_integer(value) && (!value.starts_with('-') || !has_nonzero_digit(value))
}

fn has_nonzero_digit(value: &str) -> bool {
    value.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

fn digit_value(value: &str) -> Option<u8> {
    let digits = value.strip_prefix('+').unwrap_or(value);
    let digit = digits.trim_start_matches('0');
    match digit.as_bytes() {
        [digit @ b'1'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

fn is_device(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    !name.is_empty() && name.bytes().all(fits)
}

/// A name without a colon; blanks around it do not count.
fn is_name(value: &str) -> bool {
    crate::parse::is_xml_name(trim(value)) && !value.as_bytes().contains(&b':')
}
