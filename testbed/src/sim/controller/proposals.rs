//! What becomes of an entry that is to be replicated? Through the leader, if another controller is.

use lockstep_consensus::group::Input as GroupInput;
use lockstep_node::cluster::command::{Command, Entry, RequestId};
use lockstep_node::controller::Input;
use lockstep_node::fabric::ToController;

use super::super::bugs::Bug;
use super::super::network::{End, LinkId, Parcel};
use super::super::world::{Event, MachineId, Part, World};
use super::{Open, PassedOn};

/// A proposal that was passed on is answered within this.
const ANSWER_US: u64 = 10_000_000;

impl World {
    /// Has an entry replicated; through the leader if another controller is.
    pub(super) fn propose(&mut self, machine: MachineId, entry: Entry) {
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
    pub(in super::super) fn propose_for(
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
    pub(in super::super) fn proposed(
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

    pub(super) fn passed_on_failed(&mut self, machine: MachineId, number: u64, unknown: bool) {
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if let Some(passed) = controller.passed_on.remove(&number) {
            self.not_proposed(machine, passed.entry, unknown);
        }
    }

    pub(super) fn not_proposed(&mut self, machine: MachineId, entry: Entry, unknown: bool) {
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

    pub(in super::super) fn line_connected(
        &mut self,
        machine: MachineId,
        to: MachineId,
        link: LinkId,
    ) {
        if let Some(controller) = self.controller(machine) {
            controller.lines.insert(to, link);
        }
    }

    pub(in super::super) fn line_gone(&mut self, machine: MachineId, to: MachineId) {
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

    /// A client asks this controller.
    pub(in super::super) fn submit(
        &mut self,
        machine: MachineId,
        command: Command,
    ) -> Option<RequestId> {
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
}
