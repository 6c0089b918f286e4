//! What follows from failures?

use super::*;

#[test]
fn a_failed_monitor_is_recovered_where_it_failed() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    start 0 0 0
    monitor 10000 1 0
",
    );
    let resource = cluster.resource("R");
    assert!(resource.failed && resource.stop_if_failed);
    assert_eq!(resource.role, Role::Started);
    assert_eq!(cluster.requests(), ["(R_monitor_10000@a)", "R_stop_0@a"]);
    assert_eq!(cluster.state.failed_operations.len(), 1);
}

#[test]
fn a_failed_stop_needs_fencing_or_blocks_the_resource() {
    let history = "
a up
  R
    start 0 0 0
    stop 0 1 0
";
    let fenced = observe(
        "",
        &(FENCE_DEVICE.to_owned() + &primitive("R", "")),
        history,
    );
    assert!(fenced.node("a").unclean);
    assert_eq!(
        fenced.node("a").unclean_reason.as_deref(),
        Some("R failed there")
    );
    assert!(fenced.is_banned("R", "a"));
    assert_eq!(
        fenced.requests(),
        ["(fence@b)", "(fence@c)", "(fence@a)"][2..]
    );

    let blocked = observe(NO_FENCING, &primitive("R", ""), history);
    let resource = blocked.resource("R");
    assert!(resource.blocked && !resource.managed && resource.failed);
    assert!(!blocked.node("a").unclean);
}

#[test]
fn hard_errors_ban_from_the_node_and_fatal_ones_from_all() {
    let check = |rc: &str, b_is_banned: bool| {
        let history = format!("\na up\n  R\n    start 0 {rc} 0\nb up\n");
        let cluster = observe(NO_FENCING, &primitive("R", ""), &history);
        assert!(cluster.is_banned("R", "a"));
        assert_eq!(cluster.is_banned("R", "b"), b_is_banned, "exit code {rc}");
    };
    check("5", false);
    check("2", false);
    check("6", true);
}

#[test]
fn a_probe_where_the_agent_is_missing_bans_all_instances_but_is_no_failure() {
    let cluster = observe(
        NO_FENCING,
        &clone(&primitive("R", ""), ""),
        "
a up
  R
    monitor 0 5 7
",
    );
    for id in ["C", "R:0", "R:1", "R:2"] {
        assert!(cluster.is_banned(id, "a"), "{id}");
    }
    let resource = cluster.resource("R:0");
    assert!(!resource.failed);
    assert_eq!(resource.role, Role::Stopped);
    assert_eq!(
        cluster.state.failed_operations.len(),
        1,
        "but people are told"
    );
}

#[test]
fn an_expired_failure_is_forgotten_and_one_that_will_expire_is_looked_at_again() {
    let resources = primitive("R", &meta("failure-timeout=60s"));
    let check = |age: i64| {
        let change = NOW - age;
        observe(
            NO_FENCING,
            &resources,
            &format!(
                "
a up fail-count-R#monitor_10000=3 last-failure-R#monitor_10000={change}
  R
    start 0 0 0 last-rc-change={change}
    monitor 10000 1 0 last-rc-change={change}
"
            ),
        )
    };
    let expired = check(61);
    assert!(
        expired
            .requests()
            .contains(&"R_clear_failcount_0@a".to_owned())
    );
    assert!(!expired.resource("R").failed);
    assert_eq!(
        expired.state.expired_recurring.len(),
        1,
        "the monitor is scheduled again"
    );
    assert_eq!(expired.state.recheck_by, None);

    let counting = check(20);
    assert!(counting.resource("R").failed);
    assert_eq!(counting.state.recheck_by, Some(NOW - 20 + 61));
}

#[test]
fn a_failure_that_blocks_never_expires() {
    let operation = "<op id='m' name='monitor' interval='10s' on-fail='block'/>";
    let inside = meta("failure-timeout=60s") + &format!("<operations>{operation}</operations>");
    let cluster = observe(
        NO_FENCING,
        &primitive("R", &inside),
        "
a up fail-count-R#monitor_10000=1 last-failure-R#monitor_10000=1000
  R
    start 0 0 0
    monitor 10000 1 0 last-rc-change=1000
",
    );
    let resource = cluster.resource("R");
    assert!(resource.blocked);
    assert_eq!(resource.failure_timeout_ms, 0);
    assert!(
        !cluster
            .requests()
            .iter()
            .any(|request| request.contains("clear_failcount"))
    );
}
