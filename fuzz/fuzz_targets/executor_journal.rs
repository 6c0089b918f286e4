//! An executor whose process dies at any moment, whose last write is torn, whose journal is damaged:
//! no order runs twice, no report is lost or changed, nothing runs because of a restart, and what a
//! journal gives back is what was written to it.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_consensus::log::folder::{Folder, FolderFile};
use lockstep_consensus::log::memory::MemoryFolder;
use lockstep_consensus::random::Random;
use lockstep_fuzz::few;
use lockstep_node::agent::{AgentName, Operation, Outcome, ResultCode, Status};
use lockstep_node::codec;
use lockstep_node::executor::journal::{Header, Journal, JournalError};
use lockstep_node::executor::{
    ConnectionId, Effects, Executor, FromExecutor, Identity, Input, Order, OrderKey, Record,
    Refusal, Report, RunId, ToExecutor, Work,
};
use lockstep_node::process::Process;

#[derive(Debug, Arbitrary)]
struct Story {
    #[arbitrary(with = few::<Life, 4>)]
    lives: Vec<Life>,
    #[arbitrary(with = few::<Damage, 3>)]
    damage: Vec<Damage>,
}

/// From one start to the next.
#[derive(Debug, Arbitrary)]
struct Life {
    /// The process dies after so many changes of the disk, if it does.
    changes: Option<u8>,
    compact: bool,
    #[arbitrary(with = few::<Step, 12>)]
    steps: Vec<Step>,
    /// Which unsynced sectors survive; none: the machine stays up.
    crash: Option<u64>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Lead {
        from: u8,
        term: u8,
    },
    Order {
        from: u8,
        older: u8,
        key: (u8, u8),
        work: Kind,
    },
    Alone {
        from: u8,
        key: (u8, u8),
        work: Kind,
    },
    Acknowledge {
        from: u8,
        upto: u8,
    },
    Closed {
        from: u8,
    },
    Started {
        run: u8,
    },
    Ended {
        run: u8,
        code: u8,
    },
    Wait {
        ms: u16,
    },
}

#[derive(Debug, Arbitrary)]
enum Kind {
    Operate {
        resource: u8,
        task: u8,
        interval: u8,
        delay: u8,
    },
    Cancel {
        resource: u8,
        task: u8,
        interval: u8,
    },
    Forget {
        resource: u8,
    },
}

#[derive(Debug, Arbitrary)]
enum Damage {
    Flip {
        at: u16,
        bits: u8,
    },
    Cut {
        to: u16,
    },
    Zeros {
        at: u16,
        len: u8,
    },
    Append(Vec<u8>),
    Replace(Vec<u8>),
    /// Frames that check, with anything in them.
    Frames(Vec<Vec<u8>>),
}

const RESOURCES: [&str; 3] = ["db", "ip", "db:1"];
const TASKS: [&str; 4] = ["start", "stop", "monitor", "notify"];

impl Kind {
    fn work(&self) -> Work {
        let pick = |words: &[&str], at: u8| words[usize::from(at) % words.len()].to_owned();
        let every = |interval: u8| u64::from(interval % 3) * 10_000;
        match self {
            Kind::Operate {
                resource,
                task,
                interval,
                delay,
            } => Work::Operate(Operation {
                resource: pick(&RESOURCES, *resource),
                agent: AgentName {
                    class: "ocf".into(),
                    provider: None,
                    kind: "Dummy".into(),
                },
                task: pick(&TASKS, *task),
                interval_ms: every(*interval),
                timeout_ms: 0,
                start_delay_ms: u64::from(delay % 2) * 5_000,
                parameters: Vec::new(),
            }),
            Kind::Cancel {
                resource,
                task,
                interval,
            } => Work::Cancel {
                resource: pick(&RESOURCES, *resource),
                task: pick(&TASKS, *task),
                interval_ms: every(*interval),
            },
            Kind::Forget { resource } => Work::Forget {
                resource: pick(&RESOURCES, *resource),
            },
        }
    }
}

