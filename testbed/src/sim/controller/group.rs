//! How is the group wired? What it wants sent, written and applied, and what it is told.

use lockstep_consensus::group::{Apply, Effects, Input as GroupInput, Rejection};
use lockstep_consensus::types::{Members, Role as GroupRole, RoleChange};
use lockstep_node::controller::Input;
use lockstep_node::fabric::FromController;

use super::super::bugs::Bug;
use super::super::network::{End, Parcel};
use super::super::world::{Event, MachineId, Part, Process, TICK_US, World, note};
use super::Open;

impl World {
    pub(in super::super) fn raft_tick(&mut self, process: Process) {
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
        let jitter = self.random.below(TICK_US / 10);
        let wait = self.local(machine, TICK_US) + jitter;
        self.after(wait, Event::Tick(process));
        self.step_group(machine, vec![GroupInput::Tick]);
    }

    /// Lets the group take in what happened, and carries out what it wants.
    pub(in super::super) fn step_group(&mut self, machine: MachineId, inputs: Vec<GroupInput>) {
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

    pub(super) fn role_changes(&mut self, machine: MachineId, role: RoleChange) {
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
            self.overtaken_by(machine);
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

    pub(super) fn group_applies(&mut self, machine: MachineId, step: Apply) {
        let skips = self.bug == Some(Bug::SkipEntry) && machine == 1;
        match step {
            Apply::Restore(snapshot) => {
                // The group's own beginning holds nothing of ours.
                if snapshot.data.is_empty() {
                    let index = snapshot.meta.index;
                    return self.core_has_members(machine, index, &snapshot.meta.members);
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
                self.overtake_if_due(machine, &data);
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
                self.core_has_members(machine, index, &changed.members);
            }
        }
    }

    fn core_has_members(&mut self, machine: MachineId, index: u64, members: &Members) {
        if let Some(controller) = self.controller(machine) {
            controller.inbox.push_back(Input::Members {
                index,
                voters: members.voters.clone(),
            });
        }
    }

    pub(super) fn group_refuses(&mut self, machine: MachineId, request: u64, rejection: Rejection) {
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

    pub(in super::super) fn is_leader(&self, machine: MachineId) -> bool {
        let controller = self.machines[machine].controller.as_ref();
        controller.is_some_and(|controller| controller.role.role == GroupRole::Leader)
    }

    /// The leader with the highest term.
    pub(in super::super) fn leader(&self) -> Option<MachineId> {
        let leading = (0..self.scenario.controllers).filter(|machine| self.is_leader(*machine));
        leading.max_by_key(|machine| {
            let controller = self.machines[*machine].controller.as_ref();
            controller.map_or(0, |controller| controller.role.term)
        })
    }
}
