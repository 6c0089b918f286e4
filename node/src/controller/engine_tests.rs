//! Whole clusters of real cores with the real engine, in one thread: what the demo shows with
//! processes, at every point at which a leader may die.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::testing::Sim;
use crate::cluster::command::{Command, Lifetime};
use crate::cluster::event::What;
use crate::cluster::policy::Policy;
use crate::cluster::status;
use crate::policy::Engine;

const CIB: &str = include_str!("../lab/cluster.xml");

/// The built-in cluster of the demo, with everything running.
fn converged() -> Sim {
    let mut sim = Sim::with(vec![Arc::new(Engine) as Arc<dyn Policy>; 3]);
    sim.elect(0);
    sim.configure_as(CIB);
    for node in ["n1", "n2", "n3"] {
        sim.boot(node, 1);
    }
    sim.play();
    sim
}

fn on(sim: &Sim, node: &str) -> BTreeSet<String> {
    let here = sim.services.iter().filter(|(on, _)| on == node);
    here.map(|(_, resource)| resource.clone()).collect()
}

fn standby(sim: &mut Sim, node: &str) {
    set_standby(sim, node, "on");
}

fn set_standby(sim: &mut Sim, node: &str, value: &str) {
    sim.propose(Command::SetAttribute {
        node: node.into(),
        name: "standby".into(),
        value: Some(value.into()),
        lifetime: Lifetime::Permanent,
    });
}

#[test]
fn every_resource_of_the_demo_runs_once_and_nothing_is_left_to_do() {
    let mut sim = converged();
    assert_eq!(
        sim.services.len(),
        9,
        "eight services and a fence device: {:?}",
        sim.services
    );
    assert!(on(&sim, "n1").is_superset(&["disk", "database", "address"].map(String::from).into()));
    let transition = sim.leading().cluster().transition().unwrap();
    assert!(transition.is_over() && transition.aborted.is_none());
    // Planning again finds nothing to do.
    sim.propose(Command::Plan {
        transition: 2,
        utc_offset: 0,
        feature_set: String::new(),
    });
    assert!(
        sim.leading()
            .cluster()
            .transition()
            .unwrap()
            .graph
            .synapses
            .is_empty()
    );
    sim.assert_equal_states();
}

#[test]
fn wherever_the_leader_dies_the_next_one_finishes_its_plan() {
    let actions = {
        let mut sim = converged();
        standby(&mut sim, "n1");
        let transition = sim.leading().cluster().transition().unwrap();
        transition.graph.synapses.len()
    };
    assert!(actions > 10, "there is something to interrupt");
    let mut reference = None;
    for dies_after in 0..=actions {
        let mut sim = converged();
        standby(&mut sim, "n1");
        let digest = sim.leading().cluster().transition().unwrap().digest;
        for _ in 0..dies_after {
            sim.play_one();
        }
        sim.kill_controller(0);
        // What ends meanwhile is told to nobody.
        sim.play_one();
        sim.elect(1);
        sim.play();
        let transition = sim.leading().cluster().transition().unwrap();
        assert_eq!(
            (transition.number, transition.digest),
            (2, digest),
            "after {dies_after}"
        );
        assert!(transition.is_over() && transition.aborted.is_none());
        let ran = sim.ran();
        assert_eq!(
            *reference.get_or_insert(ran.clone()),
            ran,
            "after {dies_after}"
        );
        assert!(on(&sim, "n1").is_empty() && sim.services.len() == 9);
        sim.restart_controller(0);
        sim.assert_equal_states();
    }
}

#[test]
fn a_lost_node_is_fenced_before_anything_of_it_runs_elsewhere() {
    let mut sim = converged();
    let lost = on(&sim, "n1");
    sim.power_off("n1");
    sim.pass_time(1_100);
    // Agents are played one by one: a start elsewhere before the fencing would panic.
    sim.play();
    assert!(on(&sim, "n1").is_empty());
    let elsewhere: BTreeSet<_> = on(&sim, "n2").union(&on(&sim, "n3")).cloned().collect();
    assert!(elsewhere.is_superset(&lost), "{elsewhere:?}");
    let fenced = |event: &What| matches!(event, What::Done { key, .. } if key.contains("stonith"));
    assert!(sim.events.iter().any(fenced));
    // It comes back, empty, and is probed.
    sim.boot("n1", 2);
    sim.play();
    assert!(sim.leading().cluster().nodes()["n1"].online);
    assert_eq!(sim.services.len(), 9);
    sim.assert_equal_states();
}

