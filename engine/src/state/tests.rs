//! Small clusters of the nodes `a`, `b` and `c`, and what is made of their status.

use super::*;
use crate::action::{ActionRequest, Key};
use crate::id::ResourceId;
use crate::parse::Limits;
use crate::value::Score;

const NOW: i64 = 1_700_000_000;

/// A status in shorthand: one line for a node (`a up`, `a lost`, `a left`), below it one for each
/// history (`R` and attributes), below that one for each operation: name, interval, exit code and
/// expected code, then attributes. Call ids count up.
fn status(text: &str) -> String {
    let (mut xml, mut open) = (String::new(), "");
    let mut call = 0;
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let first = next();
        match line.len() - line.trim_start().len() {
            0 => {
                let (in_ccm, join, expected) = match next() {
                    "up" => ("true", "member", "member"),
                    "lost" => ("false", "down", "member"),
                    _ => ("false", "down", "down"),
                };
                let crmd = if in_ccm == "true" {
                    "online"
                } else {
                    "offline"
                };
                let attributes: Vec<_> = words.map(nvpair).collect();
                xml += &format!(
                    "{open}<node_state id='{first}' uname='{first}' in_ccm='{in_ccm}' \
                     crmd='{crmd}' join='{join}' expected='{expected}'>\
                     <transient_attributes id='{first}'><instance_attributes id='t-{first}'>{}\
                     </instance_attributes></transient_attributes><lrm id='{first}'><lrm_resources>\
                     <lrm_resource id=''>",
                    attributes.concat()
                );
                open = "</lrm_resource></lrm_resources></lrm></node_state>";
            }
            2 => {
                let attributes: Vec<_> = words.map(attribute).collect();
                let attributes = attributes.concat();
                xml += &format!(
                    "</lrm_resource><lrm_resource id='{first}' class='ocf' provider='p' \
                     type='Dummy'{attributes}>"
                );
            }
            _ => {
                call += 1;
                let (interval, rc, expected) = (next(), next(), next());
                let op_status = if rc == expected { 0 } else { 4 };
                let attributes: Vec<_> = words.map(attribute).collect();
                let mut attributes = attributes.concat();
                let mut default = |name: &str, value: &str| {
                    if !attributes.contains(&format!(" {name}=")) {
                        attributes += &format!(" {name}='{value}'");
                    }
                };
                default("id", &format!("R_{first}_{interval}"));
                default("op-status", &op_status.to_string());
                default("call-id", &call.to_string());
                xml += &format!(
                    "<lrm_rsc_op operation='{first}' interval='{interval}' rc-code='{rc}' \
                     transition-key='1:1:{expected}:u'{attributes}/>"
                );
            }
        }
    }
    xml + open
}

fn attribute(text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!(" {name}='{value}'")
}

fn nvpair(text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!("<nvpair id='{name}' name='{name}' value='{value}'/>")
}

struct Cluster {
    state: State,
}

/// What is made of a status; `options` as `name=value`.
fn observe(options: &str, resources: &str, text: &str) -> Cluster {
    let options: Vec<_> = options.split_whitespace().map(nvpair).collect();
    let node = |name: &str| format!("<node id='{name}' uname='{name}'/>");
    let nodes: String = ["a", "b", "c"].map(node).concat();
    let xml = format!(
        "<cib crm_feature_set='3.19.0' have-quorum='1' dc-uuid='a'><configuration><crm_config>\
         <cluster_property_set id='o'>{}</cluster_property_set></crm_config><nodes>{nodes}</nodes>\
         <resources>{resources}</resources><constraints/></configuration><status>{}</status></cib>",
        options.concat(),
        status(text)
    );
    let document = Document::parse(xml.as_bytes(), &Limits::default()).expect("well-formed");
    let now = Timestamp::utc(NOW);
    let config = crate::config::resolve(&document, now).expect("resolves");
    Cluster {
        state: unpack(&document, &config, now),
    }
}

fn primitive(id: &str, inside: &str) -> String {
    format!("<primitive id='{id}' class='ocf' provider='p' type='Dummy'>{inside}</primitive>")
}

fn meta(text: &str) -> String {
    let pairs: Vec<_> = text.split_whitespace().map(nvpair).collect();
    format!(
        "<meta_attributes id='m'>{}</meta_attributes>",
        pairs.concat()
    )
}

