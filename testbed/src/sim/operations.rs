//! What do operators do? A table; each operation is one entry, and each seed has its own choice.
//!
//! They ask any controller, as `lockstep` on the command line does: what found no leader is asked for
//! again, what got no answer may have taken effect, and what was acknowledged must never be lost.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_consensus::group::Input as GroupInput;
use lockstep_node::cluster::Refusal;
use lockstep_node::cluster::command::{Cleanup, Command, Entry, Lifetime, RequestId, TicketChange};

use super::world::{Event, MachineId, Part, Process, World, note};

/// A submitted command is answered within this, or nobody waits for it any more.
const PATIENCE_US: u64 = 20_000_000;
/// A command that found no leader is asked for again after this.
const AGAIN_US: u64 = 100_000;

/// One kind of operation.
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// How often it is chosen, beside the others.
    weight: u64,
    run: fn(&mut World),
}

const fn operation(name: &'static str, weight: u64, run: fn(&mut World)) -> Operation {
    Operation { name, weight, run }
}

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    operation("standby", 3, |w| {
        let value = w.random.chance(500).then(|| "on".to_owned());
        w.set_attribute("standby", value, Lifetime::Permanent);
    }),
    operation("node attribute", 1, |w| {
        let value = Some(w.random.below(5).to_string());
        w.set_attribute("weight", value, Lifetime::Permanent);
    }),
    operation("transient attribute", 1, |w| {
        let value = Some(w.random.below(5).to_string());
        w.set_attribute("load", value, Lifetime::Transient);
    }),
    operation("leave", 2, |w| {
        let value = Some("1".to_owned());
        w.set_attribute("shutdown", value, Lifetime::Transient);
    }),
    operation("add a resource", 1, |w| {
        let mut random = w.random.fork();
        if w.configuration.resources.len() < 8 {
            w.configuration.add_resource(&mut random);
        }
        w.replace_configuration();
    }),
    operation("remove a resource", 1, |w| {
        if let Some(id) = w.some_resource() {
            w.configuration.remove_resource(&id);
        }
        w.replace_configuration();
    }),
    operation("stop or start a resource", 3, |w| {
        w.change_resource(|resource| resource.stopped = !resource.stopped);
    }),
    operation("change a parameter", 2, |w| {
        w.change_resource(|resource| resource.version += 1);
    }),
    operation("change a monitor", 1, |w| {
        w.change_resource(|resource| resource.monitor_s = 1 + resource.monitor_s % 5);
    }),
    operation("move a resource", 3, |w| {
        let node = w.some_node();
        if let Some(id) = w.some_resource() {
            let score = w.random.below(2_000) as i64 - 500;
            w.configuration.preferences.insert(id, (node, score));
        }
        w.replace_configuration();
    }),
    operation("add a constraint", 1, |w| {
        let mut random = w.random.fork();
        w.configuration.add_constraint(&mut random);
        w.replace_configuration();
    }),
    operation("maintenance mode", 1, |w| {
        w.configuration.maintenance = !w.configuration.maintenance;
        w.replace_configuration();
    }),
    operation("clean up", 1, |w| {
        let resource = w.some_primitive();
        let everything = w.random.chance(500);
        w.submit_soon(Command::Cleanup {
            what: Cleanup {
                resource,
                everything,
                ..Cleanup::default()
            },
        });
    }),
    operation("confirm that a node is down", 1, |w| {
        // Whoever confirms it has pulled the plug, and keeps it until the confirmation is old news:
        // one that comes true after the node came back would be a lie.
        let node = w.some_node();
        if let Some(machine) = w.machine_of(&node).filter(|_| w.may_lose_machines()) {
            note!(w, "{node} is unplugged");
            w.power_off(machine);
            w.machines[machine].unplugged_until = w.now + 2 * PATIENCE_US;
            w.machines[machine].died_with.clear();
            w.after(1_000, Event::PowerOn(machine));
            let wait = w.random.below(5_000_000);
            let change = w.want(Command::ConfirmFenced { node }, false);
            w.after(wait, Event::ClientAgain(change));
        }
    }),
    operation("grant or revoke a ticket", 1, |w| {
        let change = if w.random.chance(500) {
            TicketChange::Grant
        } else {
            TicketChange::Revoke
        };
        let ticket = "t1".to_owned();
        w.submit_soon(Command::Ticket { ticket, change });
    }),
    operation("a controller joins", 3, World::join_controller),
    operation("a controller is removed", 2, World::remove_controller),
    operation("hand leadership over", 2, |w| {
        let id = w.number();
        let to = 1 + w.random.below(w.scenario.controllers as u64);
        if let Some(leader) = w.leader() {
            let process = w.process(leader, Part::Controller);
            let input = GroupInput::TransferLeader { id, to };
            w.after(1, Event::GroupInput(process, input));
        }
    }),
    operation("restart one controller after the other", 1, |w| {
        for machine in 0..w.scenario.controllers {
            let wait = machine as u64 * 2_000_000;
            w.after(wait, Event::Restart(machine));
        }
    }),
];

