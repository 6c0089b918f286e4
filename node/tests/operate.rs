//! What operators do, typed as they type it: the program itself, against clusters of real
//! controllers and executors whose resources bundled agents play.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lockstep_node::config::Timers;
use lockstep_node::lab::Lab;
use lockstep_node::lab::cluster::LabCluster;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep");

const CIB: &str = r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
  <configuration>
    <crm_config><cluster_property_set id="options">
      <nvpair id="options-fencing" name="fencing-enabled" value="true"/>
    </cluster_property_set></crm_config>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
    <resources>
      <primitive id="power" class="stonith" type="fence_lockstep">
        <instance_attributes id="power-params">
          <nvpair id="power-folder" name="folder" value="@FOLDER@"/>
        </instance_attributes>
      </primitive>
      <group id="shop">
        <primitive id="db" class="ocf" provider="lockstep" type="Dummy">
          <operations><op id="db-monitor" name="monitor" interval="1s" timeout="20s"/></operations>
        </primitive>
        <primitive id="web" class="ocf" provider="lockstep" type="Dummy"/>
      </group>
    </resources>
    <constraints>
      <rsc_location id="power-on-n1" rsc="power" node="n1" score="100"/>
      <rsc_location id="shop-on-n1" rsc="shop" node="n1" score="100"/>
    </constraints>
  </configuration>
  <status/>
</cib>"#;

/// A cluster whose nodes all came up and have nothing left to do.
struct Town {
    lab: Lab,
    _folder: tempfile::TempDir,
}

impl Town {
    /// One controller, and a node more.
    fn small() -> Self {
        Self::new(&["n1"], &["n2"])
    }

    fn new(controllers: &[&str], others: &[&str]) -> Self {
        Self::of(CIB, controllers, others, None)
    }

    /// With a configuration of its own, and agents beside the bundled ones.
    fn of(cib: &str, controllers: &[&str], others: &[&str], agents: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let controllers = controllers.iter().map(|name| ((*name).to_owned(), true));
        let cluster = LabCluster {
            name: "town".into(),
            cib: cib.into(),
            controllers: controllers.collect(),
            others: others.iter().map(|name| (*name).to_owned()).collect(),
            stand_in: false,
            ocf_root: agents.map(Path::to_owned),
            timers: Timers {
                // Generous where a busy machine must not look like a dead one.
                silence_ms: 10_000,
                node_lost_ms: 10_000,
                quorum_lost_ms: 3_000,
                ..Timers::default()
            },
            program: Some(PROGRAM.into()),
        };
        let lab = Lab::start(folder.path(), &cluster).unwrap();
        let town = Self {
            lab,
            _folder: folder,
        };
        for at in 0..town.lab.controllers.len() {
            town.until_there_is_a_plan(at);
        }
        town.ok(&["resource", "wait", "--timeout", "60"]);
        town
    }

    /// Asks until the controller answers and something was planned, with a bound.
    fn until_there_is_a_plan(&self, at: usize) {
        for _ in 0..1000 {
            let output = self.run_at(at, &["history", "show", "--json"]);
            if output.status.success() {
                return;
            }
        }
        panic!("controller {at} planned nothing: {}", self.lab.log_end(at));
    }

    fn run_at(&self, at: usize, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        let api = self.lab.controllers[at].api.to_string();
        command
            .args(arguments)
            .env("LOCKSTEP_API", api)
            .env_remove("LOCKSTEP_LOG");
        command.output().expect("the program runs")
    }