/// What whoever talks to the executor has seen of it.
#[derive(Default)]
struct Seen {
    /// Orders that began to run.
    begun: BTreeSet<String>,
    /// Reports that were told, by sequence.
    told: BTreeMap<u64, Report>,
    /// The highest term in which somebody was followed.
    term: u64,
    acknowledged: u64,
}

/// What the journal may hold: the last of these contents, or, until a compaction is durable, another.
#[derive(Default)]
struct Written(Vec<Contents>);

/// What was written to one file.
#[derive(Default)]
struct Contents {
    batches: Vec<Vec<Record>>,
    /// So many of them cannot be lost any more.
    kept: usize,
}

impl Contents {
    fn whole(records: Vec<Record>) -> Self {
        Contents {
            batches: vec![records],
            kept: 1,
        }
    }

    fn allows(&self, records: &[Record]) -> bool {
        let mut counts = self.kept..=self.batches.len();
        counts.any(|count| self.batches[..count].concat() == records)
    }
}

impl Written {
    fn allows(&self, records: &[Record]) -> bool {
        let nothing = self.0.is_empty() && records.is_empty();
        nothing || self.0.iter().any(|contents| contents.allows(records))
    }

    fn begins_with(&self, records: &[Record]) -> bool {
        let mut contents = self.0.iter();
        contents.any(|contents| contents.batches.concat().starts_with(records))
    }

    fn last(&mut self) -> &mut Contents {
        self.0.last_mut().expect("the journal was opened")
    }
}

/// One process.
struct Running {
    executor: Executor,
    now_ms: u64,
    /// What runs, of which resource.
    runs: BTreeMap<RunId, String>,
}

fuzz_target!(|story: Story| {
    let mut folder = MemoryFolder::new();
    let mut seen = Seen::default();
    let mut written = Written::default();
    for life in &story.lives {
        folder = live(&folder, life, &mut written, &mut seen);
    }
    let damage = &story.damage;
    damage.iter().for_each(|damage| harm(&mut folder, damage));
    let hostile = |damage: &Damage| {
        matches!(
            damage,
            Damage::Replace(_) | Damage::Frames(_) | Damage::Append(_)
        )
    };
    match Journal::open(folder.restart(), header(9)) {
        Err(error) => {
            assert!(!damage.is_empty(), "{error}");
            assert!(!error.to_string().is_empty());
        }
        Ok(_) if damage.iter().any(hostile) => {}
        // Damage at the end may look like a write that was never finished.
        Ok((_, records)) => assert!(
            written.allows(&records) || !damage.is_empty() && written.begins_with(&records),
            "made up: {records:?}"
        ),
    }
});

fn header(journal: u64) -> Header {
    Header {
        cluster: "fuzz".into(),
        node: "n1".into(),
        journal,
    }
}

fn live(
    folder: &MemoryFolder,
    life: &Life,
    written: &mut Written,
    seen: &mut Seen,
) -> MemoryFolder {
    if let Some(changes) = life.changes {
        folder.die_after(changes.into());
    }
    // It ends with its steps, or where it cannot write any more.
    let _ = run(folder, life, written, seen);
    match life.crash {
        Some(seed) => folder.crash(&mut Random::new(seed)).restart(),
        None => folder.restart(),
    }
}

