//! Which actions small clusters need. Each test makes the actions of a placement, in order, before
//! anything is settled.

use super::*;
use crate::parse::{Document, Limits};
use crate::time::Timestamp;
use crate::{Cluster, World, assign, constraint};

/// A cluster of the nodes `n1` and `n2`, without fencing unless options say otherwise.
#[derive(Default)]
struct Case<'a> {
    options: &'a [(&'a str, &'a str)],
    resources: &'a str,
    constraints: &'a str,
    without_quorum: bool,
    /// `lrm_resource` elements by node.
    histories: [&'a str; 2],
    /// Transient attributes of `n1`.
    attributes: &'a [(&'a str, &'a str)],
}

/// A history of the agent `ocf:test:Dummy` whose last operation succeeded with these digests.
fn history(resource: &str, operations: &[(&str, u32, &str)]) -> String {
    let entry = |(at, (operation, interval, more)): (usize, &(&str, u32, &str))| {
        let (call, rc) = (at + 1, if more.contains("rc=7") { 7 } else { 0 });
        let more = more.replace("rc=7", "");
        format!(
            "<lrm_rsc_op id='{resource}_{operation}_{interval}' operation='{operation}' \
             interval='{interval}' call-id='{call}' rc-code='{rc}' op-status='0' \
             transition-key='1:1:{rc}:u' transition-magic='0:{rc};1:1:{rc}:u' {more}/>"
        )
    };
    let operations: String = operations.iter().enumerate().map(entry).collect();
    format!(
        "<lrm_resource id='{resource}' class='ocf' provider='test' type='Dummy'>{operations}</lrm_resource>"
    )
}

/// The digest of no parameters.
const NONE: &str = "op-digest='f2317cad3d54cec5d7d7aa7d0bf35cf8'";

impl Case<'_> {
    fn cib(&self) -> Document {
        let pair = |(name, value): &(&str, &str)| {
            format!("<nvpair id='{name}' name='{name}' value='{value}'/>")
        };
        let options: String = self.options.iter().map(pair).collect();
        let attributes: String = self.attributes.iter().map(pair).collect();
        let state = |id: usize| {
            let transient = if id == 1 { attributes.as_str() } else { "" };
            format!(
                "<node_state id='{id}' uname='n{id}' in_ccm='true' crmd='online' join='member' \
                 expected='member'><transient_attributes id='{id}'><instance_attributes id='t{id}'>\
                 {transient}</instance_attributes></transient_attributes>\
                 <lrm id='{id}'><lrm_resources>{}</lrm_resources></lrm></node_state>",
                self.histories[id - 1]
            )
        };
        let fencing = if options.contains("fencing-enabled") {
            ""
        } else {
            "<nvpair id='fencing' name='fencing-enabled' value='false'/>"
        };
        let cib = format!(
            "<cib validate-with='pacemaker-4.0' have-quorum='{}' dc-uuid='1' epoch='1' \
             num_updates='0' admin_epoch='0'><configuration><crm_config><cluster_property_set \
             id='o'>{fencing}{options}</cluster_property_set></crm_config><nodes>\
             <node id='1' uname='n1'/><node id='2' uname='n2'/></nodes>\
             <resources>{}</resources><constraints>{}</constraints></configuration>\
             <status>{}{}</status></cib>",
            u8::from(!self.without_quorum),
            self.resources,
            self.constraints,
            state(1),
            state(2)
        );
        Document::parse(cib.as_bytes(), &Limits::default()).expect("the case is well-formed")
    }

    fn with<T>(&self, look: impl FnOnce(World<'_>, &Draft) -> T) -> T {
        let cib = self.cib();
        let now = Timestamp::utc(1_700_000_000);
        let cluster = Cluster::read(&cib, now).expect("the case is of this version");
        let constraints = constraint::unpack(&cib, &cluster.config, &cluster.state, now);
        let world = cluster.world(&cib, &constraints, now);
        let placement = assign::assign(world);
        look(world, &act(world, &placement))
    }

    /// `KEY NODE required|optional [blocked] [pseudo] [(reason)]` of each action, but probes.
    fn actions(&self) -> Vec<String> {
        let line = |world: World<'_>, action: &Action| {
            let node = action
                .node
                .map_or("-", |node| &world.state.nodes[node].name);
            let mut line = format!("{} {node}", action.key.text(world));
            if action.task != action.key.task() {
                line += &format!(" {}", action.task.name());
            }
            line += if action.optional {
                " optional"
            } else {
                " required"
            };
            line += if action.runnable { "" } else { " blocked" };
            line += if action.pseudo { " pseudo" } else { "" };
            if let Some(reason) = &action.reason {
                line += &format!(" ({})", reason.text(world));
            }
            line
        };
        self.with(|world, draft| {
            let lines = draft.actions.iter().map(|action| line(world, action));
            lines.filter(|line| !line.contains("_monitor_0")).collect()
        })
    }

    #[track_caller]
    fn makes(&self, expected: &[&str]) {
        assert_eq!(self.actions(), expected);
    }
}

