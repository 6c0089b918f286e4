//! Which resource and which instance is a history about, and where is it active?

use super::*;

#[test]
fn instances_are_numbered_as_histories_are_read() {
    let cluster = observe(
        NO_FENCING,
        &clone(&primitive("R", ""), "clone-max=2"),
        "
a up
  R
    monitor 0 7 7
b up
  R
    start 0 0 0
c up
  R
    start 0 0 0
",
    );
    assert_eq!(cluster.active("R:0"), "b", "nothing of it is on a");
    assert_eq!(cluster.active("R:1"), "c");
    assert_eq!(cluster.active("C"), "b c");
    assert_eq!(cluster.resource("R:1").history_id.as_deref(), Some("R"));
}

#[test]
fn instances_beyond_the_maximum_and_second_ones_on_a_node_are_removed_ones() {
    let cluster = observe(
        NO_FENCING,
        &clone(&primitive("R", ""), "clone-max=1"),
        "
a up
  R
    start 0 0 0
b up
  R:0
    start 0 0 0
  R:1
    start 0 0 0
",
    );
    assert_eq!(cluster.active("R:0"), "a");
    assert_eq!(cluster.active("R:1"), "b");
    assert_eq!(cluster.active("R:2"), "b");
    let removed = |id| cluster.state.resources[cluster.id(id)].removed;
    assert!(!removed("R:0") && removed("R:1") && removed("R:2"));
}

#[test]
fn members_of_a_cloned_group_are_joined_to_one_instance_per_node() {
    let group = format!(
        "<group id='G'>{}{}</group>",
        primitive("R", ""),
        primitive("S", "")
    );
    let cluster = observe(
        NO_FENCING,
        &clone(&group, ""),
        "
a up
  S
    start 0 0 0
b up
  R
    start 0 0 0
  S
    start 0 0 0
a up
",
    );
    assert_eq!(
        (cluster.active("S:0"), cluster.active("R:0")),
        ("a".into(), String::new())
    );
    assert_eq!(
        (cluster.active("S:1"), cluster.active("R:1")),
        ("b".into(), "b".into())
    );
}

#[test]
fn what_is_not_configured_any_more_may_run_nowhere() {
    let history = "
a up
  X
    start 0 0 0
";
    let cluster = observe(NO_FENCING, &primitive("R", ""), history);
    assert!(cluster.state.resources[cluster.id("X")].removed);
    assert_eq!(cluster.active("X"), "a");
    assert!(
        ["a", "b", "c"]
            .iter()
            .all(|node| cluster.is_banned("X", node))
    );
    assert_eq!(cluster.state.top.last(), Some(&cluster.id("X")));

    let kept = observe(
        "fencing-enabled=false stop-removed-resources=false",
        &primitive("R", ""),
        history,
    );
    assert!(!kept.resource("X").managed);
    assert_eq!(
        kept.score("X", "a"),
        Some(Score::INFINITY),
        "it stays where it is"
    );
}

#[test]
fn what_may_run_once_and_runs_twice_is_handled_as_configured() {
    let check = |policy: &str| {
        let inside = meta(&format!("multiple-active={policy}"));
        observe(
            NO_FENCING,
            &primitive("R", &inside),
            "
a up
  R
    start 0 0 0
b up
  R
    start 0 0 0
",
        )
    };
    for policy in ["stop_start", "stop_unexpected"] {
        let cluster = check(policy);
        assert_eq!(cluster.active("R"), "a b", "{policy}");
        assert!(cluster.resource("R").managed, "{policy}");
    }
    assert!(check("block").resource("R").blocked);
    let stopped = check("stop_only");
    assert!(
        ["a", "b", "c"]
            .iter()
            .all(|node| stopped.is_banned("R", node))
    );
}
