//! What is known about a node that goes, and comes again?

use crate::cluster::command::Command;
use crate::cluster::testing::{Rig, Scripted, cluster_step, graph, node_up, step};
use crate::cluster::{Refusal, status};

#[test]
fn a_node_that_is_lost_is_still_expected_and_one_that_left_is_not() {
    for (clean, expected) in [(false, "member"), (true, "down")] {
        let mut rig = Rig::ready(&Scripted::new(vec![graph(&[step(
            "db_start_0",
            "n1",
            &[],
        )])]));
        rig.plan();
        let lost = Command::NodeLost {
            node: "n2".into(),
            incarnation: 20,
            clean,
        };
        rig.apply(lost.clone()).unwrap();
        let cib = rig.cluster().cib();
        let state = status::find_state(cib, "n2").unwrap();
        let attr = |name| cib.attr(state, name).unwrap();
        assert_eq!(
            (attr("in_ccm"), attr("join"), attr("expected")),
            ("0", "down", expected)
        );
        assert!(rig.transition().is_over() && rig.cluster().wanted().is_some());
        assert_eq!(rig.apply(lost), Err(Refusal::Superseded));
    }
}

#[test]
fn a_restarted_executor_is_probed_and_one_that_only_reconnects_is_not() {
    let steps = [step("db_start_0", "n1", &[])];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    rig.report("n1", (1, 1), 0).unwrap();
    let known = |rig: &Rig| status::resource_history(rig.cluster().cib(), "n1", "db").is_some();
    let up = |incarnation| node_up("n1", 10, incarnation);
    rig.apply(Command::NodeLost {
        node: "n1".into(),
        incarnation: 10,
        clean: false,
    })
    .unwrap();
    rig.apply(up(10)).unwrap();
    assert!(known(&rig), "the same process tells the same");
    rig.apply(up(11)).unwrap();
    assert!(!known(&rig), "what a new one finds must be asked");
    assert_eq!(
        rig.cluster().nodes()["n1"].applied,
        1,
        "reports go on in the same journal"
    );
}

/// Its executor is started again, with its journal.
fn restart(rig: &mut Rig, node: &str, incarnation: u64) {
    let journal = rig.cluster().nodes()[node].journal;
    rig.apply(node_up(node, journal, incarnation)).unwrap();
}

#[test]
fn a_result_from_before_a_restart_says_nothing_about_what_runs_now() {
    let steps = [step("db_start_0", "n1", &[]), step("db_stop_0", "n2", &[])];
    let mut rig = Rig::ready(&Scripted::new(vec![graph(&steps)]));
    rig.plan();
    // The machine was started again meanwhile: what the start did is gone.
    restart(&mut rig, "n1", 11);
    rig.report("n1", (1, 1), 0).unwrap();
    assert!(status::resource_history(rig.cluster().cib(), "n1", "db").is_none());
    rig.plan();
    rig.report("n2", (1, 2), 0).unwrap();
    assert!(status::resource_history(rig.cluster().cib(), "n2", "db").is_some());
}

#[test]
fn a_node_that_came_back_and_is_lost_again_was_not_fenced_by_an_order_from_before() {
    let graph = graph(&[cluster_step("stonith", "n2", &[])]);
    let mut rig = Rig::ready(&Scripted::new(vec![graph]));
    let lost = |incarnation| Command::NodeLost {
        node: "n2".into(),
        incarnation,
        clean: false,
    };
    rig.apply(lost(20)).unwrap();
    rig.plan();
    restart(&mut rig, "n2", 21);
    rig.apply(lost(21)).unwrap();
    // Whoever fenced it tells so only now.
    rig.report("n1", (1, 1), 0).unwrap();
    assert!(status::is_expected(rig.cluster().cib(), "n2"));
    assert_eq!(rig.cluster().wanted(), Some("node n2 came up"));
}
