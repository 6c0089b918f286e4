//! When is a leader overtaken while it is at work?
//!
//! A controller's group and its core are threads of their own: the one goes on when the other gets no
//! time. In some runs a leader's core is held up just when an entry reaches it that gives it something
//! to order: a plan, or a result. Then it is cut off from the other controllers, but not from the
//! executors. When another one leads it goes on where it was, and orders what it would have ordered.
//! Nothing but the terms that executors heard of tells that it must not.

use lockstep_consensus::random::Random;
use lockstep_node::cluster::command::{Command, Entry};

use super::world::{Event, MachineId, Part, Process, World, note};

/// Of a thousand runs so many have leaders that are overtaken.
const OVERTAKEN: u64 = 150;
/// Mean time between two of them, in microseconds.
const EVERY_US: u64 = 3_000_000;
/// A core that nobody overtakes goes on after this, in microseconds.
const HELD_UP_US: u64 = 5_000_000;
/// It is cut off for this at least, in microseconds: others take about a second to elect a leader.
const CUT_OFF_US: u64 = 2_000_000;
/// It goes on within so many microseconds of the election. The next leader orders the same a few
/// milliseconds after it, as soon as its first entry is committed.
const GOES_ON_US: u64 = 10_000;

/// How leaders are overtaken. It has its own dice: runs without it are what they would be anyway.
#[derive(Debug)]
pub(super) struct Overtaking {
    random: Random,
    /// Whether the next leader that has something to order is to be overtaken.
    due: bool,
    held_up: Option<Process>,
}

impl Overtaking {
    /// Whether there is any in a run, as its seed says.
    pub(super) fn of(seed: u64) -> Option<Self> {
        let mut random = Random::new(seed ^ 0x0007_e57e);
        random.chance(OVERTAKEN).then_some(Self {
            random,
            due: false,
            held_up: None,
        })
    }
}

impl World {
    /// The next leader that has something to order is overtaken, after a while.
    pub(super) fn plan_overtaking(&mut self) {
        if let Some(overtaking) = &mut self.overtaking {
            let wait = 1 + overtaking.random.below(2 * EVERY_US);
            self.after(wait, Event::Overtake);
        }
    }

    pub(super) fn overtaking_is_due(&mut self) {
        if let Some(overtaking) = &mut self.overtaking {
            overtaking.due = true;
        }
    }

    /// An entry is about to reach a controller's core.
    pub(super) fn overtake_if_due(&mut self, machine: MachineId, entry: &[u8]) {
        let leads = self.is_trouble() && self.leader() == Some(machine);
        let process = self.process(machine, Part::Controller);
        let Some(overtaking) = &mut self.overtaking else {
            return;
        };
        if !(overtaking.due && leads && gives_orders(entry)) {
            return;
        }
        overtaking.due = false;
        overtaking.held_up = Some(process);
        let cut_off = CUT_OFF_US + overtaking.random.below(CUT_OFF_US);
        note!(
            self,
            "FAULT: controller {} is held up, to be overtaken",
            machine + 1
        );
        self.summary.faults += 1;
        self.hold_up_core(process, HELD_UP_US);
        self.isolate(machine, true, cut_off);
        self.plan_overtaking();
    }

    /// A controller leads: one that is held up goes on.
    pub(super) fn overtaken_by(&mut self, machine: MachineId) {
        let Some(overtaking) = &mut self.overtaking else {
            return;
        };
        let overtaken = overtaking.held_up.take_if(|held| held.machine != machine);
        let Some(overtaken) = overtaken else { return };
        let wait = overtaking.random.below(GOES_ON_US);
        if self.lives(overtaken) {
            self.hold_up_core(overtaken, wait);
        }
    }
}

/// Whether a leader that applies an entry has something to order by it.
fn gives_orders(entry: &[u8]) -> bool {
    let command = Entry::decode(entry).map(|entry| entry.command);
    matches!(command, Ok(Command::Plan { .. } | Command::Report { .. }))
}
