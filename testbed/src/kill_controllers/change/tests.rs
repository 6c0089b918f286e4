//! Does a change do to the built-in cluster what it says?

use lockstep_engine::parse::{Document, Limits};
use lockstep_node::lab::cluster;

use super::super::schedule::{NODES, RESOURCES, Work};
use super::Change;

fn edited(work: Option<Work>) -> String {
    let cluster = cluster::built_in();
    let mut cib = Document::parse(cluster.cib.as_bytes(), &Limits::default()).expect("it is XML");
    let mark = "change-1".to_owned();
    Change { mark, work }.edit(&mut cib);
    cib.to_xml()
}

#[test]
fn every_change_sets_its_mark() {
    assert!(edited(None).contains("name=\"change-1\""));
}

#[test]
fn every_node_can_go_to_standby() {
    for node in NODES {
        let text = edited(Some(Work::Standby { node }));
        assert!(text.contains("name=\"standby\" value=\"on\""), "{node}");
    }
}

#[test]
fn every_resource_can_be_restarted() {
    let takes_ms = 432;
    for resource in RESOURCES {
        let text = edited(Some(Work::Restart { resource, takes_ms }));
        let pair = format!("id=\"{resource}-op_sleep\" name=\"op_sleep\" value=\"0.432\"");
        assert!(text.contains(&pair), "{resource}");
    }
}
