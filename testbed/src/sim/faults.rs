//! What goes wrong? A table; each fault is one entry, and each seed has its own choice of them.

use std::collections::BTreeSet;

use lockstep_consensus::group::Input as GroupInput;

use super::network::{Cut, End};
use super::world::{Event, MachineId, Part, Phase, World, note};

/// One kind of fault.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// How often it is chosen, beside the others.
    weight: u64,
    /// Whether services have nothing to do with it: then none of them may end because of it.
    pub(super) spares_services: bool,
    strike: fn(&mut World),
}

const fn fault(
    name: &'static str,
    weight: u64,
    spares_services: bool,
    strike: fn(&mut World),
) -> Fault {
    Fault {
        name,
        weight,
        spares_services,
        strike,
    }
}

/// All of them.
pub(super) const FAULTS: &[Fault] = &[
    fault("a controller dies", 3, true, |w| {
        let victim = w.some_controller();
        w.kill_controller(victim, false);
    }),
    fault("a controller dies while it writes", 3, true, |w| {
        let victim = w.some_controller();
        w.kill_controller(victim, true);
    }),
    fault("all controllers die", 1, true, |w| {
        for victim in 0..w.scenario.controllers {
            w.kill_controller(victim, false);
        }
    }),
    fault("an executor dies", 2, false, |w| {
        let victim = w.some_machine();
        w.kill_executor(victim, false);
    }),
    fault("an executor dies while it writes", 2, false, |w| {
        let victim = w.some_machine();
        w.kill_executor(victim, true);
    }),
    // Its node is taken for empty until it is probed again: nothing is to end because of that.
    fault("an idle executor is started again", 1, true, |w| {
        let victim = w.some_machine();
        // One that waits for a result cannot know what became of it.
        if !w.is_busy(victim) && w.is_settled_enough() {
            w.restart_executor(victim);
        }
    }),
    fault("a machine loses its power", 3, false, |w| {
        let victim = w.some_machine();
        w.lose_power(victim, false);
    }),
    fault("a machine loses its power while it writes", 2, false, |w| {
        let victim = w.some_machine();
        w.lose_power(victim, true);
    }),
    fault("a controller stands still", 2, true, |w| {
        let victim = w.some_controller();
        w.pause(victim, Some(Part::Controller));
    }),
    fault("an executor stands still", 2, false, |w| {
        let victim = w.some_machine();
        w.pause(victim, Some(Part::Executor));
    }),
    fault("a machine stands still", 2, false, |w| {
        let victim = w.some_machine();
        w.pause(victim, None);
    }),
    fault("a machine is cut off", 2, false, |w| {
        let victim = w.some_machine();
        w.isolate_for_a_while(victim, false);
    }),
    fault("a controller is cut off from the others", 2, true, |w| {
        let victim = w.some_controller();
        w.isolate_for_a_while(victim, true);
    }),
    fault("the network splits", 2, false, |w| w.split(false)),
    fault("the controllers split", 1, true, |w| w.split(true)),
    fault("nobody reaches anybody", 1, false, |w| w.scatter(false)),
    fault("no controller reaches another", 1, true, |w| {
        w.scatter(true)
    }),
    fault("a way is cut in one direction", 2, false, |w| {
        w.one_way(false);
    }),
    fault(
        "a way between controllers is cut in one direction",
        1,
        true,
        |w| {
            w.one_way(true);
        },
    ),
    fault("only one machine reaches both sides", 1, false, |w| {
        w.bridge(false);
    }),
    fault("only one controller reaches both sides", 1, true, |w| {
        w.bridge(true);
    }),
    fault("the network flaps", 1, false, |w| w.flap(false)),
    fault("the controllers' network flaps", 1, true, |w| w.flap(true)),
    fault("a connection breaks", 2, true, |w| w.break_link()),
    fault("a controller hears that a peer hung up", 1, true, |w| {
        let (at, peer) = (w.some_controller(), w.some_controller());
        let process = w.process(at, Part::Controller);
        if at != peer {
            let input = GroupInput::PeerClosed(peer as u64 + 1);
            w.after(1, Event::GroupInput(process, input));
        }
    }),
    fault("a controller's disk fills up", 1, true, |w| {
        let victim = w.some_controller();
        let room = w.random.below(4_000);
        w.machines[victim].log_disk.set_room(Some(room));
        w.until(4_000_000, Ending::Room(victim));
    }),
    fault("an executor's disk fills up", 1, false, |w| {
        let victim = w.some_machine();
        let room = w.random.below(800);
        w.machines[victim].journal_disk.set_room(Some(room));
        w.until(3_000_000, Ending::Room(victim));
    }),
    fault("a disk is slow", 1, true, |w| {
        let victim = w.some_controller();
        w.machines[victim].disk_slowness = 20 + w.random.below(200);
        w.until(5_000_000, Ending::FastDisk(victim));
    }),
    fault("a controller's disk fails", 1, true, |w| {
        let victim = w.some_controller();
        let changes = w.random.below(6);
        w.machines[victim].log_disk.die_after(changes);
    }),
    fault("a clock jumps", 2, true, |w| {
        let victim = w.some_machine();
        let seconds = w.random.below(120) as i64 - 60;
        w.machines[victim].clock.offset_s += seconds;
    }),
    fault("a service dies", 3, false, |w| {
        let victim = w.some_machine();
        let services: Vec<_> = w.machines[victim].services.keys().cloned().collect();
        if let Some(service) = w.random.pick(&services).cloned() {
            w.deactivate(victim, &service, "died");
        }
    }),
    fault("no fence device can be reached", 1, false, |w| {
        w.no_fencing_until = w.now + w.random.below(15_000_000);
    }),
];

