//! What agents and fence devices answer: any exit, any bytes. What is kept is bounded, can stand in
//! the CIB, and what a device reads has one parameter a line.
#![no_main]

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_node::agent::process::{Ended, Finished};
use lockstep_node::agent::{
    AgentName, Device, Metadata, Operation, lists, read_result, standard_input,
};
use lockstep_node::cluster::Cluster;
use lockstep_node::cluster::command::{Command, Entry};
use lockstep_node::executor::{OrderKey, Report};
use lockstep_node::policy::Engine;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    wait_status: u16,
    ended: u8,
    noise: &'a [u8],
    says_reason: bool,
    reason: &'a [u8],
    stdout: &'a [u8],
    metadata: &'a [u8],
    target: &'a str,
    action: &'a str,
    task: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

const CIB: &str = r#"<cib validate-with="pacemaker-4.0" epoch="1" admin_epoch="0" num_updates="0">
    <configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes>
    <resources><primitive id="db" class="ocf" provider="lockstep" type="Dummy"/></resources>
    <constraints/></configuration><status/></cib>"#;

fuzz_target!(|input: Input<'_>| {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let operation = Operation {
        resource: "db".into(),
        agent: AgentName {
            class: "ocf".into(),
            provider: Some("lockstep".into()),
            kind: "Dummy".into(),
        },
        task: input.task.into(),
        interval_ms: 0,
        timeout_ms: 1_000,
        start_delay_ms: 0,
        parameters: input.parameters.iter().map(owned).collect(),
    };
    let metadata = Metadata::parse(input.metadata).ok();
    device_input(&operation, input.action, metadata.as_ref());
    device(&operation, &input);

    let mut stderr = input.noise.to_vec();
    if input.says_reason {
        stderr.extend(b"\nocf-exit-reason:");
        stderr.extend(input.reason);
    }
    let ended = match input.ended % 4 {
        0 | 1 => Ended::Exited(ExitStatus::from_raw(input.wait_status.into())),
        2 => Ended::TimedOut,
        _ => Ended::NotStarted(std::io::ErrorKind::PermissionDenied.into()),
    };
    let finished = Finished {
        ended,
        stdout: input.stdout.to_vec(),
        stderr,
    };
    let outcome = read_result(&operation, finished);
    assert!(outcome.reason.len() <= 128, "{:?}", outcome.reason);
    assert!(
        !outcome.reason.contains('\n'),
        "one line: {:?}",
        outcome.reason
    );
    // Bytes that are no UTF-8 become three each.
    assert!(outcome.output.len() <= 3 * 2048);

    record(&operation, outcome);
});

/// A probe of a fresh cluster ends like that; the state can be saved and taken up again.
fn record(operation: &Operation, outcome: lockstep_node::agent::Outcome) {
    let mut cluster = Cluster::new("fuzz", 1, Arc::new(Engine));
    let mut index = 0;
    let mut apply = |cluster: &mut Cluster, command| {
        index += 1;
        cluster.apply(
            index,
            Entry {
                at: 1_700_000_000,
                request: None,
                command,
            },
        )
    };
    let plan = |transition| Command::Plan {
        transition,
        utc_offset: 0,
        feature_set: String::new(),
    };
    let commands = [
        Command::Lead {
            controller: 1,
            term: 1,
        },
        Command::ReplaceConfig {
            expected: None,
            cib: CIB.into(),
        },
        Command::NodeUp {
            node: "n1".into(),
            journal: 1,
            incarnation: 1,
            acknowledged: 0,
        },
        plan(1),
    ];
    for command in commands {
        apply(&mut cluster, command)
            .outcome
            .expect("a good command");
    }
    let transition = cluster.transition().expect("it was planned");
    let probe = transition
        .ready()
        .find(|at| transition.action(*at).task == "monitor");
    let action = transition.action(probe.expect("a fresh node is probed")).id;
    let report = Report {
        sequence: 1,
        key: OrderKey {
            transition: 1,
            action,
        },
        repeated: false,
        resource: operation.resource.clone(),
        task: "monitor".into(),
        interval_ms: 0,
        outcome,
    };
    let report = Command::Report {
        node: "n1".into(),
        journal: 1,
        report,
    };
    apply(&mut cluster, report).outcome.expect("a good report");
    apply(&mut cluster, plan(2)).outcome.expect("a plan");
    let saved = cluster.snapshot();
    let restored = Cluster::restore("fuzz", &saved, Arc::new(Engine))
        .unwrap_or_else(|error| panic!("what was saved cannot be taken up: {error}"));
    assert!(
        saved == restored.snapshot(),
        "the same state has the same bytes"
    );
    assert!(!restored.diverged_from_snapshot());
}

fn device_input(operation: &Operation, action: &str, metadata: Option<&Metadata>) {
    let text = standard_input(operation, action, metadata);
    let given = text
        .strip_prefix(&format!("action={action}\n"))
        .expect("the action comes first");
    // What names the target is not among the parameters.
    let plug = Device::new(&operation.parameters).plug_parameter();
    let plugs = ["plug", "port", plug.unwrap_or("plug")];
    // As agents split it: only at the newline.
    for line in given.split_terminator('\n') {
        let (name, _) = line.split_once('=').expect("a parameter a line");
        let known = operation.parameters.iter().any(|(known, _)| known == name);
        assert!(known || plugs.contains(&name), "{name:?}");
        assert!(
            name != "action" || plug == Some("action"),
            "the action is said once"
        );
    }
}

/// What a device's parameters and its list of plugs say about a target.
fn device(operation: &Operation, input: &Input<'_>) {
    let device = Device::new(&operation.parameters);
    let plug = device.plug(input.target);
    assert_eq!(lists(input.stdout, plug), lists(input.stdout, plug));
    assert!(device.tries(input.action) > 0, "it is tried");
    let _ = (device.reach(input.target), device.action(input.action));
    let _ = (device.timeout_ms(input.action), device.action_limit());
    let _ = device.delay_ms(input.target);
}
