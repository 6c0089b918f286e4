//! Which order runs when, and what is answered?
//!
//! A state machine: [`Executor::step`] takes one input with the time and returns effects, which the
//! shell carries out in this order: write the records durably, then start runs and send messages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::parameters::Parameters;
use super::journal::Record;
use super::order::{FromExecutor, Order, OrderKey, Refusal, Report, ToExecutor, Work};
use crate::agent::{Fencing, Operation, Outcome, ResultCode, Status};
use crate::process::Process;

mod parameters;
mod recovery;
#[cfg(test)]
mod tests;

/// More orders than this wait nowhere; a graph's batch limit is far below.
const MAX_WAITING: usize = 65_536;

/// Results of this many transitions before the newest are remembered.
const TRANSITIONS_KEPT: u64 = 8;

/// A connection to a controller, numbered by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// One run of an agent, numbered by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(pub u64);

/// Who this executor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the node.
    pub node: String,
    /// Differs from journal to journal; report sequences are counted within one.
    pub journal: u64,
    /// Differs from start to start of the process.
    pub incarnation: u64,
}

/// What can happen to an executor.
#[derive(Debug)]
pub enum Input {
    /// A controller says something.
    Message {
        /// Which connection.
        from: ConnectionId,
        /// What.
        message: ToExecutor,
    },
    /// A connection is gone.
    Closed(ConnectionId),
    /// A run has a process group now.
    Started {
        /// Which run.
        run: RunId,
        /// The process.
        process: Process,
    },
    /// A run ended.
    Ended {
        /// Which.
        run: RunId,
        /// How.
        outcome: Outcome,
    },
    /// The time that [`Executor::next_wake_ms`] asked for may have come.
    Tick,
}

/// What the shell is to do, in the order of the fields.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// Write these, and make them durable if [`Record::is_urgent`] says so of any.
    pub records: Vec<Record>,
    /// Then start these.
    pub runs: Vec<StartRun>,
    /// Then send these.
    pub messages: Vec<(ConnectionId, FromExecutor)>,
    /// Then end the process in order.
    pub leave: bool,
}

/// A run to start.
#[derive(Debug, PartialEq)]
pub struct StartRun {
    /// Its number, to come back in [`Input::Ended`].
    pub run: RunId,
    /// The order; empty for a later run of a recurring operation.
    pub order: String,
    /// What to run.
    pub operation: Operation,
    /// All that is to be tried, if the operation is only the first of several ways to fence a node.
    pub fencing: Option<Fencing>,
}

/// An order that this executor knows.
#[derive(Clone, Debug)]
enum Entry {
    /// Waits or runs.
    UnderWay,
    /// Has ended.
    Done(Report),
}

/// What waits in a lane.
#[derive(Clone, Debug)]
struct Job {
    what: JobKind,
    queued_at_ms: u64,
    not_before_ms: u64,
}

#[derive(Clone, Debug)]
enum JobKind {
    Order(Order),
    Repeat(RepeatKey),
}

/// Orders of one resource: one runs, the others wait.
#[derive(Debug, Default)]
struct Lane {
    running: Option<RunId>,
    waiting: VecDeque<Job>,
}

#[derive(Debug)]
struct Running {
    job: Job,
    resource: String,
    started_at_ms: u64,
    process: Option<Process>,
}

/// Resource, task, interval.
type RepeatKey = (String, String, u64);

/// A recurring operation.
#[derive(Debug)]
struct Repeat {
    key: OrderKey,
    operation: Operation,
    /// What was last reported.
    last: Outcome,
    next_at_ms: u64,
    /// Whether it waits in its lane or runs.
    busy: bool,
}

/// The executor of one node.
#[derive(Debug)]
pub struct Executor {
    identity: Identity,
    term: u64,
    leader: Option<ConnectionId>,
    newest_transition: u64,
    ledger: BTreeMap<OrderKey, Entry>,
    /// Orders without a quorum since a leader was last followed.
    alone: BTreeSet<OrderKey>,
    lanes: BTreeMap<String, Lane>,
    running: BTreeMap<RunId, Running>,
    repeats: BTreeMap<RepeatKey, Repeat>,
    parameters: Parameters,
    /// Reports that the leader has not acknowledged, by sequence.
    outbox: BTreeMap<u64, Report>,
    next_sequence: u64,
    acknowledged: u64,
    next_run: u64,
    waiting: usize,
}

