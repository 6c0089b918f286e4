//! Agents in a cluster of real processes: what they call back, and full cycles of agents of Debian's
//! `resource-agents`.
//!
//! Real agents change the machine: those run as root only, in a network and mount namespace of their
//! own, and only where they are installed. What does not run says `SKIPPED` and why.

mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lockstep_node::http::client::Client;
use lockstep_node::http::types::{Events, Status};
use lockstep_node::lab::ports::free;
use table::Real;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep");

/// How often news are waited for before a test gives up; each wait lasts at most as long as below.
const WAITS: usize = 120;
const WAIT_MS: u64 = 1_000;

/// What is run before the node in a namespace: an interface for addresses, and mounts of its own
/// where agents leave their traces.
const PREPARE: &str = "mount --make-rprivate / && ip link set lo up && ip link add d0 type veth peer name d1 \
     && ip address add 10.9.0.1/24 dev d0 && ip link set d0 up && ip link set d1 up \
     && mount -t sysfs sysfs /sys && mkdir -p /run/postgresql /run/resource-agents \
     && mount -t tmpfs -o mode=1777 tmpfs /run/postgresql \
     && mount -t tmpfs -o mode=1755 tmpfs /run/resource-agents && exec \"$@\"";

/// A cluster of one node.
struct Host {
    folder: tempfile::TempDir,
    node: Child,
    namespaces: bool,
}

impl Host {
    /// Starts a node whose configuration is this one.
    fn start(resources: &str, agents: Option<&Path>, namespaces: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let port = |fixed: u16| match namespaces {
            true => fixed,
            false => free(1).unwrap()[0],
        };
        let cib = format!(
            r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
              <configuration>
                <crm_config><cluster_property_set id="o">
                  <nvpair id="o-f" name="fencing-enabled" value="false"/>
                </cluster_property_set></crm_config>
                <nodes><node id="1" uname="n1"/></nodes>
                <resources>{resources}</resources><constraints/>
              </configuration><status/></cib>"#
        );
        std::fs::write(at("cib.xml"), cib).unwrap();
        let config = at("lockstep.toml");
        let mut init = Command::new(PROGRAM);
        init.args(["cluster", "init", "--name", "real", "--node", "n1"])
            .args(["--address", &format!("127.0.0.1:{}", port(4748))])
            .args(["--api", &format!("127.0.0.1:{}", port(4747))])
            .arg("--data-dir")
            .arg(at("n1"))
            .arg("--config")
            .arg(&config);
        succeeds(&mut init);
        let mut text: toml::Table = std::fs::read_to_string(&config).unwrap().parse().unwrap();
        text.insert("first_cib".into(), path_value(&at("cib.xml")));
        if let Some(agents) = agents {
            let table = text["agents"].as_table_mut().unwrap();
            table.insert("ocf_root".into(), path_value(agents));
        }
        std::fs::write(&config, text.to_string()).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let mut command = match namespaces {
            true => {
                let mut command = Command::new("unshare");
                command.args(["--net", "--mount", "sh", "-c", PREPARE, "sh", PROGRAM]);
                command
            }
            false => Command::new(PROGRAM),
        };
        command
            .args(["node", "--exit-with-stdin", "--config"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        let node = command.spawn().unwrap();
        Self {
            folder,
            node,
            namespaces,
        }
    }

    /// Whether a command succeeds in the node's namespaces.
    fn inside(&self, command: &str) -> bool {
        let id = self.node.id().to_string();
        let mut enter = Command::new("nsenter");
        enter.args(["--net", "--mount", "--target", &id, "sh", "-c", command]);
        let output = enter.output().unwrap();
        output.status.success()
    }

    fn executor(&self) -> PathBuf {
        self.folder.path().join("n1/executor")
    }

    /// A tool as agents find it.
    fn tool(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.executor().join("tools").join(name));
        command
            .args(arguments)
            .env("LOCKSTEP_SOCKET", self.executor().join("agents.sock"));
        command.output().unwrap()
    }

    #[track_caller]
    fn tells(&self, tool: &str, arguments: &[&str], expected: &str) {
        let output = self.tool(tool, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.trim_end(), expected, "{tool} {arguments:?}");
    }

    /// Waits until the cluster's state is as wanted; with a bound.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Status) -> bool) {
        let client = Client::new(self.executor().join("agents.sock"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let reached = runtime.block_on(async {
            let mut last = None;
            for _ in 0..WAITS {
                let after = match client.get::<Status>("/v1/status").await {
                    Ok(status) if is_so(&status) => return Ok(()),
                    Ok(status) => {
                        let applied = status.controller.applied;
                        last = Some(status);
                        applied
                    }
                    // It is starting.
                    Err(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let path = format!("/v1/events?after={after}&wait_ms={WAIT_MS}");
                let _ = client.get::<Events>(&path).await;
            }
            Err(last)
        });
        if let Err(last) = reached {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            panic!("never: {what}\n{last:#?}\n{end}");
        }
    }

    /// Waits until a resource is in a role and nothing is left to do.
    #[track_caller]
    fn until_is(&self, resource: &str, role: &str) {
        self.until(&format!("{resource} {role}"), |status| {
            let over = status
                .plan
                .as_ref()
                .is_some_and(|plan| plan.state == "complete");
            let mut all = status.resources.iter();
            let found = all.find(|found| found.id == resource);
            let is = found.is_some_and(|found| match found.active.as_slice() {
                [] => role == "stopped",
                [active] => active.role == role && !active.failed,
                _ => false,
            });
            over && status.wanted.is_none() && is
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let namespace = namespace_of(self.node.id()).filter(|_| self.namespaces);
        drop(self.node.stdin.take());
        let _ = self.node.kill();
        let _ = self.node.wait();
        // What agents started runs on without the node; it is found by the network that it shares.
        if let Some(namespace) = namespace
            && Some(&namespace) != namespace_of(std::process::id()).as_ref()
        {
            end_all_in(&namespace);
        }
    }
}

/// The network namespace of a process.
fn namespace_of(id: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{id}/ns/net")).ok()
}

fn end_all_in(namespace: &Path) {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for id in ids.filter(|id| namespace_of(*id).as_deref() == Some(namespace)) {
        if let Some(pid) = rustix::process::Pid::from_raw(id as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn path_value(path: &Path) -> toml::Value {
    path.to_str().unwrap().into()
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A promotable service that asks and tells the cluster as real ones do.
const CALLER: &str = r#"#!/bin/sh
state="$OCF_RESKEY_folder/state" log="$OCF_RESKEY_folder/log"
exec 2>>"$OCF_RESKEY_folder/errors"
node=$(crm_node -n)
case "$1" in
start)
  echo started >"$state"
  "$HA_SBIN_DIR/crm_master" -l reboot -v 10
  crm_attribute -N "$node" -n greeted -v -5 -l forever
  attrd_updater -n pulse -U 5 -d 1
  attrd_updater -n pulse -v pulse++
  echo "node $(crm_node -n) of $(crm_node -p), quorum $(crm_node -q)" >>"$log"
  echo "score $(crm_attribute --promotion -G -q)" >>"$log"
  echo "greeted $(crm_attribute -N "$node" -n greeted -G -l forever)" >>"$log"
  echo "missing $(crm_attribute -n missing -l reboot -G -q -d none)" >>"$log"
  crm_attribute -n missing -l reboot -G -q; echo "code $?" >>"$log"
  ;;
stop) rm -f "$state"; crm_master -l reboot -D;;
promote)
  echo promoted >"$state"
  crm_attribute --type crm_config --name caller_REPL_INFO -s replication -v "$node"
  echo "primary $(crm_attribute --type crm_config --name caller_REPL_INFO -s replication -G -q)" >>"$log"
  ;;
demote) echo started >"$state";;
monitor)
  case "$(cat "$state" 2>/dev/null)" in started) exit 0;; promoted) exit 8;; *) exit 7;; esac;;
notify) ;;
*) exit 3;;
esac
exit 0
"#;

