//! How many days have years and months, and which day is it?
//!
//! The Gregorian calendar for all years from 1 on. Day 1 is 0001-01-01, a Monday.

/// Day number of 1970-01-01.
pub(super) const EPOCH_DAY: i64 = 719_163;

const DAYS_IN_400_YEARS: i64 = 146_097;

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn days_in_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

/// Days of a month (1–12); 0 if there is no such month.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Day of the year of a date, from 1.
pub(super) fn day_of_year(year: i64, month: i64, day: i64) -> i64 {
    (1..month)
        .map(|month| days_in_month(year, month))
        .sum::<i64>()
        + day
}

/// Days of all years before this one, from year 1 on.
pub(super) fn days_before(year: i64) -> i64 {
    let past = year - 1;
    365 * past + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

/// Year and day of the year of a day number.
pub(super) fn year_and_day(number: i64) -> (i64, i64) {
    // At most one year too early.
    let mut year = (number - 1).div_euclid(DAYS_IN_400_YEARS) * 400 + 1;
    year += (number - 1).rem_euclid(DAYS_IN_400_YEARS) / 366;
    while days_before(year + 1) < number {
        year += 1;
    }
    (year, number - days_before(year))
}

/// Day of the week of a day number: Monday is 1, Sunday 7.
pub(super) fn weekday(number: i64) -> i64 {
    (number - 1).rem_euclid(7) + 1
}

/// Day of the week of January 1.
pub(super) fn first_weekday(year: i64) -> i64 {
    weekday(days_before(year) + 1)
}

/// Weeks of an ISO week year: 53 if it begins or ends on a Thursday.
pub(super) fn weeks_in_year(year: i64) -> i64 {
    if first_weekday(year) == 4 || first_weekday(year + 1) == 5 {
        53
    } else {
        52
    }
}

/// Day number of the day before the first week of an ISO week year.
pub(super) fn day_before_first_week(year: i64) -> i64 {
    let first = first_weekday(year);
    // The first week is the one with the first Thursday.
    days_before(year) + if first <= 4 { 1 - first } else { 8 - first }
}
