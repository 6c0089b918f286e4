use super::Operation::{Change, Read, Write};
use super::{Call, Operation, check};

/// Calls as (called, answered or 0 for never, operation).
fn history(told: &[(u64, u64, Operation)]) -> Vec<Call> {
    let call = |(called, answered, operation): &(u64, u64, Operation)| Call {
        register: "x".into(),
        operation: *operation,
        called: *called,
        answered: (*answered > 0).then_some(*answered),
    };
    told.iter().map(call).collect()
}

fn is_fine(told: &[(u64, u64, Operation)]) -> bool {
    check(&history(told)).is_ok()
}

#[test]
fn a_read_sees_what_was_written_before() {
    assert!(is_fine(&[(1, 2, Write(7)), (3, 4, Read(Some(7)))]));
    assert!(is_fine(&[(1, 2, Read(None)), (3, 4, Write(7))]));
    assert!(
        !is_fine(&[(1, 2, Write(7)), (3, 4, Read(None))]),
        "a lost write"
    );
    assert!(!is_fine(&[(1, 2, Read(Some(7)))]), "from nowhere");
}

#[test]
fn a_stale_read_is_found() {
    let stale = [(1, 2, Write(1)), (3, 4, Write(2)), (5, 6, Read(Some(1)))];
    assert!(!is_fine(&stale));
}

#[test]
fn what_overlaps_may_happen_in_any_order() {
    let both = |first, second| {
        [
            (1, 10, Write(1)),
            (1, 10, Write(2)),
            (11, 12, Read(Some(first))),
            (13, 14, Read(Some(second))),
        ]
    };
    assert!(is_fine(&both(1, 1)));
    assert!(is_fine(&both(2, 2)));
    assert!(!is_fine(&both(1, 2)), "it cannot change when nobody writes");
}

#[test]
fn reads_of_two_clients_must_agree_on_the_order() {
    let told = [
        (1, 20, Write(1)),
        (2, 20, Write(2)),
        (3, 4, Read(Some(1))),
        (5, 6, Read(Some(2))),
        (7, 8, Read(Some(1))),
    ];
    assert!(!is_fine(&told));
}

#[test]
fn what_was_not_answered_may_have_happened_at_any_time_or_never() {
    let told = |last| [(1, 0, Write(1)), (2, 3, Write(2)), (4, 5, Read(Some(last)))];
    assert!(is_fine(&told(1)));
    assert!(is_fine(&told(2)));
    assert!(
        !is_fine(&[(1, 2, Read(Some(1))), (3, 0, Write(1))]),
        "but not before it was asked"
    );
}

#[test]
fn a_change_happens_once() {
    let told = [
        (1, 2, Write(1)),
        (3, 9, Change(Some(1), 2)),
        (3, 9, Change(Some(1), 3)),
    ];
    assert!(
        !is_fine(&told),
        "both were acknowledged: one update is lost"
    );
    assert!(is_fine(&told[..2]));
    assert!(is_fine(&[
        (1, 2, Change(None, 1)),
        (3, 4, Change(Some(1), 2))
    ]));
}

#[test]
fn registers_do_not_see_each_other() {
    let mut calls = history(&[(1, 2, Write(7))]);
    calls.push(Call {
        register: "y".into(),
        operation: Read(Some(7)),
        called: 3,
        answered: Some(4),
    });
    let error = check(&calls).expect_err("nobody wrote y");
    assert_eq!(error.register, "y");
}

#[test]
fn a_long_history_with_much_at_once_is_decided_quickly() {
    let mut told = Vec::new();
    for number in 0..150 {
        let at = 10 * number + 1;
        told.push((at, at + 25, Write(number)));
        // Every twentieth is never answered.
        told.push((
            at,
            if number % 20 == 0 { 0 } else { at + 15 },
            Write(1000 + number),
        ));
    }
    assert!(is_fine(&told));
    told.push((5000, 5001, Read(Some(3))));
    assert!(!is_fine(&told), "so old a value cannot come back");
}
