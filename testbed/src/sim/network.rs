//! What lies between processes? Messages between groups, each on its own, that are lost, late,
//! doubled and out of order; and connections, which keep their order and break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lockstep_consensus::group::Input as GroupInput;
use lockstep_consensus::message::Message;
use lockstep_node::fabric::{FromController, ToController};

use super::world::{Event, MachineId, Part, Process, World};

/// A connection over which nothing comes for so long is over.
const SILENCE_US: u64 = 600_000;
/// Whoever lost a connection tries again after this.
const REDIAL_US: u64 = 50_000;

pub(super) type LinkId = u64;

/// Which ways are cut.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// Nothing gets from the first machine to the second; counted, because partitions overlap.
    cut: BTreeMap<(MachineId, MachineId), u32>,
    /// The same, for what controllers say to each other only.
    cut_between_controllers: BTreeMap<(MachineId, MachineId), u32>,
}

/// Ways to cut, or to mend: directions, and whether only controllers are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) ways: BTreeSet<(MachineId, MachineId)>,
    pub(super) only_controllers: bool,
}

impl Network {
    pub(super) fn cut(&mut self, cut: &Cut) {
        for way in &cut.ways {
            *self.plane(cut.only_controllers).entry(*way).or_default() += 1;
        }
    }

    pub(super) fn mend(&mut self, cut: &Cut) {
        for way in &cut.ways {
            let plane = self.plane(cut.only_controllers);
            if let Some(count) = plane.get_mut(way) {
                *count -= 1;
                if *count == 0 {
                    plane.remove(way);
                }
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.cut_between_controllers.clear();
    }

    fn plane(&mut self, only_controllers: bool) -> &mut BTreeMap<(MachineId, MachineId), u32> {
        if only_controllers {
            &mut self.cut_between_controllers
        } else {
            &mut self.cut
        }
    }

    fn is_open(&self, from: MachineId, to: MachineId, between_controllers: bool) -> bool {
        from == to
            || !(self.cut.contains_key(&(from, to))
                || between_controllers && self.cut_between_controllers.contains_key(&(from, to)))
    }
}

/// What goes over a connection.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    ToController(ToController),
    FromController(FromController),
    /// The other side hung up.
    End,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Who dialled: an executor, or a controller that passes proposals on.
    Caller = 0,
    /// The controller that was dialled.
    Callee = 1,
}

impl End {
    fn other(self) -> Self {
        match self {
            End::Caller => End::Callee,
            End::Callee => End::Caller,
        }
    }
}

/// A connection. What was sent waits in the queue of the end that it goes to.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [Process; 2],
    /// Whether each end takes part.
    open: [bool; 2],
    heard_us: [u64; 2],
    arrives_us: [u64; 2],
    queues: [VecDeque<(u64, Parcel)>; 2],
}

impl Link {
    fn is_between_controllers(&self) -> bool {
        self.ends[0].part == Part::Controller
    }
}

impl World {
    /// A message of one group's member to another's.
    pub(super) fn send_packet(&mut self, from: Process, message: Message) {
        let (sender, receiver) = (message.from as usize - 1, message.to as usize - 1);
        let is_open =
            receiver < self.scenario.controllers && self.network.is_open(sender, receiver, true);
        let lossy = self.is_trouble();
        let chance =
            |random: &mut lockstep_consensus::random::Random, rate| lossy && random.chance(rate);
        let lost = !is_open || chance(&mut self.random, self.scenario.loss);
        let mut delays = Vec::new();
        if !lost {
            let copies = 1 + u64::from(chance(&mut self.random, self.scenario.duplication));
            for _ in 0..copies {
                let late = chance(&mut self.random, self.scenario.delay);
                delays.push(100 + self.random.below(if late { 800_000 } else { 2_000 }));
            }
        }
        if message.is_snapshot() {
            // The sender's connection knows what became of a snapshot.
            let input = GroupInput::SnapshotSent {
                to: message.to,
                delivered: !lost,
            };
            let wait = delays.first().copied().unwrap_or(50_000) + 1;
            self.after(wait, Event::GroupInput(from, input));
        } else if lost && self.random.chance(300) {
            let input = GroupInput::PeerUnreachable(message.to);
            self.after(1_000, Event::GroupInput(from, input));
        }
        for delay in delays {
            self.after(delay, Event::Packet(message.clone()));
        }
    }

