//! What goes by the level of a group that is upgraded one controller after the other?

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::cluster::command::{Command, VERSION};
use crate::cluster::event::What;
use crate::cluster::policy::Digest;
use crate::cluster::testing::{Rig, Scripted, graph, step};

const OLD: u16 = VERSION - 1;

/// A group that the version before this one's founded. Both programs decide alike up to its level; from
/// this one's on, the engine starts `db` elsewhere.
fn founded_by_the_version_before() -> (Rig, Arc<Scripted>) {
    let plans = |node| vec![graph(&[step("db_start_0", node, &[])]); 4];
    let policy = Arc::new(Scripted {
        graphs: plans("n1"),
        since: Some((VERSION, plans("n2"))),
        ..Scripted::default()
    });
    let mut rig = Rig::new(&policy);
    let replicas = std::mem::take(&mut rig.replicas).into_iter();
    rig.replicas = replicas.map(|replica| replica.founded_at(OLD)).collect();
    rig.index += 1;
    for replica in &mut rig.replicas {
        replica.set_voters(rig.index, (1..=3).collect());
    }
    rig.up("n1", 10);
    rig.up("n2", 20);
    (rig, policy)
}

fn is_upgraded(rig: &mut Rig, controller: u64) {
    let version = VERSION;
    rig.apply(Command::Understands {
        controller,
        version,
    })
    .unwrap();
}

/// Where the plan in force starts `db`, and its digest.
fn decision(cluster: &Cluster) -> (&str, Digest) {
    let transition = cluster.transition().unwrap();
    let node = transition.action(0).node.as_ref().unwrap();
    (&node.name, transition.digest)
}

#[test]
fn an_engine_that_decides_otherwise_does_so_once_all_controllers_are_upgraded() {
    let (mut rig, _) = founded_by_the_version_before();
    for controller in 1..=2 {
        is_upgraded(&mut rig, controller);
        rig.plan();
        assert_eq!(decision(rig.cluster()).0, "n1", "{controller} of 3");
    }
    is_upgraded(&mut rig, 3);
    assert_eq!(decision(rig.cluster()).0, "n1", "what is under way stays");
    assert!(rig.events.contains(&What::Level { level: VERSION }));
    let wanted = rig.cluster().wanted();
    assert_eq!(wanted, Some("all controllers are upgraded"));
    rig.plan();
    assert_eq!(decision(rig.cluster()).0, "n2");
}

#[test]
fn a_plan_from_before_an_upgrade_is_made_again_as_it_was() {
    let (mut rig, policy) = founded_by_the_version_before();
    rig.plan();
    let before = decision(rig.cluster()).1;
    for controller in 1..=3 {
        is_upgraded(&mut rig, controller);
    }
    // First the plan in force is from before, then the previous one.
    for _ in 0..2 {
        let saved = rig.cluster().snapshot();
        let restored = Cluster::restore("test", &saved, policy.clone()).unwrap();
        assert!(!restored.diverged_from_snapshot());
        assert!(restored.snapshot() == saved, "the same state");
        rig.plan();
    }
    let plans = rig.cluster().history().iter();
    let digests: Vec<_> = plans.filter_map(|plan| plan.digest).collect();
    assert!(digests[0] == before && digests[1] != before);
}

#[test]
fn a_snapshot_is_in_the_layout_that_the_last_controller_to_be_upgraded_can_read() {
    let layout = |rig: &Rig| {
        let snapshot = rig.cluster().snapshot();
        u16::from_le_bytes([snapshot[0], snapshot[1]])
    };
    let (mut rig, policy) = founded_by_the_version_before();
    for controller in 1..=3 {
        rig.plan();
        assert_eq!(
            layout(&rig),
            4,
            "before controller {controller} is upgraded"
        );
        // One that lags behind is served with it, and goes on as the others.
        let saved = rig.cluster().snapshot();
        rig.replicas[2] = Cluster::restore("test", &saved, policy.clone()).unwrap();
        is_upgraded(&mut rig, controller);
        assert!(rig.replicas[0].snapshot() == rig.replicas[2].snapshot());
    }
    assert_eq!(layout(&rig), 5);
}
