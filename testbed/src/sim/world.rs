//! Machines, time, and the order of events. What runs on machines is in `controller` and `executor`,
//! what lies between them in `network`, what goes wrong in `faults`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use lockstep_consensus::group;
use lockstep_consensus::message::Message;
use lockstep_consensus::random::Random;

use super::agents::{AgentRun, RunNumber};
use super::bugs::Bug;
use super::check::Checks;
use super::cib::{Configuration, EPOCH};
use super::controller::ControllerProcess;
use super::disk::Disk;
use super::executor::ExecutorProcess;
use super::members::Standing;
use super::network::{Link, LinkId, Network};
use super::operations::Client;
use super::overtaken::Overtaking;
use super::scenario::{Profile, Scenario};
use super::trace::Trace;
use super::upgrade::{Program, Upgrade};
use super::{Finding, Settings, Summary};

/// Place of a machine in [`World::machines`]. The first ones have controllers, numbered from 1.
pub(super) type MachineId = usize;

/// Raft's unit of time.
pub(super) const TICK_US: u64 = 20_000;
/// How often a controller's core looks at the time.
const CORE_TICK_US: u64 = 100_000;
/// How often connections are looked at.
const PULSE_US: u64 = 100_000;
/// How often it is looked whether the cluster has converged.
const LOOK_US: u64 = 500_000;

/// Which of a machine's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Controller,
    Executor,
}

/// A process, as somebody who knew it remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) machine: MachineId,
    pub(super) part: Part,
    pub(super) life: u64,
}

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Started,
    Promoted,
}

/// The clock of a machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MachineClock {
    /// Parts in a million by which it is fast.
    pub(super) drift_ppm: i64,
    /// Seconds by which its date is ahead.
    pub(super) offset_s: i64,
}

/// A machine: what it remembers, and what runs on it.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) on: bool,
    pub(super) clock: MachineClock,
    pub(super) log_disk: Disk,
    pub(super) journal_disk: Disk,
    /// Writes take so many times as long.
    pub(super) disk_slowness: u64,
    pub(super) controller: Option<ControllerProcess>,
    pub(super) executor: Option<ExecutorProcess>,
    /// Counts starts of processes of each part.
    pub(super) lives: [u64; 2],
    /// Until when each part stands still.
    pub(super) paused_until: [u64; 2],
    /// Until when its agents and services stand still.
    pub(super) frozen_until: u64,
    /// What really runs here.
    pub(super) services: BTreeMap<String, Role>,
    /// What ran here when the power went without anybody having been told: until the machine is
    /// fenced, or is back, nobody may assume that it does not.
    pub(super) died_with: BTreeMap<String, Role>,
    /// Fence devices that are known here.
    pub(super) devices: BTreeSet<String>,
    /// How it stands to the group of controllers.
    pub(super) standing: Standing,
    /// Which program its controller is.
    pub(super) program: Program,
    /// Until when nobody can switch it on.
    pub(super) unplugged_until: u64,
    /// When its watchdog resets it, unless that is put off; and whether it still is.
    pub(super) reset_at: Option<(u64, bool)>,
    /// Left the cluster in order; comes back when its operator wants it.
    pub(super) left: bool,
}

impl Machine {
    fn new(name: String, clock: MachineClock, bug: Option<Bug>) -> Self {
        Self {
            name,
            on: false,
            clock,
            log_disk: Disk::new(bug == Some(Bug::SkipFsync)),
            journal_disk: Disk::new(false),
            disk_slowness: 1,
            controller: None,
            executor: None,
            lives: [0, 0],
            paused_until: [0, 0],
            frozen_until: 0,
            services: BTreeMap::new(),
            died_with: BTreeMap::new(),
            devices: BTreeSet::new(),
            standing: Standing::Spare,
            program: Program::Newer,
            unplugged_until: 0,
            reset_at: None,
            left: false,
        }
    }
}

/// Something that happens at some time.
#[derive(Debug)]
pub(super) enum Event {
    PowerOn(MachineId),
    StartController(MachineId),
    StartExecutor(MachineId),
    /// Raft's clock.
    Tick(Process),
    /// The core's clock.
    CoreTick(Process),
    /// The core is done with what kept it busy.
    CoreWake(Process),
    /// A message between groups arrives.
    Packet(Message),
    GroupInput(Process, group::Input),
    LogWritten(Process),
    JournalWritten(Process),
    ExecutorWake(Process, u64),
    Dial(Process, MachineId),
    /// Something on a connection may have arrived.
    Arrival(LinkId),
    Pulse,
    /// A run of an agent goes on.
    Agent(RunNumber),
    /// Something that did not get into the log is asked for again.
    ClientAgain(u64),
    /// A controller is started again on purpose.
    Restart(MachineId),
    /// A node that left comes back.
    ComeBack(MachineId),
    /// A controller gets the newer program, or the older one back.
    Install(MachineId, Program),
    /// A controller hears that it was removed.
    Leave(Process),
    /// A watchdog may have run down.
    Watchdog(MachineId),
    Operate,
    Fault,
    FaultEnds(super::faults::Ending),
    /// A leader is to be overtaken.
    Overtake,
    Heal,
    Look,
}

