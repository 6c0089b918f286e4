//! The state machine, driven by commands as the log would bring them.

use super::testing::{Scripted, cluster_step, graph, probe, pseudo, step};
use super::*;
use crate::agent::{Outcome, ResultCode, Status};
use crate::executor::{OrderKey, Report};
use command::TicketChange;
use transition::Progress;

const CIB: &str = r#"<cib validate-with="pacemaker-4.0" epoch="7" admin_epoch="2"><configuration>
    <crm_config/><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
    <resources><primitive id="db" class="ocf" provider="lockstep" type="Dummy"/></resources>
    <constraints/></configuration><status><node_state id="1" uname="n1"/></status></cib>"#;

/// Replicas that get the same log.
struct Rig {
    replicas: Vec<Cluster>,
    index: u64,
    events: Vec<What>,
}

impl Rig {
    fn new(policy: &Arc<Scripted>) -> Self {
        Self::of(vec![policy.clone(); 3])
    }

    fn of(policies: Vec<Arc<Scripted>>) -> Self {
        let replicas = policies
            .into_iter()
            .map(|policy| Cluster::new("test", 3, policy));
        Self {
            replicas: replicas.collect(),
            index: 1,
            events: Vec::new(),
        }
    }

    /// With a configuration, two nodes, and a leader.
    fn ready(policy: &Arc<Scripted>) -> Self {
        let mut rig = Self::new(policy);
        rig.apply(Command::Lead {
            controller: 1,
            term: 2,
        })
        .unwrap();
        rig.apply(Command::ReplaceConfig {
            expected: None,
            cib: CIB.into(),
        })
        .unwrap();
        rig.up("n1", 10);
        rig.up("n2", 20);
        rig
    }

    fn apply(&mut self, command: Command) -> Result<(), Refusal> {
        self.index += 1;
        let at = 1000 + self.index as i64;
        let entry = Entry {
            at,
            request: None,
            command,
        };
        let entry = Entry::decode(&entry.encode()).unwrap();
        let mut outcomes = Vec::new();
        for replica in &mut self.replicas {
            let applied = replica.apply(self.index, entry.clone());
            self.events = applied.events.into_iter().map(|event| event.what).collect();
            outcomes.push(applied.outcome);
        }
        assert!(
            outcomes.windows(2).all(|pair| pair[0] == pair[1]),
            "replicas disagree"
        );
        outcomes.remove(0)
    }

    fn up(&mut self, node: &str, incarnation: u64) {
        let (node, journal) = (node.to_owned(), incarnation);
        self.apply(Command::NodeUp {
            node,
            journal,
            incarnation,
            acknowledged: 0,
        })
        .unwrap();
    }

    fn plan(&mut self) {
        let transition = self.replicas[0].planned() + 1;
        self.apply(Command::Plan {
            transition,
            utc_offset: 0,
            feature_set: String::new(),
        })
        .unwrap();
    }

    fn report(&mut self, node: &str, key: (u64, u32), code: i32) -> Result<(), Refusal> {
        let record = &self.replicas[0].nodes()[node];
        let (journal, sequence) = (record.journal, record.applied + 1);
        let report = report(sequence, key, code);
        self.apply(Command::Report {
            node: node.into(),
            journal,
            report,
        })
    }

    fn cluster(&self) -> &Cluster {
        &self.replicas[0]
    }

    fn transition(&self) -> &Transition {
        self.cluster().transition().unwrap()
    }

    fn ready_actions(&self) -> Vec<u32> {
        let transition = self.transition();
        transition
            .ready()
            .map(|synapse| transition.action(synapse).id)
            .collect()
    }
}

fn report(sequence: u64, (transition, action): (u64, u32), code: i32) -> Report {
    let mut outcome = Outcome::new(ResultCode(code), Status::Done, "");
    outcome.began_at = 1234;
    Report {
        sequence,
        key: OrderKey { transition, action },
        repeated: false,
        resource: "db".into(),
        task: "start".into(),
        interval_ms: 0,
        outcome,
    }
}

