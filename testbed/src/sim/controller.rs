//! A controller as a process: the group and the controller's core, with the wiring that the daemon
//! has around them: disk, connections, proposals that go through the leader.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lockstep_consensus::group::{
    Apply, Effects, Group, GroupConfig, Input as GroupInput, Persist, Rejection, bootstrap,
    bootstrapped,
};
use lockstep_consensus::log::{Batch, Identity, LogSizes, LogStore, Store, StoreError};
use lockstep_consensus::types::{Members, Role as GroupRole, RoleChange};
use lockstep_node::cluster::command::{Command, Entry, RequestId};
use lockstep_node::cluster::event::What;
use lockstep_node::controller::{
    ConnectionId, Controller, Effect, Input, Joined, Moment, Settings,
};
use lockstep_node::executor::FromExecutor;
use lockstep_node::fabric::{FromController, ToController};

use super::bugs::Bug;
use super::disk::Disk;
use super::members::Standing;
use super::network::{End, LinkId, Parcel};
use super::policy::SharedClock;
use super::world::{Event, MachineId, Part, World, note};

pub(super) const CLUSTER: &str = "sim";

/// Small, so that a short run has several segments.
const SIZES: LogSizes = LogSizes {
    segment_bytes: 96 << 10,
    grow_bytes: 8 << 10,
};
/// A proposal that was passed on is answered within this.
const ANSWER_US: u64 = 10_000_000;

/// Who waits for what became of a proposal to the group.
enum Open {
    /// This controller.
    Own(Box<Entry>),
    /// Another one, on its connection.
    Other(LinkId, u64),
}

/// A proposal that another controller was asked to make.
struct PassedOn {
    to: MachineId,
    entry: Entry,
    until_us: u64,
}

/// A controller that runs.
pub(super) struct ControllerProcess {
    pub(super) group: Group,
    store: LogStore<Disk>,
    /// What waits for the disk, and how many of these are being written.
    writes: VecDeque<Persist>,
    writing: usize,
    disk_full: bool,
    eligible: bool,
    pub(super) core: Controller,
    clock: SharedClock,
    /// What the core has not taken yet.
    inbox: VecDeque<Input>,
    busy_until: u64,
    pub(super) role: RoleChange,
    open: BTreeMap<u64, Open>,
    passed_on: BTreeMap<u64, PassedOn>,
    /// Connections on which proposals are passed on.
    lines: BTreeMap<MachineId, LinkId>,
    snapshot_at: u64,
    incarnation: u64,
}