fn run(
    folder: &MemoryFolder,
    life: &Life,
    written: &mut Written,
    seen: &mut Seen,
) -> Result<(), JournalError> {
    let (mut journal, records) = match Journal::open(folder.clone(), header(7)) {
        Err(error @ (JournalError::Damaged { .. } | JournalError::Foreign { .. })) => {
            panic!("a crash does no damage: {error}")
        }
        opened => opened?,
    };
    assert_eq!(journal.header().journal, 7);
    assert!(written.allows(&records), "{records:?}");
    written.0 = vec![Contents::whole(records.clone())];
    let identity = Identity {
        node: "n1".into(),
        journal: 7,
        incarnation: 1,
    };
    let (executor, recovered, _orphans) = Executor::recover(identity.clone(), records);
    assert!(recovered.runs.is_empty() && recovered.messages.is_empty());
    append(&mut journal, &recovered.records, written)?;
    if life.compact {
        let checkpoint = executor.checkpoint();
        let (again, _, _) = Executor::recover(identity, checkpoint.clone());
        assert_eq!(again.checkpoint(), checkpoint, "a checkpoint says all");
        written.0.push(Contents::whole(checkpoint.clone()));
        journal.compact(&checkpoint)?;
    }
    // That the leader has them is not durable at once: they may be told again.
    seen.acknowledged = executor.acknowledged();
    let mut running = Running {
        executor,
        now_ms: 1_000,
        runs: BTreeMap::new(),
    };
    for step in &life.steps {
        let Some(input) = running.input(step) else {
            continue;
        };
        let asked = match &input {
            Input::Message {
                message: ToExecutor::Lead { term },
                ..
            } => Some(*term),
            _ => None,
        };
        let effects = running.executor.step(running.now_ms, input);
        append(&mut journal, &effects.records, written)?;
        running.carry_out(&effects, asked, seen);
        seen.acknowledged = running.executor.acknowledged();
    }
    Ok(())
}

/// Durably where it must be. What could not be written may be there all the same.
fn append(
    journal: &mut Journal<MemoryFolder>,
    records: &[Record],
    written: &mut Written,
) -> Result<(), JournalError> {
    if records.is_empty() {
        return Ok(());
    }
    let durable = records.iter().any(Record::is_urgent);
    written.last().batches.push(records.to_vec());
    journal.append(records, durable)?;
    if durable {
        let last = written.last();
        last.kept = last.batches.len();
        // The name is durable, too.
        let before = written.0.len() - 1;
        written.0.drain(..before);
    }
    Ok(())
}

impl Running {
    fn input(&mut self, step: &Step) -> Option<Input> {
        let connection = |from: u8| ConnectionId(u64::from(from % 3));
        let key = |(transition, action): (u8, u8)| OrderKey {
            transition: transition.into(),
            action: u32::from(action % 16),
        };
        let run = |at: u8, runs: &BTreeMap<RunId, String>| {
            let at = usize::from(at).checked_rem(runs.len())?;
            runs.keys().nth(at).copied()
        };
        Some(match step {
            Step::Lead { from, term } => Input::Message {
                from: connection(*from),
                message: ToExecutor::Lead {
                    term: (*term).into(),
                },
            },
            Step::Order {
                from,
                older,
                key: of,
                work,
            } => Input::Message {
                from: connection(*from),
                message: ToExecutor::Order {
                    term: self.followed().saturating_sub((older / 128).into()),
                    order: Order {
                        key: key(*of),
                        work: work.work(),
                    },
                },
            },
            Step::Alone {
                from,
                key: of,
                work,
            } => Input::Message {
                from: connection(*from),
                message: ToExecutor::Alone {
                    order: Order {
                        key: key(*of),
                        work: work.work(),
                    },
                },
            },
            Step::Acknowledge { from, upto } => Input::Message {
                from: connection(*from),
                message: ToExecutor::Acknowledge {
                    upto: (*upto).into(),
                },
            },
            Step::Closed { from } => Input::Closed(connection(*from)),
            Step::Started { run: at } => Input::Started {
                run: run(*at, &self.runs)?,
                process: Process {
                    id: 4_000_000,
                    started: 1,
                },
            },
            Step::Ended { run: at, code } => {
                let run = run(*at, &self.runs)?;
                self.runs.remove(&run);
                let outcome = Outcome::new(ResultCode((code % 10).into()), Status::Done, "");
                Input::Ended { run, outcome }
            }
            Step::Wait { ms } => {
                self.now_ms += u64::from(*ms);
                Input::Tick
            }
        })
    }

