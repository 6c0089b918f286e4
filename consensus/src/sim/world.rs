//! Nodes, time and disks. What runs on the nodes, and who asks for things, is in
//! `super::application`; what goes wrong is in `super::trouble`.

use std::collections::{BTreeMap, VecDeque};

use super::application::{App, Request};
use super::check::{Ledger, Violation};
use super::network::{Faults, Network};
use crate::group::{
    Effects, Group, GroupConfig, Input, Persist, Rejection, bootstrap, bootstrapped,
};
use crate::log::memory::MemoryFolder;
use crate::log::{Batch, Identity, LogSizes, LogStore, Store};
use crate::message::Message;
use crate::random::Random;
use crate::types::{Members, NodeId, Role};

const TICK_US: u64 = 10_000;
/// Small, so that a short run has several segments.
const SIZES: LogSizes = LogSizes {
    segment_bytes: 24 << 10,
    grow_bytes: 4 << 10,
};

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything follows from it.
    pub seed: u64,
    /// Voters at the start, numbered from 1.
    pub voters: u64,
    /// How long there are faults, in virtual microseconds.
    pub duration_us: u64,
    /// How long the group may take to settle once they are over, in virtual microseconds.
    pub settle_us: u64,
    /// The faults.
    pub faults: Faults,
    /// Whether to print what happens.
    pub trace: bool,
}

impl Settings {
    /// A run with faults of all kinds, of the seed's choice.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Settings {
            seed,
            voters: if random.chance(250) { 5 } else { 3 },
            duration_us: 8_000_000,
            settle_us: 15_000_000,
            faults: Faults::some(&mut random),
            trace: false,
        }
    }
}

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Commands decided.
    pub committed: usize,
    /// Commands whose clients were told so.
    pub acknowledged: usize,
    /// Reads served.
    pub reads: usize,
    /// Elections won.
    pub elections: usize,
    /// Snapshots taken over, from a leader or at a start.
    pub restores: usize,
    /// Crashes.
    pub crashes: usize,
    /// Membership changes that a leader was asked for and that came into force.
    pub membership_changes: usize,
    /// Writes that found no room.
    pub full_disks: usize,
    /// The final state: equal runs end in equal states.
    pub state: u64,
    /// Virtual time at the end, in microseconds.
    pub time_us: u64,
}

/// Runs a group through its faults and lets it settle, checking all the while.
pub fn run(settings: &Settings) -> Result<Summary, Violation> {
    let mut world = World::new(settings);
    world.run().map_err(|what| Violation {
        seed: settings.seed,
        time_us: world.now,
        what,
    })
}

/// A node that is up.
pub(super) struct Running {
    pub(super) group: Group,
    pub(super) store: LogStore<MemoryFolder>,
    /// Batches on their way; the first `writing` of them are being written.
    pub(super) disk: VecDeque<Persist>,
    pub(super) writing: usize,
    pub(super) app: App,
    /// Requests under way.
    pub(super) open: BTreeMap<u64, Request>,
}

pub(super) struct Node {
    pub(super) folder: MemoryFolder,
    pub(super) running: Option<Running>,
    /// Counts starts: what was scheduled for an earlier life is void.
    pub(super) life: u64,
    pub(super) paused_until: u64,
}

impl Node {
    pub(super) fn new() -> Self {
        Node {
            folder: MemoryFolder::new(),
            running: None,
            life: 0,
            paused_until: 0,
        }
    }
}

pub(super) enum Event {
    Tick {
        node: NodeId,
        life: u64,
    },
    Deliver {
        message: Message,
    },
    Input {
        node: NodeId,
        life: u64,
        input: Input,
    },
    Written {
        node: NodeId,
        life: u64,
    },
    Restart {
        node: NodeId,
    },
    /// The disk has room again.
    Room {
        node: NodeId,
    },
    /// The partition is over.
    Join,
    Client,
    TakeSnapshot,
    Disturb,
    ChangeMembers,
}

pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) random: Random,
    pub(super) network: Network,
    pub(super) now: u64,
    /// By time and order of scheduling.
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) ledger: Ledger,
    pub(super) summary: Summary,
    pub(super) requests: u64,
    pub(super) healed: bool,
}

pub(super) type Outcome = Result<(), String>;

impl World {
    fn new(settings: &Settings) -> Self {
        World {
            random: Random::new(settings.seed ^ 0x5151),
            network: Network::new(settings.faults),
            settings: settings.clone(),
            now: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            nodes: (1..=settings.voters).map(|id| (id, Node::new())).collect(),
            ledger: Ledger::default(),
            summary: Summary::default(),
            requests: 0,
            healed: false,
        }
    }

    fn run(&mut self) -> Result<Summary, String> {
        for id in 1..=self.settings.voters {
            self.start(id)?;
        }
        self.after(1_000, Event::Client);
        self.after(500_000, Event::TakeSnapshot);
        self.after_about(self.settings.faults.disturbance_us, Event::Disturb);
        self.after_about(self.settings.faults.membership_us, Event::ChangeMembers);
        self.run_until(self.settings.duration_us, |_| false)?;
        self.heal()?;
        // Committed before and after: the group lives.
        let (decided, end) = (self.ledger.decided(), self.now + self.settings.settle_us);
        self.run_until(end, |world| {
            world.ledger.decided() > decided && world.is_settled()
        })?;
        if self.ledger.decided() == decided || !self.is_settled() {
            return Err(format!("the group does not settle: {}", self.describe()));
        }
        self.ledger.finish()?;
        self.summary.committed = self.ledger.decided();
        self.summary.state = self.ledger.last().map_or(0, |(_, state)| state);
        self.summary.time_us = self.now;
        Ok(self.summary.clone())
    }

    fn run_until(&mut self, end: u64, done: impl Fn(&World) -> bool) -> Outcome {
        while self.now < end && !done(self) {
            let Some(((time, _), event)) = self.events.pop_first() else {
                break;
            };
            self.now = time;
            self.happen(event)?;
        }
        Ok(())
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.scheduled += 1;
        self.events
            .insert((self.now + delay, self.scheduled), event);
    }

    /// After a time whose mean is `mean`; never, if that is 0.
    pub(super) fn after_about(&mut self, mean: u64, event: Event) {
        if mean > 0 {
            let delay = 1 + self.random.below(2 * mean);
            self.after(delay, event);
        }
    }

    pub(super) fn trace(&self, what: impl FnOnce() -> String) {
        if self.settings.trace {
            println!("{:>10} {}", self.now, what());
        }
    }

    fn happen(&mut self, event: Event) -> Outcome {
        match event {
            Event::Tick { node, life } => self.tick(node, life),
            Event::Deliver { message } => self.deliver(message),
            Event::Input { node, life, input } if self.is_life(node, life) => {
                self.step(node, vec![input])
            }
            Event::Written { node, life } if self.is_life(node, life) => self.written(node),
            // Of an earlier life.
            Event::Input { .. } | Event::Written { .. } => Ok(()),
            Event::Restart { node } => self.start(node),
            Event::Room { node } => {
                if let Some(node) = self.nodes.get(&node) {
                    node.folder.set_capacity(None);
                }
                Ok(())
            }
            Event::Join => {
                self.network.join();
                Ok(())
            }
            Event::Client => self.client(),
            Event::TakeSnapshot => self.take_snapshot(),
            Event::Disturb => self.disturb(),
            Event::ChangeMembers => self.change_members(),
        }
    }

