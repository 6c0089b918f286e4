//! What do agents do, and what really runs where?
//!
//! This is the model that the checks go by. It is driven by the agents alone: what controllers
//! believe has no part in it. A run takes its time, and its effect happens somewhere within; it may
//! hang, fail with or without its effect, or lie.
//!
//! Some lies break the safety rules by definition, because nothing in the cluster could know better:
//! a stop or a fence device that reports success and did nothing, a monitor that says that what runs
//! does not. They are not played.

use std::collections::VecDeque;

use lockstep_node::agent::{FENCE, Fencing, Operation, Outcome, ResultCode, Status};
use lockstep_node::executor::{Input, RunId, StartRun};
use lockstep_node::process::Process as OsProcess;

use super::bugs::Bug;
use super::world::{Event, MachineId, Part, Role, World, note};

/// Counts runs of agents; also stands for their process.
pub(super) type RunNumber = u64;

/// A run of an agent.
#[derive(Clone, Debug)]
pub(super) struct AgentRun {
    pub(super) machine: MachineId,
    /// Which process of the executor waits for it.
    life: u64,
    run: RunId,
    operation: Operation,
    ended: Ending,
    began_at: i64,
    /// What is still to come of it, each so long after the one before. One after the other, so that
    /// none overtakes another when the machine stands still.
    steps: VecDeque<(u64, Step)>,
    /// A fence device may act after its agent was given up.
    over: bool,
}

/// What comes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The service, or the fence device, does what it was told.
    Effect,
    /// The agent ends.
    End,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// As the state of the service says.
    Honest,
    /// With this, whatever the state.
    Says(Outcome),
}

impl World {
    /// An executor runs an agent.
    pub(super) fn begin_run(&mut self, machine: MachineId, start: StartRun) {
        let StartRun {
            run,
            order,
            operation,
            fencing,
        } = start;
        let number = self.number();
        if !order.is_empty() {
            note!(
                self,
                "n{} begins {order}: {} {}",
                machine + 1,
                operation.task,
                operation.resource
            );
            let fences = operation.task == FENCE;
            if let Err((rule, what)) = self.checks.orders.begins(machine, &order, fences) {
                self.violate(rule, what);
            }
            self.check_recovery(machine, &operation);
        }
        self.summary.runs += 1;
        let (effects, ends, ended) = match fencing {
            Some(fencing) => self.play_in_turn(machine, &fencing),
            None => {
                let (effect, ends, ended) = self.play(machine, &operation);
                (Vec::from_iter(effect), ends, ended)
            }
        };
        let process = OsProcess {
            id: number as u32,
            started: number,
        };
        self.runs.insert(
            number,
            AgentRun {
                machine,
                life: self.machines[machine].lives[Part::Executor as usize],
                run,
                operation,
                ended,
                began_at: self.date(machine),
                steps: steps(&effects, ends),
                over: false,
            },
        );
        self.next_step(number);
        // After what its executor does now.
        if let Some(executor) = self.machines[machine].executor.as_mut() {
            executor.inbox.push_back(Input::Started { run, process });
        }
    }

    /// When the effect of a run comes, if at all, when it ends, and how.
    fn play(&mut self, machine: MachineId, operation: &Operation) -> (Option<u64>, u64, Ending) {
        let timeout_us = match operation.timeout_ms {
            0 => 20_000_000,
            milliseconds => milliseconds * 1_000,
        };
        let takes = self.duration(operation);
        let Some(wrong) = self.goes_wrong(operation) else {
            return (Some(takes / 2), takes, Ending::Honest);
        };
        let (task, resource) = (&operation.task, &operation.resource);
        let number = machine + 1;
        note!(self, "{task} of {resource} on n{number} {}", wrong.name());
        let kind = self.random.below(3);
        self.play_wrong(operation, wrong, kind, takes, timeout_us)
    }

    /// One fence device after the other, until one says that it did it.
    fn play_in_turn(&mut self, machine: MachineId, fencing: &Fencing) -> (Vec<u64>, u64, Ending) {
        let (mut effects, mut over) = (Vec::new(), 0);
        let mut last = Ending::Honest;
        for attempt in fencing.attempts() {
            let (effect, ends, ended) = self.play(machine, &attempt.operation);
            effects.extend(effect.map(|at| over + at));
            over += ends;
            last = ended;
            if last == Ending::Honest {
                break;
            }
        }
        (effects, over, last)
    }

    fn duration(&mut self, operation: &Operation) -> u64 {
        match operation.task.as_str() {
            "monitor" | "notify" => 1_000 + self.random.below(20_000),
            FENCE => 100_000 + self.random.below(900_000),
            _ => 10_000 + self.random.below(300_000),
        }
    }

