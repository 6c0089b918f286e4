//! A controller as a process: the group and the controller's core, with the wiring that the daemon
//! has around them.
//!
//! | file | question |
//! |---|---|
//! | `group.rs` | how is the group wired? |
//! | `writes.rs` | how does the log come to the disk? |
//! | `core.rs` | how is the core wired? |
//! | `proposals.rs` | what becomes of an entry that is to be replicated? |

mod core;
mod group;
mod proposals;
mod writes;

use std::collections::{BTreeMap, VecDeque};

use lockstep_consensus::group::{Group, GroupConfig, Persist};
use lockstep_consensus::log::{Identity, LogStore, StoreError};
use lockstep_consensus::types::RoleChange;
use lockstep_node::cluster::command::Entry;
use lockstep_node::controller::{Controller, Input, Settings};

use super::bugs::Bug;
use super::disk::Disk;
use super::members::Standing;
use super::network::LinkId;
use super::policy::SharedClock;
use super::world::{Event, MachineId, Part, Process, World, note};
use writes::open_log;

pub(super) const CLUSTER: &str = "sim";

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
        let core = Controller::new(settings, self.with_decisions(machine, policy));
        let core = core.on_node(name, self.scenario.without_quorum);
        let core = self.with_version(machine, core);
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

    /// What a controller's core is told waits for so many microseconds from now.
    pub(super) fn hold_up_core(&mut self, process: Process, for_us: u64) {
        let until = self.now + for_us;
        if let Some(controller) = self.controller(process.machine) {
            controller.busy_until = until;
            self.after(for_us, Event::CoreWake(process));
        }
    }

    fn controller(&mut self, machine: MachineId) -> Option<&mut ControllerProcess> {
        self.machines[machine].controller.as_mut()
    }
}