struct Scheduled {
    at: (u64, u64),
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A cluster that shall be left alone until it is settled.
    Settling,
    /// Things go wrong.
    Trouble,
    /// Nothing goes wrong any more; by then everything must be well.
    Healed { until: u64 },
    /// All is well.
    Done,
}

pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) bug: Option<Bug>,
    pub(super) random: Random,
    pub(super) now: u64,
    until_us: Option<u64>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    pub(super) machines: Vec<Machine>,
    pub(super) network: Network,
    pub(super) links: BTreeMap<LinkId, Link>,
    pub(super) next_number: u64,
    pub(super) runs: BTreeMap<RunNumber, AgentRun>,
    /// Until when no fence device can be reached.
    pub(super) no_fencing_until: u64,
    pub(super) upgrade: Option<Upgrade>,
    pub(super) overtaking: Option<Overtaking>,
    pub(super) configuration: Configuration,
    pub(super) client: Client,
    pub(super) checks: Checks,
    pub(super) phase: Phase,
    pub(super) trace: Trace,
    pub(super) summary: Summary,
    /// The first rule that was broken, and how.
    violation: Option<(&'static str, String)>,
}

/// Adds a line to the trace.
macro_rules! note {
    ($world:expr, $($text:tt)*) => {
        $world.trace.note($world.now, format_args!($($text)*))
    };
}
pub(super) use note;

/// So many of the workers are not in the configuration: they join.
fn strangers(scenario: &Scenario) -> usize {
    usize::from(scenario.workers > 1)
}

