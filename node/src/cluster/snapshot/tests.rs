//! What can be written down, and taken up again?

use super::*;
use crate::cluster::Refusal;
use crate::cluster::command::{Command, TicketChange};
use crate::cluster::testing::{Rig, Scripted, graph, step};

#[test]
fn a_snapshot_that_is_none_is_refused_whatever_it_is() {
    let policy = Scripted::new(vec![graph(&[step("db_start_0", "n1", &[])])]);
    let mut rig = Rig::ready(&policy);
    rig.plan();
    let good = rig.cluster().snapshot();
    let restore = |name: &str, bytes: &[u8]| Cluster::restore(name, bytes, policy.clone()).err();
    assert!(restore("test", &good).is_none());
    assert!(matches!(
        restore("other", &good),
        Some(SnapshotError::OfAnother(_))
    ));
    let mut newer = good.clone();
    newer[0] = 9;
    assert!(matches!(
        restore("test", &newer),
        Some(SnapshotError::Newer(9))
    ));
    for length in 0..good.len() {
        assert!(
            restore("test", &good[..length]).is_some(),
            "cut to {length} bytes"
        );
    }
}

#[test]
fn a_controller_that_cannot_rebuild_the_graph_of_a_snapshot_knows_it() {
    let graphs = vec![graph(&[step("db_start_0", "n1", &[])])];
    let mut rig = Rig::ready(&Scripted::new(graphs.clone()));
    rig.plan();
    let other = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let restored = Cluster::restore("test", &rig.cluster().snapshot(), other).unwrap();
    assert!(restored.diverged_from_snapshot());
}

#[test]
fn whatever_agents_and_operators_say_the_state_can_be_saved_and_taken_up_again() {
    let policy = Scripted::new(Vec::new());
    let mut rig = Rig::ready(&policy);
    let ticket = |name: &str, value: &str| Command::Ticket {
        ticket: "west".into(),
        change: TicketChange::Attribute {
            name: name.into(),
            value: Some(value.into()),
        },
    };
    for name in ["a b", "1", "", "a:b", "xmlns", "id", "a<b", "\u{1B}"] {
        let refused = Err(Refusal::NotAnAttribute(name.into()));
        assert_eq!(rig.apply(ticket(name, "x")), refused, "{name:?}");
    }
    rig.apply(ticket("owner", "\u{1B}[1mÄ\u{FFFE}\0")).unwrap();
    let saved = rig.cluster().snapshot();
    let restored = Cluster::restore("test", &saved, policy).unwrap();
    assert!(saved == restored.snapshot(), "the same state");
}