    /// What a command that succeeds prints.
    #[track_caller]
    fn ok_at(&self, at: usize, arguments: &[&str]) -> String {
        let output = self.run_at(at, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        self.ok_at(0, arguments)
    }

    /// A command that ends with a code, and says something.
    #[track_caller]
    fn fails(&self, code: i32, says: &str, arguments: &[&str]) {
        let output = self.run_at(0, arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(says), "'{says}' is not in: {text}");
    }

    /// Where a resource is, as `resource list` shows it.
    #[track_caller]
    fn place(&self, resource: &str) -> String {
        let list = self.ok(&["resource", "list"]);
        let line = list
            .lines()
            .find(|line| line.trim_start().starts_with(resource));
        let line = line.unwrap_or_else(|| panic!("no {resource} in {list}"));
        let rest = line.trim_start().split_once(char::is_whitespace).unwrap().1;
        rest.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[track_caller]
    fn is_in(&self, part: &str, arguments: &[&str]) {
        let text = self.ok(arguments);
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }

    #[track_caller]
    fn is_not_in(&self, part: &str, arguments: &[&str]) {
        let text = self.ok(arguments);
        assert!(!text.contains(part), "'{part}' is in: {text}");
    }

    /// The file by which a bundled agent knows that a resource runs on a node.
    fn state_file(&self, node: &str, resource: &str) -> PathBuf {
        self.lab
            .agents_folder(node)
            .join(format!("{resource}.state"))
    }
}

#[test]
fn resources_are_moved_stopped_and_restarted() {
    let town = Town::small();
    assert_eq!(town.place("db"), "started on n1");

    town.is_in("Resource Group: shop:", &["status", "--output-as", "text"]);
    town.is_in("<group id=\"shop\"", &["status", "--output-as", "xml"]);

    town.ok(&["resource", "move", "shop", "n2", "--wait"]);
    assert_eq!(town.place("web"), "started on n2");
    town.is_in("cli-prefer-shop", &["resource", "show", "shop"]);
    town.is_in("runs on n2 already", &["resource", "move", "shop", "n2"]);
    town.is_in(
        "removed cli-prefer-shop",
        &["resource", "clear", "shop", "--wait"],
    );
    assert_eq!(town.place("db"), "started on n1");

    town.ok(&["resource", "ban", "shop", "--lifetime", "PT1H", "--wait"]);
    assert_eq!(town.place("db"), "started on n2", "away from where it was");
    town.is_in("date_expression", &["config", "show", "constraints"]);
    town.is_in("nothing to clear", &["resource", "clear", "--expired"]);
    town.ok(&["resource", "clear", "shop", "n1", "--wait"]);

    town.ok(&["resource", "disable", "web", "--wait"]);
    assert_eq!(town.place("web"), "stopped (disabled)");
    assert_eq!(town.place("db"), "started on n1");
    town.fails(1, "web does not run", &["resource", "wait", "web"]);
    town.fails(105, "not running", &["resource", "restart", "web"]);
    town.ok(&["resource", "enable", "web", "--wait"]);
    town.is_in("web: started on n1", &["resource", "wait", "web"]);

    // What depends on it is stopped and started with it.
    let restarts = |resource: &str| {
        let witness = std::fs::read_to_string(town.lab.witness()).unwrap();
        let of_it = witness
            .lines()
            .filter(|line| line.contains(&format!("\"{resource}\"")));
        of_it.filter(|line| line.contains("\"start\"")).count()
    };
    let before = restarts("web");
    town.is_in("runs on n1", &["resource", "restart", "db"]);
    assert!(restarts("web") > before);
    town.is_not_in("target-role", &["config", "show", "resources"]);

    town.ok(&["resource", "unmanage", "shop"]);
    town.fails(75, "not managed", &["resource", "restart", "db"]);
    town.is_in("(unmanaged)", &["resource", "list"]);
    town.ok(&["resource", "manage", "shop"]);
    town.is_not_in("(unmanaged)", &["resource", "list"]);

    town.fails(105, "no resource 'dbb'", &["resource", "move", "dbb", "n1"]);
    town.fails(105, "no node 'n9'", &["resource", "move", "db", "n9"]);
    town.fails(
        64,
        "--lifetime soon",
        &["resource", "ban", "db", "--lifetime", "soon"],
    );
    town.fails(
        64,
        "promoted",
        &["resource", "move", "db", "n2", "--promoted"],
    );
}

#[test]
fn failures_are_shown_and_cleaned_up() {
    let town = Town::small();
    std::fs::remove_file(town.state_file("n1", "db")).unwrap();
    let mut shown = String::new();
    for _ in 0..1000 {
        shown = town.ok(&["resource", "show", "db"]);
        if shown.contains("failed on n1") {
            break;
        }
    }
    assert!(
        shown.contains("failed on n1: db monitor_1000, 1 times"),
        "{shown}"
    );
    town.ok(&["resource", "wait"]);
    assert_eq!(town.place("db"), "started on n1", "it was recovered");

    town.fails(105, "no resource", &["resource", "cleanup", "dbb"]);
    town.is_in("nothing", &["resource", "cleanup", "web", "--wait"]);
    town.is_in(
        "db on n1 is cleaned up",
        &["resource", "cleanup", "shop", "--wait"],
    );
    town.is_not_in("failed on", &["resource", "show", "db"]);
    assert_eq!(town.place("db"), "started on n1", "it was found running");

    // A refresh looks at what is well, too.
    town.is_in(
        "web on n2 is cleaned up",
        &["resource", "refresh", "--wait"],
    );
    town.is_in("resources cleaned up", &["history", "list"]);
    assert_eq!(town.place("web"), "started on n1");
}

#[test]
fn nodes_are_put_on_standby_and_fenced() {
    let town = Town::small();
    town.ok(&["node", "standby", "n1", "--wait"]);
    town.is_in("online, standby", &["node", "list"]);
    assert_eq!(town.place("db"), "started on n2");
    town.is_in("already", &["node", "standby", "n1"]);
    town.ok(&["node", "online", "n1", "--wait"]);
    town.is_not_in("standby", &["node", "list"]);
    assert_eq!(town.place("db"), "started on n1");

    town.ok(&["node", "maintenance", "n1"]);
    town.is_in("maintenance", &["node", "list"]);
    town.ok(&["node", "ready", "n1"]);
    town.is_not_in("maintenance", &["node", "list"]);

    town.ok(&["node", "attribute", "set", "n2", "rack", "7"]);
    town.ok(&[
        "node",
        "attribute",
        "set",
        "n2",
        "seen",
        "yes",
        "--lifetime",
        "reboot",
    ]);
    assert_eq!(town.ok(&["node", "attribute", "get", "n2", "rack"]), "7\n");
    town.is_in("seen", &["node", "attribute", "list", "n2"]);
    town.ok(&["node", "attribute", "delete", "n2", "rack"]);
    town.fails(
        105,
        "no attribute",
        &["node", "attribute", "get", "n2", "rack"],
    );
    town.fails(105, "no node", &["node", "standby", "n9"]);

    town.fails(107, "--force", &["node", "confirm-down", "n2"]);
    town.fails(107, "online", &["node", "confirm-down", "n2", "--force"]);
    town.ok(&["node", "fence", "n2", "--wait"]);
    town.is_in("OFFLINE", &["node", "list"]);
    town.is_in("stonith-n2", &["history", "show", "--json"]);
}

#[test]
fn the_configuration_is_edited_checked_and_never_half_taken() {
    let town = Town::small();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cib.xml");
    let path = file.to_str().unwrap();
    let epoch = || {
        let status = town.ok(&["status", "--json"]);
        let line = status
            .lines()
            .find(|line| line.contains("\"epoch\""))
            .unwrap();
        line.to_owned()
    };
    let before = epoch();
    let shown = town.ok(&["config", "show"]);

    // A mistake is named with its place, and changes nothing.
    let wrong = shown.replacen("score=\"100\"", "scroe=\"100\"", 1);
    let line = 1 + wrong
        .lines()
        .position(|line| line.contains("scroe"))
        .unwrap();
    std::fs::write(&file, wrong).unwrap();
    for command in ["verify", "replace"] {
        town.fails(78, &format!("line {line}"), &["config", command, path]);
    }
    assert_eq!(epoch(), before);

    let edit = |script: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .args(["config", "edit"])
            .env("LOCKSTEP_API", town.lab.controllers[0].api.to_string())
            .env("EDITOR", format!("sed -i {script}"))
            .env_remove("VISUAL")
            .stdin(std::process::Stdio::null());
        command.output().unwrap()
    };
    let output = edit("s/score=\\\"100\\\"/score=\\\"lots\\\"/");
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let kept = PathBuf::from(text.trim_end().rsplit(' ').next().unwrap());
    assert!(
        std::fs::read_to_string(&kept).unwrap().contains("lots"),
        "{text}"
    );
    std::fs::remove_dir_all(kept.parent().unwrap()).unwrap();
    let output = edit("s/x/x/");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "nothing was changed\n"
    );
    assert_eq!(epoch(), before);
    let output = edit("s/score=\\\"100\\\"/score=\\\"50\\\"/");
    assert!(output.status.success(), "{output:?}");
    assert_ne!(epoch(), before);
    town.is_in("score=\"50\"", &["config", "show", "constraints"]);

