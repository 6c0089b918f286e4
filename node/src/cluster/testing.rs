//! What tests of the state machine and of the controller need: graphs made by hand, a policy that
//! hands them out, and replicas that are driven by commands as the log would bring them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use lockstep_engine::graph::{
    Graph, GraphAction, GraphActionKind, GraphAttributes, GraphPrimitive, NodeRef, Synapse,
};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;

use super::command::{Command, Entry};
use super::event::What;
use super::policy::{ActionResult, Digest, Planned, Policy};
use super::transition::Transition;
use super::{Cluster, Refusal, digest_of, status};
use crate::agent::{Outcome, ResultCode, Status};
use crate::executor::{OrderKey, Report};

pub(crate) const CIB: &str = r#"<cib validate-with="pacemaker-4.0" epoch="7" admin_epoch="2"><configuration>
    <crm_config/><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
    <resources><primitive id="db" class="ocf" provider="lockstep" type="Dummy"/></resources>
    <constraints/></configuration><status><node_state id="1" uname="n1"/></status></cib>"#;

/// One synapse, as a test writes it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) key: &'static str,
    pub(crate) node: &'static str,
    pub(crate) inputs: Vec<u32>,
    pub(crate) expected: i32,
    pub(crate) kind: GraphActionKind,
}

/// `key` is `RESOURCE_TASK_INTERVAL`.
pub(crate) fn step(key: &'static str, node: &'static str, inputs: &[u32]) -> Step {
    let kind = GraphActionKind::Resource;
    Step {
        key,
        node,
        inputs: inputs.to_vec(),
        expected: 0,
        kind,
    }
}

pub(crate) fn probe(key: &'static str, node: &'static str, inputs: &[u32]) -> Step {
    Step {
        expected: 7,
        ..step(key, node, inputs)
    }
}

pub(crate) fn pseudo(key: &'static str, inputs: &[u32]) -> Step {
    Step {
        kind: GraphActionKind::Pseudo,
        ..step(key, "", inputs)
    }
}

pub(crate) fn cluster_step(key: &'static str, node: &'static str, inputs: &[u32]) -> Step {
    Step {
        kind: GraphActionKind::Cluster,
        ..step(key, node, inputs)
    }
}

/// Synapse `n` gets action number `n + 1`.
pub(crate) fn graph(steps: &[Step]) -> Graph {
    let synapses = (1u32..).zip(steps).map(|(id, step)| {
        let (rest, interval) = step.key.rsplit_once('_').unwrap_or((step.key, "0"));
        let (resource, task) = match step.kind {
            GraphActionKind::Cluster => ("", step.key),
            _ => rest.rsplit_once('_').unwrap_or(("", rest)),
        };
        let attributes = [
            ("CRM_meta_interval", interval.to_owned()),
            ("CRM_meta_op_target_rc", step.expected.to_string()),
            ("CRM_meta_timeout", "20000".to_owned()),
        ];
        let primitive = GraphPrimitive {
            id: resource.to_owned(),
            long_id: None,
            class: "ocf".into(),
            provider: Some("lockstep".into()),
            agent: "Dummy".into(),
        };
        let node = NodeRef {
            name: step.node.to_owned(),
            uuid: step.node.to_owned(),
        };
        let action = GraphAction {
            id,
            kind: step.kind,
            mode_cib: false,
            task: task.to_owned(),
            key: step.key.to_owned(),
            internal_key: None,
            node: (!step.node.is_empty()).then_some(node),
            router: None,
            shutdown_lock: None,
            primitive: (!resource.is_empty()).then_some(primitive),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            params: Vec::new(),
            downed: Vec::new(),
            maintenance: Vec::new(),
        };
        let inputs = step.inputs.clone();
        Synapse {
            priority: 0,
            action,
            inputs,
            missing_inputs: Vec::new(),
        }
    });
    let attributes = GraphAttributes {
        failed_start_offset: "INFINITY".into(),
        ..GraphAttributes::default()
    };
    Graph {
        attributes,
        synapses: synapses.collect(),
    }
}

/// Hands out graphs by transition number, and remembers the inputs.
#[derive(Default)]
pub(crate) struct Scripted {
    /// The graph of transition `n` is at `n - 1`; after the last one plans are empty.
    pub(crate) graphs: Vec<Graph>,
    /// What it hands out instead from some level of the group on.
    pub(crate) since: Option<(u16, Vec<Graph>)>,
    /// Makes another digest than all others.
    pub(crate) diverges: bool,
    /// Errors instead of plans.
    pub(crate) refuses: Option<String>,
    pub(crate) seen: Mutex<VecDeque<String>>,
}

