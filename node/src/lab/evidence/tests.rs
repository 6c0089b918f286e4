//! Do the checkers tell a good history from a bad one?

use std::collections::BTreeSet;

use super::Evidence;
use crate::agent::bundled::{Phase, Testimony};

/// Lines `node task begin|end|failed order`, about one resource, in the order of time.
fn history(lines: &[&str]) -> Evidence {
    let testimonies = (1..).zip(lines).map(|(at_us, line)| {
        let words: Vec<_> = line.split_whitespace().collect();
        let (phase, code) = match words[2] {
            "begin" => (Phase::Begin, None),
            "end" => (Phase::End, Some(0)),
            _ => (Phase::End, Some(1)),
        };
        Testimony {
            at_us,
            node: words[0].to_owned(),
            resource: "web".to_owned(),
            task: words[1].to_owned(),
            phase,
            code,
            order: words.get(3).copied().unwrap_or_default().to_owned(),
            pid: 1,
        }
    });
    Evidence {
        testimonies: testimonies.collect(),
        ..Evidence::default()
    }
}

fn on_two_nodes(lines: &[&str]) -> Result<(), String> {
    history(lines).never_on_two_nodes(&BTreeSet::new())
}

#[test]
fn a_move_that_stops_first_is_good() {
    let moved = [
        "n1 start begin 1:1",
        "n1 start end 1:1",
        "n1 monitor begin",
        "n1 monitor end",
        "n1 stop begin 2:1",
        "n1 stop end 2:1",
        "n2 start begin 2:2",
        "n2 start end 2:2",
    ];
    assert_eq!(on_two_nodes(&moved), Ok(()));
    assert_eq!(history(&moved).nothing_twice(), Ok(()));
}

#[test]
fn a_start_before_the_stop_has_ended_is_found() {
    let lines = [
        "n1 start begin 1:1",
        "n1 start end 1:1",
        "n1 stop begin 2:1",
        "n2 start begin 2:2",
        "n1 stop end 2:1",
    ];
    assert!(on_two_nodes(&lines).is_err());
}

#[test]
fn a_stop_that_failed_has_not_stopped_anything() {
    let lines = [
        "n1 start begin 1:1",
        "n1 stop begin 2:1",
        "n1 stop failed 2:1",
        "n2 start begin 2:2",
    ];
    assert!(on_two_nodes(&lines).is_err());
}

#[test]
fn members_of_clones_may_run_on_two_nodes() {
    let evidence = history(&["n1 start begin 1:1", "n2 start begin 1:2"]);
    let several = BTreeSet::from(["web".to_owned()]);
    assert_eq!(evidence.never_on_two_nodes(&several), Ok(()));
}

#[test]
fn an_order_that_agents_began_twice_is_found() {
    let evidence = history(&[
        "n1 start begin 1:1",
        "n1 start end 1:1",
        "n1 start begin 1:1",
    ]);
    assert_eq!(
        evidence.nothing_twice(),
        Err("1:1 was run 2 times".to_owned())
    );
}

#[test]
fn an_order_that_two_executors_accepted_is_found() {
    let mut evidence = history(&["n1 start begin 1:1"]);
    let both = ["n1", "n2"].map(|node| (node.to_owned(), true));
    evidence.orders.insert("1:1".to_owned(), both.into());
    assert_eq!(
        evidence.nothing_twice(),
        Err("1:1 was accepted 2 times".to_owned())
    );
}

#[test]
fn a_recovery_is_good_after_fencing_and_found_before_it() {
    // The node is lost at 4.
    let good = [
        "n1 start begin 1:1",
        "n1 start end 1:1",
        "n1 monitor begin",
        "n3 monitor begin",
        "n1 fenced end 2:1",
        "n2 start begin 2:2",
    ];
    let evidence = history(&good);
    assert_eq!(on_two_nodes(&good), Ok(()));
    assert_eq!(evidence.fenced_after("n1", 4), Some(5));
    assert_eq!(evidence.recovered_only_after_fencing("n1", 4), Ok(()));

    let mut early = good;
    early.swap(4, 5);
    assert!(on_two_nodes(&early).is_err());
    assert!(
        history(&early)
            .recovered_only_after_fencing("n1", 4)
            .is_err()
    );
    let never = history(&good[..4]);
    assert!(never.recovered_only_after_fencing("n1", 4).is_err());
}