    pub(super) fn packet_arrives(&mut self, message: Message) {
        let machine = message.to as usize - 1;
        if self.machines[machine].controller.is_none() {
            return;
        }
        let until = self.still_until(machine, Part::Controller);
        if until > self.now {
            let wait = until - self.now + self.random.below(1_000);
            self.after(wait, Event::Packet(message));
            return;
        }
        self.step_group(machine, vec![GroupInput::Message(message)]);
    }

    /// Controllers that can reach each other connect.
    pub(super) fn peers_connect(&mut self, machine: MachineId) {
        for other in 0..self.scenario.controllers {
            let (here, there) = (
                self.process(machine, Part::Controller),
                self.process(other, Part::Controller),
            );
            let open = self.network.is_open(machine, other, true)
                && self.network.is_open(other, machine, true);
            if other == machine || !open || !self.lives(there) {
                continue;
            }
            for (at, peer) in [(here, other), (there, machine)] {
                let delay = 200 + self.random.below(50_000);
                let input = GroupInput::PeerOpened(peer as u64 + 1);
                self.after(delay, Event::GroupInput(at, input));
            }
        }
    }

    /// The other controllers' connections to one that died break.
    pub(super) fn peers_notice(&mut self, machine: MachineId) {
        for other in 0..self.scenario.controllers {
            let process = self.process(other, Part::Controller);
            if other != machine && self.lives(process) && self.network.is_open(machine, other, true)
            {
                let delay = 50 + self.random.below(2_000);
                let input = GroupInput::PeerClosed(machine as u64 + 1);
                self.after(delay, Event::GroupInput(process, input));
            }
        }
    }

    /// A process wants a connection to the controller of a machine.
    pub(super) fn dial(&mut self, caller: Process, to: MachineId) {
        if !self.lives(caller) {
            return;
        }
        let callee = self.process(to, Part::Controller);
        let between = caller.part == Part::Controller;
        let reachable = self.lives(callee)
            && self.network.is_open(caller.machine, to, between)
            && self.network.is_open(to, caller.machine, between)
            && !self.stands_still(to, Part::Controller)
            && !self.stands_still(caller.machine, caller.part);
        if !reachable {
            let wait = REDIAL_US + self.random.below(10 * REDIAL_US);
            self.after(wait, Event::Dial(caller, to));
            return;
        }
        let link = self.number();
        self.links.insert(
            link,
            Link {
                ends: [caller, callee],
                open: [true, true],
                heard_us: [self.now, self.now],
                arrives_us: [self.now, self.now],
                queues: [VecDeque::new(), VecDeque::new()],
            },
        );
        match caller.part {
            Part::Executor => self.executor_connected(caller.machine, to, link),
            Part::Controller => self.line_connected(caller.machine, to, link),
        }
    }

    /// Sends to the other end; lost if that or this one hung up.
    pub(super) fn send(&mut self, id: LinkId, from: End, parcel: Parcel) {
        let delay = 100 + self.random.below(1_500);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if !link.open[from as usize] {
            return;
        }
        let to = from.other() as usize;
        let arrives = (self.now + delay).max(link.arrives_us[to] + 1);
        link.arrives_us[to] = arrives;
        link.queues[to].push_back((arrives, parcel));
        let wait = arrives - self.now;
        self.after(wait, Event::Arrival(id));
    }

    /// Hands over what has arrived and can be taken.
    pub(super) fn drain(&mut self, id: LinkId) {
        for end in [End::Caller, End::Callee] {
            while let Some(parcel) = self.next_parcel(id, end) {
                self.take_parcel(id, end, parcel);
            }
        }
    }

