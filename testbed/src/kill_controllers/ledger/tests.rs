//! Does the ledger tell a good history from a bad one?

use lockstep_engine::parse::{Document, Limits};

use super::{Ledger, Violation};

fn configuration(epoch: u64, marks: &[&str]) -> Document {
    let pairs: Vec<_> = marks
        .iter()
        .map(|mark| format!(r#"<nvpair id="{mark}" name="{mark}" value="1"/>"#))
        .collect();
    let text = format!(
        r#"<cib epoch="{epoch}"><configuration><nodes><node id="1" uname="n1">
           <instance_attributes id="i">{}</instance_attributes></node></nodes></configuration></cib>"#,
        pairs.concat()
    );
    Document::parse(text.as_bytes(), &Limits::default()).expect("it is XML")
}

#[test]
fn equal_digests_at_equal_indices_are_good() {
    let mut ledger = Ledger::default();
    for controller in 1..=3 {
        assert_eq!(ledger.state(controller, 5, "a"), Ok(()));
        assert_eq!(ledger.state(controller, 6, "b"), Ok(()));
        assert_eq!(ledger.graph(controller, 1, "c"), Ok(()));
    }
    assert_eq!(ledger.compared(), (2, 1));
}

#[test]
fn what_only_one_controller_told_was_not_compared() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.state(1, 5, "a"), Ok(()));
    assert_eq!(ledger.state(1, 5, "a"), Ok(()));
    assert_eq!(ledger.compared(), (0, 0));
}

#[test]
fn different_states_at_one_index_are_found() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.state(1, 5, "a"), Ok(()));
    let controllers = [1, 3];
    let index = 5;
    assert_eq!(
        ledger.state(3, 5, "b"),
        Err(Violation::States { index, controllers })
    );
}

#[test]
fn a_controller_that_comes_back_with_another_state_is_found() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.state(2, 5, "a"), Ok(()));
    assert!(ledger.state(2, 5, "b").is_err());
}

#[test]
fn different_graphs_of_one_plan_are_found() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.graph(1, 4, "a"), Ok(()));
    assert!(ledger.graph(2, 4, "b").is_err());
    assert_eq!(ledger.graph(2, 5, "b"), Ok(()));
}

#[test]
fn acknowledged_changes_must_be_there_and_others_may() {
    let mut ledger = Ledger::default();
    ledger.acknowledged("change-1".into(), 2);
    ledger.acknowledged("change-2".into(), 3);
    let all = configuration(4, &["change-1", "change-2", "change-3"]);
    assert_eq!(ledger.nothing_lost(1, &all), Ok(()));
    let (controller, mark) = (2, "change-2".to_owned());
    assert_eq!(
        ledger.nothing_lost(2, &configuration(4, &["change-1"])),
        Err(Violation::Lost { controller, mark })
    );
}

#[test]
fn an_older_epoch_than_acknowledged_is_found() {
    let mut ledger = Ledger::default();
    ledger.acknowledged("change-1".into(), 7);
    let old = configuration(6, &["change-1"]);
    assert!(matches!(
        ledger.nothing_lost(1, &old),
        Err(Violation::Older { epoch: 6, .. })
    ));
}