impl Scripted {
    pub(crate) fn new(graphs: Vec<Graph>) -> Arc<Self> {
        Arc::new(Self {
            graphs,
            ..Self::default()
        })
    }
}

impl Policy for Scripted {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        self.seen.lock().unwrap().push_back(cib.to_xml());
        if let Some(error) = &self.refuses {
            return Err(error.clone());
        }
        let decided = self.since.as_ref().filter(|(since, _)| level >= *since);
        let graphs = decided.map_or(&self.graphs, |(_, graphs)| graphs);
        let graph = graphs.get(transition as usize - 1);
        let graph = graph.cloned().unwrap_or_default();
        let mut digest: Digest = digest_of(format!("{graph:?} {now:?}").as_bytes());
        digest[0] ^= u8::from(self.diverges);
        Ok(Planned { graph, digest })
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        let Some(primitive) = &action.primitive else {
            return;
        };
        let Some(state) = status::find_state(cib, &result.node) else {
            return;
        };
        let lrm = status::child_or_new(cib, state, "lrm");
        let resources = status::child_or_new(cib, lrm, "lrm_resources");
        let found = status::resource_history(cib, &result.node, &primitive.id);
        let history = found.unwrap_or_else(|| {
            let new = cib.append(resources, "lrm_resource");
            cib.set_attr(new, "id", &primitive.id);
            new
        });
        let entry = cib.append(history, "lrm_rsc_op");
        for (name, value) in [
            ("id", action.key.clone()),
            ("operation_key", action.key.clone()),
            ("operation", action.task.clone()),
            ("rc-code", result.rc.to_string()),
            ("op-status", result.op_status.to_string()),
            ("call-id", "1".into()),
            (
                "interval",
                action.key.rsplit('_').next().unwrap_or("0").to_owned(),
            ),
            ("transition-key", result.transition_key.clone()),
        ] {
            cib.set_attr(entry, name, &value);
        }
        for name in ["migrate_source", "migrate_target"] {
            if let Some(node) = super::action::meta(action, name) {
                cib.set_attr(entry, name, node);
            }
        }
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, _operation: &str) {
        status::node_is_expected_down(cib, node);
    }
}

/// The command that makes the next plan.
pub(crate) fn next_plan(cluster: &Cluster) -> Command {
    Command::Plan {
        transition: cluster.planned() + 1,
        utc_offset: 0,
        feature_set: String::new(),
    }
}

/// A node's executor is there, and knows of no report that was heard.
pub(crate) fn node_up(node: &str, journal: u64, incarnation: u64) -> Command {
    Command::NodeUp {
        node: node.to_owned(),
        journal,
        incarnation,
        acknowledged: 0,
    }
}

/// Replicas that get the same log.
pub(crate) struct Rig {
    pub(crate) replicas: Vec<Cluster>,
    pub(crate) index: u64,
    /// What the last entry brought about.
    pub(crate) events: Vec<What>,
}

impl Rig {
    pub(crate) fn new(policy: &Arc<Scripted>) -> Self {
        Self::of(vec![policy.clone(); 3])
    }

    pub(crate) fn of(policies: Vec<Arc<Scripted>>) -> Self {
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
    pub(crate) fn ready(policy: &Arc<Scripted>) -> Self {
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

    pub(crate) fn apply(&mut self, command: Command) -> Result<(), Refusal> {
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

    pub(crate) fn up(&mut self, node: &str, incarnation: u64) {
        self.apply(node_up(node, incarnation, incarnation)).unwrap();
    }

    pub(crate) fn plan(&mut self) {
        self.apply(next_plan(self.cluster())).unwrap();
    }

    pub(crate) fn report(&mut self, node: &str, key: (u64, u32), code: i32) -> Result<(), Refusal> {
        let record = &self.replicas[0].nodes()[node];
        let (journal, sequence) = (record.journal, record.applied + 1);
        let report = report(sequence, key, code);
        self.apply(Command::Report {
            node: node.into(),
            journal,
            report,
        })
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.replicas[0]
    }

    pub(crate) fn transition(&self) -> &Transition {
        self.cluster().transition().unwrap()
    }

    pub(crate) fn ready_actions(&self) -> Vec<u32> {
        let transition = self.transition();
        transition
            .ready()
            .map(|synapse| transition.action(synapse).id)
            .collect()
    }
}

pub(crate) fn report(sequence: u64, (transition, action): (u64, u32), code: i32) -> Report {
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

pub(crate) fn monitor_report(sequence: u64, key: (u64, u32), code: i32) -> Report {
    Report {
        repeated: true,
        task: "monitor".into(),
        interval_ms: 10_000,
        ..report(sequence, key, code)
    }
}
