//! What time is it? The only place of the shells that asks.
#![expect(clippy::disallowed_types, reason = "shells own the clock")]

use std::time::Duration;

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
        // Rules that ask for hours of the day are read in UTC until the zone is configured.
        Moment {
            monotonic_ms: self.monotonic_ms(),
            at: self.unix_s(),
            utc_offset: 0,
        }
    }
}
