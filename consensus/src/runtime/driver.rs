//! The task that owns the group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::disk::{Disk, DiskEvent};
use super::handle::Request;
use super::{
    CommitIndex, Event, FatalError, GroupStatus, Handle, PeerStatus, ProposeError, RuntimeConfig,
    SnapshotError, StartError, now_ns,
};
use crate::group::{Apply, Effects, Group, GroupConfig, Input, Rejection};
use crate::log::{Recovered, Store};
use crate::transport::{
    Connection, Folders, NetworkCounts, NetworkEvent, Peering, Roster, Transport, TransportConfig,
};
use crate::types::{Members, NodeId};

/// Requests and messages that may wait for the driver; then whoever sends more waits.
const MAX_WAITING: usize = 1_024;
/// Events that may wait for the application; further ones wait here.
const MAX_EVENTS: usize = 1_024;
/// So many events may wait here before proposals are refused.
const MAX_BACKLOG: usize = 100_000;
/// Inputs taken in at one step, at most.
const MAX_STEP: usize = 1_024;

pub(super) fn spawn(
    config: RuntimeConfig,
    peering: Peering,
    folders: Folders,
    store: impl Store,
    recovered: Recovered,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    let group = Group::new(group_config(&config), recovered)?;
    let (disk, writes) = Disk::spawn(store).map_err(StartError::Thread)?;
    let (requests_in, requests) = mpsc::channel(MAX_WAITING);
    let (network_in, network) = mpsc::channel(MAX_WAITING);
    let (events, events_out) = mpsc::channel(MAX_EVENTS);
    let (status, status_out) = watch::channel(GroupStatus::default());
    let transport = Transport::start(transport_config(&config), folders, peering, network_in);
    let mut driver = Driver {
        config,
        group,
        transport,
        disk,
        events,
        status,
        backlog: VecDeque::new(),
        inputs: Vec::new(),
        unreachable: BTreeSet::new(),
        open: BTreeMap::new(),
        requests: 0,
        members: Arc::default(),
        connections: BTreeMap::new(),
        counts: NetworkCounts::default(),
        eligible: true,
        disk_full: false,
        removed: false,
        ended: None,
    };
    // The first step tells what was recovered, so that the status is right from the start.
    driver.step();
    tokio::spawn(driver.run(requests, network, writes));
    Ok((
        Handle {
            requests: requests_in,
            status: status_out,
        },
        events_out,
    ))
}

fn group_config(config: &RuntimeConfig) -> GroupConfig {
    GroupConfig {
        id: config.node_id,
        election_ticks: config.election_ticks,
        heartbeat_ticks: config.heartbeat_ticks,
        // Long enough for an election on a local network: 50 ms, with usual settings.
        stagger_ticks: (config.election_ticks / 20).max(1),
        seed: config.seed,
        incarnation: now_ns(),
        max_command_bytes: config.max_command_bytes,
    }
}

fn transport_config(config: &RuntimeConfig) -> TransportConfig {
    TransportConfig {
        cluster_id: config.cluster_id.clone(),
        node_id: config.node_id,
        address: config.address.clone(),
        max_snapshot_bytes: config.max_snapshot_bytes,
        seed: config.seed,
        credentials: config.credentials.clone(),
        versions: config.versions,
    }
}

/// Who waits for an answer.
enum Open {
    Index(oneshot::Sender<Result<CommitIndex, ProposeError>>),
    Snapshot(oneshot::Sender<Result<(), SnapshotError>>),
}

/// Why the driver ends.
enum End {
    /// It was asked to, by this one.
    Asked(oneshot::Sender<()>),
    /// Nobody is interested any more.
    Deserted,
    /// It cannot go on.
    Fatal(FatalError),
}

struct Driver {
    config: RuntimeConfig,
    group: Group,
    transport: Transport,
    disk: Disk,
    events: mpsc::Sender<Event>,
    status: watch::Sender<GroupStatus>,
    /// Events that the application has not taken yet.
    backlog: VecDeque<Event>,
    inputs: Vec<Input>,
    /// Peers to which messages were lost since the last step.
    unreachable: BTreeSet<NodeId>,
    open: BTreeMap<u64, Open>,
    requests: u64,
    /// The members that the transport knows of.
    members: Arc<Members>,
    /// The network, as of the last tick.
    connections: BTreeMap<NodeId, Connection>,
    counts: NetworkCounts,
    /// Whether the application lets this member lead.
    eligible: bool,
    disk_full: bool,
    /// Whether a peer said that this node is no member any more.
    removed: bool,
    ended: Option<End>,
}