const R: &str = "<primitive id='r' class='ocf' provider='test' type='Dummy'/>";
const MONITORED: &str = "<primitive id='r' class='ocf' provider='test' type='Dummy'><operations>\
     <op id='m' name='monitor' interval='10s'/></operations></primitive>";

#[test]
fn what_is_stopped_starts_and_is_monitored() {
    let case = Case {
        resources: MONITORED,
        ..Case::default()
    };
    case.makes(&["r_start_0 n1 required", "r_monitor_10000 n1 required"]);
}

#[test]
fn what_runs_where_it_should_needs_nothing() {
    let running = history("r", &[("start", 0, NONE), ("monitor", 10_000, "")]);
    let case = Case {
        resources: MONITORED,
        histories: [&running, ""],
        ..Case::default()
    };
    case.makes(&[
        "r_monitor_10000 n1 required",
        "r_stop_0 n1 optional",
        "r_start_0 n1 optional",
    ]);
    let digest = "op-digest='4811cef7f7f94e3a35a70be7916cb2fd'";
    let running = history("r", &[("start", 0, NONE), ("monitor", 10_000, digest)]);
    let case = Case {
        resources: MONITORED,
        histories: [&running, ""],
        ..Case::default()
    };
    case.makes(&[
        "r_monitor_10000 n1 optional",
        "r_stop_0 n1 optional",
        "r_start_0 n1 optional",
    ]);
}

#[test]
fn nothing_starts_without_quorum() {
    let case = Case {
        resources: MONITORED,
        without_quorum: true,
        ..Case::default()
    };
    case.makes(&[
        "r_start_0 n1 optional blocked (no quorum)",
        "r_monitor_10000 n1 required blocked",
    ]);
    let options = [("no-quorum-policy", "ignore")];
    let case = Case {
        options: &options,
        ..case
    };
    case.makes(&["r_start_0 n1 required", "r_monitor_10000 n1 required"]);
}

#[test]
fn actions_of_unmanaged_resources_are_optional() {
    let unmanaged = "<primitive id='r' class='ocf' provider='test' type='Dummy'>\
         <meta_attributes id='u'><nvpair id='um' name='is-managed' value='false'/>\
         <nvpair id='ut' name='target-role' value='Stopped'/></meta_attributes></primitive>";
    let running = history("r", &[("start", 0, NONE)]);
    let case = Case {
        resources: unmanaged,
        histories: [&running, ""],
        ..Case::default()
    };
    case.makes(&["r_stop_0 n1 optional blocked", "r_start_0 n1 optional"]);
}

#[test]
fn changed_parameters_restart_what_cannot_reload() {
    let running = history("r", &[("start", 0, "op-digest='changed'")]);
    let case = Case {
        resources: R,
        histories: [&running, ""],
        ..Case::default()
    };
    case.makes(&[
        "r_start_0 n1 required (resource definition change)",
        "r_stop_0 n1 optional",
    ]);
}

