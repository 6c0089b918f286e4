//! Agents are run for real here, from scripts in a temporary folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::bundled::{self, Context};
use super::*;

pub(in crate::agent) fn site(folder: &Path) -> Site {
    Site {
        node: "n1".into(),
        ocf_root: folder.to_owned(),
        fence_folder: Some(folder.join("fence")),
        bundled_state_dir: folder.join("state"),
        witness: None,
        stand_in: false,
        program: "/nonexistent/lockstep".into(),
        callbacks: Some(Callbacks::below(folder)),
        services: Services::default(),
    }
}

fn install(folder: &Path, script: &str) {
    let path = folder.join("resource.d/test/Script");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn operation(task: &str, parameters: &[(&str, &str)]) -> Operation {
    Operation {
        resource: "rsc1".into(),
        agent: AgentName {
            class: "ocf".into(),
            provider: Some("test".into()),
            kind: "Script".into(),
        },
        task: task.into(),
        interval_ms: 0,
        timeout_ms: 20_000,
        start_delay_ms: 0,
        parameters: parameters
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
    }
}

fn quiet() -> Run {
    Run {
        order: "3:7".into(),
        started: Box::new(|_| ()),
    }
}

async fn run_script(script: &str, operation: Operation) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), script);
    Agents::new(site(folder.path()))
        .run(operation, quiet())
        .await
}

#[tokio::test]
async fn a_reason_is_one_line_whatever_the_task_is_called() {
    let mut operation = operation("check\nstart\r\n", &[]);
    operation.timeout_ms = 100;
    let outcome = run_script("sleep 30", operation).await;
    assert_eq!(outcome.status, Status::Timeout);
    assert_eq!(
        outcome.reason,
        "check start   did not complete within 100 ms"
    );
}

#[tokio::test]
async fn an_agent_gets_its_task_and_environment() {
    let script = r#"
        [ "$1" = start ] || exit 90
        [ "$OCF_RESKEY_ip" = "10.0.0.1 a=b" ] || exit 91
        [ "$OCF_RESKEY_CRM_meta_timeout" = 20000 ] || exit 92
        [ "$OCF_RESOURCE_INSTANCE $OCF_RESOURCE_PROVIDER $OCF_RESOURCE_TYPE" = "rsc1 test Script" ] || exit 93
        [ -n "$OCF_ROOT" ] && [ "$OCF_RA_VERSION_MAJOR" = 1 ] || exit 94
        [ "$OCF_CHECK_LEVEL" = 10 ] || exit 95
        [ -z "$HOME$CARGO" ] || exit 96
        [ "$LOCKSTEP_ORDER" = 3:7 ] || exit 97
    "#;
    let parameters = [
        ("ip", "10.0.0.1 a=b"),
        ("CRM_meta_timeout", "20000"),
        ("OCF_CHECK_LEVEL", "10"),
    ];
    let outcome = run_script(script, operation("start", &parameters)).await;
    assert_eq!(outcome, Outcome::new(ResultCode::OK, Status::Done, ""));
}

#[tokio::test]
async fn the_last_exit_reason_and_the_output_come_with_a_failure() {
    let script =
        "echo 'ocf-exit-reason:first' >&2; echo 'ocf-exit-reason:no such disk' >&2; exit 1";
    let outcome = run_script(script, operation("start", &[])).await;
    assert_eq!(
        (outcome.code, outcome.reason.as_str()),
        (ResultCode(1), "no such disk")
    );
    assert!(outcome.output.contains("first"));
}

#[tokio::test]
async fn a_timeout_ends_the_whole_process_group() {
    let folder = tempfile::tempdir().unwrap();
    // A child that ignores the usual signals and would outlive the agent.
    install(
        folder.path(),
        "(trap '' TERM HUP; while :; do read x; done </dev/zero) & echo up; wait",
    );
    let mut slow = operation("start", &[]);
    slow.timeout_ms = 300;
    let (tell, group) = mpsc::channel();
    let run = Run {
        order: String::new(),
        started: Box::new(move |id| tell.send(id).unwrap()),
    };
    let outcome = Agents::new(site(folder.path())).run(slow, run).await;
    assert_eq!(outcome.status, Status::Timeout);
    assert_eq!(outcome.reason, "start did not complete within 300 ms");

    let group = rustix::process::Pid::from_raw(group.recv().unwrap() as i32).unwrap();
    let gone = async {
        // The orphan is reaped by whoever adopts orphans; a bounded wait for that event.
        while rustix::process::test_kill_process_group(group).is_ok() && !only_zombies(group) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("the group is killed");
}

/// Whether all that is left of a process group waits to be reaped.
fn only_zombies(group: rustix::process::Pid) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats =
        processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let fields = stats.filter_map(|stat| stat.rsplit_once(')').map(|(_, rest)| rest.to_owned()));
    let group = group.as_raw_nonzero().to_string();
    fields
        .filter(|rest| rest.split_whitespace().nth(2) == Some(&group))
        .all(|rest| rest.split_whitespace().next() == Some("Z"))
}