/// What ends with a fault.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Ways are open again.
    Mend(Cut),
    /// Ways are cut again, so many more times.
    Flap(Cut, u64),
    /// There is room on a machine's disks.
    Room(MachineId),
    /// A machine's disks are fast.
    FastDisk(MachineId),
}

impl World {
    /// One fault, and the next one later.
    pub(super) fn strike(&mut self) {
        if !self.is_trouble() {
            return;
        }
        self.after_about(self.scenario.fault_us, Event::Fault);
        let choice = &self.scenario.faults;
        let weights: u64 = choice.iter().map(|at| FAULTS[*at].weight).sum();
        let mut ticket = self.random.below(weights);
        let chosen = self.scenario.faults.iter().find(|at| {
            let weight = FAULTS[**at].weight;
            let hit = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            hit
        });
        let Some(fault) = chosen.map(|at| &FAULTS[*at]) else {
            return;
        };
        note!(self, "FAULT: {}", fault.name);
        self.summary.faults += 1;
        (fault.strike)(self);
    }

    fn until(&mut self, most: u64, ending: Ending) {
        let wait = self.random.below(most);
        self.after(wait, Event::FaultEnds(ending));
    }

    pub(super) fn fault_ends(&mut self, ending: Ending) {
        if !self.is_trouble() {
            // All of it ended when the world healed.
            return;
        }
        match ending {
            Ending::Mend(cut) => self.network.mend(&cut),
            Ending::Flap(cut, times) => {
                self.network.cut(&cut);
                let wait = 50_000 + self.random.below(800_000);
                self.after(wait, Event::FaultEnds(Ending::Mend(cut.clone())));
                if times > 0 {
                    let wait = wait + 50_000 + self.random.below(800_000);
                    self.after(wait, Event::FaultEnds(Ending::Flap(cut, times - 1)));
                }
            }
            Ending::Room(machine) => {
                self.machines[machine].log_disk.set_room(None);
                self.machines[machine].journal_disk.set_room(None);
            }
            Ending::FastDisk(machine) => self.machines[machine].disk_slowness = 1,
        }
    }

    /// The leader is where it hurts most.
    fn some_controller(&mut self) -> MachineId {
        let anyone = self.random.below(self.scenario.controllers as u64) as usize;
        if self.random.chance(500) {
            self.leader().unwrap_or(anyone)
        } else {
            anyone
        }
    }

    fn some_machine(&mut self) -> MachineId {
        self.random.below(self.machines.len() as u64) as usize
    }