#[test]
fn agents_ask_the_cluster_as_they_ask_pacemaker() {
    let agents = tempfile::tempdir().unwrap();
    let path = agents.path().join("resource.d/test/Caller");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(CALLER.as_bytes()).unwrap();
    drop(file);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = agents.path().display();
    let resources = format!(
        r#"<clone id="callers"><meta_attributes id="m"><nvpair id="m-p" name="promotable" value="true"/></meta_attributes>
        <primitive id="caller" class="ocf" provider="test" type="Caller">
          <instance_attributes id="i"><nvpair id="i-f" name="folder" value="{folder}"/></instance_attributes>
          <operations><op id="op" name="monitor" interval="10s" role="Promoted"/></operations>
        </primitive></clone>"#
    );
    let host = Host::start(&resources, Some(agents.path()), false);
    host.until_is("caller", "promoted");

    let log = std::fs::read_to_string(agents.path().join("log")).unwrap();
    let expected = "node n1 of n1, quorum 1\nscore 10\ngreeted scope=nodes name=greeted value=-5\n\
         missing none\ncode 105\nprimary n1\n";
    let errors = std::fs::read_to_string(agents.path().join("errors")).unwrap();
    assert_eq!(log, expected, "{errors}");

    // By hand, as operators of Pacemaker are used to.
    host.tells(
        "attrd_updater",
        &["-n", "pulse", "-Q"],
        "name=\"pulse\" host=\"n1\" value=\"6\"",
    );
    host.tells("crm_node", &["-l"], "1 n1 member");
    let running = "resource caller is running on: n1 Promoted";
    host.tells("crm_resource", &["-W", "-r", "caller"], running);
    host.tells(
        "crm_resource",
        &["-r", "callers", "--meta", "-g", "promotable"],
        "true",
    );
    host.tells(
        "crm_failcount",
        &["-G", "-q", "-r", "caller", "-N", "n1"],
        "0",
    );
    host.tells(
        "crm_standby",
        &["-G", "-N", "n1"],
        "scope=status name=standby value=off",
    );
    let monitor = host.tool("crm_mon", &["-1", "--output-as=xml"]);
    let told = String::from_utf8(monitor.stdout).unwrap();
    assert!(
        told.contains("id=\"caller\"") && told.contains("role=\"Promoted\""),
        "{told}"
    );
    let path = "//nvpair[@name='caller_REPL_INFO']";
    let query = host.tool("cibadmin", &["-Q", "--xpath", path]);
    let told = String::from_utf8(query.stdout).unwrap();
    assert!(
        told.starts_with("<nvpair ") && told.contains("value=\"n1\""),
        "{told}"
    );
    let nothing = host.tool("cibadmin", &["-Q", "--xpath", "//nothing"]);
    assert_eq!(nothing.status.code(), Some(105));

    // Taking the score away takes the promotion away.
    assert!(
        host.tool("crm_attribute", &["-p", "caller", "-N", "n1", "-D"])
            .status
            .success()
    );
    host.until_is("caller", "started");
}