#[tokio::test]
async fn a_service_that_keeps_the_pipes_open_does_not_keep_us() {
    let script = "setsid sleep 30 & echo 'ocf-exit-reason:seen' >&2; exit 1";
    let run = run_script(script, operation("start", &[]));
    let outcome = tokio::time::timeout(Duration::from_secs(10), run)
        .await
        .expect("returns at once");
    assert_eq!(outcome.reason, "seen");
}

#[tokio::test]
async fn endless_output_is_bounded() {
    let script = "head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 1";
    let outcome = run_script(script, operation("start", &[])).await;
    assert_eq!(outcome.code, ResultCode(1));
    assert!(!outcome.output.is_empty() && outcome.output.len() <= 2048);
}

#[tokio::test]
async fn what_cannot_be_run_is_an_outcome_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let agents = Agents::new(site(folder.path()));
    let cases = [
        (("ocf", Some("test"), "Missing"), Status::NotInstalled),
        (("ocf", Some("../../bin"), "sh"), Status::NotInstalled),
        (("stonith", None, "fence_not_there"), Status::NotInstalled),
        (("stonith", None, "../sh"), Status::NotInstalled),
        (("nagios", None, "check_web"), Status::NotSupported),
        (("", None, ""), Status::NotSupported),
    ];
    for ((class, provider, kind), expected) in cases {
        let mut operation = operation("start", &[]);
        operation.agent = AgentName {
            class: class.into(),
            provider: provider.map(Into::into),
            kind: kind.into(),
        };
        let outcome = agents.run(operation, quiet()).await;
        assert_eq!(outcome.status, expected, "{class}:{provider:?}:{kind}");
        assert!(!outcome.reason.is_empty());
    }
}

/// One run of a bundled agent after another, as `(task, expected code)`.
fn bundled_run(kind: &str, fail: &str, steps: &[(&str, i32)]) {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("witness");
    let context = Context {
        node: "n1".into(),
        resource: "rsc1".into(),
        order: "1:2".into(),
        state: folder.path().join("deep/rsc1.state"),
        op_sleep: Duration::ZERO,
        monitor_sleep: Duration::ZERO,
        fail: fail.into(),
        witness: Some(witness.clone()),
    };
    for (task, expected) in steps {
        assert_eq!(
            bundled::act(kind, task, &context).0,
            *expected,
            "{kind} {task}"
        );
    }
    let lines = std::fs::read_to_string(witness).unwrap();
    let seen: Vec<bundled::Testimony> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(seen.len(), 2 * steps.len(), "each run is witnessed twice");
    let ends = seen.iter().filter_map(|line| line.code);
    assert!(ends.eq(steps.iter().map(|(_, code)| *code)));
}

#[test]
fn a_dummy_remembers_whether_it_runs() {
    let steps = [
        ("monitor", 7),
        ("start", 0),
        ("monitor", 0),
        ("start", 0),
        ("promote", 3),
        ("stop", 0),
        ("stop", 0),
        ("monitor", 7),
        ("brew", 3),
    ];
    bundled_run("Dummy", "", &steps);
}

#[test]
fn a_stateful_service_is_promoted_and_demoted() {
    let steps = [
        ("promote", 7),
        ("start", 0),
        ("promote", 0),
        ("monitor", 8),
        ("start", 0),
        ("monitor", 8),
        ("demote", 0),
        ("monitor", 0),
        ("stop", 0),
        ("monitor", 7),
    ];
    bundled_run("Stateful", "", &steps);
}

#[test]
fn a_bundled_agent_fails_where_it_is_asked_to() {
    bundled_run(
        "Dummy",
        "start@n1 stop@n2",
        &[("start", 1), ("monitor", 7), ("stop", 0)],
    );
}

