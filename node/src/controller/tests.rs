//! Whole clusters of real cores in one thread: what a user may rely on when controllers and nodes
//! come and go. Nothing here waits.

use std::collections::{BTreeMap, BTreeSet};

use super::testing::Sim;
use super::*;
use crate::agent::{Outcome, ResultCode, Status};
use crate::cluster::event::What;
use crate::cluster::testing::{Scripted, Step, cluster_step, graph, probe, pseudo, step};
use crate::executor::{Input as ExecutorInput, Record};

/// Probes on all nodes, then a chain over them.
fn story() -> Vec<Step> {
    vec![
        probe("db_monitor_0", "n1", &[]),
        probe("db_monitor_0", "n2", &[]),
        probe("db_monitor_0", "n3", &[]),
        pseudo("probed_all_0", &[0, 1, 2]),
        step("db_start_0", "n2", &[3]),
        step("db_monitor_10000", "n2", &[4]),
        step("web_start_0", "n3", &[4]),
        step("ip_start_0", "n1", &[6]),
    ]
}

#[test]
fn a_starting_cluster_plans_when_all_its_nodes_are_there() {
    let mut sim = Sim::new(&[&story()]);
    sim.elect(0);
    sim.configure();
    sim.boot("n1", 1);
    sim.boot("n2", 1);
    sim.pass_time(5_000);
    assert_eq!(sim.planned(), 0, "n3 may be on its way");
    sim.boot("n3", 1);
    assert_eq!(sim.planned(), 1);
    assert_eq!(sim.running_orders(), ["1:1", "1:2", "1:3"]);
}

#[test]
fn a_starting_cluster_does_not_wait_for_ever() {
    let mut sim = Sim::new(&[&[]]);
    sim.elect(0);
    sim.configure();
    sim.boot("n1", 1);
    sim.pass_time(19_000);
    assert_eq!(sim.planned(), 0);
    sim.pass_time(2_000);
    assert_eq!(sim.planned(), 1);
}

#[test]
fn a_transition_is_carried_out_in_its_order_and_all_controllers_agree() {
    let mut sim = Sim::running(&[&story()]);
    sim.end("n1", "1:1", 7);
    sim.end("n3", "1:3", 7);
    assert_eq!(sim.running_orders(), ["1:2"]);
    sim.end("n2", "1:2", 7);
    assert_eq!(sim.running_orders(), ["1:5"]);
    sim.end("n2", "1:5", 0);
    assert_eq!(sim.running_orders(), ["1:6", "1:7"]);
    sim.end("n2", "1:6", 0);
    sim.end("n3", "1:7", 0);
    sim.end("n1", "1:8", 0);
    assert_eq!(sim.events.last(), Some(&What::Completed { transition: 1 }));
    assert_eq!(sim.planned(), 1, "nothing asks for another plan");
    assert_eq!(sim.ran().len(), 7);
    let digests: BTreeSet<_> = sim
        .leading()
        .cluster()
        .agreement()
        .digests(1)
        .map(|(_, digest)| digest)
        .collect();
    assert_eq!(digests.len(), 1);
    sim.assert_equal_states();
}

/// The promise of the whole: at whatever point the leader dies, the next one finishes the same
/// graph, nothing of it is run twice, and nothing is left out.
#[test]
fn the_next_leader_finishes_the_same_graph_wherever_the_leader_died() {
    let script = [
        ("n1", "1:1", 7),
        ("n3", "1:3", 7),
        ("n2", "1:2", 7),
        ("n2", "1:5", 0),
        ("n3", "1:7", 0),
        ("n2", "1:6", 0),
        ("n1", "1:8", 0),
    ];
    for dies_before in 0..=script.len() {
        // The next result is told to the old leader, or to nobody until there is a next one.
        for unheard in [false, true] {
            let mut sim = Sim::running(&[&story()]);
            let digest = sim.leading().cluster().transition().unwrap().digest;
            for (at, (node, order, code)) in script.into_iter().enumerate() {
                if at == dies_before {
                    sim.kill_controller(0);
                }
                if at == dies_before && !unheard {
                    sim.elect(1);
                }
                sim.end(node, order, code);
                if sim.leader.is_none() {
                    sim.elect(1);
                }
            }
            if sim.leader == Some(0) {
                sim.kill_controller(0);
                sim.elect(1);
            }
            let transition = sim.leading().cluster().transition().unwrap();
            assert_eq!((transition.number, transition.digest), (1, digest));
            assert!(
                transition.is_over() && transition.aborted.is_none(),
                "{dies_before}"
            );
            assert_eq!(sim.ran().len(), 7, "none is left out");
            assert_eq!(sim.planned(), 1, "nobody starts over");

            sim.restart_controller(0);
            sim.assert_equal_states();
        }
    }
}

