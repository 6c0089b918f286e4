use super::*;

fn key(instance: u32) -> Key {
    Key {
        instance: ResourceId(instance),
        active_on: 0,
        forbidden: false,
        priority: 0,
        node: None,
        available: false,
        count: None,
        failed: false,
        number: i64::from(instance),
    }
}

#[test]
fn numbers_are_those_of_clone_instances_and_bundle_parts() {
    for (id, number) in [
        ("rsc:0", 0),
        ("rsc:12", 12),
        ("my-rsc:3", 3),
        ("bundle-docker-7", 7),
        ("bundle-1", 1),
    ] {
        assert_eq!(instance_number(id), number, "{id}");
    }
}

#[test]
fn active_instances_come_before_inactive_ones_and_failed_ones_last() {
    let running = |instance| Key {
        active_on: 1,
        node: Some(NodeId(0)),
        available: true,
        count: Some(0),
        ..key(instance)
    };
    let failed = Key {
        failed: true,
        ..running(2)
    };
    assert_eq!(running(1).compare(&key(0)), Ok(Ordering::Less));
    assert_eq!(failed.compare(&running(3)), Ok(Ordering::Greater));
    assert_eq!(key(0).compare(&key(1)), Ok(Ordering::Equal));
    assert_eq!(running(0).compare(&running(1)), Err((NodeId(0), NodeId(0))));
}

/// One on a forbidden node, one on two nodes, one inactive: each comes before the next.
#[test]
fn the_order_of_instances_can_be_cyclic() {
    let forbidden = Key {
        active_on: 1,
        forbidden: true,
        ..key(0)
    };
    let twice = Key {
        active_on: 2,
        node: Some(NodeId(0)),
        available: true,
        count: Some(0),
        ..key(1)
    };
    let inactive = key(2);
    assert_eq!(forbidden.compare(&twice), Ok(Ordering::Less));
    assert_eq!(twice.compare(&inactive), Ok(Ordering::Less));
    assert_eq!(inactive.compare(&forbidden), Ok(Ordering::Less));
}
