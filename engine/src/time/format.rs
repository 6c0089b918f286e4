//! How are dates shown?

use std::fmt;

use jiff::tz::TimeZone;

use super::{Date, Timestamp};

/// `2022-04-01 17:57:38Z`, or `2022-04-01 17:57:38 +02:00` where the offset is not zero. The
/// alternate form (`{:#}`) is always in UTC.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = if f.alternate() { self.to_utc() } else { *self };
        let (year, month, day) = date.year_month_day();
        let (hour, minute, second) = date.hour_minute_second();
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )?;
        if date.offset == 0 {
            return f.write_str("Z");
        }
        let sign = if date.offset < 0 { '-' } else { '+' };
        let minutes = date.offset.abs() / 60;
        write!(f, " {sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// Local time as C's `ctime` shows it, without the newline: `Sun Nov 22 07:12:34 2026`.
pub fn ctime(at: Timestamp) -> String {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = Date::new(at);
    let (year, month, day) = date.year_month_day();
    let (hour, minute, second) = date.hour_minute_second();
    let weekday = WEEKDAYS[(date.week_date().2 - 1) as usize % 7];
    let month = MONTHS[(month - 1) as usize % 12];
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// The rules by which local time follows UTC. Only for showing times and for saying what time it is:
/// the engine's own results depend on the offset at `now` alone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Local time is UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The rules of a zone that the caller has looked up.
    pub fn new(rules: TimeZone) -> Self {
        Self(rules)
    }

    /// An instant with the offset that holds then.
    pub fn at(&self, seconds: i64) -> Timestamp {
        let offset = jiff::Timestamp::from_second(seconds)
            .map_or(0, |instant| self.0.to_offset(instant).seconds());
        Timestamp {
            seconds,
            offset: offset - offset % 60,
        }
    }

    /// Local time as [`ctime`] shows it.
    pub fn ctime(&self, seconds: i64) -> String {
        ctime(self.at(seconds))
    }
}