/// Why a real agent cannot be run here, if so.
fn obstacle(agent: &Real) -> Option<String> {
    let Real {
        provider,
        agent: kind,
        ..
    } = agent;
    let script = format!("/usr/lib/ocf/resource.d/{provider}/{kind}");
    let mut needs = agent.needs.iter().chain([&script]);
    needs
        .find(|need| !Path::new(need).exists())
        .map(|need| format!("there is no {need}"))
}

fn primitive(agent: &Real) -> String {
    let id = agent.id;
    let mut text = format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"{}\" type=\"{}\">\
         <instance_attributes id=\"{id}-p\">",
        agent.provider, agent.agent
    );
    for (name, value) in &agent.parameters {
        let _ = write!(
            text,
            "<nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>"
        );
    }
    text += "</instance_attributes><operations>";
    let roles: &[&str] = match agent.promotable {
        true => &["Promoted", "Unpromoted"],
        false => &["Started"],
    };
    for (every, role) in (5..).zip(roles) {
        let _ = write!(
            text,
            "<op id=\"{id}-m{every}\" name=\"monitor\" interval=\"{every}s\" timeout=\"60s\" role=\"{role}\"/>"
        );
    }
    for task in ["start", "stop", "promote", "demote"] {
        let _ = write!(
            text,
            "<op id=\"{id}-{task}\" name=\"{task}\" interval=\"0\" timeout=\"40s\"/>"
        );
    }
    text += "</operations></primitive>";
    match agent.promotable {
        true => format!(
            "<clone id=\"{id}-clone\"><meta_attributes id=\"{id}-c\"><nvpair id=\"{id}-cp\" \
             name=\"promotable\" value=\"true\"/><nvpair id=\"{id}-cn\" name=\"notify\" \
             value=\"true\"/></meta_attributes>{text}</clone>"
        ),
        false => text,
    }
}

/// Start, promote, monitor, demote and stop, in a cluster, with agents that do real work.
#[test]
fn real_agents_run_full_cycles() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED real_agents_run_full_cycles: only root may make namespaces and mounts");
        return;
    }
    let mut try_namespaces = Command::new("unshare");
    try_namespaces.args(["--net", "--mount", "sh", "-c", PREPARE, "sh", "true"]);
    let tried = try_namespaces.output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED real_agents_run_full_cycles: this machine gives no namespaces");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut agents = table::real_agents(folder.path());
    agents.retain(|agent| match obstacle(agent) {
        Some(why) => {
            println!("SKIPPED ocf:{}:{}: {why}", agent.provider, agent.agent);
            false
        }
        None => true,
    });
    if agents.is_empty() {
        return;
    }
    let resources: String = agents.iter().map(primitive).collect();
    let host = Host::start(&resources, None, true);
    for agent in &agents {
        let role = match agent.promotable {
            true => "promoted",
            false => "started",
        };
        host.until_is(agent.id, role);
        assert!(
            host.inside(&agent.evidence),
            "{}: {}",
            agent.id,
            agent.evidence
        );
    }
    for agent in &agents {
        let stop = [
            "--meta",
            "-p",
            "target-role",
            "-v",
            "Stopped",
            "-r",
            agent.id,
        ];
        assert!(host.tool("crm_resource", &stop).status.success());
    }
    for agent in &agents {
        host.until_is(agent.id, "stopped");
        assert!(!host.inside(&agent.evidence), "{} is stopped", agent.id);
        host.tells(
            "crm_failcount",
            &["-G", "-q", "-r", agent.id, "-N", "n1"],
            "0",
        );
        println!("RAN ocf:{}:{}", agent.provider, agent.agent);
    }
}
