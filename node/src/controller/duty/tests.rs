//! What each kind of action becomes.

use std::sync::Arc;

use super::*;
use crate::cluster::command::{Command, Entry};
use crate::cluster::testing::{Scripted, cluster_step, graph, step};

/// Devices in document order: one with a list, one with a map, one for all.
const CIB: &str = r#"<cib><configuration><crm_config/>
  <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/><node id="3" uname="n3"/></nodes>
  <resources>
    <primitive id="list" class="stonith" type="fence_a"><instance_attributes id="a">
      <nvpair id="a1" name="pcmk_host_list" value="n1 n9"/></instance_attributes></primitive>
    <primitive id="map" class="stonith" type="fence_b"><instance_attributes id="b">
      <nvpair id="b1" name="pcmk_host_map" value="n2:plug2;n8:plug8"/>
      <nvpair id="b2" name="ip" value="10.0.0.9"/></instance_attributes></primitive>
    <primitive id="all" class="stonith" type="fence_c"/>
  </resources><constraints/></configuration><status/></cib>"#;

fn cluster(online: &[&str]) -> Cluster {
    let mut cluster = Cluster::new("test", 3, Scripted::new(Vec::new()) as Arc<_>);
    let mut commands = vec![Command::ReplaceConfig {
        expected: None,
        cib: CIB.into(),
    }];
    commands.extend(online.iter().map(|node| Command::NodeUp {
        node: (*node).to_owned(),
        journal: 1,
        incarnation: 1,
        acknowledged: 0,
    }));
    for (index, command) in (1..).zip(commands) {
        let entry = Entry {
            at: 1,
            request: None,
            command,
        };
        cluster.apply(index, entry).outcome.unwrap();
    }
    cluster
}

fn duty_of(step: crate::cluster::testing::Step, online: &[&str]) -> Duty {
    let graph = graph(&[step]);
    of(&graph.synapses[0].action, &cluster(online), |_| true)
}

#[test]
fn an_operation_goes_to_its_node_with_all_that_the_graph_says() {
    let Duty::Executor {
        node,
        work: Work::Operate(operation),
    } = duty_of(step("db_monitor_10000", "n2", &[]), &[])
    else {
        panic!("it is an operation")
    };
    assert_eq!(node, "n2");
    assert_eq!(
        (operation.resource.as_str(), operation.task.as_str()),
        ("db", "monitor")
    );
    assert_eq!(
        (operation.interval_ms, operation.timeout_ms),
        (10_000, 20_000)
    );
    assert_eq!(operation.agent.to_string(), "ocf:lockstep:Dummy");
    assert_eq!(operation.parameter("CRM_meta_timeout"), Some("20000"));
}

#[test]
fn actions_without_an_agent_become_what_executors_understand() {
    let cases = [
        (
            step("db_delete_0", "n1", &[]),
            Work::Forget {
                resource: "db".into(),
            },
        ),
        (
            step("db_cancel_5000", "n1", &[]),
            Work::Cancel {
                resource: "db".into(),
                task: "monitor".into(),
                interval_ms: 5000,
            },
        ),
        (cluster_step("do_shutdown", "n1", &[]), Work::Leave),
    ];
    for (step, expected) in cases {
        let expected = Duty::Executor {
            node: "n1".into(),
            work: expected,
        };
        assert_eq!(duty_of(step, &[]), expected);
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let cases = [
        (step("db_start_0", "", &[]), "names no node"),
        (cluster_step("levitate", "n1", &[]), "levitate"),
        (cluster_step("stonith", "", &[]), "without a target"),
    ];
    for (step, says) in cases {
        let Duty::Impossible(reason) = duty_of(step, &["n1"]) else {
            panic!("it cannot be done")
        };
        assert!(reason.contains(says), "{reason}");
    }
}

#[test]
fn a_node_is_fenced_by_a_device_that_knows_it_and_by_another_node() {
    for (target, device, plug) in [
        ("n1", "list", "n1"),
        ("n2", "map", "plug2"),
        ("n3", "all", "n3"),
        ("n9", "list", "n9"),
    ] {
        let online = ["n1", "n2", "n3"];
        let Duty::Executor { node, work } = duty_of(cluster_step("stonith", target, &[]), &online)
        else {
            panic!("{target} can be fenced")
        };
        // The one that knows the node, then the one that knows all.
        let operation = match &work {
            Work::Operate(operation) => operation,
            Work::Fence(fencing) => &fencing.levels[0][0].operation,
            other => panic!("{other:?}"),
        };
        assert_ne!(node, target, "nobody fences itself");
        assert_eq!(operation.resource, device);
        assert_eq!(operation.parameter("nodename"), Some(target));
        assert_eq!(operation.parameter("plug"), Some(plug));
        assert_eq!(operation.parameter("action"), Some("reboot"));
    }
    let alone = duty_of(cluster_step("stonith", "n1", &[]), &["n1"]);
    assert!(matches!(alone, Duty::Impossible(reason) if reason.contains("nobody is left")));
}