    town.is_in("valid", &["config", "verify"]);
    town.fails(105, "resources", &["config", "show", "resorces"]);
    // Differences lead from one configuration to the other, and back only if that is meant.
    let now = town.ok(&["config", "show"]);
    std::fs::write(&file, now.replace("score=\"50\"", "score=\"60\"")).unwrap();
    let output = town.run_at(0, &["config", "diff", path]);
    assert_eq!(output.status.code(), Some(1));
    let patch = folder.path().join("patch.xml");
    std::fs::write(&patch, output.stdout).unwrap();
    let patch = patch.to_str().unwrap();
    town.is_in("is in force", &["config", "patch", patch]);
    town.is_in("score=\"60\"", &["config", "show", "constraints"]);
    town.fails(108, "is from configuration", &["config", "patch", patch]);
    town.is_in(
        "nothing was to be",
        &["config", "patch", "--any-version", patch],
    );
    town.fails(
        66,
        "/nonexistent.xml",
        &["config", "patch", "/nonexistent.xml"],
    );
    town.fails(78, "no <diff", &["config", "patch", path]);
    // An older schema is brought to the newest before anything is proposed.
    let old = shown
        .replacen("pacemaker-4.0", "pacemaker-3.0", 1)
        .replace("fencing-enabled", "stonith-enabled");
    std::fs::write(&file, old).unwrap();
    town.ok(&["config", "replace", path]);
    town.is_in("validate-with=\"pacemaker-4.0\"", &["config", "show"]);
}

