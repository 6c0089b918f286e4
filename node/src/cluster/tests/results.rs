//! What does a result mean?

use lockstep_engine::graph::GraphActionKind;

use crate::cluster::command::Command;
use crate::cluster::testing::{Rig, Scripted, graph, monitor_report, probe, step};
use crate::cluster::transition::Progress;
use crate::cluster::{Refusal, status};
use crate::executor::OrderKey;

#[test]
fn an_unexpected_result_aborts_the_transition_and_asks_for_a_plan() {
    let steps = [
        step("db_start_0", "n1", &[]),
        step("web_start_0", "n2", &[]),
        step("x_start_0", "n1", &[0]),
    ];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    rig.report("n1", (1, 1), 1).unwrap();
    let told_at = (1000 + rig.index).to_string();
    assert!(
        rig.transition().is_over(),
        "x waits for a start that failed"
    );
    assert_eq!(rig.transition().progress(0), Progress::Failed);
    assert!(rig.cluster().wanted().unwrap().contains("db_start_0"));
    let count = status::transient(rig.cluster().cib(), "n1", "fail-count-db#start_0");
    assert_eq!(count, Some("INFINITY"));
    let when = status::transient(rig.cluster().cib(), "n1", "last-failure-db#start_0");
    assert_eq!(when, Some(&*told_at), "whatever time it was on n1");
    // What was under way is still recorded.
    rig.report("n2", (1, 2), 0).unwrap();
    assert!(status::resource_history(rig.cluster().cib(), "n2", "web").is_some());
}

#[test]
fn a_probe_that_finds_something_asks_for_a_plan_but_counts_no_failure() {
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&[probe(
        "db_monitor_0",
        "n1",
        &[],
    )])]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    assert!(rig.cluster().wanted().is_some());
    assert!(status::transient_names(rig.cluster().cib(), "n1").is_empty());
}

#[test]
fn a_report_counts_once_and_in_sequence() {
    let steps = [
        step("db_start_0", "n1", &[]),
        step("db_monitor_10000", "n1", &[0]),
    ];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    rig.report("n1", (1, 2), 0).unwrap();
    let send = |rig: &mut Rig, journal, report| {
        rig.apply(Command::Report {
            node: "n1".into(),
            journal,
            report,
        })
    };
    let failure = |sequence| monitor_report(sequence, (1, 2), 7);
    assert_eq!(
        send(&mut rig, 10, failure(4)),
        Err(Refusal::Superseded),
        "3 is missing"
    );
    assert_eq!(
        send(&mut rig, 99, failure(3)),
        Err(Refusal::Superseded),
        "not this journal"
    );
    assert_eq!(send(&mut rig, 10, failure(3)), Ok(()));
    assert_eq!(
        send(&mut rig, 10, failure(3)),
        Err(Refusal::Superseded),
        "again"
    );
    let count = status::transient(rig.cluster().cib(), "n1", "fail-count-db#monitor_10000");
    assert_eq!(count, Some("1"));
}

#[test]
fn a_failed_monitor_is_written_beside_its_operation_and_a_recovery_into_it() {
    let steps = [
        step("db_start_0", "n1", &[]),
        step("db_monitor_10000", "n1", &[0]),
    ];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    rig.report("n1", (1, 2), 0).unwrap();
    for (sequence, code, expected) in [
        (
            3,
            7,
            [("db_monitor_10000", "0"), ("db_last_failure_0", "7")],
        ),
        (
            4,
            0,
            [("db_monitor_10000", "0"), ("db_last_failure_0", "7")],
        ),
    ] {
        let report = monitor_report(sequence, (1, 2), code);
        rig.apply(Command::Report {
            node: "n1".into(),
            journal: 10,
            report,
        })
        .unwrap();
        let cib = rig.cluster().cib();
        let history = status::resource_history(cib, "n1", "db").unwrap();
        for (id, code) in expected {
            let mut entries = cib.children_named(history, "lrm_rsc_op");
            let entry = entries.find(|e| cib.id(*e) == Some(id)).unwrap();
            assert_eq!(cib.attr(entry, "rc-code"), Some(code), "{id}");
            assert!(
                cib.attr(entry, "transition-key")
                    .unwrap()
                    .starts_with("2:1:0:")
            );
        }
        assert!(rig.cluster().wanted().is_some());
    }
}

#[test]
fn a_monitor_whose_failure_expired_is_not_known_any_more() {
    let steps = [
        step("db_start_0", "n1", &[]),
        step("db_monitor_10000", "n1", &[0]),
    ];
    let mut clearing = graph(&[step("db_monitor_10000", "n1", &[])]);
    let action = &mut clearing.synapses[0].action;
    action.kind = GraphActionKind::Cluster;
    action.task = "clear_failcount".into();
    let operation = ("CRM_meta_operation".into(), "monitor".into());
    action.attributes.push(operation);
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps), clearing]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    rig.report("n1", (1, 2), 0).unwrap();
    let report = monitor_report(3, (1, 2), 7);
    rig.apply(Command::Report {
        node: "n1".into(),
        journal: 10,
        report,
    })
    .unwrap();
    rig.plan();
    let cib = rig.cluster().cib();
    let history = status::resource_history(cib, "n1", "db").unwrap();
    let left: Vec<_> = cib
        .children_named(history, "lrm_rsc_op")
        .filter_map(|e| cib.id(e))
        .collect();
    assert_eq!(left, ["db_start_0"]);
    let count = status::transient(cib, "n1", "fail-count-db#monitor_10000");
    assert_eq!(count, None);
}

#[test]
fn a_result_of_a_forgotten_graph_makes_the_resource_probed() {
    let steps = [step("db_start_0", "n1", &[])];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps), graph(&[]), graph(&[])]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    rig.plan();
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    assert!(status::resource_history(rig.cluster().cib(), "n1", "db").is_none());
    assert!(rig.cluster().wanted().unwrap().contains("late"));
}

#[test]
fn the_last_result_of_a_given_up_action_is_recorded_late() {
    let steps = [step("db_start_0", "n1", &[])];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps), graph(&[])]));
    rig.plan();
    let key = OrderKey {
        transition: 1,
        action: 1,
    };
    let reason = String::from("no result in time");
    rig.apply(Command::GiveUp {
        key,
        reason: reason.clone(),
    })
    .unwrap();
    assert_eq!(
        rig.apply(Command::GiveUp { key, reason }),
        Err(Refusal::Superseded)
    );
    assert_eq!(rig.transition().count(Progress::Failed), 1);
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    assert!(rig.cluster().wanted().unwrap().contains("late"));
}
