//! Are the measured clusters clusters, the same each time, and hard in the way that they say?

use lockstep_engine::Cluster;
use lockstep_engine::audit::audit;
use lockstep_engine::graph::Graph;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema::{self, Version};
use lockstep_engine::time::Timestamp;

use super::families::{ALL, Family, lost_node};

/// Small, with something of everything in it.
const SIZE: usize = 40;

fn plan(cib: &str) -> Graph {
    let mut document = Document::parse(cib.as_bytes(), &Limits::default()).expect("it is XML");
    schema::upgrade(&mut document).expect("it is valid");
    schema::validate(&document, Version::LATEST).expect("it is valid after its upgrade");
    let now = Timestamp::utc(1_767_225_600);
    let cluster = Cluster::read(&document, now).expect("it is a configuration");
    let graph = cluster
        .plan(&document, now)
        .expect("it can be planned for")
        .graph;
    let findings = audit(&document, &cluster, &graph);
    assert!(findings.is_empty(), "{findings:?}");
    graph
}

fn keys(graph: &Graph) -> Vec<&str> {
    let synapses = graph.synapses.iter();
    synapses
        .map(|synapse| synapse.action.key.as_str())
        .collect()
}

fn family(name: &str) -> Family {
    let mut all = ALL.iter().filter(|family| family.name == name);
    *all.next().expect("there is one of this name")
}

#[test]
fn every_family_is_a_valid_cluster_with_something_to_do() {
    for Family { name, make, .. } in ALL {
        let graph = plan(&make(SIZE));
        assert!(!graph.synapses.is_empty(), "{name}");
    }
}

#[test]
fn a_family_and_a_size_are_one_text_that_grows_with_the_size() {
    for Family { name, make, .. } in ALL {
        assert_eq!(make(SIZE), make(SIZE), "{name}");
        assert!(make(2 * SIZE).len() > make(SIZE).len() * 3 / 2, "{name}");
    }
}

#[test]
fn where_a_node_was_lost_it_is_fenced_before_what_ran_there_starts_elsewhere() {
    for name in [
        "lost node",
        "stack",
        "star",
        "group",
        "promotables",
        "clone chain",
        "remote nodes",
    ] {
        let graph = plan(&(family(name).make)(SIZE));
        let keys = keys(&graph);
        assert!(keys.contains(&"stonith-node002-reboot"), "{name}: {keys:?}");
    }
    let graph = plan(&(family("stack").make)(SIZE));
    let keys = keys(&graph);
    for number in 0..SIZE {
        let start = format!("r{number}_start_0");
        assert!(keys.contains(&start.as_str()), "{keys:?}");
    }
}

#[test]
fn at_a_cold_start_everything_is_probed_and_nothing_stopped() {
    for name in ["cold start", "bundles"] {
        let graph = plan(&(family(name).make)(SIZE));
        let actions = || graph.synapses.iter().map(|synapse| &synapse.action);
        assert!(actions().any(|action| action.task == "start"), "{name}");
        assert!(
            actions().any(|action| action.key.ends_with("_monitor_0")),
            "{name}"
        );
        assert!(!actions().any(|action| action.task == "stop"), "{name}");
    }
}

#[test]
fn a_node_is_lost_whatever_the_size_of_the_cluster() {
    for nodes in [7, 12, 20] {
        let graph = plan(&lost_node(nodes, SIZE));
        assert!(
            keys(&graph).contains(&"stonith-node002-reboot"),
            "{nodes} nodes"
        );
    }
}
