//! What can be written down, and taken up again?

use super::*;
use crate::cluster::Refusal;
use crate::cluster::command::{self, Command, TicketChange};
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
    for (layout, told) in [
        (
            9,
            "the snapshot is of layout 9, this controller knows up to 5: upgrade it and start it again",
        ),
        (0, "the snapshot cannot be read: there is no layout 0"),
    ] {
        let mut other = good.clone();
        other[0] = layout;
        let error = restore("test", &other).unwrap();
        assert_eq!(error.to_string(), told);
    }
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

#[test]
fn snapshots_in_all_layouts_so_far_are_read() {
    let policy = Scripted::new(vec![graph(&[step("db_start_0", "n1", &[])])]);
    let mut rig = Rig::ready(&policy);
    rig.plan();
    let good = rig.cluster().snapshot();
    for layout in 1..=NEWEST {
        let (base, two, three, four, five): Whole = codec::decode(&good[2..]).unwrap();
        let parts = [
            codec::encode(&base),
            codec::encode(&two),
            codec::encode(&three),
            codec::encode(&four),
            codec::encode(&five),
        ];
        let mut older = layout.to_le_bytes().to_vec();
        older.extend(parts[..usize::from(layout)].concat());
        let restored = Cluster::restore("test", &older, policy.clone()).unwrap();
        assert_eq!(restored.index(), rig.cluster().index());
        assert_eq!(restored.cib().to_xml(), rig.cluster().cib().to_xml());
        let digest = |cluster: &Cluster| cluster.transition().unwrap().digest;
        assert_eq!(digest(&restored), digest(rig.cluster()));
    }
}

#[test]
fn the_newest_level_writes_the_newest_layout() {
    assert_eq!(Versions::founded_at(command::VERSION).layout(), NEWEST);
}
