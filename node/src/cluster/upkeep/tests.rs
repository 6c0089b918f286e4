//! What an operator may expect of cleanup, tickets and confirmed fencing.

use std::sync::Arc;

use super::*;
use crate::cluster::command::{Command, Entry};
use crate::cluster::testing::{Scripted, cluster_step, graph, next_plan, node_up, step};
use crate::executor::OrderKey;

const CIB: &str = r#"<cib validate-with="pacemaker-4.0"><configuration><crm_config/>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>
    <group id="g"><primitive id="db" class="ocf" provider="p" type="T"/></group>
    <clone id="c"><primitive id="web" class="ocf" provider="p" type="T"/></clone></resources>
    <constraints><rsc_ticket id="t" ticket="site" rsc="g"/></constraints></configuration></cib>"#;

struct Rig {
    cluster: Cluster,
    index: u64,
    news: Vec<What>,
}

impl Rig {
    fn new(policy: &Arc<Scripted>) -> Self {
        let mut rig = Self {
            cluster: Cluster::new("test", 1, policy.clone()),
            index: 0,
            news: Vec::new(),
        };
        let cib = CIB.into();
        rig.apply(Command::ReplaceConfig {
            expected: None,
            cib,
        })
        .unwrap();
        for (node, incarnation) in [("n1", 1), ("n2", 2)] {
            rig.up(node, incarnation);
        }
        rig
    }

    fn apply(&mut self, command: Command) -> Result<(), Refusal> {
        self.index += 1;
        let at = 1000;
        let entry = Entry {
            at,
            request: None,
            command,
        };
        let applied = self.cluster.apply(self.index, entry);
        self.news = applied.events.into_iter().map(|event| event.what).collect();
        applied.outcome
    }

    fn up(&mut self, node: &str, incarnation: u64) {
        self.apply(node_up(node, incarnation, incarnation)).unwrap();
    }

    /// What an operation of `resource` on `node` left behind: a history entry, and a fail count if
    /// it failed.
    fn ran(&mut self, node: &str, resource: &str, operation: (&str, u64), code: i32) {
        let (task, interval_ms) = operation;
        let cib = &mut self.cluster.cib;
        let state = status::find_state(cib, node).unwrap();
        let lrm = status::child_or_new(cib, state, "lrm");
        let resources = status::child_or_new(cib, lrm, "lrm_resources");
        let history = status::resource_history(cib, node, resource).unwrap_or_else(|| {
            let new = cib.append(resources, "lrm_resource");
            cib.set_attr(new, "id", resource);
            new
        });
        let entry = cib.append(history, "lrm_rsc_op");
        for (name, value) in [
            ("operation", task.to_owned()),
            ("interval", interval_ms.to_string()),
            ("rc-code", code.to_string()),
            ("op-status", "0".to_owned()),
            ("transition-key", "1:1:0:x".to_owned()),
        ] {
            cib.set_attr(entry, name, &value);
        }
        if code != 0 {
            let name = format!("fail-count-{resource}#{task}_{interval_ms}");
            status::set_transient(cib, node, &name, Some("1"));
        }
    }

    fn has_history(&self, node: &str, resource: &str) -> bool {
        status::resource_history(&self.cluster.cib, node, resource).is_some()
    }

    fn cleanup(&mut self, what: Cleanup) -> Result<(), Refusal> {
        self.apply(Command::Cleanup { what })
    }

    fn plan(&mut self) {
        self.apply(next_plan(&self.cluster)).unwrap();
    }

    fn ticket(&mut self, change: TicketChange) -> Result<(), Refusal> {
        let ticket = "site".to_owned();
        self.apply(Command::Ticket { ticket, change })
    }
}

fn of(resource: &str) -> Cleanup {
    Cleanup {
        resource: Some(resource.into()),
        ..Cleanup::default()
    }
}

