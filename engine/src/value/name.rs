//! In which order do names and versions come?

use std::cmp::Ordering;

use super::number::{integer, is_space};

/// Compares names without case, runs of digits by their number: `node9` comes before `node10`,
/// `node7` before `node007`.
pub fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (&first_a, &first_b) = match (a.first(), b.first()) {
            (Some(first_a), Some(first_b)) => (first_a, first_b),
            _ => return a.len().cmp(&b.len()),
        };
        let (used_a, used_b, order);
        if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, number_b) = (leading_number(a), leading_number(b));
            (used_a, used_b) = (number_a.1, number_b.1);
            order = number_a.cmp(&number_b);
        } else {
            (used_a, used_b) = (1, 1);
            // Bytes past ASCII are negative to C's `tolower`: they come first.
            let lower = |byte: u8| byte.to_ascii_lowercase() as i8;
            order = lower(first_a).cmp(&lower(first_b));
        }
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[used_a..], &b[used_b..]);
    }
}

/// The number that a name begins with, clipped to 64 bits, and how many digits it has.
fn leading_number(name: &[u8]) -> (i64, usize) {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.clone().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    (value, digits.count())
}

/// Compares versions by their numbers, as far as they are versions: leading white space and
/// whatever follows `1.2.3` is ignored, and what is missing is 0.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (segments(a), segments(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (next_a, next_b) => match next_a.unwrap_or(0).cmp(&next_b.unwrap_or(0)) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

fn segments(version: &str) -> impl Iterator<Item = i64> {
    let version = version.trim_start_matches(is_space);
    let len = version
        .bytes()
        .take_while(|&b| b.is_ascii_digit() || b == b'.')
        .count();
    // An empty segment ends the version: `1..2` is 1.
    version[..len].split('.').map_while(segment).fuse()
}

/// The number of one segment, all digits. Nearly always it is one digit or two.
fn segment(digits: &str) -> Option<i64> {
    match digits.as_bytes() {
        [digit] => Some(i64::from(digit - b'0')),
        [tens, digit] => Some(i64::from(tens - b'0') * 10 + i64::from(digit - b'0')),
        _ => integer(digits),
    }
}