fn monitor_report(sequence: u64, key: (u64, u32), code: i32) -> Report {
    Report {
        repeated: true,
        task: "monitor".into(),
        interval_ms: 10_000,
        ..report(sequence, key, code)
    }
}

#[test]
fn replicas_of_one_log_are_equal_to_the_byte_at_every_index() {
    let steps = [
        probe("db_monitor_0", "n1", &[]),
        step("db_start_0", "n1", &[0]),
    ];
    let policy = Scripted::new(vec![graph(&steps), graph(&steps)]);
    let mut rig = Rig::ready(&policy);
    rig.plan();
    rig.report("n1", (1, 1), 7).unwrap();
    rig.report("n1", (1, 2), 1).unwrap();
    rig.plan();
    rig.report("n1", (2, 1), 7).unwrap();
    let snapshots: Vec<_> = rig.replicas.iter().map(Cluster::snapshot).collect();
    assert!(snapshots.windows(2).all(|pair| pair[0] == pair[1]));

    // And one that is restored is equal too, and goes on equally.
    rig.replicas[2] = Cluster::restore("test", &snapshots[0], policy).unwrap();
    assert!(!rig.replicas[2].diverged_from_snapshot());
    for code in [Some(0), None] {
        assert_eq!(rig.replicas[0].snapshot(), rig.replicas[2].snapshot());
        if let Some(code) = code {
            rig.report("n1", (2, 2), code).unwrap();
        }
    }
}

#[test]
fn who_votes_belongs_to_the_state_at_an_index_of_its_own() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    let before = rig.replicas[1].index();
    rig.replicas[0].set_voters(before + 1, (1..=5).collect());
    assert_eq!(rig.replicas[0].index(), before + 1);
    assert_ne!(rig.replicas[0].snapshot(), rig.replicas[1].snapshot());
    rig.replicas[1].set_voters(before + 1, (1..=5).collect());
    assert_eq!(rig.replicas[0].snapshot(), rig.replicas[1].snapshot());
}

#[test]
fn nodes_that_came_before_their_configuration_are_the_configured_ones() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    // In another order than in the configuration, so that each got the other's id.
    rig.up("n2", 20);
    rig.up("n1", 10);
    rig.apply(Command::ReplaceConfig {
        expected: None,
        cib: CIB.into(),
    })
    .unwrap();
    let cib = rig.cluster().cib();
    for (node, id) in [("n1", "1"), ("n2", "2")] {
        assert_eq!(status::node_id(cib, node).as_deref(), Some(id));
        let state = status::find_state(cib, node).unwrap();
        assert_eq!(
            (cib.id(state), cib.attr(state, "crmd").is_some()),
            (Some(id), true)
        );
        assert_eq!(cib.id(cib.child(state, "lrm").unwrap()), Some(id));
    }
}

#[test]
fn a_configuration_replaces_the_expected_one_only() {
    let mut rig = Rig::ready(&Scripted::new(Vec::new()));
    let present = rig.cluster().epoch();
    assert_eq!(present.admin, 2, "the given admin_epoch is taken over");
    let stale = Epoch { admin: 2, epoch: 0 };
    let outcome = rig.apply(Command::ReplaceConfig {
        expected: Some(stale),
        cib: CIB.into(),
    });
    assert_eq!(
        outcome,
        Err(Refusal::OtherEpoch {
            expected: stale,
            present
        })
    );
    assert!(rig.events.is_empty());
    rig.apply(Command::ReplaceConfig {
        expected: Some(present),
        cib: CIB.into(),
    })
    .unwrap();
    assert_eq!(
        rig.cluster().epoch(),
        Epoch {
            admin: 2,
            epoch: present.epoch + 1
        }
    );
    // The status stays the cluster's own.
    assert!(status::find_state(rig.cluster().cib(), "n2").is_some());
}