#[test]
fn a_controller_that_dies_takes_no_node_with_it() {
    let mut sim = Sim::running(&[&[]]);
    sim.kill_controller(0);
    sim.elect(1);
    sim.pass_time(60_000);
    assert!(
        sim.leading()
            .cluster()
            .nodes()
            .values()
            .all(|node| node.online)
    );
    assert_eq!(sim.planned(), 1);
}

#[test]
fn a_deposed_leader_dispatches_nothing() {
    let mut sim = Sim::running(&[&story()]);
    // It does not know yet that another one leads.
    sim.usurp(1);
    sim.dispatched.clear();
    sim.end("n1", "1:1", 7);
    sim.end("n3", "1:3", 7);
    sim.end("n2", "1:2", 7);
    assert!(
        sim.dispatched.iter().any(|(from, _)| *from == 0),
        "both send it"
    );
    assert_eq!(sim.running_orders(), ["1:5"], "one of them is followed");
    assert_eq!(sim.ran().len(), 4);
}

#[test]
fn after_a_failure_what_is_under_way_is_awaited_and_then_there_is_the_next_plan() {
    let first = [
        step("a_start_0", "n1", &[]),
        step("b_start_0", "n2", &[]),
        step("c_start_0", "n1", &[1]),
    ];
    let mut sim = Sim::running(&[&first, &[step("a_stop_0", "n1", &[])]]);
    sim.end("n1", "1:1", 1);
    assert_eq!(sim.planned(), 1, "b is under way");
    sim.pass_time(1_000);
    assert_eq!(sim.planned(), 1);
    sim.end("n2", "1:2", 0);
    assert_eq!(sim.planned(), 2);
    assert_eq!(sim.running_orders(), ["2:1"], "c was not begun");
}

#[test]
fn a_new_leader_awaits_what_an_aborted_transition_left_under_way() {
    let first = [step("a_start_0", "n1", &[]), step("b_start_0", "n2", &[])];
    let mut sim = Sim::running(&[&first, &[step("a_stop_0", "n1", &[])]]);
    sim.end("n1", "1:1", 1);
    sim.kill_controller(0);
    sim.elect(1);
    sim.pass_time(1_000);
    assert_eq!(sim.planned(), 1, "b runs, which only its executor knows");
    sim.end("n2", "1:2", 0);
    assert_eq!(sim.planned(), 2);
}

#[test]
fn a_new_leader_does_not_plan_before_every_node_said_what_is_under_way() {
    let first = [step("a_start_0", "n1", &[]), step("b_start_0", "n2", &[])];
    let mut sim = Sim::running(&[&first, &[]]);
    sim.end("n1", "1:1", 1);
    sim.disconnect(|controller, node| controller == 1 && node == "n2");
    sim.kill_controller(0);
    sim.elect(1);
    sim.pass_time(900);
    assert_eq!(sim.planned(), 1, "n2 is away, but not lost yet");
    sim.connect(1, "n2");
    assert_eq!(sim.planned(), 1, "now it is known that b runs");
    sim.end("n2", "1:2", 0);
    assert_eq!(sim.planned(), 2);
}

#[test]
fn a_node_that_is_away_too_long_is_lost_and_its_return_is_news() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n3", &[])], &[], &[]]);
    sim.power_off("n3");
    sim.pass_time(900);
    assert!(sim.leading().cluster().nodes()["n3"].online);
    sim.pass_time(200);
    assert!(!sim.leading().cluster().nodes()["n3"].online);
    assert_eq!(
        sim.planned(),
        2,
        "what ran there is not waited for any more"
    );
    sim.boot("n3", 2);
    assert!(sim.leading().cluster().nodes()["n3"].online);
    assert!(sim.planned() >= 3);
    let interrupted = sim
        .journal("n3")
        .iter()
        .filter(|r| matches!(r, Record::Ended(_)))
        .count();
    assert_eq!(
        interrupted, 1,
        "the start that the restart interrupted is told"
    );
}