    fn is_life(&self, node: NodeId, life: u64) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|node| node.life == life && node.running.is_some())
    }

    fn tick(&mut self, id: NodeId, life: u64) -> Outcome {
        // No two clocks go alike.
        let next = TICK_US - TICK_US / 20 + self.random.below(TICK_US / 10);
        if !self.is_life(id, life) {
            return Ok(());
        }
        let paused = self.nodes.get(&id).map_or(0, |node| node.paused_until);
        if paused > self.now {
            self.after(paused - self.now, Event::Tick { node: id, life });
            return Ok(());
        }
        self.after(next, Event::Tick { node: id, life });
        self.step(id, vec![Input::Tick])
    }

    fn deliver(&mut self, message: Message) -> Outcome {
        let Some(node) = self.nodes.get(&message.to) else {
            return Ok(());
        };
        if node.paused_until > self.now {
            let wait = node.paused_until - self.now + self.random.below(1_000);
            self.after(wait, Event::Deliver { message });
            return Ok(());
        }
        self.step(message.to, vec![Input::Message(message)])
    }

    pub(super) fn running(&mut self, id: NodeId) -> Option<&mut Running> {
        self.nodes.get_mut(&id)?.running.as_mut()
    }

    pub(super) fn start(&mut self, id: NodeId) -> Outcome {
        let seed = self.random.draw();
        let jitter = self.random.below(TICK_US);
        let voters = self.settings.voters;
        let Some(node) = self
            .nodes
            .get_mut(&id)
            .filter(|node| node.running.is_none())
        else {
            return Ok(());
        };
        node.life += 1;
        node.paused_until = 0;
        let life = node.life;
        let identity = Identity {
            cluster_id: "sim".into(),
            node_id: id,
        };
        let opened = LogStore::open_with(node.folder.clone(), &identity, SIZES);
        let (mut store, mut recovered) =
            opened.map_err(|error| format!("node {id} cannot read back its log: {error}"))?;
        if recovered.snapshot.is_none() && id <= voters {
            let members = (1..=voters).map(|id| (id, format!("node-{id}")));
            let batch = bootstrap(Members::of_voters(members));
            store
                .persist(std::slice::from_ref(&batch))
                .map_err(|error| error.to_string())?;
            recovered = bootstrapped(&batch);
        }
        let config = GroupConfig {
            stagger_ticks: 3,
            ..GroupConfig::new(id, seed, life)
        };
        let group = Group::new(config, recovered).map_err(|error| error.to_string())?;
        node.running = Some(Running {
            group,
            store,
            disk: VecDeque::new(),
            writing: 0,
            app: App::default(),
            open: BTreeMap::new(),
        });
        self.trace(|| format!("node {id} starts, life {life}"));
        self.after(jitter, Event::Tick { node: id, life });
        // It and those that are up find each other in a moment, each at its own time.
        for other in self.up().into_iter().filter(|&other| other != id) {
            let life_of_other = self.nodes.get(&other).map_or(0, |node| node.life);
            for (node, life, peer) in [(id, life, other), (other, life_of_other, id)] {
                let input = Input::PeerOpened(peer);
                let delay = 100 + self.random.below(50_000);
                self.after(delay, Event::Input { node, life, input });
            }
        }
        self.step(id, Vec::new())
    }

    /// Lets a node take in what happened, and carries out what it wants.
    pub(super) fn step(&mut self, id: NodeId, inputs: Vec<Input>) -> Outcome {
        let Some(node) = self.nodes.get_mut(&id) else {
            return Ok(());
        };
        let life = node.life;
        let Some(running) = &mut node.running else {
            return Ok(());
        };
        let effects = running.group.step(inputs);
        let Effects {
            send,
            persist,
            apply,
            role,
            reads,
            snapshots: _,
            rejected,
            malformed,
        } = effects;
        if let Some((from, wrong)) = malformed.first() {
            return Err(format!(
                "node {id} finds a message of node {from} malformed: {wrong}"
            ));
        }
        if let Some(persist) = persist {
            running.disk.push_back(persist);
        }
        for read in reads {
            if let Some(Request::Read(from)) = running.open.remove(&read.id) {
                self.summary.reads += 1;
                self.ledger.reads(id, from, read.index)?;
            }
        }
        for (request, rejection) in rejected {
            if let Some(Request::Command(command)) = running.open.remove(&request)
                && rejection != Rejection::Unknown
            {
                self.ledger.refuses(command);
            }
        }
        if let Some(role) = role {
            self.trace(|| format!("node {id} {role:?}"));
            if role.role == Role::Leader {
                self.summary.elections += 1;
                self.ledger.leads(id, role.term)?;
            }
        }
        for step in apply {
            self.apply(id, step)?;
        }
        self.begin_write(id);
        for message in send {
            self.send(life, message);
        }
        Ok(())
    }

    fn send(&mut self, life: u64, message: Message) {
        let (from, to) = (message.from, message.to);
        let deliveries = self.network.deliveries(from, to, &mut self.random);
        let lost = deliveries.is_empty();
        if message.is_snapshot() {
            // The sender's connection knows what became of a snapshot.
            let delay = deliveries.first().copied().unwrap_or(50_000) + 1;
            let input = Input::SnapshotSent {
                to,
                delivered: !lost,
            };
            self.after(
                delay,
                Event::Input {
                    node: from,
                    life,
                    input,
                },
            );
        } else if lost && self.random.chance(300) {
            self.after(
                1_000,
                Event::Input {
                    node: from,
                    life,
                    input: Input::PeerUnreachable(to),
                },
            );
        }
        for delay in deliveries {
            self.after(
                delay,
                Event::Deliver {
                    message: message.clone(),
                },
            );
        }
    }

    /// Everything that waits for the disk is written together.
    fn begin_write(&mut self, id: NodeId) {
        let slow = self.random.chance(20);
        let delay = 200 + self.random.below(if slow { 300_000 } else { 3_000 });
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let life = node.life;
        let Some(running) = &mut node.running else {
            return;
        };
        if running.writing == 0 && !running.disk.is_empty() {
            running.writing = running.disk.len();
            self.after(delay, Event::Written { node: id, life });
        }
    }

    fn written(&mut self, id: NodeId) -> Outcome {
        let Some(node) = self.nodes.get_mut(&id) else {
            return Ok(());
        };
        let life = node.life;
        let Some(running) = &mut node.running else {
            return Ok(());
        };
        match running.store.persist(&running.batches_in_writing()) {
            Ok(()) => {}
            Err(error) if error.is_full() => {
                self.summary.full_disks += 1;
                // The very same write again, later.
                self.after(20_000, Event::Written { node: id, life });
                return Ok(());
            }
            Err(error) => return Err(format!("node {id}: {error}")),
        }
        let upto = running
            .disk
            .drain(..running.writing)
            .next_back()
            .map_or(0, |last| last.number);
        running.writing = 0;
        self.step(id, vec![Input::Persisted { upto }])
    }

    pub(super) fn up(&self) -> Vec<NodeId> {
        let up = self.nodes.iter().filter(|(_, node)| node.running.is_some());
        up.map(|(id, _)| *id).collect()
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        // Of several that think so, the one with the highest term.
        let leading = self.nodes.iter().filter_map(|(id, node)| {
            let role = node.running.as_ref()?.group.role();
            (role.role == Role::Leader).then_some((role.term, *id))
        });
        leading.max().map(|(_, id)| id)
    }

    /// Whether one leads and all members have applied everything that was decided.
    fn is_settled(&self) -> bool {
        let running = |id: &NodeId| self.nodes.get(id).and_then(|node| node.running.as_ref());
        let Some(leader) = self.leader().as_ref().and_then(running) else {
            return false;
        };
        let position = leader.group.position();
        let last = self.ledger.last();
        let caught_up = |id: &NodeId| {
            running(id).is_some_and(|running| Some((running.app.index, running.app.state)) == last)
        };
        position.commit == position.last_index
            && !position.members.is_joint()
            && position.members.ids().iter().all(caught_up)
    }

    fn describe(&self) -> String {
        let mut text = format!("{:?} is decided last;", self.ledger.last());
        for (id, node) in &self.nodes {
            text += &match &node.running {
                Some(running) => {
                    format!(
                        " node {id}: {:?} {:?};",
                        running.group.position(),
                        running.app
                    )
                }
                None => format!(" node {id} is down;"),
            };
        }
        text
    }
}

impl Running {
    pub(super) fn batches_in_writing(&self) -> Vec<Batch> {
        self.disk
            .iter()
            .take(self.writing)
            .map(|persist| persist.batch.clone())
            .collect()
    }
}