impl Executor {
    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The last report that the leader said is committed.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// When the next recurring operation or delayed order is due.
    pub fn next_wake_ms(&self) -> Option<u64> {
        let repeats = self
            .repeats
            .values()
            .filter(|r| !r.busy)
            .map(|r| r.next_at_ms);
        let heads = self.lanes.values().filter(|lane| lane.running.is_none());
        let delayed = heads
            .filter_map(|lane| lane.waiting.front())
            .map(|job| job.not_before_ms);
        repeats.chain(delayed).min()
    }

    /// Takes one input. `now_ms` is a clock that never goes back.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Effects {
        let mut effects = Effects::default();
        match input {
            Input::Message { from, message } => self.hear(now_ms, from, message, &mut effects),
            Input::Closed(connection) => {
                if self.leader == Some(connection) {
                    self.leader = None;
                }
            }
            Input::Started { run, process } => {
                if let Some(running) = self.running.get_mut(&run) {
                    running.process = Some(process);
                    if let JobKind::Order(order) = &running.job.what {
                        effects.records.push(Record::Started {
                            key: order.key,
                            process,
                        });
                    }
                }
            }
            Input::Ended { run, outcome } => self.end_run(now_ms, run, outcome, &mut effects),
            Input::Tick => {
                self.queue_due_repeats(now_ms);
                let resources: Vec<String> = self.lanes.keys().cloned().collect();
                for resource in resources {
                    self.advance(now_ms, &resource, &mut effects);
                }
            }
        }
        effects
    }

    fn hear(&mut self, now_ms: u64, from: ConnectionId, message: ToExecutor, out: &mut Effects) {
        match message {
            ToExecutor::Lead { term } => self.follow(from, term, out),
            ToExecutor::Order { term, order } => {
                let key = order.key;
                let refuse = |refusal| (from, FromExecutor::Refused { key, refusal });
                if term < self.term {
                    let followed = self.term;
                    out.messages.push(refuse(Refusal::LowerTerm { followed }));
                } else if self.leader != Some(from) || term > self.term {
                    out.messages.push(refuse(Refusal::NotFollowed));
                } else {
                    self.take(now_ms, from, order, out);
                }
            }
            ToExecutor::Alone { order } => {
                let less = match &order.work {
                    Work::Operate(operation) => {
                        matches!(operation.task.as_str(), "stop" | "demote")
                    }
                    _ => false,
                };
                // What a leader ordered meanwhile may have undone what was done before.
                let key = order.key;
                let undone = self.ledger.contains_key(&key) && !self.alone.contains(&key);
                if less && !undone && self.leader.is_none_or(|leader| leader == from) {
                    self.alone.insert(key);
                    self.take(now_ms, from, order, out);
                } else {
                    let refusal = Refusal::NotAlone;
                    out.messages
                        .push((from, FromExecutor::Refused { key, refusal }));
                }
            }
            ToExecutor::Acknowledge { upto } => {
                if upto > self.acknowledged && upto < self.next_sequence {
                    self.acknowledge(upto);
                    out.records.push(Record::Acknowledged(upto));
                }
            }
        }
    }

    /// Follows a leader, unless it was deposed, and tells it where things stand here.
    fn follow(&mut self, from: ConnectionId, term: u64, out: &mut Effects) {
        if term > self.term {
            self.term = term;
            out.records.push(Record::Term(term));
        }
        let mut reports = Vec::new();
        if term == self.term {
            self.leader = Some(from);
            self.alone.clear();
            reports.extend(self.outbox.values().cloned());
        }
        let under_way = self
            .ledger
            .iter()
            .filter(|(_, e)| matches!(e, Entry::UnderWay));
        let under_way = under_way.map(|(key, _)| *key).collect();
        out.messages.push((
            from,
            FromExecutor::Standing {
                term: self.term,
                under_way,
                reports,
            },
        ));
    }

    fn acknowledge(&mut self, upto: u64) {
        self.acknowledged = self.acknowledged.max(upto);
        self.next_sequence = self.next_sequence.max(self.acknowledged + 1);
        self.outbox = self.outbox.split_off(&(self.acknowledged + 1));
    }

    /// Decides about an order of somebody who may give one.
    fn take(&mut self, now_ms: u64, from: ConnectionId, order: Order, out: &mut Effects) {
        let key = order.key;
        let refuse = |refusal| (from, FromExecutor::Refused { key, refusal });
        match self.ledger.get(&key) {
            Some(Entry::Done(report)) => {
                out.messages
                    .push((from, FromExecutor::Report(report.clone())));
                return;
            }
            Some(Entry::UnderWay) => return,
            None if key.transition < self.newest_transition => {
                let newest = self.newest_transition;
                out.messages.push(refuse(Refusal::Superseded { newest }));
                return;
            }
            None if self.waiting >= MAX_WAITING => {
                out.messages.push(refuse(Refusal::Full));
                return;
            }
            None => {}
        }
        if key.transition > self.newest_transition {
            self.newest_transition = key.transition;
            self.trim_ledger();
        }
        self.ledger.insert(key, Entry::UnderWay);
        out.records.push(Record::Began(order.clone()));
        let delay_ms = match &order.work {
            Work::Operate(operation) => operation.start_delay_ms,
            _ => 0,
        };
        let resource = order.work.resource().to_owned();
        let job = Job {
            what: JobKind::Order(order),
            queued_at_ms: now_ms,
            not_before_ms: now_ms.saturating_add(delay_ms),
        };
        self.enqueue(resource.clone(), job);
        self.advance(now_ms, &resource, out);
    }

    fn trim_ledger(&mut self) {
        let oldest = self.newest_transition.saturating_sub(TRANSITIONS_KEPT);
        self.ledger
            .retain(|key, entry| key.transition >= oldest || matches!(entry, Entry::UnderWay));
        self.alone.retain(|key| key.transition >= oldest);
    }

    fn enqueue(&mut self, resource: String, job: Job) {
        self.waiting += 1;
        self.lanes
            .entry(resource)
            .or_default()
            .waiting
            .push_back(job);
    }

    fn queue_due_repeats(&mut self, now_ms: u64) {
        let due: Vec<RepeatKey> = self
            .repeats
            .iter_mut()
            .filter(|(_, repeat)| !repeat.busy && repeat.next_at_ms <= now_ms)
            .map(|(key, repeat)| {
                repeat.busy = true;
                key.clone()
            })
            .collect();
        for key in due {
            let resource = key.0.clone();
            let what = JobKind::Repeat(key);
            self.enqueue(
                resource,
                Job {
                    what,
                    queued_at_ms: now_ms,
                    not_before_ms: now_ms,
                },
            );
        }
    }

    /// Starts what a lane can start.
    fn advance(&mut self, now_ms: u64, resource: &str, out: &mut Effects) {
        loop {
            let Some(lane) = self.lanes.get_mut(resource) else {
                return;
            };
            if lane.running.is_some() {
                return;
            }
            match lane.waiting.front() {
                None => {
                    self.lanes.remove(resource);
                    return;
                }
                Some(job) if job.not_before_ms > now_ms => return,
                Some(_) => {}
            }
            let Some(job) = lane.waiting.pop_front() else {
                return;
            };
            self.waiting -= 1;
            self.begin(now_ms, resource, job, out);
        }
    }

    /// Begins a job; one that needs no agent ends at once.
    fn begin(&mut self, now_ms: u64, resource: &str, job: Job, out: &mut Effects) {
        let (operation, name) = match &job.what {
            JobKind::Repeat(key) => match self.repeats.get(key) {
                Some(repeat) => (repeat.operation.clone(), String::new()),
                // Cancelled while it waited.
                None => return,
            },
            JobKind::Order(order) => match &order.work {
                Work::Operate(operation) => {
                    let mut operation = operation.clone();
                    self.parameters.put_into(&mut operation);
                    (operation, order.key.to_string())
                }
                Work::Cancel {
                    resource,
                    task,
                    interval_ms,
                } => {
                    self.repeats
                        .remove(&(resource.clone(), task.clone(), *interval_ms));
                    return self.finish(order, done(), out);
                }
                Work::Forget { resource } => {
                    self.forget_repeats(resource);
                    self.parameters.forget(resource);
                    return self.finish(order, done(), out);
                }
                Work::Leave => {
                    self.finish(order, done(), out);
                    out.messages
                        .extend(self.leader.map(|leader| (leader, FromExecutor::Leaving)));
                    out.leave = true;
                    return;
                }
                Work::Fence(fencing) => {
                    let Some(first) = fencing.attempts().next() else {
                        let outcome = Outcome::error("there is nothing to try");
                        return self.finish(order, outcome, out);
                    };
                    (first.operation.clone(), order.key.to_string())
                }
            },
        };
        if operation.changes_state() {
            // What was observed before says nothing about what is after.
            self.forget_repeats(resource);
        }
        let fencing = match &job.what {
            JobKind::Order(Order {
                work: Work::Fence(fencing),
                ..
            }) => Some(fencing.clone()),
            _ => None,
        };
        let run = RunId(self.next_run);
        self.next_run += 1;
        self.lanes.entry(resource.to_owned()).or_default().running = Some(run);
        let resource = resource.to_owned();
        let running = Running {
            job,
            resource,
            started_at_ms: now_ms,
            process: None,
        };
        self.running.insert(run, running);
        out.runs.push(StartRun {
            run,
            order: name,
            operation,
            fencing,
        });
    }

    fn forget_repeats(&mut self, resource: &str) {
        self.repeats.retain(|(of, _, _), _| of != resource);
    }

    fn end_run(&mut self, now_ms: u64, run: RunId, mut outcome: Outcome, out: &mut Effects) {
        let Some(Running {
            job,
            resource,
            started_at_ms,
            ..
        }) = self.running.remove(&run)
        else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(&resource) {
            lane.running = None;
        }
        outcome.exec_ms = now_ms.saturating_sub(started_at_ms);
        outcome.queue_ms = started_at_ms.saturating_sub(job.queued_at_ms);
        match job.what {
            JobKind::Order(order) => {
                if let Work::Operate(operation) = &order.work {
                    self.parameters.note(operation);
                    if operation.interval_ms > 0 {
                        self.repeat(now_ms, order.key, operation, &outcome);
                    }
                }
                self.finish(&order, outcome, out);
            }
            JobKind::Repeat(key) => self.end_repeat(now_ms, &key, outcome, out),
        }
        self.advance(now_ms, &resource, out);
    }

    fn repeat(&mut self, now_ms: u64, key: OrderKey, operation: &Operation, outcome: &Outcome) {
        let name = (
            operation.resource.clone(),
            operation.task.clone(),
            operation.interval_ms,
        );
        let repeat = Repeat {
            key,
            operation: operation.clone(),
            last: outcome.clone(),
            next_at_ms: now_ms.saturating_add(operation.interval_ms),
            busy: false,
        };
        self.repeats.insert(name, repeat);
    }

    fn end_repeat(&mut self, now_ms: u64, key: &RepeatKey, outcome: Outcome, out: &mut Effects) {
        let Some(repeat) = self.repeats.get_mut(key) else {
            return;
        };
        repeat.busy = false;
        repeat.next_at_ms = now_ms.saturating_add(key.2);
        if repeat.last.says_the_same_as(&outcome) {
            return;
        }
        repeat.last = outcome.clone();
        let order = repeat.key;
        let (resource, task, interval_ms) = key.clone();
        self.report(order, true, (resource, task, interval_ms), outcome, out);
    }

    /// Records that an order ended.
    fn finish(&mut self, order: &Order, outcome: Outcome, out: &mut Effects) {
        let interval_ms = match &order.work {
            Work::Operate(operation) => operation.interval_ms,
            _ => 0,
        };
        let what = (
            order.work.resource().to_owned(),
            order.work.task().to_owned(),
            interval_ms,
        );
        let report = self.report(order.key, false, what, outcome, out);
        self.ledger.insert(order.key, Entry::Done(report));
    }

    fn report(
        &mut self,
        key: OrderKey,
        repeated: bool,
        (resource, task, interval_ms): RepeatKey,
        outcome: Outcome,
        out: &mut Effects,
    ) -> Report {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let report = Report {
            sequence,
            key,
            repeated,
            resource,
            task,
            interval_ms,
            outcome,
        };
        self.outbox.insert(sequence, report.clone());
        out.records.push(Record::Ended(report.clone()));
        let message = FromExecutor::Report(report.clone());
        out.messages
            .extend(self.leader.map(|leader| (leader, message)));
        report
    }
}

fn done() -> Outcome {
    Outcome::new(ResultCode::OK, Status::Done, "")
}