impl World {
    pub(super) fn start_controller(&mut self, machine: MachineId) {
        let state = &self.machines[machine];
        let member = state.standing == Standing::Member;
        if !state.on || !member || state.controller.is_some() {
            return;
        }
        let id = machine as u64 + 1;
        self.machines[machine].lives[Part::Controller as usize] += 1;
        let process = self.process(machine, Part::Controller);
        let identity = Identity {
            cluster_id: CLUSTER.into(),
            node_id: id,
        };
        let folder = self.machines[machine].log_disk.clone();
        let opened = open_log(folder, &identity, self.scenario.voters as u64);
        let (store, mut recovered) = match opened {
            Ok(opened) => opened,
            // As a process that ends with an error and is started again.
            Err(StoreError::Full { .. } | StoreError::Io { .. }) => {
                self.machines[machine].log_disk.lose_process();
                self.after(500_000, Event::StartController(machine));
                return;
            }
            Err(error) => {
                let what = format!("controller {id} cannot read back its log: {error}");
                return self.violate("3 (nothing acknowledged is lost)", what);
            }
        };
        if self.bug == Some(Bug::ForgetVote) {
            recovered.hard_state.vote = 0;
        }
        let config = GroupConfig {
            election_ticks: 50,
            heartbeat_ticks: 5,
            stagger_ticks: 3,
            ..GroupConfig::new(id, self.random.draw(), process.life)
        };
        let group = match Group::new(config, recovered) {
            Ok(group) => group,
            Err(error) => {
                let what = format!("controller {id} cannot start from its log: {error}");
                return self.violate("3 (nothing acknowledged is lost)", what);
            }
        };
        // Microseconds by its clock, as the daemon has it: clocks may have jumped back meanwhile.
        let incarnation = self.date(machine) as u64 * 1_000_000 + self.now % 1_000_000;
        let settings = Settings {
            cluster: CLUSTER.into(),
            id,
            incarnation,
            voters: self.scenario.voters,
            node_lost_ms: self.scenario.node_lost_ms,
            join_wait_ms: 4_000,
            patience_ms: 6_000,
        };
        let clock = SharedClock::default();
        let policy = super::policy::of(self.bug, machine, &clock);
        let name = &self.machines[machine].name;
        let core = Controller::new(settings, Arc::from(policy));
        let core = core.on_node(name, self.scenario.without_quorum);
        self.machines[machine].controller = Some(ControllerProcess {
            group,
            store,
            writes: VecDeque::new(),
            writing: 0,
            disk_full: false,
            eligible: true,
            core,
            clock,
            inbox: VecDeque::new(),
            busy_until: 0,
            role: RoleChange::default(),
            open: BTreeMap::new(),
            passed_on: BTreeMap::new(),
            lines: BTreeMap::new(),
            snapshot_at: 0,
            incarnation,
        });
        self.checks.log.controller_starts(machine);
        note!(self, "controller {id} starts, life {}", process.life);
        let jitter = self.random.below(super::world::TICK_US);
        self.after(jitter, Event::Tick(process));
        self.after(jitter, Event::CoreTick(process));
        for other in (0..self.scenario.controllers).filter(|other| *other != machine) {
            let wait = self.random.below(5_000);
            self.after(wait, Event::Dial(process, other));
        }
        self.peers_connect(machine);
        self.step_group(machine, Vec::new());
    }

    fn controller(&mut self, machine: MachineId) -> Option<&mut ControllerProcess> {
        self.machines[machine].controller.as_mut()
    }

    pub(super) fn raft_tick(&mut self, process: super::world::Process) {
        if !self.lives(process) {
            return;
        }
        let machine = process.machine;
        let until = self.still_until(machine, Part::Controller);
        if until > self.now {
            // Ticks that were missed say nothing.
            self.after(until - self.now, Event::Tick(process));
            return;
        }
        let jitter = self.random.below(super::world::TICK_US / 10);
        let wait = self.local(machine, super::world::TICK_US) + jitter;
        self.after(wait, Event::Tick(process));
        self.step_group(machine, vec![GroupInput::Tick]);
    }

    /// Lets the group take in what happened, and carries out what it wants.
    pub(super) fn step_group(&mut self, machine: MachineId, inputs: Vec<GroupInput>) {
        let process = self.process(machine, Part::Controller);
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let Effects {
            send,
            persist,
            apply,
            role,
            reads: _,
            snapshots: _,
            rejected,
            malformed,
        } = controller.group.step(inputs);
        if let Some(persist) = persist {
            controller.writes.push_back(persist);
        }
        if let Some((from, wrong)) = malformed.first() {
            let what =
                format!("controller {process:?} finds a message of {from} malformed: {wrong}");
            self.violate("robustness", what);
        }
        self.begin_write(machine);
        for message in send {
            self.send_packet(process, message);
        }
        for (request, rejection) in rejected {
            self.group_refuses(machine, request, rejection);
        }
        if let Some(role) = role {
            self.role_changes(machine, role);
        }
        for step in apply {
            self.group_applies(machine, step);
        }
        self.pump_core(machine);
    }

    fn role_changes(&mut self, machine: MachineId, role: RoleChange) {
        let leads = role.role == GroupRole::Leader;
        let Some(controller) = self.controller(machine) else {
            return;
        };
        controller.role = role;
        controller.inbox.push_back(Input::Role {
            leads,
            term: role.term,
        });
        let has = role.leader.is_some();
        controller.inbox.push_back(Input::Quorum { has });
        if leads {
            self.summary.elections += 1;
            note!(
                self,
                "controller {} leads in term {}",
                machine + 1,
                role.term
            );
            let other = self.checks.log.leads(machine, role.term);
            if let Some(other) = other {
                let what = format!(
                    "controllers {} and {} both lead in term {}",
                    other + 1,
                    machine + 1,
                    role.term
                );
                self.violate("4 (one leader a term)", what);
            }
        }
    }

