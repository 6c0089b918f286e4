//! Fence agents as shell scripts: what they read, and what becomes of what they answer.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::device::*;
use super::*;
use crate::agent::{Agents, Services};

/// A device that notes what it reads, and does as `$DIR/ACTION` says: fails while that file has lines,
/// one of which it takes away each time.
const SCRIPT: &str = r#"#!/bin/sh
dir=${0%/*}
input=$(cat)
action=$(echo "$input" | sed -n 's/^action=//p')
if [ "$action" = metadata ]; then cat "$dir/metadata"; exit 0; fi
{ echo "--"; echo "$input"; } >>"$dir/log"
case "$action" in
list) cat "$dir/hosts"; exit 0;;
status) exit "$(cat "$dir/state")";;
esac
if [ -s "$dir/$action" ]; then
  sed -i 1d "$dir/$action"
  echo "no answer" >&2; exit 1
fi
exit 0
"#;

struct Shed {
    folder: tempfile::TempDir,
    agents: Agents,
}

impl Shed {
    /// Agents with these actions, whose meta-data names the plug like this.
    fn new(actions: &str, plug: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fence = folder.path().join("fence");
        std::fs::create_dir(&fence).unwrap();
        for name in ["fence_a", "fence_b"] {
            let path = fence.join(name);
            std::fs::write(&path, SCRIPT).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let actions: String = actions
            .split(' ')
            .map(|action| format!("<action name=\"{action}\"/>"))
            .collect();
        let metadata = format!(
            "<?xml version=\"1.0\" ?>\n<resource-agent name=\"fence_a\"><parameters><parameter \
             name=\"{plug}\"/></parameters><actions>{actions}</actions></resource-agent>"
        );
        std::fs::write(fence.join("metadata"), metadata).unwrap();
        let agents = Agents::new(site(folder.path()));
        Self { folder, agents }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("fence").join(name)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// What agents read, one entry a call, without what is the same each time.
    fn calls(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        let calls = log.split("--\n").filter(|call| !call.is_empty());
        calls.map(|call| call.trim().replace('\n', " ")).collect()
    }

    async fn fence(&self, kind: &str, action: &str, parameters: &[(&str, &str)]) -> Outcome {
        self.agents
            .run(fence(kind, action, parameters), quiet())
            .await
    }
}

fn site(folder: &Path) -> Site {
    Site {
        node: "n1".into(),
        ocf_root: folder.to_owned(),
        fence_folder: Some(folder.join("fence")),
        bundled_state_dir: folder.join("state"),
        witness: None,
        stand_in: false,
        program: "/nonexistent/lockstep".into(),
        callbacks: None,
        services: Services::default(),
    }
}

fn quiet() -> Run {
    Run {
        order: "3:7".into(),
        started: Box::new(|_| ()),
    }
}

/// Fencing of n2 by a device.
fn fence(kind: &str, action: &str, parameters: &[(&str, &str)]) -> Operation {
    let given = [("action", action), (TARGET, "n2")];
    let all = parameters.iter().chain(&given);
    let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Operation {
        resource: kind.replace("fence_", "device-"),
        task: FENCE.into(),
        timeout_ms: 20_000,
        parameters: all.collect(),
        ..Operation::alone(format!("stonith:{kind}").parse().unwrap(), FENCE)
    }
}

const LISTED: (&str, &str) = ("pcmk_host_list", "n1 n2");

#[tokio::test]
async fn an_agent_reads_what_is_its_business() {
    let shed = Shed::new("on off reboot", "port");
    let parameters = [
        ("ip", "10.0.0.9"),
        ("pcmk_host_map", "n1:1;n2:2"),
        ("CRM_meta_timeout", "20000"),
        ("evil", "a\naction=on"),
    ];
    let outcome = shed.fence("fence_a", "off", &parameters).await;
    assert_eq!(outcome.code, ResultCode::OK, "{outcome:?}");
    assert_eq!(outcome.reason, "off of n2 by device-a");
    assert_eq!(shed.calls(), ["action=off ip=10.0.0.9 nodename=n2 port=2"]);
}

#[tokio::test]
async fn actions_and_arguments_have_other_names_where_parameters_say_so() {
    let shed = Shed::new("on off reboot", "plug");
    let parameters = [
        LISTED,
        ("pcmk_reboot_action", "cycle"),
        ("pcmk_host_argument", "outlet"),
    ];
    assert_eq!(shed.fence("fence_a", "reboot", &parameters).await.code.0, 0);
    assert_eq!(shed.calls(), ["action=cycle nodename=n2 outlet=n2"]);
}

#[tokio::test]
async fn what_an_agent_cannot_reboot_it_turns_off() {
    let shed = Shed::new("on off", "plug");
    assert_eq!(shed.fence("fence_a", "reboot", &[LISTED]).await.code.0, 0);
    assert_eq!(shed.calls(), ["action=off nodename=n2 plug=n2"]);
}

#[tokio::test]
async fn an_action_is_tried_as_often_as_parameters_say() {
    for (tries, fails, expected) in [
        (None, 1, 0),
        (None, 2, 1),
        (Some("3"), 2, 0),
        (Some("1"), 1, 1),
    ] {
        let shed = Shed::new("on off reboot", "plug");
        shed.put("off", &"no\n".repeat(fails));
        let mut parameters = vec![LISTED];
        parameters.extend(tries.map(|tries| ("pcmk_off_retries", tries)));
        let outcome = shed.fence("fence_a", "off", &parameters).await;
        assert_eq!(outcome.code.0, expected, "{tries:?} {fails}");
        let tries = tries.map_or(2, |tries| tries.parse().unwrap());
        assert_eq!(shed.calls().len(), tries.min(fails + 1));
    }
}

#[tokio::test]
async fn a_device_is_asked_what_its_parameters_do_not_say() {
    let cases = [
        // Its agent lists: what is not listed is not fenced.
        (
            "on off reboot list status",
            None,
            "n1,\nn2,second\n",
            "7",
            0,
        ),
        ("on off reboot list status", None, "n1,\nn22,\n", "0", 1),
        // Its agent knows states only: on and off are states, other answers are not.
        ("on off reboot status", None, "", "2", 0),
        ("on off reboot status", None, "", "1", 1),
        ("on off reboot", None, "", "1", 0),
        ("on off reboot list", Some("none"), "", "1", 0),
        ("on off reboot list", Some("static-list"), "n2,", "0", 1),
        ("on off reboot list status", Some("status"), "", "0", 0),
        (
            "on off reboot list status",
            Some("dynamic-list"),
            "n3,",
            "0",
            1,
        ),
    ];
    for (actions, check, hosts, state, expected) in cases {
        let shed = Shed::new(actions, "plug");
        shed.put("hosts", hosts);
        shed.put("state", state);
        let check = check.map(|check| ("pcmk_host_check", check));
        let parameters: Vec<_> = check.into_iter().collect();
        let outcome = shed.fence("fence_a", "off", &parameters).await;
        assert_eq!(
            outcome.code.0, expected,
            "{actions} {check:?} {hosts:?} {state}"
        );
        let fenced = shed
            .calls()
            .iter()
            .any(|call| call.starts_with("action=off"));
        assert_eq!(fenced, expected == 0);
        let cannot = outcome.status == Status::NoFenceDevice;
        assert_eq!(cannot, expected == 1);
    }
}

#[tokio::test]
async fn levels_are_tried_until_one_succeeds_with_all_of_its_devices() {
    let step = |kind: &str, action: &str, required| Attempt {
        operation: fence(
            kind,
            action,
            &[LISTED, ("pcmk_off_retries", "1"), ("kind", kind)],
        ),
        required,
    };
    let fencing = |levels| Fencing {
        lane: "fencing n2".into(),
        levels,
    };
    let shed = Shed::new("on off reboot", "plug");
    // The first off fails, then both of the second level work, and power that does not come back
    // does not matter.
    shed.put("off", "no\n");
    shed.put("on", "no\nno\n");
    let both = fencing(vec![
        vec![step("fence_a", "off", true), step("fence_b", "off", true)],
        vec![
            step("fence_b", "off", true),
            step("fence_a", "off", true),
            step("fence_b", "on", false),
        ],
        vec![step("fence_a", "reboot", true)],
    ]);
    let outcome = shed.agents.fence(both, quiet()).await;
    assert_eq!(outcome.code, ResultCode::OK, "{outcome:?}");
    let calls = shed.calls();
    let calls: Vec<_> = calls.iter().map(|call| call.split(' ').take(3)).collect();
    let calls = calls
        .into_iter()
        .map(|words| words.collect::<Vec<_>>()[..2].join(" "));
    let expected = [
        "action=off kind=fence_a",
        "action=off kind=fence_b",
        "action=off kind=fence_a",
        "action=on kind=fence_b",
        "action=on kind=fence_b",
    ];
    assert!(calls.eq(expected.map(str::to_owned)), "{:?}", shed.calls());

    shed.put("off", "no\nno\n");
    let all = fencing(vec![
        vec![step("fence_a", "off", true)],
        vec![step("fence_b", "off", true)],
    ]);
    let outcome = shed.agents.fence(all, quiet()).await;
    assert_eq!(outcome.code.0, 1);
    assert!(outcome.reason.contains("device-a") && outcome.reason.contains("device-b"));
}

#[tokio::test]
async fn a_device_counts_as_started_once_it_answers() {
    let shed = Shed::new("on off reboot monitor", "plug");
    let device = |task: &str| {
        let mut operation = fence("fence_a", "off", &[LISTED, ("pcmk_monitor_retries", "1")]);
        operation.task = task.into();
        shed.agents.run(operation, quiet())
    };
    assert_eq!(device("monitor").await.code, ResultCode::NOT_RUNNING);
    shed.put("monitor", "no\n");
    assert_ne!(device("start").await.code, ResultCode::OK);
    assert_eq!(device("monitor").await.code, ResultCode::NOT_RUNNING);
    assert_eq!(device("start").await.code, ResultCode::OK);
    assert_eq!(device("monitor").await.code, ResultCode::OK);
    assert_eq!(device("stop").await.code, ResultCode::OK);
    assert_eq!(device("monitor").await.code, ResultCode::NOT_RUNNING);
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn parameters_say_whom_a_device_reaches_and_how_it_is_called() {
    let all = pairs(&[
        ("pcmk_host_map", "n1:7;n2=8,n3:"),
        ("pcmk_host_list", "n4, n5"),
    ]);
    let device = Device::new(&all);
    let reach = |node| device.reach(node);
    assert_eq!(
        (reach("n1"), reach("n5"), reach("n3")),
        (Reach::Yes, Reach::Yes, Reach::No)
    );
    assert_eq!((device.plug("n2"), device.plug("n4")), ("8", "n4"));
    assert_eq!(Device::new(&[]).reach("n1"), Reach::Ask(Ask::Either));
}

#[test]
fn delays_tries_and_limits_have_bounds() {
    let all = pairs(&[
        ("pcmk_delay_base", "n1:5s;n2:10s"),
        ("pcmk_delay_max", "7s"),
        ("pcmk_off_retries", "0"),
        ("pcmk_on_retries", "99999999"),
        ("pcmk_action_limit", "-1"),
        ("pcmk_reboot_timeout", "2min"),
    ]);
    let device = Device::new(&all);
    assert_eq!(device.delay_ms("n1"), (5_000, 7_000));
    assert_eq!(device.delay_ms("n2"), (10_000, 10_000));
    assert_eq!(device.delay_ms("n3"), (0, 7_000));
    assert_eq!(
        (
            device.tries("off"),
            device.tries("on"),
            device.tries("list")
        ),
        (1, 100, 2)
    );
    assert_eq!(device.action_limit(), None);
    assert_eq!(device.timeout_ms("reboot"), Some(120_000));
    assert_eq!(Device::new(&[]).action_limit(), Some(1));
}
