//! An executor as a process: its core and its journal, with the wiring that its shell has around
//! them: records first, durably, then runs and messages.

use std::collections::{BTreeMap, VecDeque};

use lockstep_node::controller::Joined;
use lockstep_node::executor::journal::{Header, Journal, JournalError};
use lockstep_node::executor::{
    ConnectionId, Effects, Executor, Identity, Input, Record, ToExecutor,
};
use lockstep_node::fabric::ToController;

use super::bugs::Bug;
use super::controller::CLUSTER;
use super::disk::Disk;
use super::network::{End, LinkId, Parcel};
use super::world::{Event, MachineId, Part, Process, World, note};

/// A journal longer than this is rewritten at a start, in bytes.
const COMPACT_FROM: u64 = 16 << 10;
/// A journal longer than this is rewritten while running, in bytes.
const COMPACT_RUNNING_FROM: u64 = 48 << 10;
/// How often a write to a full disk is tried again.
const DISK_RETRY_US: u64 = 200_000;

/// An executor that runs.
pub(super) struct ExecutorProcess {
    pub(super) core: Executor,
    journal: Journal<Disk>,
    /// What the core has not taken yet.
    pub(super) inbox: VecDeque<Input>,
    /// What waits for the journal.
    writing: Option<Effects>,
    /// Connections to controllers, by machine.
    pub(super) links: BTreeMap<MachineId, LinkId>,
    wakes_at: Option<u64>,
    /// The highest term that a leader named; what the check goes by is not what the core says.
    pub(super) heard_term: u64,
}

impl World {
    pub(super) fn start_executor(&mut self, machine: MachineId) {
        let state = &self.machines[machine];
        if !state.on || state.executor.is_some() || state.left {
            return;
        }
        self.machines[machine].lives[Part::Executor as usize] += 1;
        let process = self.process(machine, Part::Executor);
        let name = self.machines[machine].name.clone();
        let unix_us = self.date(machine) as u64 * 1_000_000 + self.now % 1_000_000;
        let fresh = Header {
            cluster: CLUSTER.into(),
            node: name.clone(),
            journal: unix_us,
        };
        let folder = self.machines[machine].journal_disk.clone();
        let (mut journal, records) = match Journal::open(folder, fresh) {
            Ok(opened) => opened,
            Err(JournalError::Io { .. }) => {
                self.machines[machine].journal_disk.lose_process();
                self.after(500_000, Event::StartExecutor(machine));
                return;
            }
            Err(error) => {
                let what = format!("the executor of {name} cannot read its journal: {error}");
                return self.violate("3 (nothing acknowledged is lost)", what);
            }
        };
        let heard_term = highest_term(&records);
        let identity = Identity {
            node: name,
            journal: journal.header().journal,
            incarnation: unix_us,
        };
        let (core, recovered, orphans) = Executor::recover(identity, records);
        for orphan in orphans {
            self.kill_run(machine, orphan);
        }
        let written = journal.append(&recovered.records, true).and_then(|()| {
            match journal.size() > COMPACT_FROM {
                true => journal.compact(&core.checkpoint()),
                false => Ok(()),
            }
        });
        if written.is_err() {
            // As a process that ends with an error and is started again.
            self.machines[machine].journal_disk.lose_process();
            self.after(500_000, Event::StartExecutor(machine));
            return;
        }
        note!(
            self,
            "executor n{} starts, life {}, {} orders interrupted",
            machine + 1,
            process.life,
            recovered.records.len()
        );
        // Who is back is asked what it runs.
        self.machines[machine].died_with.clear();
        self.machines[machine].executor = Some(ExecutorProcess {
            core,
            journal,
            inbox: VecDeque::new(),
            writing: None,
            links: BTreeMap::new(),
            wakes_at: None,
            heard_term,
        });
        for controller in 0..self.scenario.controllers {
            let wait = self.random.below(10_000);
            self.after(wait, Event::Dial(process, controller));
        }
    }

    fn executor(&mut self, machine: MachineId) -> Option<&mut ExecutorProcess> {
        self.machines[machine].executor.as_mut()
    }