#[test]
fn what_is_no_cib_is_refused_with_a_place_and_changes_nothing() {
    let mut rig = Rig::ready(&Scripted::new(Vec::new()));
    let before = rig.cluster().cib().to_xml();
    for bad in [
        &b""[..],
        b"<cib",
        b"<cib/>",
        b"<html></html>",
        b"\xff\xfe\x00",
        b"<a><b></a>",
    ] {
        let outcome = rig.apply(Command::ReplaceConfig {
            expected: None,
            cib: bad.into(),
        });
        assert!(matches!(outcome, Err(Refusal::NotACib(_))), "{outcome:?}");
    }
    assert_eq!(rig.cluster().cib().to_xml(), before);
}

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
    let up = |incarnation| Command::NodeUp {
        node: "n1".into(),
        journal: 10,
        incarnation,
        acknowledged: 0,
    };
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
    rig.apply(Command::NodeUp {
        node: node.into(),
        journal,
        incarnation,
        acknowledged: 0,
    })
    .unwrap();
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
fn a_controller_that_computes_something_else_is_found_out() {
    let graphs = vec![graph(&[step("db_start_0", "n1", &[])])];
    let good = Scripted::new(graphs.clone());
    let bad = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let mut rig = Rig::of(vec![good.clone(), good, bad]);
    rig.apply(Command::Lead {
        controller: 1,
        term: 2,
    })
    .unwrap();
    rig.up("n1", 10);
    rig.plan();
    let digests: Vec<_> = rig
        .replicas
        .iter()
        .map(|replica| replica.transition().unwrap().digest)
        .collect();
    assert_ne!(digests[0], digests[2]);
    for (controller, digest) in (1..).zip(digests) {
        rig.apply(Command::Digest {
            transition: 1,
            controller,
            incarnation: 5,
            digest,
        })
        .unwrap();
    }
    let diverged: Vec<_> = rig
        .cluster()
        .agreement()
        .diverged()
        .keys()
        .copied()
        .collect();
    assert_eq!(diverged, [3]);
}