/// What was ordered of it before is under way there, and its graph may be gone: a plan that is made
/// meanwhile could start the same elsewhere.
#[test]
fn what_an_abandoned_plan_left_under_way_on_a_node_that_comes_back_is_awaited() {
    for plans_missed in [1, 2] {
        for led_by in [0, 1] {
            let mut sim = Sim::running(&[&[step("a_start_0", "n3", &[])], &[], &[], &[]]);
            sim.disconnect(|_, node| node == "n3");
            sim.pass_time(1_200);
            if plans_missed == 2 {
                sim.configure();
            }
            let before = sim.planned();
            assert_eq!(before, 1 + plans_missed, "it is lost");
            (0..3).for_each(|controller| sim.connect(controller, "n3"));
            assert!(sim.leading().cluster().nodes()["n3"].online);
            sim.elect(led_by);
            sim.pass_time(30_000);
            assert_eq!(sim.planned(), before, "a is being started there");
            sim.end("n3", "1:1", 0);
            assert_eq!(sim.planned(), before + 1);
            sim.assert_equal_states();
        }
    }
}

#[test]
fn what_was_given_up_does_not_hold_up_the_next_leader() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])], &[], &[]]);
    sim.pass_time(81_000);
    assert_eq!(sim.planned(), 2);
    sim.elect(1);
    sim.configure();
    assert_eq!(sim.planned(), 3, "the state says that the start failed");
}

#[test]
fn the_silence_of_others_while_a_controller_stood_still_is_not_theirs() {
    let mut sim = Sim::running(&[&[], &[], &[]]);
    sim.disconnect(|_, node| node == "n3");
    sim.pass_time(500);
    sim.stand_still(3_000);
    assert!(sim.leading().cluster().nodes()["n3"].online);
    sim.pass_time(900);
    assert!(sim.leading().cluster().nodes()["n3"].online);
    sim.pass_time(200);
    assert!(!sim.leading().cluster().nodes()["n3"].online);
}

#[test]
fn a_node_that_is_away_for_good_is_lost_however_often_the_leader_stands_still() {
    let mut sim = Sim::running(&[&[], &[], &[]]);
    sim.disconnect(|_, node| node == "n3");
    for _ in 0..3 {
        sim.stand_still(600);
        sim.pass_time(700);
    }
    assert!(!sim.leading().cluster().nodes()["n3"].online);
}

#[test]
fn a_result_is_not_given_up_because_the_leader_stood_still() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])], &[]]);
    sim.stand_still(90_000);
    sim.pass_time(1_000);
    assert_eq!(sim.planned(), 1);
}

#[test]
fn a_short_absence_is_not_a_loss_and_orders_are_sent_again() {
    let steps = [step("a_start_0", "n3", &[]), step("b_start_0", "n3", &[0])];
    let mut sim = Sim::running(&[&steps]);
    sim.disconnect(|_, node| node == "n3");
    sim.end("n3", "1:1", 0);
    sim.pass_time(500);
    for controller in 0..3 {
        sim.connect(controller, "n3");
    }
    assert_eq!(sim.running_orders(), ["1:2"]);
    sim.pass_time(5_000);
    assert_eq!(sim.planned(), 1);
    assert_eq!(sim.ran().len(), 2);
}

/// A node whose executor was started again is taken for empty until it is probed; what depends on
/// what runs there, or is better off on an empty node, must not be stopped because of that.
#[test]
fn nothing_is_ended_before_it_is_known_what_runs() {
    let first = [
        probe("a_monitor_0", "n3", &[]),
        step("b_stop_0", "n1", &[]),
        step("c_start_0", "n2", &[]),
    ];
    let mut sim = Sim::running(&[&first, &[]]);
    assert_eq!(sim.running_orders(), ["1:1", "1:3"]);
    sim.end("n3", "1:1", 7);
    assert_eq!(sim.running_orders(), ["1:2", "1:3"], "it is as was thought");

    let mut sim = Sim::running(&[&first, &[]]);
    sim.end("n2", "1:3", 0);
    sim.end("n3", "1:1", 0);
    assert_eq!(
        sim.planned(),
        2,
        "a runs: what is to be done is another thing"
    );
    assert!(!sim.ran().contains("1:2"));
}

