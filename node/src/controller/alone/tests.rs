//! What a node without quorum does, and what it leaves alone.

use std::sync::Arc;

use super::*;
use crate::agent::{Outcome, ResultCode, Status};
use crate::cluster::command::{Command, Entry};
use crate::cluster::testing::{Scripted, Step as Written, cluster_step, graph, pseudo, step};
use crate::controller::{Input, Joined, Settings};
use crate::executor::{ConnectionId, FromExecutor};

const PATIENCE: Patience = Patience {
    lost_ms: 5_000,
    stop_ms: 20_000,
};

/// A controller on n1, with its executor, and with a plan behind it.
struct Rig {
    controller: Controller,
    now_ms: u64,
    index: u64,
}

impl Rig {
    fn new(without_quorum: &[Written]) -> Self {
        Self::in_life(1, without_quorum)
    }

    fn in_life(incarnation: u64, without_quorum: &[Written]) -> Self {
        // The scripted policy gives the same graph for the same number, with and without quorum.
        let policy = Scripted::new(vec![graph(without_quorum)]);
        let settings = Settings {
            cluster: "test".into(),
            id: 1,
            incarnation,
            voters: 3,
            node_lost_ms: 1_000,
            join_wait_ms: 1_000,
            patience_ms: 1_000,
        };
        let policy: Arc<dyn crate::cluster::policy::Policy> = policy;
        let controller = Controller::new(settings, policy).on_node("n1", PATIENCE);
        let mut rig = Self {
            controller,
            now_ms: 0,
            index: 0,
        };
        let executor = Joined {
            node: "n1".into(),
            journal: 1,
            incarnation: 1,
            acknowledged: 0,
        };
        let connection = ConnectionId(7);
        rig.input(Input::Joined {
            connection,
            executor,
        });
        rig.input(Input::Quorum { has: true });
        rig.commit(Command::Plan {
            transition: 1,
            utc_offset: 0,
            feature_set: String::new(),
        });
        rig
    }

    fn commit(&mut self, command: Command) {
        self.index += 1;
        let entry = Entry {
            at: 1,
            request: None,
            command,
        };
        self.input(Input::Committed {
            index: self.index,
            data: entry.encode(),
        });
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        let now = Moment {
            monotonic_ms: self.now_ms,
            at: 1,
            utc_offset: 0,
        };
        self.controller.step(now, input).unwrap()
    }

    /// Orders by key and what becomes of the node, after some time.
    fn after(&mut self, ms: u64) -> (Vec<String>, Vec<WithoutQuorum>) {
        self.now_ms += ms;
        shown(self.input(Input::Tick))
    }

    fn lose_quorum(&mut self) -> (Vec<String>, Vec<WithoutQuorum>) {
        self.input(Input::Quorum { has: false });
        self.after(PATIENCE.lost_ms)
    }

    /// The key of the order for an action of the plan without quorum.
    fn key(&self, action: u32) -> OrderKey {
        let alone = self.controller.alone.as_ref().unwrap();
        let mut steps = alone.work.iter().flatten();
        steps.find(|step| step.action.id == action).unwrap().key
    }

    fn end(&mut self, action: u32, code: i32) -> (Vec<String>, Vec<WithoutQuorum>) {
        let key = self.key(action);
        let report = Report {
            sequence: 1,
            key,
            repeated: false,
            resource: String::new(),
            task: String::new(),
            interval_ms: 0,
            outcome: Outcome::new(ResultCode(code), Status::Done, ""),
        };
        self.hear(FromExecutor::Report(report))
    }

    /// The executor refuses: somebody leads, or led meanwhile.
    fn refuse(&mut self, action: u32) -> (Vec<String>, Vec<WithoutQuorum>) {
        let (key, refusal) = (self.key(action), Refusal::NotAlone);
        self.hear(FromExecutor::Refused { key, refusal })
    }

    fn hear(&mut self, message: FromExecutor) -> (Vec<String>, Vec<WithoutQuorum>) {
        let connection = ConnectionId(7);
        shown(self.input(Input::Heard {
            connection,
            message,
        }))
    }
}

fn shown(effects: Vec<Effect>) -> (Vec<String>, Vec<WithoutQuorum>) {
    let (mut orders, mut fates) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Tell {
                message: ToExecutor::Alone { order },
                ..
            } => orders.push(format!("{} {}", order.work.task(), order.work.resource())),
            Effect::WithoutQuorum(fate) => fates.push(fate),
            _ => {}
        }
    }
    (orders, fates)
}

fn none() -> (Vec<String>, Vec<WithoutQuorum>) {
    (Vec::new(), Vec::new())
}

fn stops() -> Vec<Written> {
    vec![
        step("web_stop_0", "n1", &[]),
        step("log_stop_0", "n2", &[0]),
        pseudo("all_stopped_0", &[0, 1]),
        step("db_stop_0", "n1", &[2]),
        step("mail_start_0", "n1", &[3]),
    ]
}

#[test]
fn only_stops_of_the_own_node_are_carried_out_in_their_order() {
    let mut rig = Rig::new(&stops());
    let (orders, fates) = rig.lose_quorum();
    assert_eq!(orders, ["stop web"]);
    assert_eq!(fates, [WithoutQuorum::Acts(2)]);
    assert_eq!(rig.after(10), none(), "it was sent just now");
    assert_eq!(rig.after(AGAIN_MS).0, ["stop web"], "it may have been lost");
    // What happens on n2 is not known, and not waited for.
    let both = ["stop web", "stop db"];
    assert_eq!(rig.end(1, 0).0, both, "the first one is asked for again");
    assert_eq!(rig.end(1, 0), none(), "that is no news");
    assert_eq!(rig.end(4, 0), (Vec::new(), vec![WithoutQuorum::Done]));
    assert_eq!(rig.after(60_000), none(), "all is done");
}

