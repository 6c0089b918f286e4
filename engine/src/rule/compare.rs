//! How do two attribute values compare?

use std::cmp::Ordering;

use crate::value::{compare_versions, is_space, scan_integer};

/// What an attribute is compared for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Comparison {
    Defined,
    NotDefined,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn parse(text: &str) -> Option<Self> {
        const WORDS: [(&str, Comparison); 8] = [
            ("defined", Comparison::Defined),
            ("not_defined", Comparison::NotDefined),
            ("eq", Comparison::Equal),
            ("ne", Comparison::NotEqual),
            ("lt", Comparison::Less),
            ("lte", Comparison::LessOrEqual),
            ("gt", Comparison::Greater),
            ("gte", Comparison::GreaterOrEqual),
        ];
        WORDS
            .into_iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word))
            .map(|(_, is)| is)
    }

    /// Is there nothing to compare with?
    pub(super) fn is_unary(self) -> bool {
        matches!(self, Self::Defined | Self::NotDefined)
    }

    /// Does it ask which value is greater?
    fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }

    /// Does it hold for these values? An undefined value is less than any other, but is neither
    /// less nor greater to a test that asks for that.
    pub(super) fn holds(
        self,
        actual: Option<&str>,
        reference: Option<&str>,
        value_type: Option<ValueType>,
    ) -> bool {
        match self {
            Self::Defined => return actual.is_some(),
            Self::NotDefined => return actual.is_none(),
            _ => {}
        }
        let (Some(actual), Some(reference)) = (actual, reference) else {
            let both_undefined = actual.is_none() && reference.is_none();
            return match self {
                Self::Equal => both_undefined,
                Self::NotEqual => !both_undefined,
                _ => false,
            };
        };
        let value_type = value_type.unwrap_or_else(|| self.default_type(actual, reference));
        let order = value_type.compare(actual, reference);
        match self {
            Self::Defined | Self::NotDefined => false,
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    fn default_type(self, actual: &str, reference: &str) -> ValueType {
        if !self.is_ordered() {
            ValueType::String
        } else if actual.contains('.') || reference.contains('.') {
            ValueType::Number
        } else {
            ValueType::Integer
        }
    }
}

/// What values are compared as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// Texts, without case.
    String,
    /// Integers, if both are; otherwise texts.
    Integer,
    /// Floating-point numbers, if both are; otherwise texts.
    Number,
    /// Versions.
    Version,
}

impl ValueType {
    pub(super) fn parse(text: &str) -> Option<Self> {
        const WORDS: [(&str, ValueType); 4] = [
            ("string", ValueType::String),
            ("integer", ValueType::Integer),
            ("number", ValueType::Number),
            ("version", ValueType::Version),
        ];
        WORDS
            .into_iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word))
            .map(|(_, is)| is)
    }

    fn compare(self, a: &str, b: &str) -> Ordering {
        let by_value = match self {
            Self::String => None,
            Self::Integer => compare_integers(a, b),
            Self::Number => compare_numbers(a, b),
            Self::Version => Some(compare_versions(a, b)),
        };
        by_value.unwrap_or_else(|| compare_caseless(a, b))
    }
}

fn compare_caseless(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

/// None if one of them is not an integer, or outside 64 bits.
fn compare_integers(a: &str, b: &str) -> Option<Ordering> {
    let exact = |text| scan_integer(text).filter(|integer| !integer.clipped);
    Some(exact(a)?.value.cmp(&exact(b)?.value))
}

/// None if one of them is not a number. Not-a-numbers are equal to everything.
///
/// These are floating-point numbers because Pacemaker's are: values that differ by less than their
/// precision are equal. Parsing and comparing give the same on every machine.
fn compare_numbers(a: &str, b: &str) -> Option<Ordering> {
    Some(
        number(a)?
            .partial_cmp(&number(b)?)
            .unwrap_or(Ordering::Equal),
    )
}

/// The number at the start of a text, as C's `strtod` reads it; none if there is none or it is out
/// of range.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_start_matches(is_space);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let begins = |word: &str| {
        unsigned
            .get(..word.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    if begins("nan") {
        return Some(f64::NAN);
    }
    if begins("inf") {
        return Some(sign * f64::INFINITY);
    }
    let digits = unsigned
        .get(2..)
        .filter(|_| begins("0x"))
        .and_then(hexadecimal);
    let value = match digits {
        Some(value) => value,
        None => {
            let decimal = &unsigned[..decimal_length(unsigned)?];
            let value: f64 = decimal.parse().ok()?;
            let mut mantissa = decimal
                .bytes()
                .take_while(|byte| !matches!(byte, b'e' | b'E'));
            let zero = mantissa.all(|byte| matches!(byte, b'0' | b'.'));
            // What is too large or too small to be represented is not a number either.
            if value.is_infinite() || (value < f64::MIN_POSITIVE && !zero) {
                return None;
            }
            value
        }
    };
    Some(sign * value)
}

/// How long the decimal number is that a text begins with.
fn decimal_length(text: &str) -> Option<usize> {
    let digits = |from: usize| {
        text.as_bytes()[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut len = whole;
    let mut fraction = 0;
    if text[len..].starts_with('.') {
        fraction = digits(len + 1);
        len += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if text[len..].starts_with(['e', 'E']) {
        let sign = usize::from(text[len + 1..].starts_with(['-', '+']));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    Some(len)
}

/// A hexadecimal integer at the start of a text. (`strtod` also knows fractions and exponents of
/// those, which no attribute has.)
fn hexadecimal(text: &str) -> Option<f64> {
    let len = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let value = u64::from_str_radix(&text[..len.min(16)], 16).ok()?;
    Some(value as f64)
}
