//! How is a plan carried out, and kept?

use std::sync::Arc;

use crate::cluster::Refusal;
use crate::cluster::command::Command;
use crate::cluster::event::What;
use crate::cluster::testing::{Rig, Scripted, graph, probe, pseudo, step};

#[test]
fn an_action_is_ready_when_its_inputs_are_done_and_pseudo_actions_need_nobody() {
    let steps = [
        probe("db_monitor_0", "n1", &[]),
        probe("db_monitor_0", "n2", &[]),
        pseudo("all_probed_0", &[0, 1]),
        step("db_start_0", "n1", &[2]),
    ];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    assert_eq!(rig.ready_actions(), [1, 2]);
    rig.report("n2", (1, 2), 7).unwrap();
    assert_eq!(rig.ready_actions(), [1]);
    rig.report("n1", (1, 1), 7).unwrap();
    assert_eq!(
        rig.ready_actions(),
        [4],
        "the pseudo-action between is done"
    );
    assert!(!rig.transition().is_over());
    rig.report("n1", (1, 4), 0).unwrap();
    assert!(rig.transition().is_over());
    assert!(rig.events.contains(&What::Completed { transition: 1 }));
    assert_eq!(rig.cluster().wanted(), None, "nothing is left to do");
}

#[test]
fn a_graph_without_actions_is_complete_at_once() {
    let mut rig = Rig::ready(&Scripted::new(vec![
        graph(&[]),
        graph(&[pseudo("x_y_0", &[])]),
    ]));
    for transition in [1, 2] {
        rig.plan();
        assert!(rig.events.contains(&What::Completed { transition }));
    }
}

#[test]
fn a_second_plan_of_one_number_is_ignored() {
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&[step(
        "db_start_0",
        "n1",
        &[],
    )])]));
    rig.plan();
    let again = Command::Plan {
        transition: 1,
        utc_offset: 0,
        feature_set: String::new(),
    };
    assert_eq!(rig.apply(again), Err(Refusal::Superseded));
    assert_eq!(rig.cluster().planned(), 1);
}

#[test]
fn a_state_that_the_engine_refuses_is_an_event_and_not_an_end() {
    let policy = Scripted {
        refuses: Some("line 3: no such node".into()),
        ..Scripted::default()
    };
    let mut rig = Rig::ready(&Arc::new(policy));
    rig.plan();
    assert!(matches!(
        &rig.events[..],
        [What::NotPlanned { transition: 1, .. }]
    ));
    assert_eq!(rig.cluster().wanted(), None, "until something changes");
}

#[test]
fn saved_plans_are_bounded_and_the_newest_stay() {
    let mut rig = Rig::ready(&Scripted::new(Vec::new()));
    for _ in 0..1100 {
        rig.plan();
    }
    assert!(rig.cluster().history().find(1100).is_some());
    assert!(rig.cluster().history().find(1).is_none());
    assert_eq!(rig.cluster().history().iter().count(), 1000);
}