    pub(super) fn executor_connected(&mut self, machine: MachineId, to: MachineId, link: LinkId) {
        let Some(executor) = self.executor(machine) else {
            return;
        };
        executor.links.insert(to, link);
        let identity = executor.core.identity();
        let joined = Joined {
            node: identity.node.clone(),
            journal: identity.journal,
            incarnation: identity.incarnation,
            acknowledged: executor.core.acknowledged(),
        };
        self.executor_joins(to, link, joined);
    }

    pub(super) fn controller_gone(&mut self, machine: MachineId, link: LinkId) {
        let Some(executor) = self.executor(machine) else {
            return;
        };
        executor.links.retain(|_, known| *known != link);
        let is_alone = executor.links.is_empty();
        if is_alone && self.bug == Some(Bug::StopWithoutControllers) {
            let services: Vec<_> = self.machines[machine].services.keys().cloned().collect();
            for service in services {
                self.deactivate(machine, &service, "no controller is left");
            }
        }
        self.executor_takes(machine, Input::Closed(ConnectionId(link)));
    }

    pub(super) fn controller_says(
        &mut self,
        machine: MachineId,
        link: LinkId,
        mut message: ToExecutor,
    ) {
        let bug = self.bug;
        let Some(executor) = self.executor(machine) else {
            return;
        };
        match &mut message {
            ToExecutor::Lead { term } => {
                if bug == Some(Bug::ForgetJournal) && *term > executor.heard_term {
                    forget(executor);
                }
                executor.heard_term = executor.heard_term.max(*term);
                if bug == Some(Bug::SkipTermCheck) {
                    *term = executor.heard_term;
                }
            }
            ToExecutor::Order { term, order } => {
                let (said, heard) = (*term, executor.heard_term);
                if bug == Some(Bug::SkipTermCheck) {
                    let from = ConnectionId(link);
                    let message = ToExecutor::Lead { term: heard };
                    executor.inbox.push_back(Input::Message { from, message });
                    *term = heard;
                }
                let key = order.key;
                self.checks.orders.arrives(machine, key, said, heard);
            }
            ToExecutor::Alone { order } => {
                let own = self.links.get(&link).map(|link| link.ends[1].machine);
                if let Err((rule, what)) = self.checks.orders.arrives_alone(machine, own, order) {
                    self.violate(rule, what);
                }
            }
            ToExecutor::Acknowledge { .. } => {}
        }
        let from = ConnectionId(link);
        self.executor_takes(machine, Input::Message { from, message });
    }

    pub(super) fn executor_takes(&mut self, machine: MachineId, input: Input) {
        if let Some(executor) = self.executor(machine) {
            executor.inbox.push_back(input);
        }
        self.pump_executor(machine);
    }

    /// Gives the core what waits for it, one after the other.
    pub(super) fn pump_executor(&mut self, machine: MachineId) {
        let process = self.process(machine, Part::Executor);
        if self.stands_still(machine, Part::Executor) {
            let wait = self.still_until(machine, Part::Executor) - self.now;
            if self.lives(process) {
                self.after(wait + 1, Event::ExecutorWake(process, 0));
            }
            return;
        }
        let now_ms = self.monotonic_us(machine) / 1_000;
        loop {
            let Some(executor) = self.executor(machine) else {
                return;
            };
            if executor.writing.is_some() {
                return;
            }
            let Some(input) = executor.inbox.pop_front() else {
                break;
            };
            let effects = executor.core.step(now_ms, input);
            if effects.records.is_empty() {
                self.executor_does(machine, effects);
                continue;
            }
            let durable = effects.records.iter().any(Record::is_urgent);
            executor.writing = Some(effects);
            let delay = 100 + self.random.below(if durable { 2_000 } else { 100 });
            let delay = delay * self.machines[machine].disk_slowness;
            self.after(delay, Event::JournalWritten(process));
            return;
        }
        self.sleep_executor(machine);
    }

