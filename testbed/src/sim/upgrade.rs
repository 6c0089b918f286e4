//! Which version of the program runs where?
//!
//! In some runs all controllers begin as the older version: one that understands the commands up to
//! the version before this one's, and stops at anything newer. They are upgraded one after the other
//! while things go wrong. Now and then the older program is put back on a machine: when the others
//! have gone on without it, it is to say that it is too old, and to stay out.
//!
//! The newer program's engine decides otherwise than the older one's did: it numbers actions from the
//! other end, so that a result means another action to whoever has another plan.

use std::sync::Arc;

use lockstep_consensus::random::Random;
use lockstep_engine::encode;
use lockstep_engine::graph::{Graph, GraphAction};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;
use lockstep_node::cluster::command::{Command, VERSION};
use lockstep_node::cluster::policy::{ActionResult, Planned, Policy};
use lockstep_node::cluster::versions::{FIRST, TooEarly};
use lockstep_node::controller::Controller;

use super::bugs::Bug;
use super::world::{Event, MachineId, Part, World, note};

/// What all controllers know that an upgrade begins with.
const FOUNDED: u16 = VERSION - 1;
/// Of a thousand runs so many begin with the older program.
const UPGRADED: u64 = 150;
/// Of a thousand upgrades so many are undone for a while.
const PUT_BACK: u64 = 150;
/// What stopped because it is too old is started again after this, as services are.
const AGAIN_US: u64 = 2_000_000;

/// Which program a controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// It knows the commands up to the version before this one's.
    Older,
    /// This one.
    Newer,
}

impl Program {
    fn knows(self) -> u16 {
        match self {
            Self::Older => FOUNDED,
            Self::Newer => VERSION,
        }
    }
}

/// How an upgrade goes. It has its own dice: runs without one are what they would be anyway.
#[derive(Debug)]
pub(super) struct Upgrade {
    random: Random,
    /// Where the older program is, or was, against the order of an upgrade.
    against: Vec<MachineId>,
}

impl Upgrade {
    /// Whether there is one in a run, as its seed says.
    pub(super) fn of(seed: u64) -> Option<Self> {
        let mut random = Random::new(seed ^ 0x0bad_cafe);
        random.chance(UPGRADED).then(|| Self {
            random,
            against: Vec::new(),
        })
    }
}

impl World {
    /// Plans the upgrade of all controllers, one after the other.
    pub(super) fn begin_upgrade(&mut self) {
        let Some(upgrade) = &mut self.upgrade else {
            return;
        };
        let mut at = upgrade.random.below(self.scenario.trouble_us / 3);
        let mut installs = Vec::new();
        for machine in 0..self.scenario.controllers {
            at += upgrade.random.below(self.scenario.trouble_us / 5);
            installs.push((at, machine, Program::Newer));
            if upgrade.random.chance(PUT_BACK) {
                let later = at + upgrade.random.below(10_000_000);
                installs.push((later, machine, Program::Older));
            }
        }
        for (at, machine, program) in installs {
            self.after(at, Event::Install(machine, program));
        }
    }

    /// A controller is another program from its next start on, and that is now.
    pub(super) fn install(&mut self, machine: MachineId, program: Program) {
        if self.is_over() || self.machines[machine].program == program {
            return;
        }
        note!(self, "controller {} is to be {program:?}", machine + 1);
        self.machines[machine].program = program;
        match (program, &mut self.upgrade) {
            (Program::Older, Some(upgrade)) => upgrade.against.push(machine),
            _ => self.summary.upgrades += 1,
        }
        self.restart_controller(machine);
    }

    /// Whoever is not upgraded yet is now; those that ran are started again.
    pub(super) fn end_upgrade(&mut self) {
        for machine in 0..self.machines.len() {
            if std::mem::replace(&mut self.machines[machine].program, Program::Newer)
                == Program::Older
            {
                self.end_process(machine, Part::Controller, true);
            }
        }
    }

    /// A controller's core as the program has it that is installed there.
    pub(super) fn with_version(&self, machine: MachineId, core: Controller) -> Controller {
        let founded = match self.upgrade {
            Some(_) => FOUNDED,
            None => FIRST,
        };
        core.of_versions(founded, self.machines[machine].program.knows())
    }

    /// What a controller plans with: in runs with an upgrade, an engine that the newer program changed.
    pub(super) fn with_decisions(
        &self,
        machine: MachineId,
        policy: Box<dyn Policy>,
    ) -> Arc<dyn Policy> {
        if self.upgrade.is_none() {
            return Arc::from(policy);
        }
        let early =
            self.bug == Some(Bug::DecideEarly) && self.machines[machine].program == Program::Newer;
        let since = if early { FOUNDED } else { VERSION };
        Arc::new(Revised { policy, since })
    }

    /// Whether a controller would have a command replicated now.
    pub(super) fn permits(&self, machine: MachineId, command: &Command) -> Result<(), TooEarly> {
        match &self.machines[machine].controller {
            Some(controller) if self.bug != Some(Bug::IgnoreLevel) => {
                controller.core.cluster().versions().permit(command)
            }
            _ => Ok(()),
        }
    }

    /// A controller says that it is too old, and stops. That must happen only where the older program
    /// is against the order of an upgrade: put back, or on a machine that joins later.
    pub(super) fn is_too_old(&mut self, machine: MachineId, level: u16, knows: u16) {
        let number = machine + 1;
        note!(
            self,
            "controller {number} stops: it knows {knows}, and the others are at {level}"
        );
        let against = self.upgrade.as_ref().is_some_and(|upgrade| {
            upgrade.against.contains(&machine) || machine >= self.scenario.voters
        });
        if !against || knows == VERSION {
            let what = format!(
                "controller {number} knows version {knows} and is told something of version {level}"
            );
            return self.violate("3 (a group of mixed versions works)", what);
        }
        self.summary.too_old += 1;
        self.end_process(machine, Part::Controller, true);
        self.after(AGAIN_US, Event::StartController(machine));
    }
}

/// An engine that decides otherwise from some level on.
struct Revised {
    policy: Box<dyn Policy>,
    since: u16,
}

impl Policy for Revised {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        let mut planned = self.policy.plan(cib, transition, now, level)?;
        if level >= self.since {
            number_from_the_end(&mut planned.graph);
            planned.digest = encode::digest(&planned.graph).0;
        }
        Ok(planned)
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        self.policy.record(cib, action, result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        self.policy.record_fencing(cib, node, operation);
    }
}

fn number_from_the_end(graph: &mut Graph) {
    let numbers = graph.synapses.iter().map(|synapse| synapse.action.id);
    let sum = numbers.clone().min().unwrap_or(0) + numbers.max().unwrap_or(0);
    for synapse in &mut graph.synapses {
        synapse.action.id = sum - synapse.action.id;
    }
}
