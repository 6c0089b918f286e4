//! One member of the group as a state machine: [`Input`]s in, [`Effects`] out.
//!
//! Raft itself is raft-rs; this module drives it. It does no I/O, reads no clock and draws no
//! randomness but from its seed, so the same inputs give the same effects, in a running member
//! and in the simulator. Around raft it adds what raft leaves to its user:
//! - peers' messages are checked before raft sees them (`validate`);
//! - the election timer (`timer`): raft's own would draw from the thread's random numbers;
//! - writes go out in batches and are confirmed later (`writes`): what may not be said before
//!   a write is durable is kept back until then, and everything else goes on;
//! - proposals find their way back to who made them, reads are retried (`requests`);
//! - membership changes are applied, and remembered by index for snapshots (`membership`).

mod convert;
mod io;
mod logger;
mod membership;
mod mirror;
mod position;
mod requests;
mod timer;
mod validate;
mod writes;

use std::collections::BTreeSet;

use raft::eraftpb::{self, EntryType, MessageType};
use raft::{RawNode, SnapshotStatus, StateRole};

pub use io::{
    Apply, Effects, GroupError, Input, Malformed, MembersChanged, Persist, ReadReady, Rejection,
};

use crate::log::{Batch, NewSnapshot, Recovered};
use crate::message::{Body, Message, Plain};
use crate::types::{
    BOOTSTRAP_INDEX, BOOTSTRAP_TERM, Committed, EntryKind, HardState, Members, NodeId, Role,
    RoleChange, Snapshot, SnapshotMeta,
};
use membership::MembersLog;
use mirror::Mirror;
use position::role_of;
pub use position::{PeerPosition, Position};
use requests::Requests;
use timer::ElectionTimer;
use validate::View;
use writes::Writes;

/// Settings of a member; the times are in ticks.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// This member; not 0.
    pub id: NodeId,
    /// Silence after which a follower asks for an election: this long, up to twice as long.
    /// A leader that hears no majority for this long steps down.
    pub election_ticks: u32,
    /// Between two heartbeats of a leader.
    pub heartbeat_ticks: u32,
    /// After a leader's connection closes, one follower asks for an election at once, and each
    /// further one this much later: long enough for an election on a local network.
    pub stagger_ticks: u32,
    /// Seed of the election timeouts.
    pub seed: u64,
    /// Differs from start to start of this member, so that answers to the reads of an earlier
    /// life are not taken for answers to this one's.
    pub incarnation: u64,
    /// Longest command in bytes.
    pub max_command_bytes: usize,
}

impl GroupConfig {
    /// Settings in the usual proportions: a heartbeat each 10 ticks, elections after 100 to 200.
    pub fn new(id: NodeId, seed: u64, incarnation: u64) -> Self {
        GroupConfig {
            id,
            election_ticks: 100,
            heartbeat_ticks: 10,
            stagger_ticks: 5,
            seed,
            incarnation,
            max_command_bytes: 16 << 20,
        }
    }
}

/// Entries of one message to a peer, in bytes; one entry always fits.
const MAX_APPEND_BYTES: u64 = 1 << 20;
/// Messages with entries that may be under way to a peer.
const MAX_INFLIGHT: usize = 64;
/// Entries that the leader holds before they are committed, in bytes; then it is busy.
const MAX_UNCOMMITTED_BYTES: u64 = 64 << 20;
/// Committed entries taken from raft at a time, in bytes.
const MAX_COMMITTED_BYTES: u64 = 16 << 20;
/// Longer than any group lives, in ticks: raft's own election timer never fires.
const NEVER: usize = 1 << 40;

/// The first batch of a new member of a new group: all members start from the same snapshot.
pub fn bootstrap(members: Members) -> Batch {
    let meta = SnapshotMeta {
        index: BOOTSTRAP_INDEX,
        term: BOOTSTRAP_TERM,
        members,
    };
    let snapshot = Snapshot {
        meta,
        data: bytes::Bytes::new(),
    };
    Batch {
        snapshot: Some(NewSnapshot {
            snapshot,
            keep_log: false,
        }),
        entries: Vec::new(),
        hard_state: Some(HardState {
            term: BOOTSTRAP_TERM,
            vote: 0,
            commit: BOOTSTRAP_INDEX,
        }),
    }
}