    fn goes_wrong(&mut self, operation: &Operation) -> Option<Wrong> {
        if !self.is_trouble() {
            return None;
        }
        let is_fencing = operation.task == FENCE;
        let rate = if is_fencing {
            self.scenario.fencing
        } else {
            self.scenario.agents
        };
        if is_fencing && self.now < self.no_fencing_until {
            return Some(Wrong::Hangs);
        }
        if !self.random.chance(rate) {
            return None;
        }
        Some(match self.random.below(3) {
            0 => Wrong::Hangs,
            1 => Wrong::Fails,
            _ => Wrong::Lies,
        })
    }

    /// When the effect comes, if at all, when the run ends, and how.
    fn play_wrong(
        &mut self,
        operation: &Operation,
        wrong: Wrong,
        kind: u64,
        takes: u64,
        timeout_us: u64,
    ) -> (Option<u64>, u64, Ending) {
        let failed = Outcome::new(ResultCode::UNKNOWN_ERROR, Status::Done, "simulated failure");
        let timed_out = Outcome::new(ResultCode::UNKNOWN_ERROR, Status::Timeout, "");
        let effect = Some(takes / 2);
        match wrong {
            // Its effect came before, or never; a fence device's may come after all.
            Wrong::Hangs => {
                let late = timeout_us + self.random.below(5_000_000);
                let effect = match kind {
                    0 => None,
                    1 if operation.task == FENCE => Some(late),
                    _ => effect,
                };
                (effect, timeout_us, Ending::Says(timed_out))
            }
            Wrong::Fails => (None, takes, Ending::Says(failed)),
            // Says that it failed, and did not.
            Wrong::Lies if kind > 0 || !matches!(operation.task.as_str(), "start" | "promote") => {
                (effect, takes, Ending::Says(failed))
            }
            // Says that it did what it did not.
            Wrong::Lies => {
                let done = Outcome::new(ResultCode::OK, Status::Done, "");
                (None, takes, Ending::Says(done))
            }
        }
    }

    /// Has what comes next of a run come in time; a run of which nothing is to come is over.
    fn next_step(&mut self, number: RunNumber) {
        let Some(run) = self.runs.get(&number) else {
            return;
        };
        match run.steps.front() {
            Some(&(wait, _)) => self.after(wait, Event::Agent(number)),
            None => drop(self.runs.remove(&number)),
        }
    }

    /// A run goes on; if its machine stands still it does later.
    pub(super) fn agent_goes_on(&mut self, number: RunNumber) {
        let Some(machine) = self.runs.get(&number).map(|run| run.machine) else {
            return;
        };
        let frozen = self.machines[machine].frozen_until;
        if frozen > self.now {
            let wait = frozen - self.now + self.random.below(1_000);
            return self.after(wait, Event::Agent(number));
        }
        let Some(run) = self.runs.get_mut(&number) else {
            return;
        };
        let step = run.steps.pop_front();
        let run = run.clone();
        match step {
            Some((_, Step::Effect)) => self.agent_effect(&run),
            Some((_, Step::End)) => self.agent_end(number, &run),
            None => {}
        }
        self.next_step(number);
    }

    fn agent_effect(&mut self, run: &AgentRun) {
        let (machine, resource) = (run.machine, run.operation.resource.clone());
        if run.operation.agent.class == "stonith" {
            match run.operation.task.as_str() {
                FENCE => self.fence(&run.operation),
                "start" => drop(self.machines[machine].devices.insert(resource)),
                "stop" => drop(self.machines[machine].devices.remove(&resource)),
                _ => {}
            }
            return;
        }
        let present = self.machines[machine].services.get(&resource).copied();
        match (run.operation.task.as_str(), present) {
            ("start", None) => self.activate(machine, &resource, Role::Started),
            ("promote", Some(_)) => self.activate(machine, &resource, Role::Promoted),
            ("demote", Some(_)) => self.activate(machine, &resource, Role::Started),
            ("stop", Some(_)) => self.deactivate(machine, &resource, "stopped"),
            ("migrate_to", Some(role)) => self.migrate(machine, &run.operation, role),
            _ => {}
        }
    }

    /// What ran here runs on the target.
    fn migrate(&mut self, machine: MachineId, operation: &Operation, role: Role) {
        let target = operation
            .parameter("CRM_meta_migrate_target")
            .and_then(|name| self.machine_of(name));
        if let Some(target) = target.filter(|target| self.machines[*target].on) {
            self.deactivate(machine, &operation.resource, "migrated away");
            self.activate(target, &operation.resource, role);
        }
    }