#[test]
fn changed_parameters_are_reloaded_where_the_agent_can() {
    let reloadable = "op-digest='changed' op-restart-digest='f2317cad3d54cec5d7d7aa7d0bf35cf8' \
         op-force-restart=' x '";
    let running = history("r", &[("start", 0, reloadable)]);
    let case = Case {
        resources: R,
        histories: [&running, ""],
        ..Case::default()
    };
    case.makes(&[
        "r_reload-agent_0 n1 required (resource definition change)",
        "r_stop_0 n1 optional",
        "r_start_0 n1 optional",
    ]);
}

#[test]
fn monitors_that_are_not_configured_any_more_are_cancelled() {
    let running = history("r", &[("start", 0, NONE), ("monitor", 10_000, "call='2'")]);
    let case = Case {
        resources: R,
        histories: [&running, ""],
        ..Case::default()
    };
    let expected = [
        "r_monitor_10000 n1 cancel required",
        "r_stop_0 n1 optional",
        "r_start_0 n1 optional",
    ];
    case.makes(&expected);
    case.with(|_, draft| {
        let cancel = draft
            .actions
            .iter()
            .find(|action| action.task == Task::Cancel);
        let meta = &cancel.expect("there is one").meta;
        assert_eq!(meta.get("operation"), Some("monitor"));
        assert_eq!(meta.get("interval"), Some("10000"));
        assert_eq!(meta.get("call-id"), Some("2"));
    });
    let options = [("cancel-removed-actions", "false")];
    let case = Case {
        options: &options,
        ..case
    };
    assert_eq!(case.actions()[0], "r_monitor_10000 n1 optional");
}

#[test]
fn a_change_of_agent_stops_the_old_one_and_erases_its_history() {
    let other = "<primitive id='r' class='ocf' provider='test' type='Other'/>";
    let running = history("r", &[("start", 0, NONE)]);
    let stopped = history("r", &[("monitor", 0, "rc=7")]);
    let case = Case {
        resources: other,
        histories: [&running, &stopped],
        ..Case::default()
    };
    case.makes(&[
        "r_stop_0 n1 required",
        "r_delete_0 n1 required",
        "r_delete_0 n2 required",
        // Settling makes it required, as it follows a required stop.
        "r_start_0 n1 optional",
    ]);
}

#[test]
fn what_is_gone_from_the_configuration_stops_and_is_forgotten() {
    let running = history("r", &[("start", 0, NONE)]);
    let attributes = [("fail-count-r#monitor_10000", "2")];
    let histories = [running.as_str(), ""];
    let case = Case {
        histories,
        attributes: &attributes,
        ..Case::default()
    };
    case.makes(&[
        "r_delete_0 n1 required",
        "r_clear_failcount_0 n1 required",
        "r_stop_0 n1 required (node availability)",
    ]);
}

#[test]
fn monitors_run_in_their_role_and_a_doubled_one_never() {
    let operations = "<primitive id='r' class='ocf' provider='test' type='Dummy'><operations>\
         <op id='a' name='monitor' interval='10s' role='Promoted'/>\
         <op id='b' name='monitor' interval='20s' role='Stopped'/>\
         <op id='c' name='monitor' interval='30s'/><op id='d' name='monitor' interval='30s'/>\
         <op id='e' name='monitor' interval='40s' enabled='false'/>\
         <op id='f' name='start' interval='50s'/>\
         <op id='g' name='check' interval='60s' role='Started'/></operations></primitive>";
    let case = Case {
        resources: operations,
        ..Case::default()
    };
    case.makes(&[
        "r_start_0 n1 required",
        "r_monitor_20000 n2 required",
        "r_check_60000 n1 required",
    ]);
}