fn clone(inside: &str, settings: &str) -> String {
    format!("<clone id='C'>{}{inside}</clone>", meta(settings))
}

const FENCE_DEVICE: &str = "<primitive id='F' class='stonith' type='fence_x'/>";
const NO_FENCING: &str = "fencing-enabled=false";

impl Cluster {
    fn id(&self, id: &str) -> ResourceId {
        let mut resources = self.state.resources.enumerate();
        let found = resources.find(|(_, resource)| resource.id == id);
        found.expect("the resource is known").0
    }

    fn resource(&self, id: &str) -> &ResourceState {
        &self.state.resource[self.id(id)]
    }

    fn node_id(&self, name: &str) -> NodeId {
        let mut nodes = self.state.nodes.enumerate();
        nodes
            .find(|(_, node)| node.name == name)
            .expect("the node is known")
            .0
    }

    fn node(&self, name: &str) -> &NodeState {
        &self.state.node[self.node_id(name)]
    }

    /// Names of the nodes where a resource is active, in order.
    fn active(&self, id: &str) -> String {
        let nodes = self.resource(id).active_on.iter();
        let names: Vec<_> = nodes
            .map(|&node| self.state.nodes[node].name.as_str())
            .collect();
        names.join(" ")
    }

    fn score(&self, id: &str, node: &str) -> Option<Score> {
        self.resource(id).allowed.score(self.node_id(node))
    }

    fn is_banned(&self, id: &str, node: &str) -> bool {
        self.score(id, node) == Some(Score::MINUS_INFINITY)
    }

    /// Requests as `resource_task_interval@node`, optional ones in parentheses.
    fn requests(&self) -> Vec<String> {
        let name = |node: NodeId| self.state.nodes[node].name.as_str();
        let text = |request: &ActionRequest| {
            let what = match &request.key {
                Key::Operation {
                    resource,
                    task,
                    interval_ms,
                } => {
                    let id = &self.state.resources[*resource].id;
                    format!("{id}_{}_{interval_ms}", task.name())
                }
                Key::Fence(..) => "fence".to_owned(),
                other => format!("{other:?}"),
            };
            let text = format!("{what}@{}", request.node.map_or("", name));
            if request.optional {
                format!("({text})")
            } else {
                text
            }
        };
        self.state.requests.iter().map(text).collect()
    }
}

#[test]
fn an_active_resource_is_known_with_its_role_node_and_recurring_monitor() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    monitor 0 7 7
    start 0 0 0
    monitor 10000 0 0
b up
  R
    monitor 0 7 7
",
    );
    let resource = cluster.resource("R");
    assert_eq!(
        (resource.role, cluster.active("R")),
        (Role::Started, "a".to_owned())
    );
    assert!(!resource.failed);
    let known: Vec<_> = resource.known_on.iter().collect();
    assert_eq!(
        known,
        [cluster.node_id("a"), cluster.node_id("b")],
        "no probe is needed there"
    );
    assert_eq!(cluster.requests(), ["(R_monitor_10000@a)"]);
    assert_eq!(cluster.state.dc, Some(cluster.node_id("a")));
}

#[test]
fn the_order_of_call_ids_counts_not_that_of_elements() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    stop 0 0 0 call-id=9
    start 0 0 0 call-id=5
",
    );
    assert_eq!(cluster.resource("R").role, Role::Stopped);
    assert_eq!(cluster.active("R"), "");
}

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

#[test]
fn a_pending_start_counts_as_active() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    start 0 193 0 op-status=-1 call-id=-1
",
    );
    let resource = cluster.resource("R");
    assert!(resource.start_pending);
    assert_eq!(resource.role, Role::Started);
    assert_eq!(
        resource.pending,
        Some(("start".to_owned(), cluster.node_id("a")))
    );
}

#[test]
fn a_promoted_instance_is_known_by_its_monitor() {
    let cluster = observe(
        NO_FENCING,
        &clone(&primitive("R", ""), "promotable=true"),
        "
a up
  R
    monitor 0 8 7
b up
  R
    start 0 0 0
    monitor 10000 0 0
",
    );
    assert_eq!(cluster.resource("R:0").role, Role::Promoted);
    assert_eq!(cluster.resource("R:1").role, Role::Started);
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
    assert_eq!(attributes.get("x").map(String::as_str), Some("y"));
    assert_eq!(attributes.get("#is_dc").map(String::as_str), Some("true"));
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