    fn kill_controller(&mut self, victim: MachineId, writing: bool) {
        if self.machines[victim].controller.is_none() {
            return;
        }
        note!(self, "controller {} dies", victim + 1);
        if writing {
            let changes = self.random.below(8);
            self.write_until_death(victim, changes);
        }
        self.end_process(victim, Part::Controller, true);
        let wait = 100_000 + self.random.below(4_000_000);
        self.after(wait, Event::StartController(victim));
    }

    pub(super) fn restart_controller(&mut self, machine: MachineId) {
        if !self.is_over() && self.machines[machine].controller.is_some() {
            note!(self, "controller {} is started again", machine + 1);
            self.end_process(machine, Part::Controller, true);
            let wait = 100_000 + self.random.below(300_000);
            self.after(wait, Event::StartController(machine));
        }
    }

    fn kill_executor(&mut self, victim: MachineId, writing: bool) {
        if self.machines[victim].executor.is_none() {
            return;
        }
        note!(self, "executor n{} dies", victim + 1);
        if writing {
            let changes = self.random.below(4);
            self.journal_until_death(victim, changes);
        }
        self.end_process(victim, Part::Executor, true);
        let wait = 100_000 + self.random.below(3_000_000);
        self.after(wait, Event::StartExecutor(victim));
    }

    /// Sooner back than anybody takes it for lost.
    fn restart_executor(&mut self, victim: MachineId) {
        if self.machines[victim].executor.is_none() {
            return;
        }
        note!(self, "executor n{} is started again", victim + 1);
        self.end_process(victim, Part::Executor, true);
        let wait = self.random.below(20_000);
        self.after(wait, Event::StartExecutor(victim));
    }

    fn is_settled_enough(&self) -> bool {
        let controllers = &self.machines[..self.scenario.controllers];
        let running = controllers.iter().flat_map(|machine| &machine.controller);
        running
            .flat_map(|controller| controller.core.cluster().transition())
            .all(|transition| transition.is_over())
    }

    fn lose_power(&mut self, victim: MachineId, writing: bool) {
        if !self.machines[victim].on {
            return;
        }
        note!(self, "n{} loses its power", victim + 1);
        if writing {
            let changes = self.random.below(8);
            self.write_until_death(victim, changes);
            let changes = self.random.below(4);
            self.journal_until_death(victim, changes);
        }
        self.power_off(victim);
        let wait = 300_000 + self.random.below(8_000_000);
        self.after(wait, Event::PowerOn(victim));
    }

    /// A part of a machine, or all of it, stands still.
    fn pause(&mut self, victim: MachineId, part: Option<Part>) {
        let until = self.now + self.random.below(5_000_000);
        let machine = &mut self.machines[victim];
        match part {
            Some(part) => machine.paused_until[part as usize] = until,
            None => machine.frozen_until = until,
        }
        let for_us = until - self.now;
        note!(self, "n{} stands still for {for_us} µs", victim + 1);
    }

    /// Whom a partition is about.
    fn others(&self, only_controllers: bool) -> Vec<MachineId> {
        let count = if only_controllers {
            self.scenario.controllers
        } else {
            self.machines.len()
        };
        (0..count).collect()
    }

    fn cut_for_a_while(&mut self, ways: BTreeSet<(MachineId, MachineId)>, only_controllers: bool) {
        let wait = self.random.below(6_000_000);
        self.cut_for(wait, ways, only_controllers);
    }

    fn cut_for(
        &mut self,
        wait: u64,
        ways: BTreeSet<(MachineId, MachineId)>,
        only_controllers: bool,
    ) {
        let cut = Cut {
            ways,
            only_controllers,
        };
        self.network.cut(&cut);
        self.after(wait, Event::FaultEnds(Ending::Mend(cut)));
    }

    fn isolate_for_a_while(&mut self, victim: MachineId, only_controllers: bool) {
        let wait = self.random.below(6_000_000);
        self.isolate(victim, only_controllers, wait);
    }

    /// A machine is cut off from the others for so many microseconds.
    pub(super) fn isolate(&mut self, victim: MachineId, only_controllers: bool, wait: u64) {
        note!(self, "n{} is cut off", victim + 1);
        let mut ways = BTreeSet::new();
        for other in self.others(only_controllers) {
            if other != victim {
                ways.insert((victim, other));
                ways.insert((other, victim));
            }
        }
        self.cut_for(wait, ways, only_controllers);
    }

