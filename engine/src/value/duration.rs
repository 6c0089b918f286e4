//! Durations, intervals and timeouts.

use super::number::{is_space, scan_integer};
use crate::time::Span;

/// What an operation's timeout is if nothing valid is configured.
pub const DEFAULT_TIMEOUT_MS: i32 = 20_000;

/// A duration in milliseconds, rounded toward zero: an integer with a unit, seconds if there is
/// none. Decimals are skipped (`1.9s` is one second), and a unit need only begin like one (`10sx`,
/// `5 minutes`). None if invalid or outside 64 bits.
pub fn duration_ms(text: &str) -> Option<i64> {
    scan_duration(text)
        .filter(|duration| !duration.clipped)
        .map(|duration| duration.ms)
}

struct Duration {
    ms: i64,
    clipped: bool,
}

fn scan_duration(text: &str) -> Option<Duration> {
    let number = scan_integer(text)?;
    let unit = number
        .rest
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (multiplier, divisor) = unit_in_ms(unit.trim_start_matches(is_space))?;
    let ms = if number.value > i64::MAX / multiplier {
        i64::MAX
    } else if number.value < i64::MIN / multiplier {
        i64::MIN
    } else {
        number.value * multiplier / divisor
    };
    Some(Duration {
        ms,
        clipped: number.clipped,
    })
}

/// How many milliseconds the unit is that a text begins with, as a fraction.
fn unit_in_ms(text: &str) -> Option<(i64, i64)> {
    let begins = |unit: &str| {
        text.get(..unit.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(unit))
    };
    if text.is_empty() || begins("s") {
        Some((1000, 1))
    } else if begins("ms") {
        Some((1, 1))
    } else if begins("us") {
        Some((1, 1000))
    } else if begins("m") {
        Some((60 * 1000, 1))
    } else if begins("h") {
        Some((60 * 60 * 1000, 1))
    } else {
        None
    }
}

/// An interval as configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// Milliseconds; 0 if the text is invalid or negative, the maximum if it is larger.
    pub ms: u32,
    /// Whether the text is a valid interval; where that matters, one outside 64 bits is not.
    pub valid: bool,
}

/// Reads an interval: a duration, or an ISO 8601 duration (`PT10M`) in which a year has 365 and a
/// month 30 days.
pub fn interval(text: &str) -> Interval {
    let duration = if text.starts_with('P') {
        Span::parse(text).ok().map(|span| {
            let seconds = span.approximate_seconds().min(i64::from(u32::MAX / 1000));
            Duration {
                ms: seconds.saturating_mul(1000),
                clipped: false,
            }
        })
    } else {
        scan_duration(text)
    };
    match duration {
        Some(Duration { ms, clipped }) if ms >= 0 => Interval {
            ms: u32::try_from(ms).unwrap_or(u32::MAX),
            valid: !clipped,
        },
        _ => Interval {
            ms: 0,
            valid: false,
        },
    }
}

/// Milliseconds of an interval; 0 if missing or invalid.
pub fn interval_ms(text: Option<&str>) -> u32 {
    text.map_or(0, |text| interval(text).ms)
}

/// Milliseconds of an operation's timeout: the default if missing, invalid or not above zero.
pub fn timeout_ms(text: Option<&str>) -> i32 {
    match text.and_then(duration_ms) {
        Some(ms) if ms > 0 => i32::try_from(ms).unwrap_or(i32::MAX),
        _ => DEFAULT_TIMEOUT_MS,
    }
}

/// Milliseconds of an operation's `start-delay`: 0 if invalid or negative.
pub fn start_delay_ms(text: &str) -> i32 {
    let ms = duration_ms(text).unwrap_or(0);
    ms.clamp(0, i64::from(i32::MAX)) as i32
}

/// Seconds to wait for so many milliseconds: rounded to the nearest, but at least 1 unless 0.
pub fn ms_to_s(ms: u32) -> u32 {
    match ms {
        0 => 0,
        1..1000 => 1,
        _ => ms / 1000 + u32::from(ms % 1000 >= 500),
    }
}

/// An interval for people: `1d2h3m4.005s`.
pub fn readable_interval(ms: u32) -> String {
    use std::fmt::Write;

    let mut text = String::new();
    let mut rest = ms;
    for (unit, length) in [
        ('d', 24 * 60 * 60 * 1000),
        ('h', 60 * 60 * 1000),
        ('m', 60 * 1000),
    ] {
        if rest >= length {
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    let _ = match (rest / 1000, rest % 1000) {
        (0, 0) if ms > 0 => Ok(()),
        (0, ms) if ms > 0 => write!(text, "{ms}ms"),
        (s, 0) => write!(text, "{s}s"),
        (s, ms) => write!(text, "{s}.{ms:03}s"),
    };
    text
}
