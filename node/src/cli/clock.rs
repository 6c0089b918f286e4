//! What time is it? Commands ask the clock; the engine never does.

use lockstep_engine::time::{Timestamp, Zone};

/// Seconds since the epoch.
pub(super) fn wall_clock() -> i64 {
    #[expect(
        clippy::disallowed_types,
        reason = "a command asks the clock; the engine never does"
    )]
    let now = std::time::SystemTime::now();
    #[expect(clippy::disallowed_types, reason = "the epoch of the same clock")]
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    now.duration_since(epoch).map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// A time as the host's zone shows it.
pub(super) fn local(seconds: i64) -> Timestamp {
    Zone::new(jiff::tz::TimeZone::system()).at(seconds)
}
