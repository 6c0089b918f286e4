//! What does a change of the configuration do?

use crate::cluster::command::{Command, Epoch, Lifetime};
use crate::cluster::testing::{CIB, Rig, Scripted};
use crate::cluster::{Refusal, status};

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
fn a_configuration_may_number_its_nodes_otherwise_than_they_came() {
    let mut rig = Rig::new(&Scripted::new(vec![]));
    rig.up("n2", 20);
    rig.up("n1", 10);
    rig.apply(Command::SetAttribute {
        node: "n2".into(),
        name: "load".into(),
        value: Some("1".into()),
        lifetime: Lifetime::Transient,
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
