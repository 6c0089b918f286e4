//! When is it? Instants, and dates and durations as ISO 8601 writes them.
//!
//! Time is an input: a [`Timestamp`] says what time it is and how far local time is from UTC then;
//! whatever a date leaves open (its offset, or the day of a bare time) is taken from there. Nothing
//! here asks a clock or reads the rules of a zone, so every controller gets the same results.
//!
//! A [`Date`] keeps what it was read as, a local date and an offset, because calendar arithmetic
//! depends on that.

mod calendar;
mod date;
mod format;
mod parse;
mod span;
#[cfg(test)]
mod tests;

pub use date::{Date, Unit};
pub use format::{Zone, ctime};
pub use parse::DateError;
pub use span::{Span, SpanError};

/// An instant, with the offset of local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Seconds by which local time is ahead of UTC; whole minutes.
    pub offset: i32,
}

impl Timestamp {
    /// An instant where local time is UTC.
    pub const fn utc(seconds: i64) -> Self {
        Self { seconds, offset: 0 }
    }
}

/// The earliest of several instants, if there is any: when something has to be looked at again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Earliest(pub Option<i64>);

impl Earliest {
    /// Takes one more instant (seconds since the epoch) into account.
    pub fn note(&mut self, seconds: i64) {
        self.0 = Some(self.0.map_or(seconds, |earliest| earliest.min(seconds)));
    }

    /// Takes into account what was noted elsewhere.
    pub fn merge(&mut self, other: Self) {
        if let Some(seconds) = other.0 {
            self.note(seconds);
        }
    }
}