    /// A service does something else than before.
    pub(super) fn activate(&mut self, machine: MachineId, resource: &str, role: Role) {
        note!(self, "{resource} is {role:?} on n{}", machine + 1);
        self.machines[machine]
            .services
            .insert(resource.to_owned(), role);
        self.check_active_once(resource);
    }

    /// A service ends.
    pub(super) fn deactivate(&mut self, machine: MachineId, resource: &str, why: &str) {
        if self.machines[machine].services.remove(resource).is_some() {
            note!(self, "{resource} is no more on n{}: {why}", machine + 1);
            self.check_left_alone(machine, resource, why);
        }
    }

    /// A fence device does what it was told.
    fn fence(&mut self, operation: &Operation) {
        let plug = operation.parameter("plug").unwrap_or_default();
        let Some(target) = self.machine_of(plug) else {
            return;
        };
        let on = matches!(operation.parameter("action"), Some("reboot" | "on") | None);
        note!(self, "n{} is fenced", target + 1);
        self.summary.fencings += 1;
        self.check_left_alone(target, "the node", "fenced");
        self.power_off(target);
        self.machines[target].died_with.clear();
        if on {
            let wait = 500_000 + self.random.below(3_000_000);
            self.after(wait, Event::PowerOn(target));
        }
    }

    fn agent_end(&mut self, number: RunNumber, run: &AgentRun) {
        let mut outcome = match &run.ended {
            Ending::Says(outcome) => outcome.clone(),
            Ending::Honest => self.honest(run),
        };
        // What hangs is killed; a fence device that was told goes on.
        if run.operation.task != FENCE {
            self.runs.remove(&number);
        } else if let Some(run) = self.runs.get_mut(&number) {
            run.over = true;
        }
        if self.bug == Some(Bug::TrustFencing) && run.operation.task == FENCE {
            outcome = Outcome::new(ResultCode::OK, Status::Done, "");
        }
        outcome.began_at = run.began_at;
        let process = self.process(run.machine, Part::Executor);
        if process.life == run.life && self.lives(process) {
            let run = run.run;
            self.executor_takes(process.machine, Input::Ended { run, outcome });
        }
    }

    fn honest(&self, run: &AgentRun) -> Outcome {
        let machine = &self.machines[run.machine];
        let resource = &run.operation.resource;
        let says = |code| Outcome::new(code, Status::Done, "");
        let device = run.operation.agent.class == "stonith";
        match (run.operation.task.as_str(), machine.services.get(resource)) {
            ("monitor", _) if device && machine.devices.contains(resource) => says(ResultCode::OK),
            ("monitor", None) => says(ResultCode::NOT_RUNNING),
            ("monitor", Some(Role::Promoted)) => says(ResultCode::RUNNING_PROMOTED),
            ("promote" | "demote" | "migrate_from", None) if !device => {
                says(ResultCode::NOT_RUNNING)
            }
            ("migrate_to", Some(_)) => says(ResultCode::UNKNOWN_ERROR),
            _ => says(ResultCode::OK),
        }
    }

    /// An executor ends what an earlier one left running.
    pub(super) fn kill_run(&mut self, machine: MachineId, process: OsProcess) {
        if let Some(run) = self.runs.remove(&process.started) {
            note!(
                self,
                "n{} ends the orphaned {} of {}",
                machine + 1,
                run.operation.task,
                run.operation.resource
            );
        }
    }

    /// Whether a machine's agents do something that was ordered.
    pub(super) fn is_busy(&self, machine: MachineId) -> bool {
        self.runs.values().any(|run| {
            let repeats = run.operation.task == "monitor" && run.operation.interval_ms > 0;
            run.machine == machine && !run.over && !repeats
        })
    }
}

/// What comes of a run, in order, from when its effects come and when it ends.
fn steps(effects: &[u64], ends: u64) -> VecDeque<(u64, Step)> {
    let effects = effects.iter().map(|at| (*at, Step::Effect));
    let mut times: Vec<_> = effects.chain([(ends, Step::End)]).collect();
    times.sort_unstable();
    let mut before = 0;
    let step = |(at, step)| (at - std::mem::replace(&mut before, at), step);
    times.into_iter().map(step).collect()
}

/// What may go wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Hangs,
    Fails,
    Lies,
}

impl Wrong {
    fn name(self) -> &'static str {
        match self {
            Wrong::Hangs => "hangs",
            Wrong::Fails => "fails",
            Wrong::Lies => "lies",
        }
    }
}
