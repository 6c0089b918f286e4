//! Integers, integer ranges and booleans.

/// An integer at the start of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Integer<'t> {
    /// The value; the nearest 64-bit integer if there is none for the text.
    pub value: i64,
    /// Whether the text means a number outside 64 bits.
    pub clipped: bool,
    /// What follows the digits.
    pub rest: &'t str,
}

/// Reads an integer from the start of a text as C's `strtoll` does: leading white space and a sign
/// are allowed, anything may follow. None if there is no digit.
pub fn scan_integer(text: &str) -> Option<Integer<'_>> {
    // Nearly all are a few digits and nothing before: these cannot overflow.
    let (mut value, mut len) = (0i64, 0);
    let bytes = text.as_bytes();
    while let Some(digit @ b'0'..=b'9') = bytes.get(len)
        && len < 18
    {
        value = 10 * value + i64::from(digit - b'0');
        len += 1;
    }
    if (1..18).contains(&len) {
        return Some(Integer {
            value,
            clipped: false,
            rest: &text[len..],
        });
    }
    let unsigned = text.trim_start_matches(is_space);
    let (negative, digits) = match unsigned.as_bytes().first() {
        Some(b'-') => (true, &unsigned[1..]),
        Some(b'+') => (false, &unsigned[1..]),
        _ => (false, unsigned),
    };
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(len);
    let value = digits.bytes().try_fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let value = value.checked_mul(10)?;
        if negative {
            value.checked_sub(digit)
        } else {
            value.checked_add(digit)
        }
    });
    let limit = if negative { i64::MIN } else { i64::MAX };
    Some(Integer {
        value: value.unwrap_or(limit),
        clipped: value.is_none(),
        rest,
    })
}

/// Reads an unsigned 32-bit number of at most `width` characters, its sign included, as C's `scanf`
/// does: leading white space and a sign are accepted, larger numbers wrap.
pub(crate) fn scan_unsigned(text: &str, width: Option<usize>) -> Option<(u32, &str)> {
    let text = text.trim_start_matches(is_space);
    let window = match width {
        Some(width) => text.bytes().take(width).take_while(u8::is_ascii).count(),
        None => text.len(),
    };
    let unsigned = text[..window].trim_start_matches(['-', '+']);
    let sign = &text[..window - unsigned.len()];
    let len = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 || sign.len() > 1 {
        return None;
    }
    let value = unsigned.bytes().take(len).try_fold(0u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    let value = match value {
        Some(value) if sign == "-" => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    Some((value as u32, &text[sign.len() + len..]))
}

/// What C's `isspace` takes for white space.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r')
}

/// The integer that a text starts with, clipped to 64 bits; trailing text is ignored (`2x` is 2).
pub fn integer(text: &str) -> Option<i64> {
    scan_integer(text).map(|integer| integer.value)
}

/// An integer of at least `minimum`, which is also what a missing or invalid text means.
pub fn min_integer(text: Option<&str>, minimum: i32) -> i32 {
    let value = text.and_then(integer).unwrap_or(i64::from(minimum));
    value.clamp(i64::from(minimum), i64::from(i32::MAX)) as i32
}

/// Both ends of an integer range, inclusive; a missing end is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Least value.
    pub low: Option<i64>,
    /// Greatest value.
    pub high: Option<i64>,
}

impl Bounds {
    /// Is the value within the range?
    pub fn contain(self, value: i64) -> bool {
        self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high)
    }
}

/// Reads a range: `a-b`, `a-`, `-b`, or `a` for that value alone.
pub fn range(text: &str) -> Option<Bounds> {
    /// An end is an integer and nothing else. −1 is how Pacemaker marks an open end.
    fn end(text: &str) -> Option<Option<i64>> {
        if text.is_empty() {
            return Some(None);
        }
        let integer = scan_integer(text)?;
        let valid = !integer.clipped && integer.rest.is_empty();
        valid.then_some(Some(integer.value).filter(|&value| value != -1))
    }
    match text.split_once('-') {
        None if text.is_empty() => None,
        None => end(text).map(|value| Bounds {
            low: value,
            high: value,
        }),
        Some(("", "")) => None,
        Some((low, high)) => Some(Bounds {
            low: end(low)?,
            high: end(high)?,
        }),
    }
}

/// A boolean, in any case: `true on yes y 1` or `false off no n 0`.
pub fn boolean(text: &str) -> Option<bool> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if ["true", "on", "yes", "y", "1"].iter().any(is) {
        Some(true)
    } else if ["false", "off", "no", "n", "0"].iter().any(is) {
        Some(false)
    } else {
        None
    }
}

/// Is it a boolean that says yes? Missing and invalid texts say no.
pub fn is_true(text: Option<&str>) -> bool {
    text.and_then(boolean) == Some(true)
}
