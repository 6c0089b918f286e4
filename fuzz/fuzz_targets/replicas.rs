//! One log, two replicas, one of which starts again from a snapshot wherever the input wants it: at
//! each index both have the same state, the same plan, and said the same.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_fuzz::commands::AnyCommand;
use lockstep_fuzz::draft::Draft;
use lockstep_fuzz::few;
use lockstep_node::cluster::Cluster;
use lockstep_node::cluster::command::{Command, Entry};
use lockstep_node::policy::Engine;

#[derive(Debug, Arbitrary)]
struct Story {
    first: Draft,
    #[arbitrary(with = few::<Step, 24>)]
    steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
struct Step {
    /// Seconds since the last one; clocks of two leaders differ.
    later: i8,
    restart: bool,
    command: AnyCommand,
}

fuzz_target!(|story: Story| {
    let mut replicas = [(), ()].map(|()| Cluster::new("fuzz", 3, Arc::new(Engine)));
    let (mut at, mut index) = (1_700_000_000, 1);
    let cib = story.first.document().to_xml().into_bytes();
    apply(
        &mut replicas,
        index,
        at,
        Command::ReplaceConfig {
            expected: None,
            cib,
        },
    );
    for step in &story.steps {
        index += 1;
        at += i64::from(step.later);
        if step.restart {
            restart(&mut replicas[1]);
        }
        let command = step.command.command(&replicas[0]);
        apply(&mut replicas, index, at, command);
    }
    restart(&mut replicas[1]);
    let [one, other] = &replicas;
    assert_eq!(one.snapshot(), other.snapshot(), "two states");
});

fn apply(replicas: &mut [Cluster; 2], index: u64, at: i64, command: Command) {
    let entry = Entry {
        at,
        request: None,
        command,
    };
    let entry = Entry::decode(&entry.encode()).expect("we wrote it");
    let [one, other] = replicas
        .each_mut()
        .map(|replica| replica.apply(index, entry.clone()));
    assert_eq!(one.outcome, other.outcome, "{entry:?}");
    assert_eq!(
        format!("{:?}", one.events),
        format!("{:?}", other.events),
        "{entry:?}"
    );
    let [one, other] = replicas;
    let digests = [&*one, &*other].map(|replica| replica.transition().map(|t| t.digest));
    assert_eq!(digests[0], digests[1], "two plans after {entry:?}");
    assert!(
        !other.diverged_from_snapshot(),
        "another plan than before the restart"
    );
}

/// What a controller does that starts again, or one that joins.
fn restart(replica: &mut Cluster) {
    let bytes = replica.snapshot();
    let restored = Cluster::restore("fuzz", &bytes, Arc::new(Engine))
        .unwrap_or_else(|error| panic!("what was saved cannot be taken up: {error}"));
    assert!(
        bytes == restored.snapshot(),
        "the same state has the same bytes"
    );
    *replica = restored;
}