#[test]
fn a_failed_monitor_becomes_a_plan() {
    let first = [
        step("a_start_0", "n1", &[]),
        step("a_monitor_10000", "n1", &[0]),
    ];
    let mut sim = Sim::running(&[&first, &[step("a_stop_0", "n1", &[])]]);
    sim.end("n1", "1:1", 0);
    sim.end("n1", "1:2", 0);
    sim.pass_time(10_000);
    sim.end("n1", "", 0);
    assert_eq!(sim.planned(), 1, "all is well");
    sim.pass_time(10_000);
    sim.end("n1", "", 7);
    assert_eq!(sim.planned(), 2);
    assert_eq!(sim.running_orders(), ["2:1"]);
    assert!(
        sim.events
            .iter()
            .any(|event| matches!(event, What::Observed { .. }))
    );
}

#[test]
fn a_result_that_never_comes_is_given_up() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])], &[]]);
    sim.pass_time(79_000);
    assert_eq!(sim.planned(), 1, "20 s of its own and 60 s of patience");
    sim.pass_time(2_000);
    assert_eq!(sim.planned(), 2);
}

#[test]
fn a_new_leader_has_as_much_patience_as_the_one_before() {
    let first = [step("a_start_0", "n1", &[]), step("b_start_0", "n2", &[])];
    let mut sim = Sim::running(&[&first, &[]]);
    sim.end("n2", "1:2", 1);
    sim.elect(1);
    sim.pass_time(79_000);
    assert_eq!(sim.planned(), 1, "20 s of its own and 60 s of patience");
    sim.pass_time(2_000);
    assert_eq!(sim.planned(), 2);
}

#[test]
fn fencing_without_a_device_fails_and_is_tried_again_later_and_later() {
    let fence = [cluster_step("stonith", "n3", &[])];
    let mut sim = Sim::running(&[&fence, &fence, &fence, &[]]);
    let failed = |sim: &Sim| {
        let done = |event: &&What| {
            matches!(
                event,
                What::Done {
                    expected: false,
                    ..
                }
            )
        };
        sim.events.iter().filter(done).count()
    };
    assert_eq!(
        (failed(&sim), sim.planned()),
        (1, 1),
        "no device: that is a failure"
    );
    sim.pass_time(100);
    assert_eq!(sim.planned(), 1);
    sim.pass_time(1_000);
    assert_eq!((failed(&sim), sim.planned()), (2, 2));
    sim.pass_time(1_100);
    assert_eq!(sim.planned(), 2);
    sim.pass_time(1_000);
    assert_eq!(sim.planned(), 3);
}

#[test]
fn an_action_that_nobody_knows_fails_and_does_not_hang() {
    let sim = Sim::running(&[&[cluster_step("levitate", "n1", &[])], &[]]);
    assert_eq!(sim.planned(), 2);
    let reason = &sim.leading().cluster().history().find(2).unwrap().reason;
    assert!(reason.contains("levitate"), "{reason}");
}

#[test]
fn a_node_that_leaves_in_order_is_not_lost() {
    let sim = Sim::running(&[&[cluster_step("do_shutdown", "n3", &[])], &[]]);
    let left = What::NodeLost {
        node: "n3".into(),
        clean: true,
    };
    assert!(sim.events.contains(&left), "{:?}", sim.events);
    assert_eq!(sim.planned(), 1, "the plan knew");
}

#[test]
fn a_node_leaves_only_when_nothing_is_to_be_found_out_there_any_more() {
    // Cleaned up while it leaves: what runs there has to be found again, and stopped.
    let first = [
        step("a_monitor_0", "n3", &[]),
        cluster_step("do_shutdown", "n3", &[]),
    ];
    let mut sim = Sim::running(&[&first, &[]]);
    assert_eq!(sim.running_orders(), ["1:1"]);
    assert!(sim.leading().cluster().nodes()["n3"].online);
    sim.end("n3", "1:1", 0);
    assert!(!sim.leading().cluster().nodes()["n3"].online);
}

