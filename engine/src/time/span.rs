//! ISO 8601 durations: `P1Y2M3DT4H5M6S`.

use crate::value::is_space;

/// A length of calendar time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Span {
    pub years: i32,
    pub months: i32,
    /// Days, weeks included.
    pub days: i32,
    /// Seconds, hours and minutes included.
    pub seconds: i32,
}

/// Why a text is not a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message is its documentation")]
pub enum SpanError {
    #[error("it does not begin with 'P'")]
    NotADuration,
    #[error("nothing follows the 'P'")]
    Empty,
    #[error("a number is expected")]
    NumberExpected,
    #[error("a number has no unit out of Y, M, W, D, H, M, S")]
    UnitExpected,
    #[error("a number is too large")]
    TooLarge,
    #[error("it is no time at all")]
    Zero,
}

impl Span {
    /// Reads a duration, up to the end of the text, white space or `/`. Elements may come in any
    /// order; `M` means minutes after the `T`.
    ///
    /// # Errors
    /// The text is not a duration, or one of no length.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let text = text.strip_prefix('P').ok_or(SpanError::NotADuration)?;
        if text.chars().next().is_none_or(is_space) {
            return Err(SpanError::Empty);
        }
        let end = text.find(|c| c == '/' || is_space(c)).unwrap_or(text.len());
        let mut rest = &text[..end];
        let mut span = Self::default();
        let mut in_time = false;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                (in_time, rest) = (true, after);
                continue;
            }
            let (value, after) = scan_value(rest)?;
            let mut unit = after.chars();
            span.set(unit.next(), value, in_time)?;
            rest = unit.as_str();
        }
        if span == Self::default() {
            Err(SpanError::Zero)
        } else {
            Ok(span)
        }
    }

    fn set(&mut self, unit: Option<char>, value: i32, in_time: bool) -> Result<(), SpanError> {
        let (field, scale) = match unit {
            Some('Y') => {
                self.years = value;
                return Ok(());
            }
            Some('M') if !in_time => {
                self.months = value;
                return Ok(());
            }
            Some('W') => (&mut self.days, 7),
            Some('D') => (&mut self.days, 1),
            Some('H') => (&mut self.seconds, 3600),
            Some('M') => (&mut self.seconds, 60),
            Some('S') => (&mut self.seconds, 1),
            _ => return Err(SpanError::UnitExpected),
        };
        let sum = i64::from(*field) + i64::from(value) * scale;
        *field = i32::try_from(sum).map_err(|_| SpanError::TooLarge)?;
        Ok(())
    }

    /// Seconds, a year taken as 365 and a month as 30 days.
    pub fn approximate_seconds(&self) -> i64 {
        let days = 365 * i64::from(self.years) + 30 * i64::from(self.months) + i64::from(self.days);
        days * 24 * 60 * 60 + i64::from(self.seconds)
    }
}

/// A number of up to ten digits after an optional sign (`:` counts as one), and what follows.
fn scan_value(text: &str) -> Result<(i32, &str), SpanError> {
    let unsigned = text.strip_prefix(['-', '+', ':']).unwrap_or(text);
    let len = unsigned
        .bytes()
        .take(10)
        .take_while(u8::is_ascii_digit)
        .count();
    if len == 0 {
        return Err(SpanError::NumberExpected);
    }
    let (digits, rest) = unsigned.split_at(len);
    let value: i32 = digits.parse().map_err(|_| SpanError::TooLarge)?;
    Ok((if text.starts_with('-') { -value } else { value }, rest))
}