/// Something that an operator wants.
#[derive(Clone, Debug)]
struct Change {
    command: Command,
    /// Whether it goes on for ever.
    insists: bool,
    until_us: u64,
    /// How it was asked for last.
    asked: Option<(Process, RequestId)>,
}

/// Everybody who wants something, and what they were told.
#[derive(Debug, Default)]
pub(super) struct Client {
    changes: BTreeMap<u64, Change>,
    acknowledged: BTreeSet<RequestId>,
    refused: BTreeSet<RequestId>,
    /// The change that must get through once nothing goes wrong any more.
    last: Option<u64>,
}

impl World {
    /// The cluster's first configuration; whoever gives it does not give up.
    pub(super) fn configure_first(&mut self) {
        let cib = self.configuration.to_xml().into_bytes();
        let command = Command::ReplaceConfig {
            expected: None,
            cib,
        };
        let change = self.want(command, true);
        self.after(1_500_000, Event::ClientAgain(change));
    }

    /// What operators see to once all faults are over.
    pub(super) fn configure_last(&mut self) {
        self.configuration.maintenance = false;
        let cib = self.configuration.to_xml().into_bytes();
        let command = Command::ReplaceConfig {
            expected: None,
            cib,
        };
        let change = self.want(command, true);
        self.client.last = Some(change);
        self.after(500_000, Event::ClientAgain(change));
    }

    /// Whether the last change waits to be acknowledged.
    pub(super) fn waits_for_last(&self) -> bool {
        let last = self.client.last;
        last.is_some_and(|last| self.client.changes.contains_key(&last))
    }

    /// One operation, and the next one later.
    pub(super) fn operate(&mut self) {
        if self.is_over() {
            return;
        }
        self.after_about(self.scenario.operation_us, Event::Operate);
        let choice = &self.scenario.operations;
        let weights: u64 = choice.iter().map(|at| OPERATIONS[*at].weight).sum();
        let mut ticket = self.random.below(weights);
        let chosen = self.scenario.operations.iter().find(|at| {
            let weight = OPERATIONS[**at].weight;
            let hit = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            hit
        });
        if let Some(operation) = chosen.map(|at| &OPERATIONS[*at]) {
            note!(self, "OPERATOR: {}", operation.name);
            self.summary.operations += 1;
            (operation.run)(self);
        }
    }

    fn want(&mut self, command: Command, insists: bool) -> u64 {
        let number = self.number();
        let until_us = self.now + PATIENCE_US;
        let change = Change {
            command,
            insists,
            until_us,
            asked: None,
        };
        self.client.changes.insert(number, change);
        number
    }

    /// Asks some controller.
    pub(super) fn ask(&mut self, number: u64) {
        let machine = self.random.below(self.scenario.controllers as u64) as usize;
        let Some(change) = self.client.changes.get(&number).cloned() else {
            return;
        };
        if self.now > change.until_us && !change.insists {
            self.client.changes.remove(&number);
            return;
        }
        if let Some((process, _)) = change.asked
            && self.lives(process)
            && self.now < change.until_us
        {
            // It may be answered yet.
            self.after(AGAIN_US, Event::ClientAgain(number));
            return;
        }
        if let Err(early) = self.permits(machine, &change.command) {
            note!(self, "controller {} says: {early}", machine + 1);
            self.client.changes.remove(&number);
            return;
        }
        let until_us = self.now + PATIENCE_US;
        let process = self.process(machine, Part::Controller);
        let request = self.submit(machine, change.command);
        if let Some(change) = self.client.changes.get_mut(&number) {
            change.until_us = until_us;
            change.asked = request.map(|request| (process, request));
        }
        if request.is_none() || change.insists {
            self.after(AGAIN_US, Event::ClientAgain(number));
        }
    }

