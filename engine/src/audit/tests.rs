//! A checker is worth what it finds: each finding has a plan here that deserves it.

use super::{Finding, audit};
use crate::Cluster;
use crate::graph::{Graph, GraphAction, GraphActionKind, MissingInput, NodeRef, Synapse};
use crate::parse::{Document, Limits};
use crate::time::Timestamp;

/// Three nodes; `vip` runs on n1. With `lost`, n1 is gone.
fn cib(lost: bool) -> Document {
    let (in_ccm, crmd) = if lost {
        ("false", "offline")
    } else {
        ("true", "online")
    };
    let text = format!(
        r#"<cib validate-with="pacemaker-4.0" have-quorum="1" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config/>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/><node id="3" uname="n3"/></nodes>
    <resources>
      <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"/>
      <primitive id="fence" class="stonith" type="fence_dummy"/>
    </resources>
    <constraints><rsc_order id="device-first" first="fence" then="vip"/></constraints>
  </configuration>
  <status>
    <node_state id="1" uname="n1" in_ccm="{in_ccm}" crmd="{crmd}" join="member" expected="member">
      <lrm id="1"><lrm_resources>
        <lrm_resource id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
          <lrm_rsc_op id="vip_last_0" operation_key="vip_start_0" operation="start" call-id="1"
            rc-code="0" op-status="0" interval="0" transition-key="1:1:0:u" transition-magic="0:0;1:1:0:u"/>
        </lrm_resource>
      </lrm_resources></lrm>
    </node_state>
    <node_state id="2" uname="n2" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="3" uname="n3" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>"#
    );
    Document::parse(text.as_bytes(), &Limits::default()).expect("well-formed")
}

/// What the audit finds in a graph for that cluster.
fn findings(lost: bool, graph: &Graph) -> Vec<Finding> {
    let cib = cib(lost);
    let cluster =
        Cluster::read(&cib, Timestamp::utc(1_700_000_000)).expect("a valid configuration");
    audit(&cib, &cluster, graph)
}

/// A graph out of `(task, node, inputs)`; actions are those of `vip`, but for `stonith`.
fn graph(actions: &[(&str, &str, &[u32])]) -> Graph {
    let synapses = actions
        .iter()
        .enumerate()
        .map(|(index, (task, node, inputs))| Synapse {
            priority: 0,
            action: action(index, task, node),
            inputs: inputs.to_vec(),
            missing_inputs: Vec::new(),
        });
    Graph {
        synapses: synapses.collect(),
        ..Graph::default()
    }
}

fn action(index: usize, task: &str, node: &str) -> GraphAction {
    let fencing = task == "stonith";
    GraphAction {
        id: u32::try_from(index).expect("small") + 1,
        kind: if fencing {
            GraphActionKind::Cluster
        } else {
            GraphActionKind::Resource
        },
        mode_cib: false,
        task: task.to_owned(),
        key: if fencing {
            format!("stonith-{node}-reboot")
        } else {
            format!("vip_{task}_0")
        },
        internal_key: None,
        node: Some(NodeRef {
            name: node.to_owned(),
            uuid: node.to_owned(),
        }),
        router: None,
        shutdown_lock: None,
        primitive: None,
        attributes: Vec::new(),
        params: Vec::new(),
        downed: Vec::new(),
        maintenance: Vec::new(),
    }
}

#[test]
fn a_move_that_stops_first_is_accepted() {
    let graph = graph(&[("stop", "n1", &[]), ("start", "n2", &[0])]);
    assert_eq!(findings(false, &graph), []);
}

#[test]
fn starting_while_active_elsewhere_is_found() {
    let graph = graph(&[("stop", "n1", &[]), ("start", "n2", &[])]);
    assert!(matches!(
        findings(false, &graph)[..],
        [Finding::StillActive { .. }]
    ));
}

#[test]
fn stopping_afterwards_is_not_stopping_first() {
    let graph = graph(&[("start", "n2", &[]), ("stop", "n1", &[0])]);
    assert!(matches!(
        findings(false, &graph)[..],
        [Finding::StillActive { .. }]
    ));
}

#[test]
fn starting_in_two_places_is_found() {
    let graph = graph(&[
        ("stop", "n1", &[]),
        ("start", "n2", &[0]),
        ("start", "n3", &[0]),
    ]);
    assert!(matches!(
        findings(false, &graph)[..],
        [Finding::StartedTwice { .. }]
    ));
}

#[test]
fn recovery_after_fencing_is_accepted() {
    let graph = graph(&[("stonith", "n1", &[]), ("start", "n2", &[0])]);
    assert_eq!(findings(true, &graph), []);
}

#[test]
fn recovery_without_fencing_is_found() {
    let unordered = graph(&[("stonith", "n1", &[]), ("start", "n2", &[])]);
    assert!(matches!(
        findings(true, &unordered)[..],
        [Finding::NotFenced { .. }]
    ));
    for unfenced in [
        graph(&[("start", "n2", &[])]),
        graph(&[("stonith", "n3", &[]), ("start", "n2", &[0])]),
    ] {
        assert!(matches!(
            findings(true, &unfenced)[..],
            [Finding::Missing { .. }, Finding::NotFenced { .. }]
        ));
    }
}

#[test]
fn actions_that_wait_for_each_other_are_found() {
    let graph = graph(&[("stop", "n1", &[1]), ("start", "n2", &[0])]);
    match &findings(false, &graph)[..] {
        [Finding::Loop { actions }] => assert_eq!(actions.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waiting_for_what_is_not_carried_out_is_found() {
    let mut graph = graph(&[("stop", "n1", &[]), ("start", "n2", &[0])]);
    let missing = |blocked| MissingInput {
        action: action(7, "monitor", "n3"),
        blocked,
    };
    graph.synapses[1].missing_inputs = vec![missing(false)];
    assert!(matches!(
        findings(false, &graph)[..],
        [Finding::WaitsForNothing { .. }]
    ));
    graph.synapses[1].missing_inputs = vec![missing(true)];
    assert_eq!(findings(false, &graph), [], "it is held back");
}

#[test]
fn a_lost_node_that_is_not_fenced_is_found() {
    assert!(matches!(
        findings(true, &graph(&[])),
        found if matches!(&found[..], [Finding::Missing { .. }])
    ));
}

#[test]
fn an_ordering_that_is_not_kept_is_found() {
    let mut kept = graph(&[("start", "n1", &[]), ("start", "n2", &[0])]);
    kept.synapses[0].action.key = "fence_start_0".to_owned();
    kept.synapses[1].action.key = "vip_start_0".to_owned();
    let mut broken = kept.clone();
    broken.synapses[1].inputs.clear();
    let unordered = |graph: &Graph| {
        let found = findings(false, graph);
        let orders = found
            .iter()
            .filter(|finding| matches!(finding, Finding::Unordered { .. }));
        orders.count()
    };
    assert_eq!((unordered(&kept), unordered(&broken)), (0, 1));
}