    fn group_applies(&mut self, machine: MachineId, step: Apply) {
        let skips = self.bug == Some(Bug::SkipEntry) && machine == 1;
        match step {
            Apply::Restore(snapshot) => {
                // The group's own beginning holds nothing of ours.
                if snapshot.data.is_empty() {
                    return;
                }
                self.summary.restores += 1;
                let Some(controller) = self.controller(machine) else {
                    return;
                };
                controller.snapshot_at = snapshot.meta.index;
                controller.inbox.push_back(Input::Restore {
                    data: snapshot.data.to_vec(),
                });
            }
            Apply::Command(committed) => {
                let (index, data) = (committed.index, committed.data);
                let what = self.checks.log.commits(machine, index, &data);
                if let Err(what) = what {
                    self.violate("3 (nothing acknowledged is lost)", what);
                }
                let answered = committed.proposal;
                let Some(controller) = self.controller(machine) else {
                    return;
                };
                let answered = answered.and_then(|request| controller.open.remove(&request));
                if !(skips && index % 97 == 0) {
                    controller.inbox.push_back(Input::Committed {
                        index,
                        data: data.to_vec(),
                    });
                }
                if let Some(Open::Other(link, number)) = answered {
                    let refused = None;
                    let answer = FromController::Proposed {
                        number,
                        refused,
                        is_final: false,
                    };
                    self.send(link, End::Callee, Parcel::FromController(answer));
                }
            }
            Apply::Members(changed) => {
                let Members {
                    voters, learners, ..
                } = &changed.members;
                let (number, index) = (machine + 1, changed.index);
                note!(
                    self,
                    "controller {number} has at {index} as members {voters:?} and learning {learners:?}"
                );
                self.members_change(machine, &changed.members);
                let voters = changed.members.voters.len();
                if let Some(controller) = self.controller(machine) {
                    controller.inbox.push_back(Input::Members { index, voters });
                }
            }
        }
    }

    fn group_refuses(&mut self, machine: MachineId, request: u64, rejection: Rejection) {
        let Some(open) = self
            .controller(machine)
            .and_then(|controller| controller.open.remove(&request))
        else {
            return;
        };
        let unknown = rejection == Rejection::Unknown;
        match open {
            Open::Own(entry) => self.not_proposed(machine, *entry, unknown),
            // Whoever asked is not to believe that it had no effect.
            Open::Other(..) if unknown => {}
            Open::Other(link, number) => {
                let refused = Some(rejection.to_string());
                let answer = FromController::Proposed {
                    number,
                    refused,
                    is_final: false,
                };
                self.send(link, End::Callee, Parcel::FromController(answer));
            }
        }
    }

    /// Everything that waits for the disk is written together.
    fn begin_write(&mut self, machine: MachineId) {
        let slow = self.random.chance(10) && self.is_trouble();
        let delay = 200 + self.random.below(if slow { 200_000 } else { 2_000 });
        let delay = delay * self.machines[machine].disk_slowness;
        let process = self.process(machine, Part::Controller);
        let lies = self.bug == Some(Bug::AckBeforeWrite);
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if controller.writing > 0 || controller.writes.is_empty() {
            return;
        }
        controller.writing = controller.writes.len();
        let upto = controller.writes.back().map_or(0, |last| last.number);
        self.after(delay, Event::LogWritten(process));
        if lies {
            let input = GroupInput::Persisted { upto };
            self.after(1, Event::GroupInput(process, input));
        }
    }