#[test]
fn a_new_leader_gives_executors_time_to_come_to_it() {
    let mut sim = Sim::running(&[&[], &[]]);
    let (before, others) = (sim.planned(), [1, 2]);
    // Its connection to a follower ended long ago; the leader still had it.
    sim.disconnect(|controller, node| others.contains(&controller) && node == "n3");
    sim.pass_time(10_000);
    assert_eq!(sim.planned(), before, "who leads still hears it");
    sim.elect(1);
    sim.pass_time(100);
    sim.connect(1, "n3");
    sim.pass_time(10_000);
    let lost = |event: &What| matches!(event, What::NodeLost { node, .. } if node == "n3");
    assert!(!sim.events.iter().any(lost), "{:?}", sim.events);
}

#[test]
fn a_controller_that_computes_something_else_may_not_lead() {
    let graphs = vec![graph(&story())];
    let good = Scripted::new(graphs.clone());
    let bad = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let sim = Sim::with(vec![good.clone(), good, bad]).run_up();
    assert_eq!(sim.eligible, BTreeMap::from([(2, false)]));
    assert!(sim.events.contains(&What::Diverged {
        controller: 3,
        transition: 1
    }));
    assert_eq!(sim.running_orders().len(), 3, "the others go on");
}

#[test]
fn a_diverged_leader_stops_dispatching() {
    let graphs = vec![graph(&story())];
    let good = Scripted::new(graphs.clone());
    let bad = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let mut sim = Sim::with(vec![bad, good.clone(), good]).run_up();
    assert_eq!(sim.eligible.get(&0), Some(&false));
    sim.dispatched.clear();
    for (node, order) in [("n1", "1:1"), ("n2", "1:2"), ("n3", "1:3")] {
        sim.end(node, order, 7);
    }
    assert!(sim.dispatched.is_empty());
    sim.elect(1);
    assert_eq!(sim.running_orders(), ["1:5"]);
}

#[test]
fn a_batch_limit_is_kept() {
    let steps = ["a_start_0", "b_start_0", "c_start_0"].map(|key| step(key, "n1", &[]));
    let mut limited = graph(&steps);
    limited.attributes.batch_limit = "2".into();
    let mut sim = Sim::with(vec![Scripted::new(vec![limited]) as Arc<dyn Policy>; 3]).run_up();
    assert_eq!(sim.running_orders(), ["1:1", "1:2"]);
    sim.end("n1", "1:1", 0);
    assert_eq!(sim.running_orders(), ["1:2", "1:3"]);
}

/// Each node takes part in so many migrations at a time, wherever they come from or go to; what is
/// no migration does not wait for them.
#[test]
fn a_migration_limit_is_kept_on_both_nodes() {
    let steps =
        ["a_migrate-to_0", "b_migrate-to_0", "c_migrate-to_0"].map(|key| step(key, "n1", &[]));
    let others = [
        step("d_migrate-to_0", "n3", &[]),
        step("e_start_0", "n1", &[]),
    ];
    let mut limited = graph(&[&steps[..], &others].concat());
    limited.attributes.migration_limit = Some("1".into());
    let ways = [("n1", "n2"), ("n3", "n1"), ("n2", "n3"), ("n3", "n2")];
    for (synapse, (source, target)) in limited.synapses.iter_mut().zip(ways) {
        let action = &mut synapse.action;
        action.task = "migrate_to".into();
        for (name, node) in [("source", source), ("target", target)] {
            let name = format!("CRM_meta_migrate_{name}");
            action.attributes.push((name, node.to_owned()));
        }
    }
    let mut sim = Sim::with(vec![Scripted::new(vec![limited]) as Arc<dyn Policy>; 3]).run_up();
    // The first takes n1 and n2: of the others each needs one of these.
    assert_eq!(sim.running_orders(), ["1:1", "1:5"]);
    sim.end("n1", "1:1", 0);
    assert_eq!(sim.running_orders(), ["1:2", "1:5"]);
}

#[test]
fn a_lost_proposal_is_made_again() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])]]);
    // The report reaches the leader, but the log does not take it.
    sim.log_refuses = true;
    sim.end("n1", "1:1", 0);
    assert!(!sim.leading().cluster().transition().unwrap().is_over());
    sim.log_refuses = false;
    sim.pass_time(100);
    assert!(
        sim.leading().cluster().transition().unwrap().is_over(),
        "it was told again"
    );
}

