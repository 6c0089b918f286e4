//! Which date does this text mean?
//!
//! All of Pacemaker's forms, which are those of ISO 8601 and some neighbours of them:
//!
//! | date | time |
//! |---|---|
//! | `Y-M-D`, `YYYYMMDD` | `h:m:s`, `h:m`, `h`, `hhmmss`, `hhmm` |
//! | `Y-D` (day of the year) | after a blank or `T` |
//! | `Y-Ww-D` (week and weekday) | `24:00:00` is the next day's beginning |
//! | none: today, then `T` may stand alone | then `Z`, `+hh:mm`, `-hhmm`; none: local time |
//! | `epoch`: 1970-01-01 | |
//!
//! A date without a time is its beginning in UTC. What follows a readable date is ignored.

use super::calendar::{
    day_before_first_week, day_of_year, days_in_month, days_in_year, weeks_in_year,
};
use super::date::DAY;
use super::{Date, Timestamp};
use crate::value::scan_unsigned;

/// Why a text is not a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message is its documentation")]
pub enum DateError {
    #[error("no date is given")]
    Empty,
    #[error("it is none of the forms of an ISO 8601 date")]
    Form,
    #[error("{0} is not a year")]
    Year(u32),
    #[error("{0} is not a month")]
    Month(u32),
    #[error("{0} is not a day of that month")]
    DayOfMonth(u32),
    #[error("{0} is not a day of that year")]
    DayOfYear(u32),
    #[error("{0} is not a week of that year")]
    Week(u32),
    #[error("{0} is not a day of the week")]
    DayOfWeek(u32),
    #[error("it has no time of day where one is expected")]
    Time,
    #[error("{0} is not an hour")]
    Hour(u32),
    #[error("{0} is not a minute")]
    Minute(u32),
    #[error("{0} is not a second")]
    Second(u32),
}

impl Date {
    /// Reads a date; `now` says which day it is and what local time is.
    ///
    /// # Errors
    /// The text begins like no date, or like one that does not exist.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, DateError> {
        if text.is_empty() {
            return Err(DateError::Empty);
        }
        let time_alone = match text.strip_prefix('T') {
            Some(time) => Some(time),
            None => (text.as_bytes().get(2) == Some(&b':')).then_some(text),
        };
        if let Some(time) = time_alone {
            return Self::new(now).with_time(time, now);
        }
        if is_epoch(text) {
            return Ok(Self {
                year: 1970,
                day: 1,
                second: 0,
                offset: 0,
            });
        }
        let date = parse_day(text)?;
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | 'W'));
        match rest.strip_prefix([' ', 'T']) {
            Some(time) => date.with_time(time, now),
            None => Ok(date),
        }
    }

    fn with_time(mut self, text: &str, now: Timestamp) -> Result<Self, DateError> {
        self.second = parse_time_of_day(text)?;
        self.offset = match offset_text(text) {
            Some(text) => parse_offset(text)?,
            None => now.offset,
        };
        if self.second == DAY {
            self.second = 0;
            self.add_days(1);
        }
        Ok(self)
    }
}

fn is_epoch(text: &str) -> bool {
    let word = text
        .get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case("epoch"));
    word && text[5..]
        .chars()
        .next()
        .is_none_or(|c| c == '/' || crate::value::is_space(c))
}

