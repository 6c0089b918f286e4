//! What becomes of a resource that was on its way when one of its nodes was lost.

use std::sync::Arc;

use super::*;
use crate::agent::{Outcome, ResultCode, Status};
use crate::cluster::Refusal;
use crate::cluster::command::{Command, Entry};
use crate::cluster::testing::{Scripted, graph, next_plan, node_up, probe, step};
use crate::executor::{OrderKey, Report};

const CIB: &str = r#"<cib validate-with="pacemaker-4.0"><configuration><crm_config/>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>
    <primitive id="vm" class="ocf" provider="p" type="T"/></resources>
    <constraints/></configuration></cib>"#;

/// Two nodes, and a first plan that found `vm` on `n1` only, and has it sent to `n2`.
struct Rig {
    cluster: Cluster,
    index: u64,
    sequences: [u64; 2],
}

impl Rig {
    fn new() -> Self {
        let probes = graph(&[
            step("vm_monitor_0", "n1", &[]),
            probe("vm_monitor_0", "n2", &[]),
        ]);
        let mut migration = graph(&[
            step("vm_migrate_to_0", "n1", &[]),
            step("vm_migrate_from_0", "n2", &[0]),
            step("vm_stop_0", "n1", &[1]),
        ]);
        // A key alone does not tell where a name ends and a task with a '_' begins.
        let tasks = ["migrate_to", "migrate_from", "stop"];
        for (synapse, task) in migration.synapses.iter_mut().zip(tasks) {
            synapse.action.task = task.to_owned();
            if let Some(primitive) = &mut synapse.action.primitive {
                primitive.id = "vm".to_owned();
            }
            for (name, value) in [("source", "n1"), ("target", "n2")] {
                let pair = (format!("CRM_meta_migrate_{name}"), value.to_owned());
                synapse.action.attributes.push(pair);
            }
            synapse.action.attributes.sort();
        }
        let policy: Arc<Scripted> = Scripted::new(vec![probes, migration]);
        let mut rig = Self {
            cluster: Cluster::new("test", 1, policy),
            index: 0,
            sequences: [0, 0],
        };
        let cib = CIB.into();
        let expected = None;
        rig.apply(Command::ReplaceConfig { expected, cib }).unwrap();
        rig.up("n1", 1);
        rig.up("n2", 2);
        rig.plan();
        rig.ends("n1", 1, 0);
        rig.ends("n2", 2, 7);
        rig.plan();
        rig
    }

    fn apply(&mut self, command: Command) -> Result<(), Refusal> {
        self.index += 1;
        let entry = Entry {
            at: 1000,
            request: None,
            command,
        };
        self.cluster.apply(self.index, entry).outcome
    }

    fn up(&mut self, node: &str, incarnation: u64) {
        let journal = if node == "n1" { 1 } else { 2 };
        self.apply(node_up(node, journal, incarnation)).unwrap();
    }

    fn plan(&mut self) {
        self.apply(next_plan(&self.cluster)).unwrap();
    }

    /// An action of the plan in force ends.
    fn ends(&mut self, node: &str, action: u32, code: i32) {
        let at = usize::from(node == "n2");
        self.sequences[at] += 1;
        let transition = self.cluster.planned();
        let report = Report {
            sequence: self.sequences[at],
            key: OrderKey { transition, action },
            resource: "vm".into(),
            task: String::new(),
            interval_ms: 0,
            repeated: false,
            outcome: Outcome::new(ResultCode(code), Status::Done, ""),
        };
        let (node, journal) = (node.to_owned(), at as u64 + 1);
        self.apply(Command::Report {
            node,
            journal,
            report,
        })
        .unwrap();
    }

    fn lose(&mut self, node: &str) {
        let incarnation = if node == "n1" { 1 } else { 2 };
        let node = node.to_owned();
        self.apply(Command::NodeLost {
            node,
            incarnation,
            clean: false,
        })
        .unwrap();
    }

    fn is_known(&self, node: &str) -> bool {
        status::resource_history(&self.cluster.cib, node, "vm").is_some()
    }

    /// `rc-code` of the `migrate_to` on `n1`.
    fn sent(&self) -> Option<&str> {
        let history = status::resource_history(&self.cluster.cib, "n1", "vm")?;
        let (entry, ..) = sent_from(&self.cluster.cib, history)?;
        self.cluster.cib.attr(entry, "rc-code")
    }
}

#[test]
fn what_a_lost_node_was_sending_away_is_known_to_be_under_way() {
    let mut rig = Rig::new();
    assert_eq!(rig.sent(), None);
    rig.lose("n1");
    assert_eq!(rig.sent(), Some("193"));
}

#[test]
fn a_target_is_looked_at_again_once_nobody_knows_its_source_any_more() {
    for confirmed in [true, false] {
        let mut rig = Rig::new();
        rig.lose("n1");
        assert!(rig.is_known("n2"));
        if confirmed {
            rig.apply(Command::ConfirmFenced { node: "n1".into() })
                .unwrap();
        } else {
            rig.up("n1", 3);
        }
        assert!(!rig.is_known("n2"), "{confirmed}");
    }
}

#[test]
fn a_target_that_told_since_is_believed() {
    let mut rig = Rig::new();
    rig.ends("n1", 1, 0);
    rig.ends("n2", 2, 0);
    rig.lose("n1");
    rig.up("n1", 3);
    assert!(rig.is_known("n2"));
}

#[test]
fn a_complete_migration_leaves_no_trace_where_it_began() {
    let mut rig = Rig::new();
    rig.ends("n1", 1, 0);
    rig.ends("n2", 2, 0);
    assert_eq!(rig.sent(), Some("0"));
    rig.ends("n1", 3, 0);
    assert_eq!(rig.sent(), None);
}

#[test]
fn a_source_that_is_stopped_for_another_reason_still_tells_where_it_sent_to() {
    let mut rig = Rig::new();
    rig.ends("n1", 1, 0);
    let (cib, transition) = (&mut rig.cluster.cib, 7);
    forget_if_complete(cib, "n1", "vm", transition);
    assert_eq!(rig.sent(), Some("0"));
}