    pub(super) fn log_written(&mut self, process: super::world::Process) {
        if !self.lives(process) {
            return;
        }
        let machine = process.machine;
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let batches = controller.batches_in_writing();
        match controller.store.persist(&batches) {
            Ok(()) => {}
            Err(error) if error.is_full() => {
                // The very same write again, later.
                if !std::mem::replace(&mut controller.disk_full, true) {
                    self.summary.full_disks += 1;
                    self.set_eligible(machine);
                }
                self.after(200_000, Event::LogWritten(process));
                return;
            }
            Err(error) => {
                // The member stops; somebody starts it again.
                note!(self, "controller {} stops: {error}", machine + 1);
                self.end_process(machine, Part::Controller, true);
                let wait = 200_000 + self.random.below(2_000_000);
                self.after(wait, Event::StartController(machine));
                return;
            }
        }
        let upto = controller
            .writes
            .drain(..controller.writing)
            .next_back()
            .map_or(0, |last| last.number);
        controller.writing = 0;
        if std::mem::replace(&mut controller.disk_full, false) {
            self.set_eligible(machine);
        }
        self.step_group(machine, vec![GroupInput::Persisted { upto }]);
    }

    /// What a crash cuts short.
    pub(super) fn write_until_death(&mut self, machine: MachineId, changes: u64) {
        let disk = self.machines[machine].log_disk.clone();
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if controller.writing > 0 {
            disk.die_after(changes);
            let batches = controller.batches_in_writing();
            // How far it gets is the point; nobody is told.
            let _ = controller.store.persist(&batches);
        }
    }

    /// A leader that cannot write would hold everyone up.
    fn set_eligible(&mut self, machine: MachineId) {
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let eligible = controller.eligible && !controller.disk_full;
        self.step_group(machine, vec![GroupInput::Eligible(eligible)]);
    }

