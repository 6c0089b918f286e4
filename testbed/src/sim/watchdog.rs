//! What becomes of a node whose controller sees no quorum? Its watchdog is armed while it stops what runs
//! there, as `daemon::watchdog` has it done, and resets the machine when nobody puts that off any more.

use lockstep_node::cluster::{status, view};
use lockstep_node::controller::WithoutQuorum;

use super::world::{Event, MachineId, World, note};

/// After so long without a sign of life, in virtual microseconds.
const RUNS_DOWN_US: u64 = 3_000_000;

impl World {
    /// A controller tells what becomes of its node.
    pub(super) fn without_quorum(&mut self, machine: MachineId, fate: WithoutQuorum) {
        note!(self, "controller {} without quorum: {fate:?}", machine + 1);
        let let_go = self.machines[machine].reset_at.is_some_and(|at| !at.1);
        match fate {
            WithoutQuorum::Acts(0) => {}
            WithoutQuorum::Acts(_) => self.arm(machine, !let_go),
            WithoutQuorum::FenceSelf(_) => {
                if !let_go {
                    self.arm(machine, false);
                }
            }
            WithoutQuorum::Done | WithoutQuorum::Regained => {
                if fate == WithoutQuorum::Done {
                    self.check_stopped(machine);
                }
                if !let_go {
                    self.machines[machine].reset_at = None;
                }
            }
        }
    }

    /// With `no-quorum-policy="stop"`, nothing runs on that the controller knew to run.
    fn check_stopped(&mut self, machine: MachineId) {
        let Some(controller) = &self.machines[machine].controller else {
            return;
        };
        let cib = controller.core.cluster().cib();
        if status::option(cib, "no-quorum-policy") != Some("stop")
            || status::option(cib, "maintenance-mode") == Some("true")
        {
            return;
        }
        let state = &self.machines[machine];
        let known = view::resources(cib).into_iter().filter(|resource| {
            let mut active = resource.active.iter();
            active.any(|activity| activity.node == state.name && !activity.failed)
        });
        let runs = |id: &str| {
            let mut services = state.services.keys();
            services.any(|name| name.split(':').next() == Some(id))
        };
        if let Some(resource) = known.map(|resource| resource.id).find(|id| runs(id)) {
            let number = machine + 1;
            let what = format!(
                "controller {number} sees no quorum and says that all is stopped on n{number}, \
                 where {resource} runs"
            );
            self.violate("4 (without quorum: the policy)", what);
        }
    }

    fn arm(&mut self, machine: MachineId, alive: bool) {
        self.machines[machine].reset_at = Some((self.now + RUNS_DOWN_US, alive));
        self.after(RUNS_DOWN_US, Event::Watchdog(machine));
    }

    /// A controller that is alive says so.
    pub(super) fn put_off_reset(&mut self, machine: MachineId) {
        if let Some((at, true)) = &mut self.machines[machine].reset_at {
            *at = self.now + RUNS_DOWN_US;
        }
    }

    pub(super) fn watchdog_looks(&mut self, machine: MachineId) {
        match self.machines[machine].reset_at {
            Some((at, _)) if at <= self.now => {
                note!(self, "the watchdog of n{} resets it", machine + 1);
                self.summary.resets += 1;
                self.power_off(machine);
                let wait = 500_000 + self.random.below(2_000_000);
                self.after(wait, Event::PowerOn(machine));
            }
            Some((at, _)) => {
                let wait = at - self.now;
                self.after(wait, Event::Watchdog(machine));
            }
            None => {}
        }
    }
}