#[test]
fn cleanup_forgets_what_failed_and_nothing_else() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    rig.ran("n1", "db", ("start", 0), 1);
    rig.ran("n2", "db", ("start", 0), 0);
    rig.ran("n1", "web:0", ("monitor", 10_000), 1);
    rig.plan();
    // The group stands for what is in it.
    rig.cleanup(of("g")).unwrap();
    assert!(!rig.has_history("n1", "db") && rig.has_history("n2", "db"));
    assert!(rig.has_history("n1", "web:0"), "it is not in the group");
    let counted = status::transient_names(rig.cluster.cib(), "n1");
    assert_eq!(counted, ["fail-count-web:0#monitor_10000"]);
    assert!(rig.news.iter().any(|what| matches!(what,
        What::Cleaned { resource, node } if (resource.as_str(), node.as_str()) == ("db", "n1"))));
    assert!(
        rig.cluster.wanted().is_some(),
        "a plan probes what is not known"
    );

    // An instance's number is of no interest to who cleans up the clone.
    rig.cleanup(of("c")).unwrap();
    assert!(!rig.has_history("n1", "web:0"));
    assert!(status::transient_names(rig.cluster.cib(), "n1").is_empty());
}

#[test]
fn cleanup_of_one_operation_leaves_failures_of_others() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    rig.ran("n1", "db", ("start", 0), 1);
    let operation = CleanupOperation {
        task: "monitor".into(),
        interval_ms: 10_000,
    };
    let what = Cleanup {
        operation: Some(operation),
        ..of("db")
    };
    rig.cleanup(what.clone()).unwrap();
    assert!(rig.has_history("n1", "db") && rig.news.is_empty());
    rig.ran("n1", "db", ("monitor", 10_000), 7);
    rig.cleanup(what).unwrap();
    assert!(!rig.has_history("n1", "db"), "half a history would mislead");
    let counted = status::transient_names(rig.cluster.cib(), "n1");
    assert_eq!(counted, ["fail-count-db#start_0"]);
}

#[test]
fn refresh_forgets_also_what_is_well() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    for node in ["n1", "n2"] {
        rig.ran(node, "db", ("start", 0), 0);
    }
    let node = Some("n2".to_owned());
    let what = Cleanup {
        node,
        everything: true,
        ..Cleanup::default()
    };
    rig.cleanup(what).unwrap();
    assert!(rig.has_history("n1", "db") && !rig.has_history("n2", "db"));
}

#[test]
fn cleanup_of_what_does_not_exist_says_so() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    let unknown = Refusal::UnknownResource("dbb".into());
    assert_eq!(rig.cleanup(of("dbb")), Err(unknown));
    let node = Some("n9".to_owned());
    let what = Cleanup { node, ..of("db") };
    assert_eq!(rig.cleanup(what), Err(Refusal::UnknownNode("n9".into())));
    // But what left the configuration and has a history does.
    rig.ran("n1", "old", ("start", 0), 1);
    rig.cleanup(of("old")).unwrap();
    assert!(!rig.has_history("n1", "old"));
}

#[test]
fn tickets_are_granted_with_their_time_and_revoked() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    let shown = |rig: &Rig| {
        let cib = rig.cluster.cib();
        let status = cib.child(cib.root(), "status").unwrap();
        let tickets = cib.child(status, "tickets").unwrap();
        let states = cib.children_named(tickets, "ticket_state");
        let told = states.map(|e| cib.attrs(e).map(|(n, v)| format!("{n}={v}")).collect());
        told.collect::<Vec<Vec<String>>>().concat().join(" ")
    };
    rig.ticket(TicketChange::Grant).unwrap();
    assert_eq!(shown(&rig), "id=site granted=true last-granted=1000");
    rig.ticket(TicketChange::Grant).unwrap();
    assert!(rig.news.is_empty(), "it was granted before");
    rig.ticket(TicketChange::Standby(true)).unwrap();
    rig.ticket(TicketChange::Revoke).unwrap();
    assert_eq!(
        shown(&rig),
        "id=site granted=false last-granted=1000 standby=true"
    );
    let (name, value) = ("standby".to_owned(), None);
    rig.ticket(TicketChange::Attribute { name, value }).unwrap();
    assert_eq!(shown(&rig), "id=site granted=false last-granted=1000");
    rig.ticket(TicketChange::Remove).unwrap();
    assert_eq!(shown(&rig), "");
    let ticket = "sight".to_owned();
    let change = TicketChange::Revoke;
    let outcome = rig.apply(Command::Ticket { ticket, change });
    assert_eq!(outcome, Err(Refusal::UnknownTicket("sight".into())));
}

