//! What is the state of nodes, and of what was active there?

use super::*;

#[test]
fn what_was_active_on_a_lost_node_waits_for_fencing() {
    let resources = FENCE_DEVICE.to_owned() + &primitive("R", "");
    let cluster = observe(
        "",
        &resources,
        "
a lost
  R
    start 0 0 0
b up
",
    );
    let node = cluster.node("a");
    assert!(node.unclean && !node.online);
    assert_eq!(
        node.unclean_reason.as_deref(),
        Some("peer is no longer part of the cluster")
    );
    assert!(
        cluster.node("c").unclean,
        "a node that was never seen may be up"
    );
    assert_eq!(cluster.requests(), ["(fence@a)"]);
    assert_eq!(
        cluster.state.requests[0].detail,
        crate::action::RequestDetail::PriorityDelay
    );
    assert_eq!(cluster.active("R"), "a");
}

#[test]
fn without_fencing_histories_of_nodes_that_are_away_are_not_read() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a left
  R
    start 0 0 0
",
    );
    assert_eq!(cluster.active("R"), "");
    assert!(!cluster.node("a").unpacked);
}

#[test]
fn a_guest_is_read_once_its_container_and_connection_are_up() {
    let resources = primitive("V", &meta("remote-node=g")) + &primitive("R", "");
    let history = |connection: &str| {
        format!(
            "
g up
  R
    start 0 0 0
a up
  V
    start 0 0 0
  g container=V
    start 0 {connection} 0
"
        )
    };
    let up = observe(NO_FENCING, &resources, &history("0"));
    assert!(up.node("g").online && !up.node("g").unclean);
    assert_eq!(up.active("R"), "g");

    let failed = observe(NO_FENCING, &resources, &history("1"));
    assert!(!failed.node("g").online);
    assert!(
        failed.resource("V").failed,
        "the guest is recovered with its container"
    );
    assert!(failed.requests().contains(&"V_stop_0@a".to_owned()));
}

#[test]
fn a_shutdown_lock_holds_until_its_limit() {
    let check = |since: i64| {
        observe(
            "fencing-enabled=false shutdown-lock=true shutdown-lock-limit=60s",
            &primitive("R", ""),
            &format!("\na left\n  R shutdown-lock={since}\n    stop 0 0 0\n"),
        )
    };
    let locked = check(NOW - 30);
    assert_eq!(
        locked.resource("R").lock,
        Some((locked.node_id("a"), NOW - 30))
    );
    let over = check(NOW - 61);
    assert_eq!(over.resource("R").lock, None);
    assert_eq!(over.requests(), ["R_lrm_delete_0@a"]);
}

#[test]
fn transient_attributes_win_over_configured_ones_and_set_standby() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "\na up standby=on x=y\nb up\n",
    );
    assert!(cluster.node("a").standby && !cluster.node("b").standby);
    let attributes = &cluster.node("a").attributes;
    assert_eq!(attributes.get("x").map(AsRef::as_ref), Some("y"));
    assert_eq!(attributes.get("#is_dc").map(AsRef::as_ref), Some("true"));
}

#[test]
fn a_node_in_maintenance_leaves_its_resources_alone() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up maintenance=true
  R
    start 0 0 0
    monitor 10000 1 0
",
    );
    let resource = cluster.resource("R");
    assert!(!resource.managed && resource.maintenance && resource.failed);
    assert_eq!(cluster.score("R", "a"), Some(Score::INFINITY));
}