/// What [`bootstrap`] leaves, as if it had been read back.
pub fn bootstrapped(batch: &Batch) -> Recovered {
    Recovered {
        hard_state: batch.hard_state.unwrap_or_default(),
        snapshot: batch.snapshot.as_ref().map(|new| new.snapshot.clone()),
        entries: batch.entries.clone(),
        torn: None,
    }
}

/// One member of the group.
pub struct Group {
    config: GroupConfig,
    node: RawNode<Mirror>,
    ticks: u64,
    timer: ElectionTimer,
    writes: Writes,
    requests: Requests,
    members: MembersLog,
    role: RoleChange,
    eligible: bool,
    /// Peers that can be sent to.
    connected: BTreeSet<NodeId>,
    /// The index of the last command given to the application (or of its snapshot).
    delivered: u64,
    /// Snapshots from the leader that raft was just told of: their data.
    incoming: Vec<Snapshot>,
    effects: Effects,
}

impl Group {
    /// The member as it was when it stopped, or new. The first effects repeat the snapshot and
    /// what is known to be committed after it.
    pub fn new(config: GroupConfig, recovered: Recovered) -> Result<Self, GroupError> {
        let Recovered {
            hard_state,
            snapshot,
            entries,
            ..
        } = recovered;
        let start = snapshot.as_ref().map_or(0, |snapshot| snapshot.meta.index);
        let members = snapshot
            .as_ref()
            .map(|s| s.meta.members.clone())
            .unwrap_or_default();
        if snapshot.is_some() {
            validate::check_members(&members)
                .map_err(|wrong| GroupError::Inconsistent(wrong.to_string()))?;
        } else if hard_state.commit > 0 || !entries.is_empty() {
            return Err(GroupError::Inconsistent(
                "there is a log and no snapshot".into(),
            ));
        }
        let mut hard_state = hard_state;
        hard_state.commit = hard_state.commit.max(start);

        let restore = snapshot
            .clone()
            .filter(|snapshot| snapshot.meta.index > BOOTSTRAP_INDEX);
        let first = snapshot.as_ref().map(|snapshot| MembersChanged {
            index: snapshot.meta.index,
            members: members.clone(),
            proposal: None,
        });
        let apply = restore.map(Apply::Restore).into_iter();
        let apply = apply.chain(first.map(Apply::Members)).collect();
        let entries = entries.into_iter().map(convert::entry_out).collect();
        let mirror = Mirror::new(hard_state, snapshot, entries);
        if hard_state.commit > mirror.last() {
            let (commit, last) = (hard_state.commit, mirror.last());
            let what = format!("{commit} was committed, and the log ends at {last}");
            return Err(GroupError::Inconsistent(what));
        }
        let node = RawNode::new(&raft_config(&config, start), mirror, &logger::logger())?;
        let mut group = Group {
            ticks: 0,
            timer: ElectionTimer::new(&config),
            writes: Writes::new(hard_state),
            requests: Requests::new(&config),
            members: MembersLog::new(start, members),
            role: RoleChange::default(),
            eligible: true,
            connected: BTreeSet::new(),
            delivered: start,
            incoming: Vec::new(),
            effects: Effects {
                apply,
                ..Effects::default()
            },
            node,
            config,
        };
        group.watch_timer();
        group.first_election();
        Ok(group)
    }