    fn next_parcel(&mut self, id: LinkId, end: End) -> Option<Parcel> {
        let link = self.links.get(&id)?;
        let (to, from) = (link.ends[end as usize], link.ends[end.other() as usize]);
        if !link.open[end as usize]
            || !self.lives(to)
            || self.stands_still(to.machine, to.part)
            || !self
                .network
                .is_open(from.machine, to.machine, link.is_between_controllers())
        {
            return None;
        }
        let now = self.now;
        let link = self.links.get_mut(&id)?;
        link.queues[end as usize]
            .front()
            .filter(|(at, _)| *at <= now)?;
        link.heard_us[end as usize] = now;
        link.queues[end as usize]
            .pop_front()
            .map(|(_, parcel)| parcel)
    }

    fn take_parcel(&mut self, id: LinkId, end: End, parcel: Parcel) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let (machine, part) = (
            link.ends[end as usize].machine,
            link.ends[end.other() as usize].part,
        );
        match (parcel, end, part) {
            (Parcel::End, ..) => self.close(id, end),
            (Parcel::ToController(ToController::Executor(message)), End::Callee, _) => {
                self.executor_says(machine, id, message);
            }
            (Parcel::ToController(ToController::Propose { number, entry }), End::Callee, _) => {
                self.propose_for(machine, id, number, entry);
            }
            (Parcel::FromController(FromController::Executor(message)), End::Caller, _) => {
                self.controller_says(machine, id, message);
            }
            (
                Parcel::FromController(FromController::Proposed {
                    number, refused, ..
                }),
                End::Caller,
                _,
            ) => self.proposed(machine, id, number, refused),
            _ => {}
        }
    }

    /// One end is over: its process is told, the other end will be.
    pub(super) fn close(&mut self, id: LinkId, end: End) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if !link.open[end as usize] {
            return;
        }
        let (here, there) = (link.ends[end as usize], link.ends[end.other() as usize]);
        self.send(id, end, Parcel::End);
        if let Some(link) = self.links.get_mut(&id) {
            link.open[end as usize] = false;
            if link.open == [false, false] {
                self.links.remove(&id);
            }
        }
        if !self.lives(here) {
            return;
        }
        match (end, here.part, there.part) {
            (End::Callee, _, Part::Executor) => self.executor_gone(here.machine, id),
            (End::Callee, _, Part::Controller) => {}
            (End::Caller, Part::Executor, _) => self.controller_gone(here.machine, id),
            (End::Caller, Part::Controller, _) => self.line_gone(here.machine, there.machine),
        }
        if end == End::Caller {
            let wait = REDIAL_US + self.random.below(REDIAL_US);
            self.after(wait, Event::Dial(here, there.machine));
        }
    }

    /// All connections of a process that is gone.
    pub(super) fn hang_up(&mut self, process: Process, said: bool) {
        let links: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, link)| link.ends.contains(&process))
            .map(|(id, _)| *id)
            .collect();
        for id in links {
            let Some(link) = self.links.get_mut(&id) else {
                continue;
            };
            let end = if link.ends[0] == process {
                End::Caller
            } else {
                End::Callee
            };
            if said {
                self.send(id, end, Parcel::End);
            }
            if let Some(link) = self.links.get_mut(&id) {
                link.open[end as usize] = false;
                if link.open == [false, false] {
                    self.links.remove(&id);
                }
            }
        }
    }

    /// Connections live by what is heard over them.
    pub(super) fn pulse(&mut self) {
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.drain(id);
            for end in [End::Caller, End::Callee] {
                if self.is_silent(id, end) {
                    self.close(id, end);
                }
            }
        }
    }

    fn is_silent(&mut self, id: LinkId, end: End) -> bool {
        let Some(link) = self.links.get(&id) else {
            return false;
        };
        let (here, there) = (link.ends[end as usize], link.ends[end.other() as usize]);
        if !link.open[end as usize] {
            return false;
        }
        if !self.lives(here) {
            return true;
        }
        let speaks = link.open[end.other() as usize]
            && self.lives(there)
            && !self.stands_still(there.machine, there.part)
            && self
                .network
                .is_open(there.machine, here.machine, link.is_between_controllers());
        // What stood still has not listened: what came meanwhile waits for it.
        let listens = !self.stands_still(here.machine, here.part);
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else {
            return false;
        };
        if speaks || !listens {
            link.heard_us[end as usize] = now;
            return false;
        }
        now - link.heard_us[end as usize] > SILENCE_US
    }
}