    /// Has the core woken when it wants to be.
    fn sleep_executor(&mut self, machine: MachineId) {
        let process = self.process(machine, Part::Executor);
        let now_ms = self.monotonic_us(machine) / 1_000;
        let Some(executor) = self.executor(machine) else {
            return;
        };
        let Some(at) = executor.core.next_wake_ms() else {
            return;
        };
        if executor.wakes_at == Some(at) {
            return;
        }
        executor.wakes_at = Some(at);
        let wait = self.local(machine, at.saturating_sub(now_ms) * 1_000 + 1_000);
        self.after(wait, Event::ExecutorWake(process, at));
    }

    pub(super) fn executor_wakes(&mut self, process: Process, at: u64) {
        if !self.lives(process) {
            return;
        }
        let Some(executor) = self.executor(process.machine) else {
            return;
        };
        if at != 0 {
            if executor.wakes_at != Some(at) {
                return;
            }
            executor.wakes_at = None;
        }
        self.executor_takes(process.machine, Input::Tick);
    }

    pub(super) fn journal_written(&mut self, process: Process) {
        if !self.lives(process) {
            return;
        }
        let machine = process.machine;
        let Some(executor) = self.executor(machine) else {
            return;
        };
        let Some(effects) = executor.writing.take() else {
            return;
        };
        let durable = effects.records.iter().any(Record::is_urgent);
        match executor.journal.append(&effects.records, durable) {
            Ok(()) => {}
            Err(JournalError::Io { error, .. })
                if error.kind() == std::io::ErrorKind::StorageFull =>
            {
                executor.writing = Some(effects);
                self.summary.full_disks += 1;
                self.after(DISK_RETRY_US, Event::JournalWritten(process));
                return;
            }
            Err(error) => {
                note!(self, "executor n{} stops: {error}", machine + 1);
                self.end_process(machine, Part::Executor, true);
                let wait = 200_000 + self.random.below(1_000_000);
                self.after(wait, Event::StartExecutor(machine));
                return;
            }
        }
        if executor.journal.size() > COMPACT_RUNNING_FROM {
            let checkpoint = executor.core.checkpoint();
            // The long journal is as good, until there is room for the short one.
            let _ = executor.journal.compact(&checkpoint);
        }
        self.executor_does(machine, effects);
        self.pump_executor(machine);
    }

    fn executor_does(&mut self, machine: MachineId, effects: Effects) {
        for run in effects.runs {
            self.begin_run(machine, run);
        }
        for (connection, message) in effects.messages {
            let parcel = Parcel::ToController(ToController::Executor(message));
            self.send(connection.0, End::Caller, parcel);
        }
        if effects.leave {
            note!(self, "executor n{} leaves in order", machine + 1);
            self.end_process(machine, Part::Executor, true);
            self.machines[machine].left = true;
            let wait = 500_000 + self.random.below(6_000_000);
            self.after(wait, Event::ComeBack(machine));
        }
    }

    /// What a crash cuts short.
    pub(super) fn journal_until_death(&mut self, machine: MachineId, changes: u64) {
        let disk = self.machines[machine].journal_disk.clone();
        let Some(executor) = self.executor(machine) else {
            return;
        };
        if let Some(effects) = executor.writing.take() {
            disk.die_after(changes);
            let durable = effects.records.iter().any(Record::is_urgent);
            // How far it gets is the point; nobody is told.
            let _ = executor.journal.append(&effects.records, durable);
        }
    }
}

fn highest_term(records: &[Record]) -> u64 {
    let terms = records.iter().filter_map(|record| match record {
        Record::Term(term) => Some(*term),
        _ => None,
    });
    terms.max().unwrap_or(0)
}

/// The planted bug: everything but the counters of reports is forgotten.
fn forget(executor: &mut ExecutorProcess) {
    let kept = executor.core.checkpoint().into_iter().filter(|record| {
        !matches!(
            record,
            Record::Began(_) | Record::Newest(_) | Record::Started { .. }
        )
    });
    let identity = executor.core.identity().clone();
    // Results that the leader has are not told again, and not remembered.
    let upto = executor.core.acknowledged();
    let kept = kept.filter(|record| match record {
        Record::Ended(report) => report.sequence > upto,
        _ => true,
    });
    let (core, _, _) = Executor::recover(identity, kept.collect());
    executor.core = core;
}
