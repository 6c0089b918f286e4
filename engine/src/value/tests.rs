use std::cmp::Ordering;

use super::*;

#[test]
fn integers_are_read_as_far_as_they_go() {
    type Expected = Option<(i64, bool, &'static str)>;
    let cases: &[(&str, Expected)] = &[
        ("", None),
        ("x1", None),
        ("-", None),
        ("+-1", None),
        ("- 1", None),
        ("0", Some((0, false, ""))),
        (" \t\n\r\x0B\x0C7", Some((7, false, ""))),
        ("+7", Some((7, false, ""))),
        ("-7.5", Some((-7, false, ".5"))),
        ("007 ", Some((7, false, " "))),
        ("9223372036854775807", Some((i64::MAX, false, ""))),
        ("9223372036854775808", Some((i64::MAX, true, ""))),
        ("-9223372036854775808", Some((i64::MIN, false, ""))),
        ("-9223372036854775809x", Some((i64::MIN, true, "x"))),
        ("99999999999999999999999999", Some((i64::MAX, true, ""))),
    ];
    for &(text, expected) in cases {
        let found = scan_integer(text).map(|i| (i.value, i.clipped, i.rest));
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn integers_with_a_minimum_fall_back_to_it() {
    for (text, expected) in [
        (None, 1),
        (Some(""), 1),
        (Some("x"), 1),
        (Some("0"), 1),
        (Some("-5"), 1),
        (Some("1"), 1),
        (Some("2x"), 2),
        (Some("99999999999"), i32::MAX),
    ] {
        assert_eq!(min_integer(text, 1), expected, "{text:?}");
    }
}

#[test]
fn ranges_have_one_or_two_ends() {
    let bounds = |low, high| Some(Bounds { low, high });
    for (text, expected) in [
        ("", None),
        ("-", None),
        ("x", None),
        ("1x", None),
        ("1-2x", None),
        ("1--1", bounds(Some(1), None)),
        ("1--2", bounds(Some(1), Some(-2))),
        ("5", bounds(Some(5), Some(5))),
        ("1-5", bounds(Some(1), Some(5))),
        ("1-", bounds(Some(1), None)),
        ("-5", bounds(None, Some(5))),
        (" 1- 5", bounds(Some(1), Some(5))),
        ("1 -5", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(range(text), expected, "{text:?}");
    }
    let some = Bounds {
        low: Some(1),
        high: Some(3),
    };
    assert_eq!(
        [0, 1, 3, 4].map(|value| some.contain(value)),
        [false, true, true, false]
    );
}

#[test]
fn booleans_have_five_words_each_in_any_case() {
    for (words, expected) in [
        (["true", "on", "yes", "y", "1"], true),
        (["false", "off", "no", "n", "0"], false),
    ] {
        for word in words {
            assert_eq!(boolean(word), Some(expected));
            assert_eq!(boolean(&word.to_uppercase()), Some(expected));
            assert_eq!(is_true(Some(word)), expected);
            assert_eq!(boolean(&format!("{word} ")), None);
        }
    }
    for word in ["", "t", "f", "2", "01", "enabled", "truth"] {
        assert_eq!(boolean(word), None, "{word:?}");
        assert!(!is_true(Some(word)));
    }
    assert!(!is_true(None));
}

#[test]
fn scores_are_read_with_their_words() {
    let health = HealthScores {
        red: Score::MINUS_INFINITY,
        yellow: Score::from(-5),
        green: Score::from(7),
    };
    for (text, expected) in [
        ("", None),
        ("infinity", None),
        ("INFINITYx", None),
        (" INFINITY", None),
        ("INFINITY", Some(1_000_000)),
        ("+INFINITY", Some(1_000_000)),
        ("-INFINITY", Some(-1_000_000)),
        ("ReD", Some(-1_000_000)),
        ("YELLOW", Some(-5)),
        ("green", Some(7)),
        ("12x", Some(12)),
        (" -12", Some(-12)),
        ("1000000", Some(1_000_000)),
        ("1000001", Some(1_000_000)),
        ("-99999999999999999999", Some(-1_000_000)),
    ] {
        assert_eq!(
            Score::parse_with(text, &health).map(Score::value),
            expected,
            "{text:?}"
        );
    }
    assert_eq!(Score::parse("red"), Some(Score::ZERO));
    assert_eq!(Score::parse_or(None, Score::from(3)), Score::from(3));
    assert_eq!(Score::parse_or(Some("x"), Score::from(3)), Score::from(3));
}

/// Every pair out of the values at which adding changes its behaviour, against the rule as it is
/// documented: −INFINITY, else INFINITY, else the clipped sum.
#[test]
fn adding_scores_saturates_and_minus_infinity_wins() {
    let values = [
        -1_000_000, -999_999, -500_000, -1, 0, 1, 500_000, 999_999, 1_000_000,
    ];
    for a in values {
        for b in values {
            let expected = if a == -1_000_000 || b == -1_000_000 {
                -1_000_000
            } else if a == 1_000_000 || b == 1_000_000 {
                1_000_000
            } else {
                (a + b).clamp(-1_000_000, 1_000_000)
            };
            let mut sum = Score::from(a);
            sum += Score::from(b);
            assert_eq!(sum.value(), expected, "{a} + {b}");
        }
    }
    assert_eq!(-Score::INFINITY, Score::MINUS_INFINITY);
}

#[test]
fn scores_are_shown_with_their_words() {
    let shown = [i32::MIN, -1_000_000, -999_999, 0, 42, 1_000_000, i32::MAX]
        .map(|value| Score::from(value).to_string());
    assert_eq!(
        shown,
        [
            "-INFINITY",
            "-INFINITY",
            "-999999",
            "0",
            "42",
            "INFINITY",
            "INFINITY"
        ]
    );
    assert_eq!(
        format!(
            "{:>9}|{:<9}|{:>4}",
            Score::INFINITY,
            Score::INFINITY,
            Score::from(-1)
        ),
        " INFINITY|INFINITY |  -1"
    );
}

/// Every number with every unit and every kind of space between.
#[test]
fn durations_are_numbers_with_units() {
    let numbers = [
        ("0", 0),
        ("1", 1),
        (" 10", 10),
        ("+5", 5),
        ("-3", -3),
        ("1.9", 1),
        ("2.3.4", 2),
    ];
    let units: &[(&str, i64, i64)] = &[
        ("", 1000, 1),
        ("s", 1000, 1),
        ("S", 1000, 1),
        ("sec", 1000, 1),
        ("sx", 1000, 1),
        ("seconds", 1000, 1),
        ("ms", 1, 1),
        ("MSEC", 1, 1),
        ("us", 1, 1000),
        ("usec", 1, 1000),
        ("m", 60_000, 1),
        ("min", 60_000, 1),
        ("minutes", 60_000, 1),
        ("mx", 60_000, 1),
        ("h", 3_600_000, 1),
        ("hr", 3_600_000, 1),
        ("Hours", 3_600_000, 1),
    ];
    for (number, value) in numbers {
        for space in ["", " ", "\t "] {
            for &(unit, multiplier, divisor) in units {
                let text = format!("{number}{space}{unit}");
                assert_eq!(
                    duration_ms(&text),
                    Some(value * multiplier / divisor),
                    "{text:?}"
                );
            }
            for unit in ["d", "u", "x", "ü", "P1D"] {
                assert_eq!(duration_ms(&format!("{number}{space}{unit}")), None);
            }
        }
    }
    assert_eq!(duration_ms(""), None);
    assert_eq!(duration_ms("s"), None);
    assert_eq!(duration_ms("2500us"), Some(2));
    assert_eq!(duration_ms("9223372036854775807h"), Some(i64::MAX));
    assert_eq!(duration_ms("99999999999999999999"), None);
}

#[test]
fn intervals_may_be_iso_durations() {
    let valid = |ms| Interval { ms, valid: true };
    let invalid = |ms| Interval { ms, valid: false };
    for (text, expected) in [
        ("", invalid(0)),
        ("10", valid(10_000)),
        ("0", valid(0)),
        ("10s", valid(10_000)),
        ("-10", invalid(0)),
        ("10 x", invalid(0)),
        ("PT10S", valid(10_000)),
        ("P1Y", valid(u32::MAX / 1000 * 1000)),
        ("P1M", valid(30 * 86_400_000)),
        ("P1W", valid(7 * 86_400_000)),
        ("P", invalid(0)),
        ("PT0S", invalid(0)),
        ("P-1D", invalid(0)),
        ("pt10s", invalid(0)),
        ("4294967295ms", valid(u32::MAX)),
        ("4294967296ms", valid(u32::MAX)),
        ("99999999999999999999", invalid(u32::MAX)),
        ("-99999999999999999999", invalid(0)),
    ] {
        assert_eq!(interval(text), expected, "{text:?}");
        assert_eq!(interval_ms(Some(text)), expected.ms);
    }
    assert_eq!(interval_ms(None), 0);
}

#[test]
fn timeouts_have_a_default() {
    for (text, expected) in [
        (None, 20_000),
        (Some("PT10S"), 20_000),
        (Some("x"), 20_000),
        (Some("0"), 20_000),
        (Some("-1"), 20_000),
        (Some("99999999999999999999"), 20_000),
        (Some("1ms"), 1),
        (Some("30"), 30_000),
        (Some("1000h"), i32::MAX),
    ] {
        assert_eq!(timeout_ms(text), expected, "{text:?}");
    }
    for (text, expected) in [("5", 5000), ("-5", 0), ("x", 0), ("1000h", i32::MAX)] {
        assert_eq!(start_delay_ms(text), expected, "{text:?}");
    }
}

#[test]
fn milliseconds_round_to_seconds() {
    let cases = [
        (0, 0),
        (1, 1),
        (499, 1),
        (500, 1),
        (999, 1),
        (1001, 1),
        (1499, 1),
        (1500, 2),
        (u32::MAX, 4_294_967),
    ];
    for (ms, expected) in cases {
        assert_eq!(ms_to_s(ms), expected, "{ms}");
    }
}

#[test]
fn intervals_are_shown_by_their_units() {
    for (ms, expected) in [
        (0, "0s"),
        (30, "30ms"),
        (10_000, "10s"),
        (10_500, "10.500s"),
        (60_000, "1m"),
        (3_600_005, "1h5ms"),
        (90_061_001, "1d1h1m1.001s"),
        (86_400_000, "1d"),
    ] {
        assert_eq!(readable_interval(ms), expected);
    }
}

#[test]
fn names_are_in_numeric_order_without_case() {
    // In rising order, names of one group equal.
    let groups: &[&[&str]] = &[
        &[""],
        &["ünode"],
        &["-node"],
        &["7"],
        &["007"],
        &["8"],
        &["node", "NODE", "Node"],
        &["node-1"],
        &["node1"],
        &["node9", "Node9"],
        &["node10"],
        &["node10a"],
        &["node010"],
        &["node99999999999999999998"],
        &["nodes"],
        &["remote9"],
        &["remotenode9"],
    ];
    for (rank_a, group_a) in groups.iter().enumerate() {
        for (rank_b, group_b) in groups.iter().enumerate() {
            for a in *group_a {
                for b in *group_b {
                    assert_eq!(compare_names(a, b), rank_a.cmp(&rank_b), "{a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn versions_compare_by_their_numbers() {
    for (a, b, expected) in [
        ("1.2", "1.10", Ordering::Less),
        ("1.0", "1", Ordering::Equal),
        (" 1.2-rc1", "1.2", Ordering::Equal),
        ("", "x", Ordering::Equal),
        ("3.20.5", "3.19.9", Ordering::Greater),
        ("1..5", "1.0.4", Ordering::Less),
        ("0.1", "x", Ordering::Greater),
    ] {
        assert_eq!(compare_versions(a, b), expected, "{a:?} {b:?}");
        assert_eq!(compare_versions(b, a), expected.reverse());
    }
}

/// As C's `scanf` does with `%u` and with `%2u`.
#[test]
fn unsigned_numbers_have_a_sign_and_a_width() {
    for (text, width, expected) in [
        ("", None, None),
        ("x", None, None),
        ("-", None, None),
        ("--1", None, None),
        ("+-1", None, None),
        ("12x", None, Some((12, "x"))),
        (" \t5", None, Some((5, ""))),
        ("+7", None, Some((7, ""))),
        ("-1", None, Some((u32::MAX, ""))),
        ("4294967297", None, Some((1, ""))),
        ("99999999999999999999", None, Some((u32::MAX, ""))),
        ("1234", Some(2), Some((12, "34"))),
        ("-123", Some(2), Some((u32::MAX, "23"))),
        ("-1", Some(1), None),
        ("1ü", Some(3), Some((1, "ü"))),
    ] {
        assert_eq!(scan_unsigned(text, width), expected, "{text:?} {width:?}");
    }
}