impl Driver {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut network: mpsc::Receiver<NetworkEvent>,
        mut writes: UnboundedReceiver<DiskEvent>,
    ) {
        let mut ticks = interval(std::time::Duration::from_millis(self.config.tick_ms));
        // A process that stood still has not heard its peers for just as long: ticks that were
        // missed say nothing.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let events = self.events.clone();
        while self.ended.is_none() {
            tokio::select! {
                _ = ticks.tick() => self.inputs.push(Input::Tick),
                Some(event) = network.recv() => self.hear(event),
                Some(event) = writes.recv() => self.written(event),
                request = requests.recv() => match request {
                    Some(request) => self.ask(request),
                    None => self.ended = Some(End::Deserted),
                },
                place = events.reserve(), if !self.backlog.is_empty() => {
                    match (place, self.backlog.pop_front()) {
                        (Ok(place), Some(event)) => place.send(event),
                        _ => self.ended = Some(End::Deserted),
                    }
                    continue;
                }
                () = events.closed() => self.ended = Some(End::Deserted),
            }
            // Whatever else is there goes into the same step.
            while self.inputs.len() < MAX_STEP {
                if let Ok(event) = writes.try_recv() {
                    self.written(event);
                } else if let Ok(event) = network.try_recv() {
                    self.hear(event);
                } else if let Ok(request) = requests.try_recv() {
                    self.ask(request);
                } else {
                    break;
                }
            }
            self.step();
        }
        self.end(writes).await;
    }

    fn hear(&mut self, event: NetworkEvent) {
        self.inputs.push(match event {
            NetworkEvent::Message(message) => Input::Message(message),
            NetworkEvent::PeerOpened(peer) => Input::PeerOpened(peer),
            NetworkEvent::Removed { by } => return self.was_removed(by),
            NetworkEvent::PeerClosed(peer) => Input::PeerClosed(peer),
            NetworkEvent::SnapshotSent { to, delivered } => Input::SnapshotSent { to, delivered },
        });
    }

    /// The members know what this node may never hear of: nobody sends it the log any more.
    fn was_removed(&mut self, by: NodeId) {
        if !std::mem::replace(&mut self.removed, true) {
            tracing::warn!(by, "this node was removed from the group");
            self.backlog.push_back(Event::Removed);
            self.set_eligible();
        }
    }

    fn written(&mut self, event: DiskEvent) {
        match event {
            DiskEvent::Persisted(upto) => self.inputs.push(Input::Persisted { upto }),
            DiskEvent::Full => self.set_disk_full(true),
            DiskEvent::Room => self.set_disk_full(false),
            DiskEvent::Failed(error) => self.ended = Some(End::Fatal(error.into())),
        }
    }

    fn set_disk_full(&mut self, is_full: bool) {
        self.disk_full = is_full;
        self.backlog.push_back(if is_full {
            Event::DiskFull
        } else {
            Event::DiskOk
        });
        self.set_eligible();
    }

    /// A leader that cannot write would hold everyone up.
    fn set_eligible(&mut self) {
        self.inputs.push(Input::Eligible(
            self.eligible && !self.disk_full && !self.removed,
        ));
    }

    fn ask(&mut self, request: Request) {
        let id = self.requests;
        self.requests += 1;
        let (input, open) = match request {
            Request::Propose { data, reply } => {
                let refused = if self.disk_full {
                    Some(ProposeError::DiskFull)
                } else if self.backlog.len() >= MAX_BACKLOG {
                    Some(Rejection::Busy.into())
                } else {
                    None
                };
                if let Some(error) = refused {
                    // Whoever asked may have gone; here and below.
                    let _ = reply.send(Err(error));
                    return;
                }
                (Input::Propose { id, data }, Open::Index(reply))
            }
            Request::Read { reply } => (Input::ReadIndex { id }, Open::Index(reply)),
            Request::ChangeMembers { change, reply } => {
                (Input::ChangeMembers { id, change }, Open::Index(reply))
            }
            Request::Transfer { to, reply } => {
                // Refused in this step, or under way; see `step`.
                (Input::TransferLeader { id, to }, Open::Index(reply))
            }
            Request::Snapshot { index, data, reply } => {
                let (size, limit) = (data.len() as u64, self.config.max_snapshot_bytes);
                if size > limit {
                    let _ = reply.send(Err(SnapshotError::TooLarge { size, limit }));
                    return;
                }
                (Input::Snapshot { id, index, data }, Open::Snapshot(reply))
            }
            Request::Eligible(eligible) => {
                self.eligible = eligible;
                self.set_eligible();
                return;
            }
            Request::Shutdown { reply } => {
                self.ended = Some(End::Asked(reply));
                return;
            }
        };
        self.inputs.push(input);
        self.open.insert(id, open);
    }

    /// Lets the group take in what happened, and carries out what it wants.
    fn step(&mut self) {
        let lost = std::mem::take(&mut self.unreachable);
        self.inputs
            .extend(lost.into_iter().map(Input::PeerUnreachable));
        let inputs = std::mem::take(&mut self.inputs);
        let ticked = inputs.iter().any(|input| matches!(input, Input::Tick));
        let transfers: Vec<u64> = inputs
            .iter()
            .filter_map(|input| match input {
                Input::TransferLeader { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        // Messages are checked before raft sees them. Should raft still find its own rules
        // broken, this member stops, and the group goes on without it.
        let stepped = catch_unwind(AssertUnwindSafe(|| self.group.step(inputs)));
        match stepped {
            Ok(effects) => self.carry_out(effects),
            Err(panic) => {
                self.ended = Some(End::Fatal(FatalError::Core(panic_text(panic.as_ref()))));
                return;
            }
        }
        // A hand-over that was not refused is under way.
        for id in transfers {
            self.answer(id, Ok(0));
        }
        while !self.backlog.is_empty()
            && let Ok(place) = self.events.try_reserve()
        {
            if let Some(event) = self.backlog.pop_front() {
                place.send(event);
            }
        }
        self.publish(ticked);
    }

    fn carry_out(&mut self, effects: Effects) {
        let Effects {
            send,
            persist,
            apply,
            role,
            reads,
            snapshots,
            rejected,
            malformed,
        } = effects;
        for message in send {
            let (to, is_snapshot) = (message.to, message.is_snapshot());
            if self.transport.send(message) {
                if is_snapshot {
                    self.inputs.push(Input::SnapshotSent {
                        to,
                        delivered: false,
                    });
                } else {
                    self.unreachable.insert(to);
                }
            }
        }
        if let Some(persist) = persist {
            self.disk.write(persist);
        }
        for step in apply {
            self.apply(step);
        }
        if let Some(role) = role {
            tracing::info!(role = %role.role, term = role.term, leader = role.leader, "role");
            self.backlog.push_back(Event::Role(role));
        }
        for read in reads {
            self.answer(read.id, Ok(read.index));
        }
        for id in snapshots {
            if let Some(Open::Snapshot(reply)) = self.open.remove(&id) {
                let _ = reply.send(Ok(()));
            }
        }
        for (id, rejection) in rejected {
            self.answer(id, Err(rejection));
        }
        for (from, what) in malformed {
            self.transport.malformed(from, &what.to_string());
        }
        self.tell_members();
    }

    fn apply(&mut self, step: Apply) {
        match step {
            Apply::Restore(snapshot) => {
                let (index, term) = (snapshot.meta.index, snapshot.meta.term);
                self.backlog.push_back(Event::Restore {
                    index,
                    term,
                    data: snapshot.data,
                });
            }
            Apply::Command(committed) => {
                let (index, proposal) = (committed.index, committed.proposal);
                self.backlog.push_back(Event::Committed(committed));
                if let Some(id) = proposal {
                    self.answer(id, Ok(index));
                }
            }
            Apply::Members(changed) => {
                tracing::info!(index = changed.index, members = ?changed.members, "members");
                self.backlog.push_back(Event::Members {
                    index: changed.index,
                    members: changed.members,
                });
                if let Some(id) = changed.proposal {
                    self.answer(id, Ok(changed.index));
                }
            }
        }
    }

    fn answer(&mut self, id: u64, outcome: Result<CommitIndex, Rejection>) {
        match self.open.remove(&id) {
            Some(Open::Index(reply)) => {
                let _ = reply.send(outcome.map_err(ProposeError::from));
            }
            Some(Open::Snapshot(reply)) => {
                let outcome = match outcome {
                    Err(Rejection::SnapshotIndex {
                        index,
                        last,
                        applied,
                    }) => Err(SnapshotError::Index {
                        index,
                        last,
                        applied,
                    }),
                    // The group refuses a snapshot for its index alone.
                    _ => Err(SnapshotError::Stopped),
                };
                let _ = reply.send(outcome);
            }
            None => {}
        }
    }

    /// Lets the transport connect to whoever is a member now.
    fn tell_members(&mut self) {
        let members = self.group.members();
        if !Arc::ptr_eq(&members, &self.members) {
            let both = |id: NodeId| {
                let in_log = members.addresses.get(&id).cloned();
                let in_config = self.config.peers.get(&id).map(ToString::to_string);
                (id, in_log.into_iter().chain(in_config).collect())
            };
            self.transport.set_members(Roster {
                members: members.ids().into_iter().map(both).collect(),
                next_id: ids_given_out(&members, self.config.node_id),
            });
            self.members = members;
        }
    }

    fn publish(&mut self, ticked: bool) {
        if ticked {
            self.connections = self.transport.connections();
            self.counts = self.transport.counts();
        }
        let status = self.status();
        self.status.send_if_modified(|published| {
            let is_news = *published != status;
            if is_news {
                *published = status;
            }
            is_news
        });
    }

    fn status(&self) -> GroupStatus {
        let position = self.group.position();
        let others = position
            .members
            .ids()
            .into_iter()
            .filter(|&id| id != self.config.node_id);
        let peers = others
            .map(|id| {
                let connection = self.connections.get(&id).cloned().unwrap_or_default();
                let progress = position.peers.iter().find(|peer| peer.id == id);
                PeerStatus {
                    id,
                    name: position.members.names.get(&id).cloned().unwrap_or_default(),
                    refused: connection.refused,
                    address: connection.address,
                    connected: connection.connected,
                    matched: progress.map(|peer| peer.matched),
                    snapshot: progress.is_some_and(|peer| peer.snapshot),
                    snapshot_progress: connection.snapshot,
                }
            })
            .collect();
        GroupStatus {
            node_id: self.config.node_id,
            role: position.role.role,
            leader: position.role.leader,
            term: position.role.term,
            commit: position.commit,
            applied: position.applied,
            first_index: position.first_index,
            last_index: position.last_index,
            snapshot_index: position.snapshot_index,
            log_bytes: position.log_bytes,
            disk_full: self.disk_full,
            removed: self.removed,
            members: position.members,
            peers,
            network: self.counts,
        }
    }

    async fn end(self, mut writes: UnboundedReceiver<DiskEvent>) {
        let Driver {
            transport,
            disk,
            events,
            backlog,
            disk_full,
            ended,
            ..
        } = self;
        // The others notice at once, and need not wait for what follows.
        transport.close().await;
        drop(disk);
        // What was given to the disk is written, if there is room; then the folder is free.
        if !disk_full {
            while let Some(event) = writes.recv().await {
                if matches!(event, DiskEvent::Full) {
                    break;
                }
            }
        }
        drop(writes);
        match ended {
            Some(End::Asked(reply)) => {
                let _ = reply.send(());
            }
            Some(End::Fatal(error)) => {
                tracing::error!(%error, "this member stops");
                for event in backlog.into_iter().chain([Event::Fatal(error)]) {
                    if events.send(event).await.is_err() {
                        break;
                    }
                }
            }
            Some(End::Deserted) | None => {}
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic")
        .to_owned()
}

/// Ids below this were given out, as far as a member can say of whom it does not know.
///
/// One that has not yet come to its own joining in the log was put among older members by raft's
/// leave (it has no address there). It knows nothing of those who joined in between: to tell them that
/// they were removed would end them.
pub(super) fn ids_given_out(members: &Members, own: NodeId) -> NodeId {
    let by_the_log = members.addresses.contains_key(&own) || !members.contains(own);
    if by_the_log { members.next_id } else { 0 }
}
