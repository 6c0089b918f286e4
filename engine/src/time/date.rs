//! A local date and time with its offset, and what adding to it gives.

use std::cmp::Ordering;

use super::Timestamp;
use super::calendar::{
    EPOCH_DAY, day_before_first_week, day_of_year, days_before, days_in_month, days_in_year,
    first_weekday, weekday, weeks_in_year, year_and_day,
};
use super::span::Span;

pub(super) const DAY: i32 = 24 * 60 * 60;

/// A local date and time with its offset from UTC.
///
/// Arithmetic is Pacemaker's, oddities included: a year is added by keeping the *day of the year*,
/// and adding seconds may end at 24:00:00 of a day, which comes before 00:00:00 of the next.
#[derive(Clone, Copy, Debug)]
pub struct Date {
    /// From 1.
    pub(super) year: i32,
    /// Day of the year, from 1; 366 of a year without it comes from adding years.
    pub(super) day: i32,
    /// Second of the day, 0–86400.
    pub(super) second: i32,
    /// Seconds ahead of UTC.
    pub(super) offset: i32,
}

/// What can be added to a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Unit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl Date {
    /// The local date of an instant.
    pub fn new(at: Timestamp) -> Self {
        let local = at.seconds.saturating_add(i64::from(at.offset));
        let (year, day) = year_and_day(EPOCH_DAY.saturating_add(local.div_euclid(DAY.into())));
        Self {
            year: clip(year),
            day: day as i32,
            second: local.rem_euclid(DAY.into()) as i32,
            offset: at.offset,
        }
    }

    /// Seconds since 1970-01-01 00:00 UTC.
    pub fn seconds(&self) -> i64 {
        let utc = self.to_utc();
        (utc.number() - EPOCH_DAY) * i64::from(DAY) + i64::from(utc.second)
    }

    /// The instant, with the date's own offset as local time.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp {
            seconds: self.seconds(),
            offset: self.offset,
        }
    }

    /// Compares instants.
    pub fn compare(&self, other: &Self) -> Ordering {
        let key = |date: Self| (date.year, date.day, date.second);
        key(self.to_utc()).cmp(&key(other.to_utc()))
    }

    /// Year, month and day of the month.
    pub fn year_month_day(&self) -> (i32, i32, i32) {
        let (mut month, mut day) = (1, i64::from(self.day));
        while month <= 12 && day > days_in_month(self.year.into(), month) {
            day -= days_in_month(self.year.into(), month);
            month += 1;
        }
        (self.year, month as i32, day as i32)
    }

    /// Day of the year, from 1.
    pub fn day_of_year(&self) -> i32 {
        self.day
    }

    /// Hour, minute and second.
    pub fn hour_minute_second(&self) -> (i32, i32, i32) {
        (self.second / 3600, self.second / 60 % 60, self.second % 60)
    }

    /// ISO week year, week from 1, and day of the week from 1, Monday.
    pub fn week_date(&self) -> (i32, i32, i32) {
        let (year, day) = (i64::from(self.year), i64::from(self.day));
        let weekday = weekday(self.number());
        let first = first_weekday(year);
        let (week_year, week) = if day <= 8 - first && first > 4 {
            (year - 1, weeks_in_year(year - 1))
        } else if days_in_year(year) - day < 4 - weekday {
            (year + 1, 1)
        } else {
            (
                year,
                (self.number() - day_before_first_week(year) + 6).div_euclid(7),
            )
        };
        (clip(week_year), week as i32, weekday as i32)
    }

    /// Adds so many units; days of a month that is too short are clipped, years stay from 1 on.
    pub fn add(&mut self, unit: Unit, count: i32) {
        let count = i64::from(count);
        match unit {
            Unit::Years => {
                self.year = (i64::from(self.year) + count).clamp(1, i32::MAX.into()) as i32
            }
            Unit::Months => self.add_months(count),
            Unit::Weeks => self.add_days(count * 7),
            Unit::Days => self.add_days(count),
            Unit::Hours => self.add_seconds(count * 3600),
            Unit::Minutes => self.add_seconds(count * 60),
            Unit::Seconds => self.add_seconds(count),
        }
    }

    /// Adds a duration: years, then months, days and seconds.
    pub fn add_span(&mut self, span: &Span) {
        self.add(Unit::Years, span.years);
        self.add_months(span.months.into());
        self.add_days(span.days.into());
        self.add_seconds(span.seconds.into());
    }

    /// Takes a duration away: years, then months, days and seconds.
    pub fn subtract_span(&mut self, span: &Span) {
        self.year = (i64::from(self.year) - i64::from(span.years)).clamp(1, i32::MAX.into()) as i32;
        self.add_months(-i64::from(span.months));
        self.add_days(-i64::from(span.days));
        self.add_seconds(-i64::from(span.seconds));
    }

    pub(super) fn from_day_number(number: i64, second: i32, offset: i32) -> Self {
        let (year, day) = year_and_day(number.max(1));
        Self {
            year: clip(year),
            day: day as i32,
            second,
            offset,
        }
    }

    fn add_months(&mut self, count: i64) {
        let (year, month, day) = self.year_month_day();
        if month > 12 && count >= 0 {
            // Day 366 of a shorter year is in no month. Pacemaker gets the year's beginning.
            self.day = 0;
            return;
        }
        let months = i64::from(year) * 12 + i64::from(month) - 1 + count;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        // Before year 1 there is only its beginning.
        let (year, month, day) = if year < 1 {
            (1, 1, 1)
        } else {
            (year, month, i64::from(day))
        };
        let year = year.min(i32::MAX.into());
        self.year = year as i32;
        self.day = day_of_year(year, month, day.min(days_in_month(year, month))) as i32;
    }

    pub(super) fn add_days(&mut self, count: i64) {
        if count == 0 {
            return;
        }
        let (year, day) = year_and_day((self.number() + count).max(1));
        if year > i64::from(i32::MAX) {
            (self.year, self.day) = (i32::MAX, days_in_year(i32::MAX.into()) as i32);
        } else {
            (self.year, self.day) = (year as i32, day as i32);
        }
    }

    fn add_seconds(&mut self, count: i64) {
        let mut days = count / i64::from(DAY);
        self.second += (count % i64::from(DAY)) as i32;
        // Exactly 24:00:00 stays.
        if self.second > DAY {
            days += 1;
            self.second -= DAY;
        } else if self.second < 0 {
            days -= 1;
            self.second += DAY;
        }
        self.add_days(days);
    }

    pub(super) fn to_utc(self) -> Self {
        let mut utc = Self { offset: 0, ..self };
        utc.add_seconds(-i64::from(self.offset));
        utc
    }

    /// Day number of [`super::calendar`].
    fn number(&self) -> i64 {
        days_before(self.year.into()) + i64::from(self.day)
    }
}

fn clip(year: i64) -> i32 {
    year.clamp(1, i32::MAX.into()) as i32
}