    pub(super) fn core_tick(&mut self, machine: MachineId) {
        let now = self.now;
        let Some(controller) = self.controller(machine) else {
            return;
        };
        controller.inbox.push_back(Input::Tick);
        self.put_off_reset(machine);
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let late: Vec<u64> = controller
            .passed_on
            .iter()
            .filter(|(_, passed)| passed.until_us < now)
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            self.passed_on_failed(machine, number, true);
        }
        self.promote_learners(machine);
        self.pump_core(machine);
    }

    /// Gives the core what waits for it.
    pub(super) fn pump_core(&mut self, machine: MachineId) {
        if self.stands_still(machine, Part::Controller) {
            let wait = self.still_until(machine, Part::Controller) - self.now;
            let process = self.process(machine, Part::Controller);
            if self.lives(process) {
                self.after(wait + 1, Event::CoreWake(process));
            }
            return;
        }
        loop {
            let now = self.now;
            let Some(controller) = self.controller(machine) else {
                return;
            };
            if controller.busy_until > now {
                return;
            }
            let Some(input) = controller.inbox.pop_front() else {
                return;
            };
            self.step_core(machine, input);
        }
    }

    fn step_core(&mut self, machine: MachineId, input: Input) {
        let at = self.date(machine);
        let moment = Moment {
            monotonic_ms: self.monotonic_us(machine) / 1_000,
            at,
            utc_offset: 0,
        };
        let Some(controller) = self.controller(machine) else {
            return;
        };
        controller.clock.set(at);
        let index = match &input {
            Input::Committed { index, .. } => Some(*index),
            _ => None,
        };
        let restored = match &input {
            Input::Restore { data } => Some(data.clone()),
            _ => None,
        };
        let effects = match controller.core.step(moment, input) {
            Ok(effects) => effects,
            Err(error) => {
                let what = format!("controller {} cannot go on: {error}", machine + 1);
                return self.violate("robustness", what);
            }
        };
        if let Some(data) = restored {
            self.check_restored(machine, &data);
        }
        if let Some(index) = index {
            self.check_applied(machine, index, &effects);
            self.snapshot_if_due(machine, index);
        }
        for effect in effects {
            self.carry_out(machine, effect);
        }
    }

    fn carry_out(&mut self, machine: MachineId, effect: Effect) {
        match effect {
            Effect::Propose(entry) => self.propose(machine, entry),
            Effect::Tell {
                connection,
                message,
            } => {
                let parcel = Parcel::FromController(FromController::Executor(message));
                self.send(connection.0, End::Callee, parcel);
            }
            Effect::Eligible(eligible) => {
                if let Some(controller) = self.controller(machine) {
                    controller.eligible = eligible;
                }
                self.set_eligible(machine);
            }
            Effect::Event(event) => {
                if let What::Planned { .. } = event.what {
                    // Planning takes a moment; larger clusters take longer.
                    let most = 2_000 + 500 * self.machines.len() as u64;
                    let busy = self.random.below(most);
                    let process = self.process(machine, Part::Controller);
                    if let Some(controller) = self.machines[machine].controller.as_mut() {
                        controller.busy_until = self.now + busy;
                    }
                    self.after(busy, Event::CoreWake(process));
                }
                if let What::Diverged {
                    controller,
                    transition,
                } = event.what
                {
                    let what = format!("controller {controller} diverged in plan {transition}");
                    self.violate("5 (all controllers agree)", what);
                }
                if self.is_leader(machine) {
                    note!(self, "[{}] {}", event.index, event.what);
                }
            }
            Effect::WithoutQuorum(fate) => self.without_quorum(machine, fate),
            Effect::Dispatched { order, key, node } => {
                note!(
                    self,
                    "controller {} orders {order} {key} of {node}",
                    machine + 1
                );
            }
            Effect::Answered {
                request, outcome, ..
            } => {
                if request.controller == machine as u64 + 1 {
                    self.client_answered(request, &outcome);
                }
            }
        }
    }

    pub(super) fn is_leader(&self, machine: MachineId) -> bool {
        let controller = self.machines[machine].controller.as_ref();
        controller.is_some_and(|controller| controller.role.role == GroupRole::Leader)
    }

    /// The leader with the highest term.
    pub(super) fn leader(&self) -> Option<MachineId> {
        let leading = (0..self.scenario.controllers).filter(|machine| self.is_leader(*machine));
        leading.max_by_key(|machine| {
            let controller = self.machines[*machine].controller.as_ref();
            controller.map_or(0, |controller| controller.role.term)
        })
    }

    /// Has an entry replicated; through the leader if another controller is.
    fn propose(&mut self, machine: MachineId, entry: Entry) {
        let number = self.number();
        let until_us = self.now + ANSWER_US;
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let me = machine as u64 + 1;
        match controller
            .group
            .role()
            .leader
            .filter(|leader| *leader != me)
        {
            Some(leader) => {
                let to = leader as usize - 1;
                let Some(line) = controller.lines.get(&to).copied() else {
                    return self.not_proposed(machine, entry, false);
                };
                let bytes = entry.encode();
                controller.passed_on.insert(
                    number,
                    PassedOn {
                        to,
                        entry,
                        until_us,
                    },
                );
                let message = ToController::Propose {
                    number,
                    entry: bytes,
                };
                self.send(line, End::Caller, Parcel::ToController(message));
            }
            None => {
                let data = entry.encode().into();
                if controller.disk_full {
                    return self.not_proposed(machine, entry, false);
                }
                controller.open.insert(number, Open::Own(Box::new(entry)));
                // Not at once, and in order: the core and the group are different threads.
                let process = self.process(machine, Part::Controller);
                let input = GroupInput::Propose { id: number, data };
                self.after(50, Event::GroupInput(process, input));
            }
        }
    }

    /// Another controller passes a proposal on.
    pub(super) fn propose_for(
        &mut self,
        machine: MachineId,
        link: LinkId,
        number: u64,
        entry: Vec<u8>,
    ) {
        let id = self.number();
        let Some(controller) = self.controller(machine) else {
            return;
        };
        controller.open.insert(id, Open::Other(link, number));
        let data = entry.into();
        self.step_group(machine, vec![GroupInput::Propose { id, data }]);
    }

    /// What became of a proposal that was passed on.
    pub(super) fn proposed(
        &mut self,
        machine: MachineId,
        _link: LinkId,
        number: u64,
        refused: Option<String>,
    ) {
        match refused {
            Some(_) => self.passed_on_failed(machine, number, false),
            None => {
                if let Some(controller) = self.controller(machine) {
                    controller.passed_on.remove(&number);
                }
            }
        }
    }

    fn passed_on_failed(&mut self, machine: MachineId, number: u64, unknown: bool) {
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if let Some(passed) = controller.passed_on.remove(&number) {
            self.not_proposed(machine, passed.entry, unknown);
        }
    }

    fn not_proposed(&mut self, machine: MachineId, entry: Entry, unknown: bool) {
        match entry.request {
            // Whoever asked waits on: it may be applied yet.
            Some(_) if unknown => {}
            Some(request) => self.client_refused(request),
            None if self.bug == Some(Bug::LoseRefusals) => {}
            None => {
                if let Some(controller) = self.controller(machine) {
                    controller
                        .inbox
                        .push_back(Input::NotProposed(entry.command));
                    let process = self.process(machine, Part::Controller);
                    self.after(10, Event::CoreWake(process));
                }
            }
        }
    }

    pub(super) fn line_connected(&mut self, machine: MachineId, to: MachineId, link: LinkId) {
        if let Some(controller) = self.controller(machine) {
            controller.lines.insert(to, link);
        }
    }

    pub(super) fn line_gone(&mut self, machine: MachineId, to: MachineId) {
        let Some(controller) = self.controller(machine) else {
            return;
        };
        controller.lines.remove(&to);
        let waiting: Vec<u64> = controller
            .passed_on
            .iter()
            .filter(|(_, passed)| passed.to == to)
            .map(|(number, _)| *number)
            .collect();
        for number in waiting {
            self.passed_on_failed(machine, number, true);
        }
    }

    /// An executor's greeting arrives.
    pub(super) fn executor_joins(&mut self, machine: MachineId, link: LinkId, executor: Joined) {
        self.core_hears(
            machine,
            Input::Joined {
                connection: ConnectionId(link),
                executor,
            },
        );
    }

    pub(super) fn executor_says(
        &mut self,
        machine: MachineId,
        link: LinkId,
        message: FromExecutor,
    ) {
        self.core_hears(
            machine,
            Input::Heard {
                connection: ConnectionId(link),
                message,
            },
        );
    }

    pub(super) fn executor_gone(&mut self, machine: MachineId, link: LinkId) {
        self.core_hears(machine, Input::Closed(ConnectionId(link)));
    }

    fn core_hears(&mut self, machine: MachineId, input: Input) {
        if let Some(controller) = self.controller(machine) {
            controller.inbox.push_back(input);
        }
        self.pump_core(machine);
    }

    /// A client asks this controller.
    pub(super) fn submit(&mut self, machine: MachineId, command: Command) -> Option<RequestId> {
        let at = self.date(machine);
        let count = self.number();
        let controller = self.controller(machine)?;
        let request = RequestId {
            controller: machine as u64 + 1,
            number: controller.incarnation.wrapping_add(count),
        };
        self.propose(
            machine,
            Entry {
                at,
                request: Some(request),
                command,
            },
        );
        Some(request)
    }

    fn snapshot_if_due(&mut self, machine: MachineId, index: u64) {
        let every = self.scenario.snapshot_entries;
        let id = self.number();
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if index.saturating_sub(controller.snapshot_at) < every {
            return;
        }
        controller.snapshot_at = index;
        let data = controller.core.cluster().snapshot();
        self.summary.snapshots += 1;
        if let Err(what) = self.checks.log.state(machine, index, &data) {
            self.violate("5 (all controllers agree)", what);
        }
        let process = self.process(machine, Part::Controller);
        let data = data.into();
        let input = GroupInput::Snapshot { id, index, data };
        self.after(50, Event::GroupInput(process, input));
    }
}

impl ControllerProcess {
    fn batches_in_writing(&self) -> Vec<Batch> {
        let writing = self.writes.iter().take(self.writing);
        writing.map(|persist| persist.batch.clone()).collect()
    }
}

type Opened = (LogStore<Disk>, lockstep_consensus::log::Recovered);

/// The log as it was left, or that of a new member of a new group.
fn open_log(folder: Disk, identity: &Identity, voters: u64) -> Result<Opened, StoreError> {
    let (mut store, mut recovered) = LogStore::open_with(folder, identity, SIZES)?;
    // One that joins waits for the leader's snapshot.
    if recovered.snapshot.is_none() && identity.node_id <= voters {
        let members = (1..=voters).map(|id| (id, format!("n{id}")));
        let batch = bootstrap(Members::of_voters(members));
        store.persist(std::slice::from_ref(&batch))?;
        recovered = bootstrapped(&batch);
    }
    Ok((store, recovered))
}