#[test]
fn a_diverged_controller_is_trusted_again_only_after_a_restart() {
    let mut agreement = Agreement::default();
    let mut report = |transition, controller, incarnation, byte| {
        agreement.report(transition, controller, incarnation, [byte; 32], 3);
        agreement.diverged().keys().copied().collect::<Vec<_>>()
    };
    assert!(
        report(1, 3, 1, 9).is_empty(),
        "alone it is not known who is wrong"
    );
    assert!(report(1, 1, 1, 5).is_empty());
    assert_eq!(report(1, 2, 1, 5), [3]);
    for controller in [1, 2, 3] {
        assert_eq!(
            report(2, controller, 1, 6),
            [3],
            "one good plan proves nothing"
        );
    }
    report(3, 1, 1, 7);
    report(3, 2, 1, 7);
    assert!(report(3, 3, 2, 7).is_empty());
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

#[test]
fn a_command_of_a_newer_version_stops_the_controller() {
    let entry = Entry {
        at: 1,
        request: None,
        command: Command::Lead {
            controller: 1,
            term: 1,
        },
    };
    let mut bytes = entry.encode();
    bytes[0] = 9;
    assert!(matches!(
        Entry::decode(&bytes),
        Err(command::EntryError::Newer { found: 9 })
    ));
    for short in [&[][..], &[1]] {
        assert!(matches!(
            Entry::decode(short),
            Err(command::EntryError::Short)
        ));
    }
    let mut long = entry.encode();
    long.push(0);
    assert!(matches!(
        Entry::decode(&long),
        Err(command::EntryError::Malformed(_))
    ));
}

#[test]
fn a_snapshot_that_is_none_is_refused_whatever_it_is() {
    let policy = Scripted::new(vec![graph(&[step("db_start_0", "n1", &[])])]);
    let mut rig = Rig::ready(&policy);
    rig.plan();
    let good = rig.cluster().snapshot();
    let restore = |name: &str, bytes: &[u8]| Cluster::restore(name, bytes, policy.clone()).err();
    assert!(restore("test", &good).is_none());
    assert!(matches!(
        restore("other", &good),
        Some(snapshot::SnapshotError::OfAnother(_))
    ));
    let mut newer = good.clone();
    newer[0] = 9;
    assert!(matches!(
        restore("test", &newer),
        Some(snapshot::SnapshotError::Newer(9))
    ));
    for length in 0..good.len() {
        assert!(
            restore("test", &good[..length]).is_some(),
            "cut to {length} bytes"
        );
    }
}

#[test]
fn a_controller_that_cannot_rebuild_the_graph_of_a_snapshot_knows_it() {
    let graphs = vec![graph(&[step("db_start_0", "n1", &[])])];
    let mut rig = Rig::ready(&Scripted::new(graphs.clone()));
    rig.plan();
    let other = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let restored = Cluster::restore("test", &rig.cluster().snapshot(), other).unwrap();
    assert!(restored.diverged_from_snapshot());
}

#[test]
fn whatever_agents_and_operators_say_the_state_can_be_saved_and_taken_up_again() {
    let policy = Scripted::new(Vec::new());
    let mut rig = Rig::ready(&policy);
    let ticket = |name: &str, value: &str| Command::Ticket {
        ticket: "west".into(),
        change: TicketChange::Attribute {
            name: name.into(),
            value: Some(value.into()),
        },
    };
    for name in ["a b", "1", "", "a:b", "xmlns", "id", "a<b", "\u{1B}"] {
        let refused = Err(Refusal::NotAnAttribute(name.into()));
        assert_eq!(rig.apply(ticket(name, "x")), refused, "{name:?}");
    }
    rig.apply(ticket("owner", "\u{1B}[1mÄ\u{FFFE}\0")).unwrap();
    let saved = rig.cluster().snapshot();
    let restored = Cluster::restore("test", &saved, policy).unwrap();
    assert!(saved == restored.snapshot(), "the same state");
}

#[test]
fn a_configuration_may_number_its_nodes_otherwise_than_they_came() {
    let mut rig = Rig::new(&Scripted::new(vec![]));
    rig.up("n2", 20);
    rig.up("n1", 10);
    rig.apply(Command::SetAttribute {
        node: "n2".into(),
        name: "load".into(),
        value: Some("1".into()),
        lifetime: command::Lifetime::Transient,
    })
    .unwrap();
    rig.apply(Command::ReplaceConfig {
        expected: None,
        cib: CIB.into(),
    })
    .unwrap();
    for (node, id) in [("n1", "1"), ("n2", "2")] {
        let cib = rig.cluster().cib();
        let state = status::find_state(cib, node).unwrap();
        let lrm = cib.child(state, "lrm").unwrap();
        assert_eq!((cib.id(state), cib.id(lrm)), (Some(id), Some(id)), "{node}");
        assert_eq!(rig.cluster().nodes()[node].id, id);
    }
    assert_eq!(
        status::transient(rig.cluster().cib(), "n2", "load"),
        Some("1")
    );
    assert!(rig.cluster().cib().to_xml().contains("\"status-2-load\""));
}

#[test]
fn a_lost_node_that_a_configuration_forgets_still_waits_to_be_fenced() {
    for (clean, known) in [(false, true), (true, false)] {
        let mut rig = Rig::ready(&Scripted::new(vec![]));
        rig.up("n3", 30);
        rig.apply(Command::NodeLost {
            node: "n3".into(),
            incarnation: 30,
            clean,
        })
        .unwrap();
        rig.apply(Command::ReplaceConfig {
            expected: None,
            cib: CIB.into(),
        })
        .unwrap();
        assert_eq!(
            status::node_id(rig.cluster().cib(), "n3").is_some(),
            known,
            "left in order: {clean}"
        );
    }
}
