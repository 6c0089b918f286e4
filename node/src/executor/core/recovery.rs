//! What must be remembered, and what follows from it after a crash?

use std::collections::{BTreeMap, BTreeSet};

use super::{Effects, Entry, Executor, Identity, JobKind, Parameters};
use crate::agent::Outcome;
use crate::executor::journal::Record;
use crate::executor::order::{Order, OrderKey, Report};
use crate::process::Process;

impl Executor {
    /// Takes up where a journal ends. What it began and did not finish has an unknown outcome:
    /// that is reported as an error, and the caller kills what may still run of it.
    pub fn recover(identity: Identity, records: Vec<Record>) -> (Self, Effects, Vec<Process>) {
        let mut executor = Self {
            identity,
            term: 0,
            leader: None,
            newest_transition: 0,
            ledger: BTreeMap::new(),
            alone: BTreeSet::new(),
            lanes: BTreeMap::new(),
            running: BTreeMap::new(),
            repeats: BTreeMap::new(),
            parameters: Parameters::default(),
            outbox: BTreeMap::new(),
            next_sequence: 1,
            acknowledged: 0,
            next_run: 1,
            waiting: 0,
        };
        let mut begun: BTreeMap<OrderKey, (Order, Option<Process>)> = BTreeMap::new();
        for record in records {
            match record {
                Record::Term(term) => executor.term = executor.term.max(term),
                Record::Began(order) => {
                    executor.newest_transition =
                        executor.newest_transition.max(order.key.transition);
                    begun.insert(order.key, (order, None));
                }
                Record::Started { key, process } => {
                    if let Some((_, orphan)) = begun.get_mut(&key) {
                        *orphan = Some(process);
                    }
                }
                Record::Ended(report) => {
                    if !report.repeated {
                        begun.remove(&report.key);
                        executor
                            .ledger
                            .insert(report.key, Entry::Done(report.clone()));
                    }
                    executor.next_sequence = executor.next_sequence.max(report.sequence + 1);
                    executor.outbox.insert(report.sequence, report);
                }
                Record::Acknowledged(upto) => executor.acknowledge(upto),
                // The newest transition counts even if all of its orders were trimmed.
                Record::Newest(transition) => {
                    executor.newest_transition = executor.newest_transition.max(transition);
                }
            }
        }
        let mut effects = Effects::default();
        let mut orphans = Vec::new();
        for (_, (order, orphan)) in begun {
            orphans.extend(orphan);
            let outcome =
                Outcome::error("the executor restarted before it ended: its outcome is unknown");
            executor.finish(&order, outcome, &mut effects);
        }
        (executor, effects, orphans)
    }

    /// The records that say all that this executor must remember: what a compacted journal holds.
    pub fn checkpoint(&self) -> Vec<Record> {
        let mut records = vec![
            Record::Term(self.term),
            Record::Newest(self.newest_transition),
        ];
        let waiting = self
            .lanes
            .values()
            .flat_map(|lane| &lane.waiting)
            .map(|job| (job, None));
        let running = self
            .running
            .values()
            .map(|running| (&running.job, running.process));
        for (job, process) in waiting.chain(running) {
            if let JobKind::Order(order) = &job.what {
                records.push(Record::Began(order.clone()));
                let started = process.map(|process| Record::Started {
                    key: order.key,
                    process,
                });
                records.extend(started);
            }
        }
        let mut reports: BTreeMap<u64, &Report> = BTreeMap::new();
        for entry in self.ledger.values() {
            if let Entry::Done(report) = entry {
                reports.insert(report.sequence, report);
            }
        }
        reports.extend(
            self.outbox
                .iter()
                .map(|(sequence, report)| (*sequence, report)),
        );
        records.extend(reports.into_values().cloned().map(Record::Ended));
        // Last: replaying the reports above must not bring acknowledged ones back.
        records.push(Record::Acknowledged(self.acknowledged));
        records
    }
}
