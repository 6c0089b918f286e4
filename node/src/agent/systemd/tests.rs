//! The agent against a systemd that is a double, over a socket.

use std::path::Path;

use super::double::{Double, Unit};
use super::*;
use crate::agent::{AgentName, Agents, Bus};

struct Machine {
    folder: tempfile::TempDir,
    systemd: Double,
    agents: Agents,
}

impl Machine {
    fn with(units: &[(&str, Unit)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let systemd = Double::start(folder.path(), units);
        let agents = agents(folder.path(), &systemd.socket);
        Self {
            folder,
            systemd,
            agents,
        }
    }

    async fn run(&self, task: &str, agent: &str) -> Outcome {
        self.run_within(task, agent, 20_000).await
    }

    async fn run_within(&self, task: &str, agent: &str, timeout_ms: u64) -> Outcome {
        let agent: AgentName = agent.parse().unwrap();
        let mut operation = Operation::alone(agent, task);
        operation.timeout_ms = timeout_ms;
        self.agents.run(operation, Run::by_hand()).await
    }

    fn override_of(&self, unit: &str) -> Option<String> {
        let file = format!("units/{unit}.d/50-lockstep.conf");
        std::fs::read_to_string(self.folder.path().join(file)).ok()
    }
}

fn agents(folder: &Path, socket: &Path) -> Agents {
    let mut site = crate::agent::tests::site(folder);
    site.services = Services {
        bus: Bus::Manager(socket.to_owned()),
        unit_folder: folder.join("units"),
        init_folder: folder.join("init.d"),
    };
    Agents::new(site)
}

fn told(outcome: &Outcome) -> (i32, Status, &str) {
    (outcome.code.0, outcome.status, &outcome.reason)
}

#[tokio::test]
async fn a_unit_is_started_and_stopped_and_the_end_of_its_jobs_awaited() {
    let machine = Machine::with(&[("web.service", Unit::in_states(&["active"]))]);
    let started = machine.run("start", "systemd:web").await;
    assert_eq!(told(&started), (0, Status::Done, ""));
    let added = machine.override_of("web.service").unwrap();
    assert!(added.contains("Before=lockstep.service"), "{added}");
    assert!(added.contains("[Service]\nRestart=no"), "{added}");

    let stopped = machine.run("stop", "systemd:web").await;
    assert_eq!(told(&stopped), (0, Status::Done, ""));
    assert_eq!(machine.override_of("web.service"), None);
    // Stopping what is stopped needs no new look at unit files.
    machine.run("stop", "systemd:web").await;
    let expected = [
        "Reload",
        "StartUnit web.service",
        "Reload",
        "StopUnit web.service",
        "StopUnit web.service",
    ];
    assert_eq!(machine.systemd.calls(), expected);
}

#[tokio::test]
async fn other_kinds_of_units_have_no_service_to_restart() {
    let machine = Machine::with(&[("srv-data.mount", Unit::in_states(&["active"]))]);
    let started = machine.run("start", "systemd:srv-data.mount").await;
    assert_eq!(told(&started), (0, Status::Done, ""));
    let added = machine.override_of("srv-data.mount").unwrap();
    assert!(!added.contains("[Service]"), "{added}");
}

#[tokio::test]
async fn a_job_that_fails_says_how() {
    let ending = |end| Unit {
        jobs_end: end,
        ..Unit::in_states(&["inactive"])
    };
    let machine = Machine::with(&[
        ("broken.service", ending(Some("failed"))),
        ("slow.service", ending(Some("timeout"))),
        ("hung.service", ending(None)),
    ]);
    let broken = machine.run("start", "systemd:broken").await;
    let reason = "systemd start job for broken.service failed with result 'failed'";
    assert_eq!(told(&broken), (1, Status::Error, reason));
    let slow = machine.run("stop", "systemd:slow").await;
    let reason = "systemd stop job for slow.service timed out";
    assert_eq!(told(&slow), (1, Status::Timeout, reason));
    let hung = machine.run_within("start", "systemd:hung", 200).await;
    let reason = "start of systemd unit hung did not complete in time";
    assert_eq!(told(&hung), (1, Status::Timeout, reason));
}

#[tokio::test]
async fn a_unit_that_is_not_there_is_not_installed_but_stopped() {
    let machine = Machine::with(&[]);
    let started = machine.run("start", "systemd:ghost").await;
    let reason = "systemd unit ghost not found";
    assert_eq!(told(&started), (5, Status::NotInstalled, reason));
    let stopped = machine.run("stop", "systemd:ghost").await;
    assert_eq!(told(&stopped), (0, Status::Done, ""));
    let probed = machine.run("monitor", "systemd:ghost").await;
    assert_eq!(told(&probed), (7, Status::Done, "inactive"));
}

#[tokio::test]
async fn what_a_unit_does_tells_whether_it_runs() {
    let cases = [
        ("active", 0, ""),
        ("reloading", 0, ""),
        ("refreshing", 0, ""),
        ("inactive", 7, "inactive"),
        ("failed", 7, "failed"),
        ("maintenance", 7, "maintenance"),
    ];
    for (state, code, reason) in cases {
        let machine = Machine::with(&[("web.service", Unit::in_states(&[state]))]);
        let outcome = machine.run("monitor", "systemd:web").await;
        assert_eq!(told(&outcome), (code, Status::Done, reason), "{state}");
    }
}

#[tokio::test]
async fn a_unit_on_its_way_is_waited_for() {
    let coming = Unit::in_states(&["activating", "activating", "active"]);
    let going = Unit::in_states(&["deactivating", "inactive"]);
    let stuck = Unit::in_states(&["activating"]);
    let machine = Machine::with(&[
        ("coming.service", coming),
        ("going.service", going),
        ("stuck.service", stuck),
    ]);
    let coming = machine.run_within("monitor", "systemd:coming", 500).await;
    assert_eq!(told(&coming), (0, Status::Done, ""));
    let going = machine.run_within("status", "systemd:going", 500).await;
    assert_eq!(told(&going), (7, Status::Done, "inactive"));
    let stuck = machine.run_within("monitor", "systemd:stuck", 100).await;
    assert_eq!((stuck.code.0, stuck.status), (1, Status::Timeout));
}

#[tokio::test]
async fn without_systemd_nothing_works_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let agents = agents(folder.path(), &folder.path().join("nobody"));
    for task in ["start", "stop", "monitor"] {
        let agent: AgentName = "systemd:web".parse().unwrap();
        let outcome = agents
            .run(Operation::alone(agent, task), Run::by_hand())
            .await;
        assert_eq!((outcome.code.0, outcome.status), (1, Status::Error));
        assert!(outcome.reason.starts_with("No DBus connection: "));
    }
    assert_eq!(agents.units().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_connection_that_ends_fails_what_waits_on_it_and_nothing_after_it() {
    let hanging = Unit {
        hangs_up: true,
        ..Unit::in_states(&["active"])
    };
    let machine = Machine::with(&[("web.service", hanging)]);
    let started = machine.run("start", "systemd:web").await;
    assert_eq!((started.code.0, started.status), (1, Status::Error));
    let looked = machine.run("monitor", "systemd:web").await;
    assert_eq!(told(&looked), (0, Status::Done, ""));
}

#[tokio::test]
async fn what_units_cannot_do_is_not_implemented() {
    let machine = Machine::with(&[("web.service", Unit::in_states(&["active"]))]);
    let promoted = machine.run("promote", "systemd:web").await;
    let reason = "Action promote not implemented for systemd resources";
    assert_eq!(told(&promoted), (3, Status::Error, reason));
}

#[tokio::test]
async fn units_are_listed_and_described() {
    let machine = Machine::with(&[
        ("web.service", Unit::in_states(&["active"])),
        ("srv-data.mount", Unit::in_states(&["active"])),
        ("multi-user.target", Unit::in_states(&["active"])),
    ]);
    assert_eq!(machine.agents.units().await, ["srv-data.mount", "web"]);
    let agent = "systemd:web".parse().unwrap();
    let (text, understood) = machine.agents.metadata(&agent).await.unwrap();
    assert!(text.contains("web.service &amp; friends"), "{text}");
    assert_eq!(understood.name, "web");
    let monitor = understood.actions.iter().find(|a| a.name == "monitor");
    assert_eq!(monitor.unwrap().timeout.as_deref(), Some("100s"));
}

#[tokio::test]
async fn a_service_is_an_init_script_or_else_a_unit() {
    let machine = Machine::with(&[
        ("both.service", Unit::in_states(&["failed"])),
        ("unit.service", Unit::in_states(&["active"])),
    ]);
    crate::agent::lsb::tests::install(machine.folder.path(), "both", "exit 0");
    let both = machine.run("monitor", "service:both").await;
    assert_eq!(told(&both), (0, Status::Done, ""));
    let unit = machine.run("monitor", "service:unit").await;
    assert_eq!(told(&unit), (0, Status::Done, ""));
    let neither = machine.run("monitor", "service:neither").await;
    assert_eq!((neither.code.0, neither.status), (5, Status::NotInstalled));
    let agent = "service:unit".parse().unwrap();
    let (_, understood) = machine.agents.metadata(&agent).await.unwrap();
    assert!(!understood.has_action("force-reload"));
}

#[test]
fn names_mean_units() {
    let cases = [
        ("web", "web.service", "web.service"),
        ("web.service", "web.service", "web.service"),
        ("dbus.socket", "dbus.socket", "dbus.socket"),
        ("getty@tty1", "getty@tty1.service", "getty@tty1.service"),
        ("getty@", "getty@.service", "getty@lockstep.service"),
        ("a@.timer", "a@.timer", "a@lockstep.timer"),
        ("web.target", "web.target.service", "web.target.service"),
    ];
    for (kind, name, any) in cases {
        assert_eq!(unit::name(kind), name);
        assert_eq!(unit::name_of_any_instance(kind), any);
    }
}
