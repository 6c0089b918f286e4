//! How is the core wired? What it hears, when it has time for it, and what it wants done.

use lockstep_consensus::group::Input as GroupInput;
use lockstep_node::cluster::event::What;
use lockstep_node::controller::{ConnectionId, ControllerError, Effect, Input, Joined, Moment};
use lockstep_node::executor::FromExecutor;
use lockstep_node::fabric::FromController;

use super::super::network::{End, LinkId, Parcel};
use super::super::world::{Event, MachineId, Part, World, note};

impl World {
    pub(in super::super) fn core_tick(&mut self, machine: MachineId) {
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
    pub(in super::super) fn pump_core(&mut self, machine: MachineId) {
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

    pub(super) fn step_core(&mut self, machine: MachineId, input: Input) {
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
            Err(ControllerError::TooOld { level, knows }) => {
                return self.is_too_old(machine, level, knows);
            }
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

    pub(super) fn carry_out(&mut self, machine: MachineId, effect: Effect) {
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
                    self.hold_up_core(process, busy);
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

    /// An executor's greeting arrives.
    pub(in super::super) fn executor_joins(
        &mut self,
        machine: MachineId,
        link: LinkId,
        executor: Joined,
    ) {
        self.core_hears(
            machine,
            Input::Joined {
                connection: ConnectionId(link),
                executor,
            },
        );
    }

    pub(in super::super) fn executor_says(
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

    pub(in super::super) fn executor_gone(&mut self, machine: MachineId, link: LinkId) {
        self.core_hears(machine, Input::Closed(ConnectionId(link)));
    }

    pub(super) fn core_hears(&mut self, machine: MachineId, input: Input) {
        if let Some(controller) = self.controller(machine) {
            controller.inbox.push_back(input);
        }
        self.pump_core(machine);
    }

    pub(super) fn snapshot_if_due(&mut self, machine: MachineId, index: u64) {
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