    /// Long enough for whoever sees no quorum to do something about it.
    fn scatter(&mut self, only_controllers: bool) {
        let all = self.others(only_controllers);
        let from = |a: &MachineId| all.iter().map(|b| (*a, *b)).collect::<Vec<_>>();
        let ways = all.iter().flat_map(from).filter(|(a, b)| a != b);
        let cut = Cut {
            ways: ways.collect(),
            only_controllers,
        };
        self.network.cut(&cut);
        self.until(15_000_000, Ending::Mend(cut));
    }

    fn sides(&mut self, only_controllers: bool) -> Vec<(MachineId, bool)> {
        let all = self.others(only_controllers);
        all.into_iter()
            .map(|machine| (machine, self.random.chance(500)))
            .collect()
    }

    fn split(&mut self, only_controllers: bool) {
        let sides = self.sides(only_controllers);
        let ways = ways_between(&sides, None);
        self.cut_for_a_while(ways, only_controllers);
    }

    fn bridge(&mut self, only_controllers: bool) {
        let sides = self.sides(only_controllers);
        let bridge = self.random.pick(&sides).map(|(machine, _)| *machine);
        let ways = ways_between(&sides, bridge);
        self.cut_for_a_while(ways, only_controllers);
    }

    fn one_way(&mut self, only_controllers: bool) {
        let all = self.others(only_controllers);
        let from = self.some_controller();
        let mut ways = BTreeSet::new();
        for to in all {
            if to != from && self.random.chance(600) {
                ways.insert((from, to));
            }
        }
        if self.random.chance(500) {
            ways = ways.into_iter().map(|(a, b)| (b, a)).collect();
        }
        self.cut_for_a_while(ways, only_controllers);
    }

    fn flap(&mut self, only_controllers: bool) {
        let sides = self.sides(only_controllers);
        let cut = Cut {
            ways: ways_between(&sides, None),
            only_controllers,
        };
        let times = 2 + self.random.below(8);
        self.after(1, Event::FaultEnds(Ending::Flap(cut, times)));
    }

    fn break_link(&mut self) {
        let links: Vec<_> = self.links.keys().copied().collect();
        if let Some(&link) = self.random.pick(&links) {
            let end = if self.random.chance(500) {
                End::Caller
            } else {
                End::Callee
            };
            self.close(link, end);
        }
    }

    /// The trouble is over: everything works, and everything comes back.
    pub(super) fn heal(&mut self) {
        note!(self, "ALL FAULTS END");
        let until = self.now + self.scenario.settle_us;
        self.phase = Phase::Healed { until };
        self.network.heal();
        self.no_fencing_until = 0;
        self.configure_last();
        self.end_upgrade();
        for machine in 0..self.machines.len() {
            let state = &mut self.machines[machine];
            state.log_disk.set_room(None);
            state.journal_disk.set_room(None);
            state.disk_slowness = 1;
            state.paused_until = [self.now, self.now];
            state.frozen_until = self.now;
            state.left = false;
            self.after(1_000, Event::PowerOn(machine));
            if machine < self.scenario.controllers {
                self.after(2_000, Event::StartController(machine));
            }
            self.after(3_000, Event::StartExecutor(machine));
            for part in [Part::Controller, Part::Executor] {
                let process = self.process(machine, part);
                match part {
                    _ if !self.lives(process) => {}
                    Part::Controller => self.after(1, Event::CoreWake(process)),
                    Part::Executor => self.after(1, Event::ExecutorWake(process, 0)),
                }
            }
        }
    }
}

/// All ways from one side to the other, but for those of a machine that reaches both.
fn ways_between(
    sides: &[(MachineId, bool)],
    bridge: Option<MachineId>,
) -> BTreeSet<(MachineId, MachineId)> {
    let mut ways = BTreeSet::new();
    for (a, side) in sides {
        for (b, other) in sides {
            if side != other && Some(*a) != bridge && Some(*b) != bridge {
                ways.insert((*a, *b));
            }
        }
    }
    ways
}