fn parse_day(text: &str) -> Result<Date, DateError> {
    let date = |year: u32, day: i64| Date {
        year: year as i32,
        day: day as i32,
        second: 0,
        offset: 0,
    };
    let dashed = scan_form(text, [None, None, None], ["-", "-"]);
    let parts = match dashed {
        Parts { count: 1, .. } => scan_form(text, [Some(4), Some(2), Some(2)], ["", ""]),
        parts => parts,
    };
    if let Some([year, month, day]) = parts.all() {
        let valid_year = check(year, 1..=i32::MAX as u32, DateError::Year);
        check(month, 1..=12, DateError::Month)?;
        let calendar_year = i64::from(valid_year?);
        let last = days_in_month(calendar_year, month.into()) as u32;
        check(day, 1..=last, DateError::DayOfMonth)?;
        return Ok(date(
            year,
            day_of_year(calendar_year, month.into(), day.into()),
        ));
    }
    if dashed.count == 2 {
        let [year, day, _] = dashed.values;
        let calendar_year = i64::from(check(year, 1..=i32::MAX as u32, DateError::Year)?);
        check(
            day,
            1..=days_in_year(calendar_year) as u32,
            DateError::DayOfYear,
        )?;
        return Ok(date(year, day.into()));
    }
    if let Some([year, week, day]) = scan_form(text, [None, None, None], ["-W", "-"]).all() {
        let calendar_year = i64::from(check(year, 1..=i32::MAX as u32, DateError::Year)?);
        check(
            week,
            1..=weeks_in_year(calendar_year) as u32,
            DateError::Week,
        )?;
        check(day, 1..=7, DateError::DayOfWeek)?;
        let number = day_before_first_week(calendar_year) + i64::from((week - 1) * 7 + day);
        return Ok(Date::from_day_number(number, 0, 0));
    }
    Err(DateError::Form)
}

/// Seconds since midnight; 86400 for 24:00:00.
fn parse_time_of_day(text: &str) -> Result<i32, DateError> {
    let parts = match scan_form(text, [None, None, None], [":", ":"]) {
        Parts { count: 1, .. } => scan_form(text, [Some(2), Some(2), Some(2)], ["", ""]),
        parts => parts,
    };
    if parts.count == 0 {
        return Err(DateError::Time);
    }
    let [hour, minute, second] = parts.values;
    if parts.values != [24, 0, 0] {
        check(hour, 0..=23, DateError::Hour)?;
    }
    check(minute, 0..=59, DateError::Minute)?;
    check(second, 0..=59, DateError::Second)?;
    Ok((hour * 3600 + minute * 60 + second) as i32)
}

/// Where the offset of a time begins, if there is something that looks like one.
fn offset_text(time: &str) -> Option<&str> {
    let start = time.find('Z').or_else(|| time.find([' ', '+', '-']))?;
    Some(time[start..].trim_start_matches(crate::value::is_space))
}

/// Seconds ahead of UTC. What is neither `Z` nor a number is taken for UTC as well.
fn parse_offset(text: &str) -> Result<i32, DateError> {
    match text.as_bytes().first() {
        Some(b'+') => parse_time_of_day(&text[1..]),
        Some(b'-') => Ok(-parse_time_of_day(&text[1..])?),
        Some(b'0'..=b'9') => parse_time_of_day(text),
        _ => Ok(0),
    }
}

fn check(
    value: u32,
    allowed: std::ops::RangeInclusive<u32>,
    error: fn(u32) -> DateError,
) -> Result<u32, DateError> {
    if allowed.contains(&value) {
        Ok(value)
    } else {
        Err(error(value))
    }
}

/// Up to three numbers of a text that has a form, as far as it has.
#[derive(Clone, Copy)]
struct Parts {
    count: usize,
    values: [u32; 3],
}

impl Parts {
    fn all(self) -> Option<[u32; 3]> {
        (self.count == 3).then_some(self.values)
    }
}

/// Reads numbers of limited widths with separators between, as C's `sscanf` does: blanks and a sign
/// before a number are accepted.
fn scan_form(text: &str, widths: [Option<usize>; 3], separators: [&str; 2]) -> Parts {
    let mut parts = Parts {
        count: 0,
        values: [0; 3],
    };
    let mut rest = text;
    for (index, width) in widths.into_iter().enumerate() {
        if index > 0 {
            match rest.strip_prefix(separators[index - 1]) {
                Some(after) => rest = after,
                None => break,
            }
        }
        let Some((value, after)) = scan_unsigned(rest, width) else {
            break;
        };
        parts.values[index] = value;
        parts.count += 1;
        rest = after;
    }
    parts
}
