//! Values of attributes: any text has a value or none, what is written reads as the same value,
//! sums saturate, and names have one order.
#![no_main]

use std::cmp::Ordering;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_engine::value::{
    HealthScores, Score, boolean, compare_names, compare_versions, duration_ms, exit_text, integer,
    interval, interval_ms, is_true, min_integer, ms_to_s, range, readable_interval, scan_integer,
    start_delay_ms, timeout_ms,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    numbers: [i64; 3],
    unit: u8,
    names: [&'a str; 3],
    text: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    scores(&input);
    integers(&input);
    durations(&input);
    names(&input.names);
    let _ = (
        boolean(input.text),
        is_true(Some(input.text)),
        exit_text(input.numbers[0] as i32),
    );
});

fn scores(input: &Input<'_>) {
    let health = HealthScores {
        red: Score::MINUS_INFINITY,
        yellow: Score::new(input.numbers[1]),
        green: Score::ZERO,
    };
    for score in [
        Score::parse(input.text),
        Score::parse_with(input.text, &health),
    ]
    .into_iter()
    .flatten()
    {
        assert!(score.value().abs() <= Score::INFINITY.value());
        assert_eq!(
            Score::parse(&score.to_string()),
            Some(score),
            "as it is shown"
        );
    }
    let [a, b, _] = input.numbers.map(Score::new);
    let sum = a + b;
    assert_eq!(sum, b + a, "two scores add up in either order");
    assert!(sum.value().abs() <= Score::INFINITY.value());
    if a.is_minus_infinite() || b.is_minus_infinite() {
        assert!(sum.is_minus_infinite(), "what must not be wins: {a} + {b}");
    } else if a.is_infinite() || b.is_infinite() {
        assert!(sum.is_infinite(), "what must be is not weighed: {a} + {b}");
    }
    assert_eq!(-(-a), a);
}

fn integers(input: &Input<'_>) {
    let _ = (integer(input.text), min_integer(Some(input.text), 0));
    if let Some(scanned) = scan_integer(input.text) {
        let _ = format!("{scanned:?}");
    }
    for number in input.numbers {
        assert_eq!(integer(&number.to_string()), Some(number));
    }
    let [low, high, at] = input.numbers;
    // A negative first end cannot be written: the sign would be the dash.
    if low >= 0 && high >= low {
        let bounds = range(&format!("{low}-{high}")).expect("a range");
        assert_eq!(bounds.contain(at), (low..=high).contains(&at));
    }
    if let Some(bounds) = range(input.text) {
        let _ = bounds.contain(at);
    }
}

fn durations(input: &Input<'_>) {
    let text = input.text;
    let _ = (duration_ms(text), interval(text), interval_ms(Some(text)));
    assert!(timeout_ms(Some(text)) > 0, "a timeout is a time");
    assert!(start_delay_ms(text) >= 0);
    let ms = input.numbers[0] as u32;
    assert_eq!(interval_ms(Some(&format!("{ms}ms"))), ms);
    assert!(!readable_interval(ms).is_empty());
    assert_eq!(ms_to_s(ms) == 0, ms == 0, "no time only for no time");
    let unit = [
        "", "s", "sec", "ms", "msec", "us", "usec", "m", "min", "h", "hr",
    ][usize::from(input.unit) % 11];
    let _ = duration_ms(&format!("{}{unit}", input.numbers[1]));
}

fn names(names: &[&str; 3]) {
    for compare in [compare_names, compare_versions] {
        let [a, b, c] = *names;
        assert_eq!(compare(a, a), Ordering::Equal);
        assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} {b:?}");
        let (ab, bc) = (compare(a, b), compare(b, c));
        if ab == bc || bc == Ordering::Equal {
            assert_eq!(compare(a, c), ab, "{a:?} {b:?} {c:?}");
        }
    }
}