#[test]
fn any_controller_takes_orders_and_tells_history() {
    let town = Town::new(&["n1", "n2", "n3"], &[]);
    let leads = |at: usize| {
        town.ok_at(at, &["status", "--json"])
            .contains("\"in_charge\": true")
    };
    let follower = (0..3).find(|at| !leads(*at)).unwrap();
    let other = (0..3).find(|at| *at != follower).unwrap();
    town.ok_at(follower, &["resource", "move", "shop", "n3", "--wait"]);
    town.ok_at(follower, &["ticket", "grant", "site", "--force"]);
    assert!(
        town.ok_at(follower, &["ticket", "list"])
            .contains("granted")
    );
    town.ok_at(follower, &["resource", "wait"]);

    let replayed = town.ok_at(follower, &["history", "replay", "--all"]);
    assert!(replayed.lines().count() >= 3 && replayed.lines().all(|l| l.ends_with("equal")));
    town.ok_at(other, &["resource", "wait"]);
    for command in [
        &["history", "show", "1"][..],
        &["history", "graph", "1"],
        &["history", "graph", "1", "--dot"],
        &["history", "input", "1"],
        &["history", "explain", "1", "db"],
        &["resource", "explain", "db"],
        &["simulate", "-LS", "-f", "n1"],
    ] {
        assert_eq!(town.ok_at(follower, command), town.ok_at(other, command));
    }
    let shown = town.ok_at(follower, &["history", "show", "1"]);
    assert!(
        shown.contains("db_start_0") && shown.contains("done"),
        "{shown}"
    );
    town.fails(105, "not among the saved", &["history", "show", "999"]);

    town.fails(107, "--force", &["ticket", "revoke", "site"]);
    town.ok(&["ticket", "standby", "site", "--wait"]);
    assert!(town.ok(&["ticket", "list"]).contains("granted, standby"));
    town.fails(105, "no ticket", &["ticket", "activate", "sight"]);
}