    fn change_of(&self, request: RequestId) -> Option<u64> {
        let asked = |change: &Change| change.asked.is_some_and(|(_, known)| known == request);
        let mut changes = self.client.changes.iter();
        changes.find(|(_, c)| asked(c)).map(|(number, _)| *number)
    }

    /// A controller says that a command was applied.
    pub(super) fn client_answered(&mut self, request: RequestId, outcome: &Result<(), Refusal>) {
        let Some(number) = self.change_of(request) else {
            return;
        };
        let process = self.client.changes[&number]
            .asked
            .map(|(process, _)| process);
        if !process.is_some_and(|process| self.lives(process)) {
            return;
        }
        self.client.acknowledged.insert(request);
        self.client.changes.remove(&number);
        self.summary.acknowledged += 1;
        note!(self, "acknowledged: change {number}, {outcome:?}");
    }

    /// A controller says that a command had no effect.
    pub(super) fn client_refused(&mut self, request: RequestId) {
        self.client.refused.insert(request);
        if let Some(number) = self.change_of(request) {
            if let Some(change) = self.client.changes.get_mut(&number) {
                change.asked = None;
            }
            self.after(AGAIN_US, Event::ClientAgain(number));
        }
    }

    /// What was acknowledged is in the log, what was refused is not.
    pub(super) fn check_promises(&mut self) {
        let decode = |data: &bytes::Bytes| Entry::decode(data).ok()?.request;
        let logged: BTreeSet<RequestId> = self.checks.log.entries().filter_map(decode).collect();
        let lost = self.client.acknowledged.difference(&logged).next();
        if let Some(lost) = lost {
            let what = format!("{lost:?} was acknowledged and is in no log");
            return self.violate("3 (nothing acknowledged is lost)", what);
        }
        let taken = self.client.refused.intersection(&logged).next();
        if let Some(taken) = taken {
            let what = format!("{taken:?} was refused and took effect");
            self.violate("3 (what is refused has no effect)", what);
        }
    }

    fn submit_soon(&mut self, command: Command) {
        let change = self.want(command, false);
        self.ask(change);
    }

    fn some_node(&mut self) -> String {
        let machine = self.random.below(self.machines.len() as u64) as MachineId;
        self.machines[machine].name.clone()
    }

    fn some_resource(&mut self) -> Option<String> {
        let resources = &self.configuration.resources;
        let picked = self.random.pick(resources);
        picked.map(|resource| resource.id.clone())
    }

    /// A resource by the name that it has, or that its instances have.
    fn some_primitive(&mut self) -> Option<String> {
        let ids: Vec<String> = self.configuration.limits.keys().cloned().collect();
        self.random.pick(&ids).cloned()
    }

    fn change_resource(&mut self, change: impl Fn(&mut super::cib::Resource)) {
        let count = self.configuration.resources.len() as u64;
        let at = self.random.below(count) as usize;
        if let Some(resource) = self.configuration.resources.get_mut(at) {
            change(resource);
        }
        self.replace_configuration();
    }

    fn set_attribute(&mut self, name: &str, value: Option<String>, lifetime: Lifetime) {
        let node = self.some_node();
        let name = name.to_owned();
        self.submit_soon(Command::SetAttribute {
            node,
            name,
            value,
            lifetime,
        });
    }

    /// Gives the configuration to the cluster; often only if nobody else changed it meanwhile.
    fn replace_configuration(&mut self) {
        let machine = self.random.below(self.scenario.controllers as u64) as usize;
        let careful = self.random.chance(500);
        let controller = self.machines[machine].controller.as_ref();
        let epoch = controller.map(|controller| controller.core.cluster().epoch());
        let cib = self.configuration.to_xml().into_bytes();
        self.submit_soon(Command::ReplaceConfig {
            expected: epoch.filter(|_| careful),
            cib,
        });
    }
}