impl World {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut random = Random::new(settings.seed ^ 0x10c5_7e90);
        let mut scenario = Scenario::of(&mut random.fork());
        if let Some(profile) = settings.profile {
            while scenario.profile != profile {
                scenario = Scenario::of(&mut random.fork());
            }
        }
        let mut clocks = random.fork();
        let count = scenario.controllers + scenario.workers;
        let mut machines: Vec<Machine> = (1..=count)
            .map(|number| {
                let clock = MachineClock {
                    drift_ppm: clocks.below(2 * scenario.drift_ppm + 1) as i64
                        - scenario.drift_ppm as i64,
                    offset_s: clocks.below(scenario.clock_offset_s + 1) as i64,
                };
                Machine::new(format!("n{number}"), clock, settings.bug)
            })
            .collect();
        for machine in &mut machines[..scenario.voters] {
            machine.standing = Standing::Member;
        }
        let nodes = machines[..count - strangers(&scenario)]
            .iter()
            .map(|machine| machine.name.clone())
            .collect();
        let quiet = scenario.profile == Profile::ControlPlane;
        let configuration = Configuration::new(&mut random.fork(), nodes, !quiet);
        let checks = Checks::new(scenario.compare_every);
        let upgrade = Upgrade::of(settings.seed);
        if upgrade.is_some() {
            for machine in &mut machines {
                machine.program = Program::Older;
            }
        }
        Self {
            network: Network::default(),
            links: BTreeMap::new(),
            next_number: 1,
            runs: BTreeMap::new(),
            no_fencing_until: 0,
            client: Client::default(),
            phase: if quiet {
                Phase::Settling
            } else {
                Phase::Trouble
            },
            trace: Trace::new(settings.tracing),
            summary: Summary::default(),
            bug: settings.bug,
            now: 0,
            until_us: settings.until_us,
            queue: BinaryHeap::new(),
            scheduled: 0,
            violation: None,
            random,
            scenario,
            machines,
            configuration,
            checks,
            upgrade,
            overtaking: Overtaking::of(settings.seed),
        }
    }

    /// Runs to the end; what was found, if anything.
    pub(super) fn run(&mut self) -> Result<(), Finding> {
        note!(self, "{:?}", self.scenario);
        let (count, strangers) = (self.machines.len(), strangers(&self.scenario));
        for machine in 0..self.machines.len() {
            let most = if machine < count - strangers {
                1_500_000
            } else {
                15_000_000
            };
            let wait = self.random.below(most);
            self.after(wait, Event::PowerOn(machine));
        }
        self.after(PULSE_US, Event::Pulse);
        self.after(LOOK_US, Event::Look);
        self.after(1_000_000, Event::Operate);
        let faulty = self.scenario.profile != Profile::Calm;
        if faulty && self.phase == Phase::Trouble {
            self.begin_trouble();
        } else if self.phase == Phase::Trouble {
            self.begin_upgrade();
            self.after(self.scenario.trouble_us, Event::Heal);
        }
        self.configure_first();
        while self.phase != Phase::Done {
            let Some(Reverse(Scheduled { at, event })) = self.queue.pop() else {
                break;
            };
            if self.until_us.is_some_and(|until| at.0 > until) {
                break;
            }
            self.now = at.0;
            self.trace.mix(at.0 ^ at.1.rotate_left(32));
            self.happen(event);
            if let Some((rule, what)) = self.violation.take() {
                note!(self, "VIOLATED {rule}: {what}");
                return Err(Finding { rule, what });
            }
        }
        self.summary.time_us = self.now;
        Ok(())
    }

    pub(super) fn begin_trouble(&mut self) {
        self.phase = Phase::Trouble;
        self.begin_upgrade();
        self.plan_overtaking();
        let wait = self.random.below(2 * self.scenario.fault_us);
        self.after(wait, Event::Fault);
        self.after(self.scenario.trouble_us, Event::Heal);
    }

    /// What the leader believes.
    pub(super) fn leaders_cib(&self) -> Option<String> {
        let controller = self.machines[self.leader()?].controller.as_ref()?;
        Some(controller.core.cluster().cib().to_xml())
    }

    pub(super) fn into_parts(self) -> (Summary, Trace) {
        (self.summary, self.trace)
    }

    /// Notes that a rule is broken; the first one counts.
    pub(super) fn violate(&mut self, rule: &'static str, what: String) {
        self.violation.get_or_insert((rule, what));
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.scheduled += 1;
        let at = (self.now + delay, self.scheduled);
        self.queue.push(Reverse(Scheduled { at, event }));
    }

    /// After about so long.
    pub(super) fn after_about(&mut self, mean: u64, event: Event) {
        let delay = 1 + self.random.below(2 * mean);
        self.after(delay, event);
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::PowerOn(machine) => self.power_on(machine),
            Event::StartController(machine) => self.start_controller(machine),
            Event::StartExecutor(machine) => self.start_executor(machine),
            Event::Tick(process) => self.raft_tick(process),
            Event::CoreTick(process) => {
                if self.lives(process) {
                    let wait = self.local(process.machine, CORE_TICK_US);
                    self.after(wait, Event::CoreTick(process));
                    self.core_tick(process.machine);
                }
            }
            Event::CoreWake(process) => {
                if self.lives(process) {
                    self.pump_core(process.machine);
                }
            }
            Event::Packet(message) => self.packet_arrives(message),
            Event::GroupInput(process, input) => {
                if self.lives(process) {
                    self.step_group(process.machine, vec![input]);
                }
            }
            Event::LogWritten(process) => self.log_written(process),
            Event::JournalWritten(process) => self.journal_written(process),
            Event::ExecutorWake(process, at) => self.executor_wakes(process, at),
            Event::Dial(process, to) => self.dial(process, to),
            Event::Arrival(link) => self.drain(link),
            Event::Pulse => {
                self.after(PULSE_US, Event::Pulse);
                self.pulse();
            }
            Event::Agent(run) => self.agent_goes_on(run),
            Event::ClientAgain(change) => self.ask(change),
            Event::Restart(machine) => self.restart_controller(machine),
            Event::ComeBack(machine) => {
                self.machines[machine].left = false;
                self.start_executor(machine);
            }
            Event::Install(machine, program) => self.install(machine, program),
            Event::Leave(process) => {
                if self.lives(process) {
                    self.end_process(process.machine, Part::Controller, true);
                }
            }
            Event::Watchdog(machine) => self.watchdog_looks(machine),
            Event::Operate => self.operate(),
            Event::Fault => self.strike(),
            Event::FaultEnds(ending) => self.fault_ends(ending),
            Event::Overtake => self.overtaking_is_due(),
            Event::Heal => self.heal(),
            Event::Look => {
                self.after(LOOK_US, Event::Look);
                self.look();
            }
        }
    }

    /// How long a machine takes for what it thinks is so long.
    pub(super) fn local(&self, machine: MachineId, time_us: u64) -> u64 {
        let drift = self.machines[machine].clock.drift_ppm;
        (time_us as i64 - time_us as i64 * drift / 1_000_000).max(1) as u64
    }

    /// A machine's own count of microseconds.
    pub(super) fn monotonic_us(&self, machine: MachineId) -> u64 {
        let drift = self.machines[machine].clock.drift_ppm;
        (self.now as i64 + self.now as i64 * drift / 1_000_000).max(0) as u64
    }

    /// A machine's date, in seconds since the epoch.
    pub(super) fn date(&self, machine: MachineId) -> i64 {
        let seconds = (self.monotonic_us(machine) / 1_000_000) as i64;
        EPOCH + seconds + self.machines[machine].clock.offset_s
    }

    /// Whether machines may lose their power: by a fault, or by the hand of an operator.
    pub(super) fn may_lose_machines(&self) -> bool {
        matches!(self.scenario.profile, Profile::Mixed | Profile::Large)
    }

    pub(super) fn is_quiet_profile(&self) -> bool {
        self.scenario.profile == Profile::ControlPlane
    }

    /// Whether nothing new is to happen any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Healed { .. } | Phase::Done)
    }

    pub(super) fn is_trouble(&self) -> bool {
        self.phase == Phase::Trouble
    }

    pub(super) fn machine_of(&self, name: &str) -> Option<MachineId> {
        let number: usize = name.strip_prefix('n')?.parse().ok()?;
        (1..=self.machines.len())
            .contains(&number)
            .then(|| number - 1)
    }

    /// Whether this very process still runs.
    pub(super) fn lives(&self, process: Process) -> bool {
        let machine = &self.machines[process.machine];
        let runs = match process.part {
            Part::Controller => machine.controller.is_some(),
            Part::Executor => machine.executor.is_some(),
        };
        runs && machine.lives[process.part as usize] == process.life
    }

    /// The present process of a part of a machine.
    pub(super) fn process(&self, machine: MachineId, part: Part) -> Process {
        let life = self.machines[machine].lives[part as usize];
        Process {
            machine,
            part,
            life,
        }
    }

    /// Until when a part of a machine stands still.
    pub(super) fn still_until(&self, machine: MachineId, part: Part) -> u64 {
        let machine = &self.machines[machine];
        machine.paused_until[part as usize].max(machine.frozen_until)
    }

    pub(super) fn stands_still(&self, machine: MachineId, part: Part) -> bool {
        self.still_until(machine, part) > self.now
    }

    fn power_on(&mut self, machine: MachineId) {
        if self.machines[machine].on {
            return;
        }
        let unplugged = self.machines[machine].unplugged_until;
        if unplugged > self.now {
            self.after(unplugged - self.now, Event::PowerOn(machine));
            return;
        }
        self.machines[machine].on = true;
        note!(self, "n{} is switched on", machine + 1);
        if machine < self.scenario.controllers {
            let boot = self.random.below(500_000);
            self.after(boot, Event::StartController(machine));
        }
        let boot = self.random.below(800_000);
        self.after(boot, Event::StartExecutor(machine));
    }

    /// The power of a machine goes: everything on it ends at once, and what was not synced is lost.
    /// Whether somebody is told (its fencing) or not is the caller's to note.
    pub(super) fn power_off(&mut self, machine: MachineId) {
        if !self.machines[machine].on {
            return;
        }
        self.runs.retain(|_, run| run.machine != machine);
        let mut random = self.random.fork();
        self.drop_processes(machine, false);
        let state = &mut self.machines[machine];
        state.on = false;
        state.log_disk.lose_power(&mut random);
        state.journal_disk.lose_power(&mut random);
        state.log_disk.set_room(None);
        state.journal_disk.set_room(None);
        state.paused_until = [0, 0];
        state.frozen_until = 0;
        state.disk_slowness = 1;
        state.devices.clear();
        state.reset_at = None;
        state.left = false;
        let died = std::mem::take(&mut state.services);
        state.died_with.extend(died);
    }

    /// Both processes are gone. With `said`, their connections say so.
    fn drop_processes(&mut self, machine: MachineId, said: bool) {
        for part in [Part::Controller, Part::Executor] {
            self.end_process(machine, part, said);
        }
    }

    /// A process ends. With `said`, its connections say so.
    pub(super) fn end_process(&mut self, machine: MachineId, part: Part, said: bool) {
        let process = self.process(machine, part);
        if !self.lives(process) {
            return;
        }
        match part {
            Part::Controller => {
                self.machines[machine].controller = None;
                self.machines[machine].log_disk.lose_process();
            }
            Part::Executor => {
                self.machines[machine].executor = None;
                self.machines[machine].journal_disk.lose_process();
            }
        }
        self.machines[machine].paused_until[part as usize] = 0;
        self.hang_up(process, said);
        if part == Part::Controller && said {
            self.peers_notice(machine);
        }
    }
}