    /// The term that a leader would have to have.
    fn followed(&self) -> u64 {
        let records = self.executor.checkpoint();
        let term = records.iter().find_map(|record| match record {
            Record::Term(term) => Some(*term),
            _ => None,
        });
        term.expect("a checkpoint names the term")
    }

    fn carry_out(&mut self, effects: &Effects, asked: Option<u64>, seen: &mut Seen) {
        for run in &effects.runs {
            let of_order = !run.order.is_empty();
            assert!(
                !of_order || seen.begun.insert(run.order.clone()),
                "{} runs twice",
                run.order
            );
            let resource = run.operation.resource.clone();
            let busy = self.runs.values().any(|other| *other == resource);
            assert!(!busy, "two runs of {resource} at a time");
            self.runs.insert(run.run, resource);
        }
        for (_, message) in &effects.messages {
            match message {
                FromExecutor::Report(report) => seen.hear(report),
                FromExecutor::Standing { term, reports, .. } => {
                    assert!(*term >= seen.term, "it follows a leader that was deposed");
                    seen.term = *term;
                    reports.iter().for_each(|report| seen.hear(report));
                    if asked == Some(*term) {
                        seen.is_told_all(reports);
                    }
                }
                FromExecutor::Refused { refusal, .. } => {
                    if let Refusal::LowerTerm { followed } = refusal {
                        assert!(*followed >= seen.term);
                    }
                }
                FromExecutor::Leaving => panic!("nobody asked it to leave"),
            }
        }
    }
}

impl Seen {
    /// A report stays what it is, however often it is told.
    fn hear(&mut self, report: &Report) {
        let known = self
            .told
            .entry(report.sequence)
            .or_insert_with(|| report.clone());
        assert_eq!(known, report, "one sequence number, two reports");
    }

    /// What was told and is not acknowledged is told again, without a gap.
    fn is_told_all(&self, reports: &[Report]) {
        let sequences: Vec<u64> = reports.iter().map(|report| report.sequence).collect();
        let last = self
            .told
            .last_key_value()
            .map_or(0, |(sequence, _)| *sequence);
        let expected: Vec<u64> = (self.acknowledged + 1..=last).collect();
        assert_eq!(sequences, expected);
    }
}

fn harm(folder: &mut MemoryFolder, damage: &Damage) {
    let mut bytes = folder.read_now("journal");
    let len = bytes.len();
    let place = |at: u16| usize::from(at) % (len + 1);
    match damage {
        Damage::Flip { at, bits } => {
            if let Some(byte) = bytes.get_mut(place(*at)) {
                *byte ^= bits;
            }
        }
        Damage::Cut { to } => bytes.truncate(place(*to)),
        Damage::Zeros { at, len } => {
            let zeros = bytes.iter_mut().skip(place(*at)).take((*len).into());
            zeros.for_each(|byte| *byte = 0);
        }
        Damage::Append(more) => bytes.extend(more),
        Damage::Replace(with) => bytes.clone_from(with),
        Damage::Frames(payloads) => {
            bytes = b"LSJRNL\x00\x02".to_vec();
            bytes.extend(frame(&codec::encode(&header(9))));
            for payload in payloads {
                bytes.extend(frame(payload));
            }
        }
    }
    let mut file = folder.create("journal").expect("it is in memory");
    file.write_at(0, &bytes).expect("it is in memory");
}

/// A frame before which nothing was durable.
fn frame(payload: &[u8]) -> Vec<u8> {
    let durable = 0_u64.to_le_bytes();
    let mut hasher = blake3::Hasher::new();
    let hash = hasher.update(&durable).update(payload).finalize();
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    bytes.extend(durable);
    bytes.extend(&hash.as_bytes()[..8]);
    bytes.extend(payload);
    bytes
}
