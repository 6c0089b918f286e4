//! What time is it? The only place of the shells that asks.
#![expect(clippy::disallowed_types, reason = "shells own the clock")]

use std::time::Duration;

use lockstep_engine::time::{Timestamp, Zone};

use crate::controller::Moment;

/// A clock that counts from its start, and knows the date.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: std::time::Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Self {
        let started = std::time::Instant::now();
        Self { started }
    }

    /// Milliseconds since the start; never goes back.
    pub fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long it is until [`Clock::monotonic_ms`] says so.
    pub fn until_ms(&self, at: u64) -> Duration {
        Duration::from_millis(at).saturating_sub(self.started.elapsed())
    }

    /// Microseconds since the epoch.
    pub fn unix_us(&self) -> u64 {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Seconds since the epoch.
    pub fn unix_s(&self) -> i64 {
        i64::try_from(self.unix_us() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Both, as the controller's core wants it.
    pub fn moment(&self) -> Moment {
        let now = self.local();
        Moment {
            monotonic_ms: self.monotonic_ms(),
            at: now.seconds,
            utc_offset: now.offset,
        }
    }

    /// The time of day, where this process is: rules may ask for hours of the day. The zone is
    /// looked up each time, because it may be changed while a controller runs.
    pub fn local(&self) -> Timestamp {
        local(self.unix_s())
    }
}

/// A time with the offset from UTC that it has in this process's zone.
pub fn local(seconds: i64) -> Timestamp {
    Zone::new(jiff::tz::TimeZone::system()).at(seconds)
}