#[test]
fn a_node_that_lost_its_quorum_stops_what_it_runs() {
    let mut town = Town::new(&["n1", "n2", "n3"], &[]);
    assert_eq!(town.place("db"), "started on n1");
    let running = ["db", "web"].map(|resource| town.state_file("n1", resource));
    assert!(running.iter().all(|file| file.exists()));
    for at in [1, 2] {
        town.lab.kill(at).unwrap();
    }
    let wait_for = |town: &Town, runs: bool| {
        // The status is asked meanwhile, so that this waits for what happens, with a bound.
        for _ in 0..5000 {
            if running.iter().all(|file| file.exists() == runs) {
                return;
            }
            town.run_at(0, &["status"]);
        }
        panic!("waited in vain: {}", town.lab.log_end(0));
    };
    wait_for(&town, false);
    // And runs it again when the others are back.
    for at in [1, 2] {
        town.lab.start_controller(at).unwrap();
    }
    wait_for(&town, true);
    town.ok(&["resource", "wait", "web"]);
    assert_eq!(town.place("web"), "started on n1");
}

#[test]
fn nodes_are_shut_down_in_order_and_come_back() {
    let mut town = Town::new(&["n1", "n2", "n3"], &["n4"]);
    town.fails(105, "no node 'n9'", &["node", "shutdown", "n9"]);

    // A node without a controller: its executor ends.
    town.is_in("is shut down", &["node", "shutdown", "n4", "--wait"]);
    town.is_in("OFFLINE", &["node", "list"]);
    town.is_in("not online", &["node", "shutdown", "n4"]);

    // The controller that is asked goes itself, and what ran there runs elsewhere.
    assert_eq!(town.place("db"), "started on n1");
    let output = town.ok(&["node", "shutdown", "n1", "--wait"]);
    assert!(output.contains("node n1 is shut down"), "{output}");
    let told = |town: &Town| town.ok_at(1, &["resource", "show", "db"]);
    town.ok_at(1, &["resource", "wait"]);
    assert!(!told(&town).contains("n1"), "{}", told(&town));
    assert!(!town.state_file("n1", "db").exists());
    assert!(!town.ok_at(1, &["history", "list"]).contains("stonith"));
    let mut ended = Vec::new();
    for _ in 0..10_000 {
        ended = town.lab.ended();
        if !ended.is_empty() {
            break;
        }
        // Asked meanwhile, so that this waits for what happens, with a bound.
        town.run_at(1, &["status"]);
    }
    assert_eq!(ended, [(0, "it ended with code 0".to_owned())]);

    // Started again it takes part as before.
    town.lab.start_controller(0).unwrap();
    town.until_there_is_a_plan(0);
    let is_back = |town: &Town| {
        let list = town.ok(&["node", "list"]);
        list.lines()
            .any(|line| line.starts_with("n1 ") && line.contains(" online"))
    };
    assert!((0..1000).any(|_| is_back(&town)), "{}", town.lab.log_end(0));
    town.ok(&["resource", "wait"]);
    assert_eq!(town.place("db"), "started on n1");
}