#[test]
fn an_election_is_no_loss_of_quorum() {
    let mut rig = Rig::new(&stops());
    rig.input(Input::Quorum { has: false });
    assert_eq!(rig.after(PATIENCE.lost_ms - 1), none());
    rig.input(Input::Quorum { has: true });
    assert_eq!(rig.after(60_000), none());
}

#[test]
fn what_was_begun_ends_when_there_is_a_quorum_again() {
    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    let (_, fates) = shown(rig.input(Input::Quorum { has: true }));
    assert_eq!(fates, [WithoutQuorum::Regained]);
    assert_eq!(rig.after(60_000), none());
}

#[test]
fn a_node_that_cannot_stop_in_time_has_to_fence_itself() {
    let fences = |(_, fates): (Vec<String>, Vec<WithoutQuorum>), says: &str| {
        assert!(
            matches!(&fates[..], [WithoutQuorum::FenceSelf(reason)] if reason.contains(says)),
            "{fates:?}"
        );
    };
    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    fences(rig.after(PATIENCE.stop_ms), "web_stop_0 is not done");
    assert_eq!(rig.after(60_000), none(), "it is said once");

    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    fences(rig.end(1, 1), "web_stop_0 failed");

    let mut rig = Rig::new(&[cluster_step("stonith", "n1", &[])]);
    fences(rig.lose_quorum(), "policy");
}

#[test]
fn what_was_done_without_quorum_once_is_not_taken_for_done_the_next_time() {
    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    let (before, other) = (rig.key(1), rig.key(4));
    assert_ne!(before, other);
    // The others go on, and this one does not hear what they start here.
    rig.input(Input::Quorum { has: true });
    rig.after(1_000);
    rig.input(Input::Quorum { has: false });
    rig.after(PATIENCE.lost_ms);
    assert_eq!(rig.controller.cluster().index(), 1, "it knows nothing new");
    assert_ne!(rig.key(1), before);
    // Nor does one that was started again meanwhile.
    let mut later = Rig::in_life(2, &stops());
    later.lose_quorum();
    assert_ne!(later.key(1), before);
}

#[test]
fn what_was_done_before_somebody_led_does_not_count() {
    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    rig.end(1, 0);
    let before = (rig.key(1), rig.key(4));
    // A leader came, may have started web again, and is gone.
    assert_eq!(rig.refuse(4), none());
    assert!(rig.key(1) != before.0 && rig.key(4) != before.1);
    assert_eq!(rig.after(AGAIN_MS).0, ["stop web"], "from the beginning");
    rig.end(1, 0);
    assert_eq!(rig.end(4, 0), (Vec::new(), vec![WithoutQuorum::Done]));
}

#[test]
fn an_executor_that_somebody_leads_all_the_time_is_not_done_with() {
    let mut rig = Rig::new(&stops());
    rig.lose_quorum();
    for _ in 1..PATIENCE.stop_ms / AGAIN_MS {
        assert_eq!(rig.refuse(1), none(), "not at once");
        assert_eq!(rig.after(AGAIN_MS).0, ["stop web"]);
    }
    let (_, fates) = rig.after(AGAIN_MS);
    assert!(matches!(fates[..], [WithoutQuorum::FenceSelf(_)]));
}

#[test]
fn where_services_are_to_run_on_nothing_is_stopped() {
    for policy in ["freeze", "ignore", "demote"] {
        let mut rig = Rig::new(&stops());
        let cib = format!(
            r#"<cib epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config><cluster_property_set id="o"><nvpair id="q" name="no-quorum-policy" value="{policy}"/></cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>"#
        );
        rig.commit(Command::ReplaceConfig {
            expected: None,
            cib: cib.into_bytes(),
        });
        let (orders, _) = rig.lose_quorum();
        assert_eq!(orders.is_empty(), policy != "demote", "{policy}");
    }
}

#[test]
fn what_the_plan_would_only_move_or_start_again_is_left_alone() {
    let mut rig = Rig::new(&[
        step("db_stop_0", "n1", &[]),
        step("db_start_0", "n2", &[0]),
        step("log_stop_0", "n1", &[]),
        step("log_start_0", "n1", &[2]),
        step("disk:0_demote_0", "n1", &[]),
        step("disk:1_promote_0", "n2", &[4]),
        step("web_stop_0", "n1", &[0]),
        step("cache_demote_0", "n1", &[]),
        step("cache_start_0", "n2", &[]),
    ]);
    let (orders, fates) = rig.lose_quorum();
    assert_eq!(orders, ["stop web", "demote cache"]);
    assert_eq!(fates, [WithoutQuorum::Acts(2)]);
}

#[test]
fn a_policy_that_wants_nothing_does_nothing() {
    let mut rig = Rig::new(&[step("db_start_0", "n1", &[])]);
    let fates = vec![WithoutQuorum::Acts(0), WithoutQuorum::Done];
    assert_eq!(rig.lose_quorum(), (Vec::new(), fates));
    assert_eq!(rig.after(60_000), none());
}