#[test]
fn what_may_migrate_does_where_both_nodes_are_well() {
    let migratable = "<primitive id='r' class='ocf' provider='test' type='Dummy'>\
         <meta_attributes id='a'><nvpair id='am' name='allow-migrate' value='true'/>\
         </meta_attributes></primitive>";
    let away = "<rsc_location id='l' rsc='r' node='n1' score='-INFINITY'/>";
    let running = history("r", &[("start", 0, NONE)]);
    let histories = [running.as_str(), ""];
    let case = Case {
        resources: migratable,
        constraints: away,
        histories,
        ..Case::default()
    };
    case.makes(&[
        "r_stop_0 n1 required",
        "r_start_0 n2 required pseudo",
        "r_migrate_to_0 n1 optional",
        "r_migrate_from_0 n2 optional",
    ]);
    case.with(|_, draft| {
        let of = |task: Task| draft.actions.iter().find(|action| action.task == task);
        let meta = &of(Task::MigrateTo).expect("it migrates").meta;
        assert_eq!(meta.get("migrate_source"), Some("n1"));
        assert_eq!(meta.get("migrate_target"), Some("n2"));
        assert_eq!(meta.get("record-pending"), Some("true"));
    });
}

#[test]
fn a_failed_resource_is_restarted_and_never_migrates() {
    let migratable = "<primitive id='r' class='ocf' provider='test' type='Dummy'>\
         <meta_attributes id='a'><nvpair id='am' name='allow-migrate' value='true'/>\
         </meta_attributes></primitive>";
    let failed = history("r", &[("start", 0, NONE), ("monitor", 10_000, "rc=7")])
        .replace("transition-key='1:1:7", "transition-key='1:1:0");
    let case = Case {
        resources: migratable,
        histories: [&failed, ""],
        ..Case::default()
    };
    let actions = case.actions();
    assert!(
        !actions.iter().any(|line| line.contains("migrate")),
        "{actions:?}"
    );
    assert!(
        actions.contains(&"r_stop_0 n1 required".to_owned()),
        "{actions:?}"
    );
    assert!(
        actions.contains(&"r_start_0 n1 required".to_owned()),
        "{actions:?}"
    );
}

#[test]
fn clones_that_notify_tell_before_and_after() {
    let clone = "<clone id='c'><meta_attributes id='n'>\
         <nvpair id='nn' name='notify' value='true'/></meta_attributes>\
         <primitive id='r' class='ocf' provider='test' type='Dummy'/></clone>";
    let case = Case {
        resources: clone,
        ..Case::default()
    };
    case.makes(&[
        "r:0_start_0 n1 required",
        "r:1_start_0 n2 required",
        "c_start_0 - required pseudo",
        "c_running_0 - required pseudo",
        "c_stop_0 - optional pseudo",
        "c_stopped_0 - optional pseudo",
        "c_pre_notify_start_0 - required pseudo",
        "c_confirmed-pre_notify_start_0 - required pseudo",
        "c_post_notify_running_0 - required pseudo",
        "c_confirmed-post_notify_running_0 - required pseudo",
        "c_pre_notify_stop_0 - optional pseudo",
        "c_confirmed-pre_notify_stop_0 - optional pseudo",
        "c_post_notify_stopped_0 - optional pseudo",
        "c_confirmed-post_notify_stopped_0 - optional pseudo",
    ]);
}

#[test]
fn actions_are_numbered_in_the_order_in_which_they_are_asked_for() {
    let group = "<group id='g'><primitive id='a' class='ocf' provider='test' type='Dummy'/>\
         <primitive id='b' class='ocf' provider='test' type='Dummy'/></group>";
    let case = Case {
        resources: group,
        ..Case::default()
    };
    case.with(|world, draft| {
        let keys: Vec<_> = draft
            .actions
            .iter()
            .map(|action| action.key.text(world))
            .collect();
        let expected = [
            "a_monitor_0",
            "b_monitor_0",
            "a_monitor_0",
            "b_monitor_0",
            "a_start_0",
            "b_start_0",
            "g_start_0",
            "g_running_0",
            "g_stop_0",
            "g_stopped_0",
        ];
        assert_eq!(keys, expected);
    });
}