/// A service that can be moved while it runs, and takes another level without a restart. It is where
/// its file says; what it is asked to do it writes down.
const MOVER: &str = r#"#!/bin/sh
place="$OCF_RESKEY_folder/place"
told() { echo "$1 on $LOCKSTEP_NODE level=$OCF_RESKEY_level port=$OCF_RESKEY_port$2" >>"$OCF_RESKEY_folder/log"; }
here() { [ "$(cat "$place" 2>/dev/null)" = "$LOCKSTEP_NODE" ]; }
case "$1" in
meta-data) cat <<END
<?xml version="1.0"?>
<resource-agent name="Mover" version="1"><version>1.1</version><parameters>
<parameter name="folder"/><parameter name="port"/><parameter name="level" reloadable="1"/>
</parameters><actions><action name="start"/><action name="stop"/><action name="monitor"/>
<action name="reload-agent"/><action name="migrate_to"/><action name="migrate_from"/></actions>
</resource-agent>
END
;;
start) told start; echo "$LOCKSTEP_NODE" >"$place";;
stop) here || exit 0; told stop; rm "$place";;
monitor) here || exit 7;;
reload-agent) here || exit 1; told reload-agent;;
migrate_to) here || exit 1; told migrate_to " to=$OCF_RESKEY_CRM_meta_migrate_target"
  echo "$OCF_RESKEY_CRM_meta_migrate_target" >"$place";;
migrate_from) here || exit 1; told migrate_from " from=$OCF_RESKEY_CRM_meta_migrate_source";;
*) exit 3;;
esac
"#;

#[test]
fn a_resource_moves_while_it_runs_and_takes_changes_without_a_restart() {
    let agents = tempfile::tempdir().unwrap();
    let program = agents.path().join("resource.d/test/Mover");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, MOVER).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = agents.path().display();
    let cib = format!(
        r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
        <configuration><crm_config><cluster_property_set id="o">
          <nvpair id="o-f" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
        <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
        <resources><primitive id="vm" class="ocf" provider="test" type="Mover">
          <meta_attributes id="m"><nvpair id="m-a" name="allow-migrate" value="true"/></meta_attributes>
          <instance_attributes id="i"><nvpair id="i-f" name="folder" value="{folder}"/>
            <nvpair id="i-l" name="level" value="low"/><nvpair id="i-p" name="port" value="1"/>
          </instance_attributes>
          <operations><op id="op" name="monitor" interval="10s" timeout="20s"/></operations>
        </primitive></resources>
        <constraints><rsc_location id="on-n1" rsc="vm" node="n1" score="10"/></constraints>
        </configuration><status/></cib>"#
    );
    let town = Town::of(&cib, &["n1"], &["n2"], Some(agents.path()));
    let log = agents.path().join("log");
    let done = || std::fs::read_to_string(&log).unwrap();
    assert_eq!(done(), "start on n1 level=low port=1\n");

    town.ok(&["resource", "move", "vm", "n2", "--wait"]);
    assert_eq!(town.place("vm"), "started on n2");
    let moved = "migrate_to on n1 level=low port=1 to=n2\n\
                 migrate_from on n2 level=low port=1 from=n1\n";
    assert!(done().ends_with(moved), "{}", done());

    // A parameter that can be changed while it runs, and one that cannot.
    let change = |from: &str, to: &str| {
        let file = agents.path().join("cib.xml");
        let shown = town.ok(&["config", "show"]);
        let changed = shown.replace(from, to);
        assert_ne!(shown, changed);
        std::fs::write(&file, changed).unwrap();
        town.ok(&["config", "replace", file.to_str().unwrap()]);
        town.ok(&["resource", "wait"]);
    };
    change("value=\"low\"", "value=\"high\"");
    assert!(
        done().ends_with("\nreload-agent on n2 level=high port=1\n"),
        "{}",
        done()
    );
    // It is stopped as what it was.
    change("value=\"1\"", "value=\"2\"");
    let restarted = "\nstop on n2 level=high port=1\nstart on n2 level=high port=2\n";
    assert!(done().ends_with(restarted), "{}", done());
    // It can go on like that.
    change("value=\"high\"", "value=\"low\"");
    assert!(
        done().ends_with("\nreload-agent on n2 level=low port=2\n"),
        "{}",
        done()
    );
}