/// Each refusal may ask one executor for its reports again, but not at once: what they all say then
/// is refused as well, and there would be no end to it.
#[test]
fn a_log_that_takes_nothing_is_not_stormed() {
    let steps = ["n1", "n2", "n3"].map(|node| step("a_monitor_0", node, &[]));
    let mut sim = Sim::running(&[&steps]);
    sim.log_refuses = true;
    for (node, order) in [("n1", "1:1"), ("n2", "1:2"), ("n3", "1:3")] {
        sim.end(node, order, 0);
    }
    for _ in 0..20 {
        sim.pass_time(50);
    }
    assert!(!sim.leading().cluster().transition().unwrap().is_over());
    sim.log_refuses = false;
    sim.pass_time(100);
    assert!(sim.leading().cluster().transition().unwrap().is_over());
}

#[test]
fn a_refusal_of_what_got_into_the_log_by_another_way_holds_nothing_up() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])]]);
    sim.end("n1", "1:1", 0);
    // It was proposed twice: the second one was applied before the first was refused.
    let report = crate::executor::Report {
        sequence: 1,
        key: OrderKey {
            transition: 1,
            action: 1,
        },
        repeated: false,
        resource: "a".into(),
        task: "start".into(),
        interval_ms: 0,
        outcome: Outcome::new(ResultCode(0), Status::Done, ""),
    };
    let refused = Command::Report {
        node: "n1".into(),
        journal: 1,
        report,
    };
    sim.deliver(0, Input::NotProposed(refused));
    sim.configure();
    assert_eq!(sim.planned(), 1);
    sim.pass_time(1_000);
    assert_eq!(sim.planned(), 2);
}

#[test]
fn a_proposal_that_vanished_is_made_again() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])]]);
    sim.log_swallows = true;
    sim.end("n1", "1:1", 0);
    sim.log_swallows = false;
    sim.pass_time(1_000);
    assert!(!sim.leading().cluster().transition().unwrap().is_over());
    for _ in 0..3 {
        sim.pass_time(1_000);
    }
    assert!(
        sim.leading().cluster().transition().unwrap().is_over(),
        "it was told again"
    );
}

#[test]
fn an_executor_without_its_journal_is_a_new_one() {
    let mut sim = Sim::running(&[
        &[step("a_start_0", "n1", &[])],
        &[step("b_start_0", "n1", &[])],
    ]);
    sim.wipe("n1");
    sim.boot("n1", 2);
    assert_eq!(sim.planned(), 2, "the order that it does not know is void");
    sim.end("n1", "2:1", 0);
    assert!(
        sim.leading().cluster().transition().unwrap().is_over(),
        "its reports count anew"
    );
}

#[test]
fn what_executors_say_out_of_turn_is_harmless() {
    let mut sim = Sim::running(&[&[step("a_start_0", "n1", &[])]]);
    let report = crate::executor::Report {
        sequence: 40,
        key: OrderKey {
            transition: 9,
            action: 9,
        },
        repeated: true,
        resource: "nobody".into(),
        task: "monitor".into(),
        interval_ms: 1,
        outcome: Outcome::new(ResultCode(1), Status::Done, ""),
    };
    let connection = sim.link_of(0, "n2");
    for message in [
        FromExecutor::Report(report),
        FromExecutor::Refused {
            key: OrderKey {
                transition: 9,
                action: 9,
            },
            refusal: crate::executor::Refusal::Superseded { newest: 10 },
        },
    ] {
        sim.deliver(
            0,
            Input::Heard {
                connection,
                message,
            },
        );
    }
    sim.deliver(0, Input::Closed(ConnectionId(999)));
    sim.step_node("n1", ExecutorInput::Tick);
    assert_eq!(sim.planned(), 1);
    sim.assert_equal_states();
}

#[test]
fn a_plan_is_made_again_after_the_recheck_interval_even_if_nothing_happens() {
    let mut sim = Sim::running(&[&[], &[]]);
    assert_eq!(sim.planned(), 1);
    sim.pass_time(14 * 60_000);
    assert_eq!(sim.planned(), 1);
    sim.pass_time(60_000);
    assert_eq!(sim.planned(), 2, "15 minutes, unless configured otherwise");
    sim.pass_time(60_000);
    assert_eq!(sim.planned(), 2);
}
