//! Are equal logs equal states, and who is told apart whose state is not?

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::cluster::agreement::Agreement;
use crate::cluster::command::Command;
use crate::cluster::testing::{Rig, Scripted, graph, probe, step};

#[test]
fn replicas_of_one_log_are_equal_to_the_byte_at_every_index() {
    let steps = [
        probe("db_monitor_0", "n1", &[]),
        step("db_start_0", "n1", &[0]),
    ];
    let policy = Scripted::new(vec![graph(&steps), graph(&steps)]);
    let mut rig = Rig::ready(&policy);
    rig.plan();
    rig.report("n1", (1, 1), 7).unwrap();
    rig.report("n1", (1, 2), 1).unwrap();
    rig.plan();
    rig.report("n1", (2, 1), 7).unwrap();
    let snapshots: Vec<_> = rig.replicas.iter().map(Cluster::snapshot).collect();
    assert!(snapshots.windows(2).all(|pair| pair[0] == pair[1]));

    // And one that is restored is equal too, and goes on equally.
    rig.replicas[2] = Cluster::restore("test", &snapshots[0], policy).unwrap();
    assert!(!rig.replicas[2].diverged_from_snapshot());
    for code in [Some(0), None] {
        assert_eq!(rig.replicas[0].snapshot(), rig.replicas[2].snapshot());
        if let Some(code) = code {
            rig.report("n1", (2, 2), code).unwrap();
        }
    }
}

#[test]
fn who_votes_belongs_to_the_state_at_an_index_of_its_own() {
    let mut rig = Rig::new(&Scripted::new(Vec::new()));
    let before = rig.replicas[1].index();
    rig.replicas[0].set_voters(before + 1, (1..=5).collect());
    assert_eq!(rig.replicas[0].index(), before + 1);
    assert_ne!(rig.replicas[0].snapshot(), rig.replicas[1].snapshot());
    rig.replicas[1].set_voters(before + 1, (1..=5).collect());
    assert_eq!(rig.replicas[0].snapshot(), rig.replicas[1].snapshot());
}

#[test]
fn a_controller_that_computes_something_else_is_found_out() {
    let graphs = vec![graph(&[step("db_start_0", "n1", &[])])];
    let good = Scripted::new(graphs.clone());
    let bad = Arc::new(Scripted {
        graphs,
        diverges: true,
        ..Scripted::default()
    });
    let mut rig = Rig::of(vec![good.clone(), good, bad]);
    rig.apply(Command::Lead {
        controller: 1,
        term: 2,
    })
    .unwrap();
    rig.up("n1", 10);
    rig.plan();
    let digests: Vec<_> = rig
        .replicas
        .iter()
        .map(|replica| replica.transition().unwrap().digest)
        .collect();
    assert_ne!(digests[0], digests[2]);
    for (controller, digest) in (1..).zip(digests) {
        rig.apply(Command::Digest {
            transition: 1,
            controller,
            incarnation: 5,
            digest,
        })
        .unwrap();
    }
    let diverged: Vec<_> = rig
        .cluster()
        .agreement()
        .diverged()
        .keys()
        .copied()
        .collect();
    assert_eq!(diverged, [3]);
}

#[test]
fn a_diverged_controller_is_trusted_again_only_after_a_restart() {
    let mut agreement = Agreement::default();
    let mut report = |transition, controller, incarnation, byte| {
        agreement.report(transition, controller, incarnation, [byte; 32], 3);
        agreement.diverged().keys().copied().collect::<Vec<_>>()
    };
    assert!(
        report(1, 3, 1, 9).is_empty(),
        "alone it is not known who is wrong"
    );
    assert!(report(1, 1, 1, 5).is_empty());
    assert_eq!(report(1, 2, 1, 5), [3]);
    for controller in [1, 2, 3] {
        assert_eq!(
            report(2, controller, 1, 6),
            [3],
            "one good plan proves nothing"
        );
    }
    report(3, 1, 1, 7);
    report(3, 2, 1, 7);
    assert!(report(3, 3, 2, 7).is_empty());
}