#[test]
fn confirming_that_a_node_is_down_is_as_good_as_fencing_it() {
    let fence_then_start = [
        cluster_step("stonith", "n2", &[]),
        step("db_start_0", "n1", &[0]),
    ];
    let mut rig = Rig::new(&Scripted::new(vec![graph(&fence_then_start)]));
    let confirm = |node: &str| Command::ConfirmFenced { node: node.into() };
    let refused = rig.apply(confirm("n2"));
    assert_eq!(refused, Err(Refusal::IsOnline("n2".into())));
    assert_eq!(
        rig.apply(confirm("n9")),
        Err(Refusal::UnknownNode("n9".into()))
    );
    rig.apply(Command::NodeLost {
        node: "n2".into(),
        incarnation: 2,
        clean: false,
    })
    .unwrap();
    rig.plan();
    rig.apply(confirm("n2")).unwrap();
    let transition = rig.cluster.transition().unwrap();
    assert!(transition.aborted.is_none());
    assert_eq!(
        transition.ready().collect::<Vec<_>>(),
        [1],
        "the start is next"
    );
    assert_eq!(fencings(&rig), ["off of n2 by nobody: true"]);
}

fn fencings(rig: &Rig) -> Vec<String> {
    let all = rig.cluster.fencings().iter();
    let told = all.map(|record| {
        let by = record.by.as_deref().unwrap_or("nobody");
        format!(
            "{} of {} by {by}: {}",
            record.action, record.target, record.succeeded
        )
    });
    told.collect()
}

#[test]
fn what_was_fenced_is_remembered_also_by_who_comes_later() {
    let graphs: Vec<_> = (0..150)
        .map(|_| graph(&[cluster_step("stonith", "n2", &[])]))
        .collect();
    let policy = Scripted::new(graphs);
    let mut rig = Rig::new(&policy);
    for _ in 0..150 {
        rig.plan();
        let transition = rig.cluster.transition().unwrap();
        let key = OrderKey {
            transition: transition.number,
            action: transition.action(0).id,
        };
        let reason = "nobody is left".to_owned();
        rig.apply(Command::GiveUp { key, reason }).unwrap();
    }
    let remembered = fencings(&rig);
    assert_eq!(remembered.len(), 100, "not without a bound");
    assert_eq!(remembered[0], "reboot of n2 by nobody: false");
    let restored = Cluster::restore("test", &rig.cluster.snapshot(), policy).unwrap();
    assert_eq!(restored.fencings(), rig.cluster.fencings());
}

#[test]
fn how_each_plan_ended_is_remembered_beside_its_input() {
    let steps = [
        step("db_start_0", "n1", &[]),
        step("db_monitor_1", "n1", &[0]),
    ];
    let policy = Scripted::new(vec![graph(&steps), graph(&steps)]);
    let mut rig = Rig::new(&policy);
    rig.plan();
    assert!(rig.cluster.endings().find(1).is_none(), "it has not ended");
    rig.cleanup(Cleanup::default()).unwrap();
    rig.ran("n1", "db", ("start", 0), 1);
    rig.cleanup(of("db")).unwrap();
    rig.plan();
    let ending = rig.cluster.endings().find(1).unwrap();
    assert_eq!(ending.progress, [Progress::Waiting; 2]);
    assert_eq!(ending.aborted.as_deref(), Some("db cleaned up"));
    let restored = Cluster::restore("test", &rig.cluster.snapshot(), policy).unwrap();
    assert_eq!(restored.endings(), rig.cluster.endings());
}