#[test]
fn nothing_is_recovered_while_fencing_fails() {
    let without_devices = CIB.replace("class=\"stonith\"", "class=\"ocf\" provider=\"lockstep\"");
    let mut sim = Sim::with(vec![Arc::new(Engine) as Arc<dyn Policy>; 3]);
    sim.elect(0);
    sim.configure_as(&without_devices.replace("fence_lockstep", "Dummy"));
    for node in ["n1", "n2", "n3"] {
        sim.boot(node, 1);
    }
    sim.play();
    let before = sim.services.clone();
    sim.power_off("n1");
    for _ in 0..10 {
        sim.pass_time(1_100);
        sim.play();
    }
    assert_eq!(
        sim.services, before,
        "nobody knows whether it still runs there"
    );
}

#[test]
fn a_service_that_dies_is_recovered_where_it_was() {
    let mut sim = converged();
    sim.services
        .remove(&("n1".to_owned(), "backend".to_owned()));
    sim.pass_time(2_000);
    sim.play();
    assert!(on(&sim, "n1").contains("backend"));
    assert!(
        sim.events
            .iter()
            .any(|event| matches!(event, What::Observed { .. }))
    );
    let cib = sim.leading().cluster().cib();
    let count = status::transient(cib, "n1", "fail-count-backend#monitor_2000");
    assert_eq!(count, Some("1"));
}

#[test]
fn a_node_that_is_asked_to_leave_is_emptied_first() {
    let mut sim = converged();
    sim.propose(Command::SetAttribute {
        node: "n1".into(),
        name: "shutdown".into(),
        value: Some("1".into()),
        lifetime: Lifetime::Transient,
    });
    sim.play();
    assert!(on(&sim, "n1").is_empty());
    assert_eq!(sim.services.len(), 9);
    assert!(sim.events.contains(&What::NodeLost {
        node: "n1".into(),
        clean: true
    }));
}

/// What a migration back and forth left in the history is not to be mixed up with the next one.
#[test]
fn a_resource_that_was_sent_to_a_node_again_and_does_not_stay_is_stopped_there() {
    let cib = r#"<cib validate-with="pacemaker-4.0"><configuration><crm_config>
        <cluster_property_set id="o"><nvpair id="f" name="fencing-enabled" value="false"/>
        </cluster_property_set></crm_config><nodes><node id="1" uname="n1"/>
        <node id="2" uname="n2"/><node id="3" uname="n3"/></nodes><resources>
        <primitive id="vm" class="ocf" provider="lockstep" type="Dummy"><meta_attributes id="m">
        <nvpair id="a" name="allow-migrate" value="true"/></meta_attributes></primitive>
        </resources><constraints>
        <rsc_location id="l1" rsc="vm" node="n1" score="200"/>
        <rsc_location id="l2" rsc="vm" node="n2" score="100"/>
        </constraints></configuration><status/></cib>"#;
    let mut sim = Sim::with(vec![Arc::new(Engine) as Arc<dyn Policy>; 3]);
    sim.elect(0);
    sim.configure_as(cib);
    for node in ["n1", "n2", "n3"] {
        sim.boot(node, 1);
    }
    sim.play();
    for value in ["on", "off"] {
        sim.pass_time(2_000);
        set_standby(&mut sim, "n1", value);
        sim.play();
    }
    sim.pass_time(2_000);
    standby(&mut sim, "n1");
    sim.pass_time(2_000);
    set_standby(&mut sim, "n1", "off");
    let before = sim.planned();
    assert!(sim.play_one(), "it is sent to n2 again");
    assert_eq!(sim.planned(), before + 1, "it is to stay, after all");
    let transition = sim.leading().cluster().transition().unwrap();
    let actions = transition.graph.synapses.iter().map(|s| &s.action);
    let stops = actions.filter(|action| action.task == "stop");
    let nodes = stops.filter_map(|action| Some(action.node.as_ref()?.name.as_str()));
    assert_eq!(nodes.collect::<BTreeSet<_>>(), BTreeSet::from(["n1", "n2"]));
}
