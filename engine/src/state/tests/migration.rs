//! Where is a resource after a live migration?

use super::*;

#[test]
fn a_migration_half_way_can_go_on() {
    let migrating = "migrate_source=a migrate_target=b";
    let cluster = observe(
        NO_FENCING,
        &primitive("R", &meta("allow-migrate=true")),
        &format!(
            "
a up
  R
    start 0 0 0
    migrate_to 0 0 0 {migrating}
b up
  R
    monitor 0 7 7 call-id=1 last-rc-change=1
"
        ),
    );
    let resource = cluster.resource("R");
    let ends = Some((cluster.node_id("a"), cluster.node_id("b")));
    assert_eq!(resource.partial_migration, ends);
    assert_eq!(cluster.active("R"), "b a", "the target is noted first");
}

#[test]
fn a_migration_without_the_last_stop_leaves_the_source_to_be_stopped() {
    let migrating = "migrate_source=a migrate_target=b";
    let cluster = observe(
        NO_FENCING,
        &primitive("R", &meta("allow-migrate=true")),
        &format!(
            "
a up
  R
    start 0 0 0
    migrate_to 0 0 0 {migrating}
b up
  R
    migrate_from 0 0 0 {migrating}
"
        ),
    );
    let resource = cluster.resource("R");
    assert_eq!(resource.dangling_on, [cluster.node_id("a")]);
    assert_eq!(cluster.active("R"), "b");
    assert_eq!(resource.role, Role::Started);
}

#[test]
fn a_failed_migration_leaves_the_resource_on_both_nodes() {
    let migrating = "migrate_source=a migrate_target=b";
    let cluster = observe(
        NO_FENCING,
        &primitive("R", &meta("allow-migrate=true")),
        &format!(
            "
a up
  R
    start 0 0 0
    migrate_to 0 0 0 {migrating}
b up
  R
    migrate_from 0 1 0 {migrating}
"
        ),
    );
    assert!(cluster.resource("R").failed);
    assert_eq!(cluster.active("R"), "b a");
}