#[tokio::test]
async fn the_bundled_fence_device_kills_a_node_and_what_runs_there() {
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("n1");
    let mut processes = Vec::new();
    for part in [node.clone(), node.join("executor")] {
        std::fs::create_dir_all(&part).unwrap();
        let child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let holder = crate::process::Process::of(child.id());
        std::fs::write(part.join("lock"), holder.to_string()).unwrap();
        processes.push(child);
    }
    std::fs::create_dir(node.join("agents")).unwrap();
    std::fs::write(node.join("agents/db.state"), "started").unwrap();
    let call = |action: &str| {
        let input = format!(
            "action={action}\nplug=n1\nfolder={}\n",
            folder.path().display()
        );
        power::act(input.as_bytes()).0
    };
    assert_eq!((call("monitor"), call("status")), (0, 0));
    assert_eq!(call("off"), 0);
    assert_eq!(call("status"), 2, "by the fence agent API");
    for mut process in processes {
        assert!(!process.wait().unwrap().success());
    }
    assert!(!node.join("agents").exists(), "without power nothing runs");
    assert_eq!(
        (call("off"), call("on"), call("status"), call("dance")),
        (0, 0, 0, 1)
    );
}

#[test]
fn a_fence_device_that_is_asked_nonsense_fails() {
    for input in [
        "",
        "action=off",
        "action=off\nfolder=/tmp\nplug=../etc",
        "\0\0=\n====",
        "plug=n1",
    ] {
        assert_ne!(power::act(input.as_bytes()).0, 0, "{input:?}");
    }
    let missing = "action=off\nfolder=/nonexistent\nplug=n1";
    assert_ne!(power::act(missing.as_bytes()).0, 0, "nothing was fenced");
}

/// What Pacemaker 2.1 gives to `ocf:pacemaker:Dummy` for a probe, name by name; the parameter
/// `envfile` is the configuration's.
const PACEMAKER_ENVIRONMENT: &str = include_str!("testdata/pacemaker_environment.txt");

/// Of these, what agents do not get here: they have a file of Pacemaker's own in them, which agents
/// that log would open. What agents log goes to the system's log.
const ABSENT: [&str; 3] = ["HA_LOGFILE", "HA_logfile", "PCMK_logfile"];

/// What differs and is meant to: our version, the program's own folder.
const OTHERWISE: [&str; 2] = ["OCF_RESKEY_crm_feature_set", "PWD"];

#[tokio::test]
async fn agents_find_the_environment_that_they_find_under_pacemaker() {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump");
    install(folder.path(), r#"env >"$OCF_RESKEY_envfile""#);
    let parameters = [
        ("CRM_meta_on_node", "n2"),
        ("CRM_meta_on_node_uuid", "2"),
        ("CRM_meta_timeout", "20000"),
        ("crm_feature_set", FEATURE_SET),
        ("envfile", dump.to_str().unwrap()),
    ];
    let probe = operation("monitor", &parameters);
    let outcome = Agents::new(site(folder.path())).run(probe, quiet()).await;
    assert_eq!(outcome.code, ResultCode::OK);

    let text = std::fs::read_to_string(&dump).unwrap();
    let given: std::collections::BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for line in PACEMAKER_ENVIRONMENT.lines() {
        let (name, value) = line.split_once('=').unwrap();
        match given.get(name) {
            None => assert!(ABSENT.contains(&name), "{name} is not given"),
            Some(here) if OTHERWISE.contains(&name) => assert_ne!(*here, ""),
            Some(here) => {
                // Another agent, elsewhere.
                let value = match name {
                    "OCF_RESKEY_envfile" => parameters[4].1,
                    "OCF_RESOURCE_PROVIDER" => "test",
                    "OCF_RESOURCE_TYPE" => "Script",
                    "OCF_ROOT" => folder.path().to_str().unwrap(),
                    _ => value,
                };
                assert_eq!(*here, value, "{name}");
            }
        }
    }
    // And what is ours on top of that.
    let known = |name: &str| {
        let told = PACEMAKER_ENVIRONMENT.lines();
        told.filter_map(|line| line.split_once('='))
            .any(|(other, _)| other == name)
    };
    let ours = ["PATH", "HA_SBIN_DIR", "_", "SHLVL", "OLDPWD"];
    for name in given
        .keys()
        .filter(|name| !known(name) && !ours.contains(*name))
    {
        assert!(name.starts_with("LOCKSTEP_"), "{name} is nobody's");
    }
}