    /// Takes in what happened, in order, and says what to do. Taking in much at once makes for
    /// few and large writes and messages.
    pub fn step(&mut self, inputs: impl IntoIterator<Item = Input>) -> Effects {
        for input in inputs {
            self.take(input);
            self.watch_timer();
        }
        self.flush_requests();
        self.collect();
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => self.tick(),
            Input::Message(message) => self.hear(message),
            Input::Propose { id, data } => self.propose(id, data),
            Input::ReadIndex { id } => self.read_index(id),
            Input::ChangeMembers { id, change } => self.change_members(id, &change),
            Input::TransferLeader { id, to } => self.transfer_leader(id, to),
            Input::Persisted { upto } => self.writes.durable(upto),
            Input::Campaign => self.campaign(),
            Input::Eligible(eligible) => {
                self.eligible = eligible;
                self.give_way();
            }
            Input::PeerUnreachable(peer) => self.node.report_unreachable(peer),
            Input::PeerOpened(peer) => self.peer_opened(peer),
            Input::PeerClosed(peer) => self.peer_closed(peer),
            Input::SnapshotSent { to, delivered } => {
                let status = if delivered {
                    SnapshotStatus::Finish
                } else {
                    SnapshotStatus::Failure
                };
                self.node.report_snapshot(to, status);
            }
            Input::Snapshot { id, index, data } => self.take_snapshot(id, index, data),
        }
    }

    fn tick(&mut self) {
        self.ticks += 1;
        self.node.tick();
        self.watch_timer();
        if self.timer.is_over(self.node.raft.election_elapsed) {
            self.campaign();
        }
        if self
            .ticks
            .is_multiple_of(u64::from(self.config.election_ticks))
        {
            self.give_way();
        }
        self.tick_requests();
    }

    /// Asks for an election, if this member may and can lead.
    fn campaign(&mut self) {
        let raft = &self.node.raft;
        let can = raft.promotable() && self.eligible && raft.state != StateRole::Leader;
        // What is still being written could not be vouched for, and raft would stumble over it.
        if !can || self.is_writing() {
            return;
        }
        self.node.raft.election_elapsed = 0;
        // Raft only declines while it has membership changes to apply, and they come first.
        let _ = self.node.campaign();
        self.watch_timer();
        self.timer.campaigned();
    }

    /// Whether entries or a snapshot are on their way to the disk.
    fn is_writing(&self) -> bool {
        let log = &self.node.raft.raft_log;
        self.writes.is_waiting() || log.persisted != log.last_index()
    }

    /// After raft did anything: did it begin a new period of waiting for a leader?
    fn watch_timer(&mut self) {
        let raft = &self.node.raft;
        self.timer.watch(raft.term, raft.state, raft.leader_id);
    }

    fn peer_opened(&mut self, peer: NodeId) {
        self.connected.insert(peer);
        self.first_election();
    }

    /// A group that was just started need not wait until the silence of a leader that it never had
    /// is long enough: when all are there, one asks at once; when a majority is, soon. In a group
    /// that has a leader the others will not agree, and the leader is heard of in a moment.
    fn first_election(&mut self) {
        let raft = &self.node.raft;
        if self.timer.knew_leader() || raft.state != StateRole::Follower {
            return;
        }
        let voters = &self.members.now().voters;
        let is_there = |id: &NodeId| *id == self.config.id || self.connected.contains(id);
        let waiting: Vec<NodeId> = voters.iter().copied().filter(is_there).collect();
        let Some(rank) = self.turn(&waiting) else {
            return;
        };
        let patience = if waiting.len() == voters.len() {
            0
        } else if 2 * waiting.len() > voters.len() {
            2 * u64::from(self.config.heartbeat_ticks)
        } else {
            return;
        };
        let silence = raft.election_elapsed;
        self.timer
            .ask_soon(silence, patience, rank, waiting.len() as u64);
    }

    /// This member's turn among those that wait for a leader. Each term another one goes first, in
    /// case the first one cannot.
    fn turn(&self, waiting: &[NodeId]) -> Option<u64> {
        let place = waiting.iter().position(|&id| id == self.config.id)?;
        Some((place as u64 + self.node.raft.term) % waiting.len() as u64)
    }

    /// The leader's process is gone, or the way to it: no reason to wait for the timeout. The
    /// pre-vote finds out which; those that still hear the leader will not agree.
    fn peer_closed(&mut self, peer: NodeId) {
        self.node.report_unreachable(peer);
        self.connected.remove(&peer);
        let raft = &self.node.raft;
        if raft.leader_id != peer || raft.state != StateRole::Follower {
            return;
        }
        let mut waiting: Vec<NodeId> = self.members.now().voters.iter().copied().collect();
        waiting.retain(|&id| id != peer);
        let Some(rank) = self.turn(&waiting) else {
            return;
        };
        let silence = self
            .timer
            .leader_gone(raft.election_elapsed, rank, waiting.len() as u64);
        self.node.raft.election_elapsed = silence;
        if self.timer.is_over(silence) {
            self.campaign();
        }
    }

    /// A leader that may not lead hands over to the member that is furthest along.
    fn give_way(&mut self) {
        if self.eligible || self.node.raft.state != StateRole::Leader {
            return;
        }
        if let Some(successor) = self.successor() {
            self.node.transfer_leader(successor);
        }
    }

    /// The other voter that is furthest along.
    fn successor(&self) -> Option<NodeId> {
        let voters = &self.members.now().voters;
        let others = self.node.raft.prs().iter().filter(|(id, progress)| {
            **id != self.config.id && voters.contains(id) && progress.recent_active
        });
        others
            .max_by_key(|(id, progress)| (progress.matched, **id))
            .map(|(id, _)| *id)
    }

    fn hear(&mut self, mut message: Message) {
        let raft = &self.node.raft;
        let view = View {
            id: self.config.id,
            role: role_of(raft.state),
            term: raft.term,
            last_index: raft.raft_log.last_index(),
        };
        if let Err(malformed) = validate::check(&message, view) {
            self.effects.malformed.push((message.from, malformed));
            return;
        }
        // What would make this member leader has to wait until its log is durable; the sender
        // asks again, or someone else leads.
        let makes_leader = matches!(
            &message.body,
            Body::Plain(Plain::TimeoutNow | Plain::Vote { .. })
        );
        if makes_leader && (self.is_writing() || !self.eligible) {
            return;
        }
        // Raft would pass a question for the leader on, in the asker's name. The asker will hear
        // who leads, and ask again.
        if let Body::Plain(Plain::ReadIndex { .. }) = &message.body
            && (raft.state != StateRole::Leader || raft.pending_read_count() >= requests::MAX_OPEN)
        {
            return;
        }
        if let Body::Snapshot(snapshot) = &mut message.body {
            // The snapshot may be older than the change that made this node a member, which is
            // in the entries after it. Raft wants to find itself in it, and in what role matters
            // to nobody until then.
            if !snapshot.meta.members.contains(self.config.id) {
                let members = &mut snapshot.meta.members;
                members.learners.insert(self.config.id);
                members.next_id = members.next_id.max(self.config.id + 1);
            }
            self.incoming.push(snapshot.clone());
        }
        // An error says that the sender is no member; a removed one that has not heard of it.
        let _ = self.node.step(convert::message_out(message));
    }

    /// Makes the snapshot that the application took part of the log.
    fn take_snapshot(&mut self, id: u64, index: u64, data: bytes::Bytes) {
        let last = self.node.store().snapshot_index();
        let term = self.node.store().term_at(index);
        let (Some(term), true) = (term, last < index && index <= self.delivered) else {
            let applied = self.delivered;
            self.effects.rejected.push((
                id,
                Rejection::SnapshotIndex {
                    index,
                    last,
                    applied,
                },
            ));
            return;
        };
        let meta = SnapshotMeta {
            index,
            term,
            members: self.members.at(index).clone(),
        };
        let snapshot = Snapshot { meta, data };
        self.node.mut_store().compact(snapshot.clone());
        self.members.forget_before(index);
        self.writes.snapshot(id, snapshot);
    }

    /// Takes from raft what it has to say, until it has no more.
    fn collect(&mut self) {
        loop {
            self.release();
            if !self.node.has_ready() {
                break;
            }
            let mut ready = self.node.ready();
            let now = self.outgoing(&ready.take_messages());
            self.effects.send.extend(now);
            let held = self.outgoing(&ready.take_persisted_messages());
            let entries = ready.take_entries();
            let hard_state = convert::hard_state_in(&self.node.raft.hard_state());
            let snapshot = self.incoming_snapshot(ready.snapshot());
            // What is to be written must be readable first.
            if let Some(snapshot) = &snapshot {
                self.node.mut_store().restore(snapshot.clone());
            }
            self.node.mut_store().append(&entries);
            let entries = entries.iter().map(convert::entry_in).collect();
            self.writes.add(
                ready.number(),
                ready.must_sync(),
                entries,
                snapshot,
                hard_state,
                held,
            );
            for state in ready.take_read_states() {
                self.requests.read_answered(&state.request_ctx, state.index);
            }
            let committed = ready.take_committed_entries();
            self.node.advance_append_async(ready);
            self.apply(committed);
            self.watch_timer();
        }
        self.incoming.clear();
        self.requests.answer_reads(
            self.node.raft.raft_log.applied,
            self.delivered,
            &mut self.effects,
        );
        self.effects.persist = self.writes.take_batch();
        self.note_role();
    }

    /// Goes on from writes that became durable: what was kept back may be said now.
    fn release(&mut self) {
        while let Some(done) = self.writes.next_done() {
            if let Some(number) = done.ready {
                self.node.on_persist_ready(number);
            }
            if let Some(snapshot) = done.restored {
                let meta = &snapshot.meta;
                self.node.advance_apply_to(meta.index);
                self.delivered = meta.index;
                self.members.restore(meta.index, meta.members.clone());
                self.requests.overtaken(meta.index, &mut self.effects);
                let (index, members) = (meta.index, meta.members.clone());
                if index > BOOTSTRAP_INDEX {
                    self.effects.apply.push(Apply::Restore(snapshot));
                }
                let changed = MembersChanged {
                    index,
                    members,
                    proposal: None,
                };
                self.effects.apply.push(Apply::Members(changed));
            }
            if let Some(id) = done.snapshot_request {
                self.effects.snapshots.push(id);
            }
            self.effects.send.extend(done.held);
        }
    }

    fn outgoing(&self, messages: &[eraftpb::Message]) -> Vec<Message> {
        let snapshot = self.node.store().latest_snapshot();
        messages
            .iter()
            .filter_map(|message| convert::message_in(message, snapshot))
            .collect()
    }

    /// The snapshot that raft accepted, with its data.
    fn incoming_snapshot(&self, accepted: &eraftpb::Snapshot) -> Option<Snapshot> {
        let meta = accepted.get_metadata();
        self.incoming
            .iter()
            .rev()
            .find(|known| (known.meta.index, known.meta.term) == (meta.index, meta.term))
            .cloned()
    }

    /// Gives committed entries out, and puts membership changes into force.
    fn apply(&mut self, entries: Vec<eraftpb::Entry>) {
        let Some(last) = entries.last().map(|entry| entry.index) else {
            return;
        };
        for entry in entries {
            let proposal = self
                .requests
                .committed(entry.index, entry.term, &mut self.effects);
            match convert::entry_in(&entry).kind {
                EntryKind::Members => self.apply_members(&entry, proposal),
                EntryKind::Command if entry.data.is_empty() => {}
                EntryKind::Command => {
                    self.delivered = entry.index;
                    let (index, term, data) = (entry.index, entry.term, entry.data);
                    let command = Committed {
                        index,
                        term,
                        data,
                        proposal,
                    };
                    self.effects.apply.push(Apply::Command(command));
                }
            }
        }
        // May begin the end of a joint configuration.
        self.node.advance_apply_to(last);
    }

    fn note_role(&mut self) {
        let now = self.role();
        if now == self.role {
            return;
        }
        if self.role.role == Role::Leader && now != self.role {
            self.requests.leadership_lost(self.ticks);
        }
        self.role = now;
        self.effects.role = Some(now);
    }
}

fn raft_config(config: &GroupConfig, applied: u64) -> raft::Config {
    raft::Config {
        id: config.id,
        election_tick: config.election_ticks as usize,
        heartbeat_tick: config.heartbeat_ticks as usize,
        min_election_tick: NEVER,
        max_election_tick: NEVER + 1,
        applied,
        max_size_per_msg: MAX_APPEND_BYTES,
        max_inflight_msgs: MAX_INFLIGHT,
        check_quorum: true,
        pre_vote: true,
        max_uncommitted_size: MAX_UNCOMMITTED_BYTES,
        max_committed_size_per_ready: MAX_COMMITTED_BYTES,
        ..raft::Config::default()
    }
}

/// A proposal as raft takes it: one message with all the entries.
fn proposal(from: NodeId, entries: Vec<eraftpb::Entry>) -> eraftpb::Message {
    let msg_type = MessageType::MsgPropose;
    eraftpb::Message {
        msg_type,
        from,
        entries: entries.into(),
        ..Default::default()
    }
}

fn command(data: bytes::Bytes) -> eraftpb::Entry {
    eraftpb::Entry {
        entry_type: EntryType::EntryNormal,
        data,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
