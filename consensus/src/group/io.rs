//! What goes into a [`Group`](super::Group), and what comes out.

use bytes::Bytes;
use thiserror::Error;

use crate::log::Batch;
use crate::message::Message;
use crate::types::{Committed, Members, MembersChange, NodeId, RoleChange, Snapshot};

/// One thing that happens to a member.
#[derive(Clone, Debug)]
pub enum Input {
    /// A tick of the clock went by.
    Tick,
    /// A peer, known to be `message.from`, said something.
    Message(Message),
    /// Replicate a command. Answered by a [`Committed`] with this id, or a refusal.
    Propose {
        /// Chosen by the caller, unique among open requests.
        id: u64,
        /// The command, not empty.
        data: Bytes,
    },
    /// Find an index at which a read is linearizable. Answered in [`Effects::reads`].
    ReadIndex {
        /// Chosen by the caller, unique among open requests.
        id: u64,
    },
    /// Change the members. Answered by an [`Apply::Members`] with this id, or a refusal.
    ChangeMembers {
        /// Chosen by the caller, unique among open requests.
        id: u64,
        /// The change.
        change: MembersChange,
    },
    /// Hand leadership to another voter. Refused, or under way.
    TransferLeader {
        /// Chosen by the caller, unique among open requests.
        id: u64,
        /// The voter.
        to: NodeId,
    },
    /// All [`Persist`]s up to this number are durable.
    Persisted {
        /// [`Persist::number`] of the last one.
        upto: u64,
    },
    /// Ask for an election now.
    Campaign,
    /// May this member lead? It may, until told otherwise.
    Eligible(bool),
    /// Messages to this peer were lost.
    PeerUnreachable(NodeId),
    /// This peer can be sent to.
    PeerOpened(NodeId),
    /// The connection from this peer was closed: its process is gone, or the way to it.
    PeerClosed(NodeId),
    /// A snapshot message was delivered to the peer, or was not.
    SnapshotSent {
        /// The peer.
        to: NodeId,
        /// Whether it arrived.
        delivered: bool,
    },
    /// The application's state as of `index`, made here. Answered in [`Effects::snapshots`] when
    /// it is durable, or refused.
    Snapshot {
        /// Chosen by the caller, unique among open requests.
        id: u64,
        /// Index of the last command that it contains.
        index: u64,
        /// The state.
        data: Bytes,
    },
}

/// What has to be done now. The parts may be taken up in any order, and nothing but `persist`
/// needs to be waited for.
#[derive(Debug, Default)]
pub struct Effects {
    /// Messages to send. What may not be said before a write is durable is not among them yet.
    pub send: Vec<Message>,
    /// What to make durable, after all that was asked before.
    pub persist: Option<Persist>,
    /// What the application takes in, in order.
    pub apply: Vec<Apply>,
    /// New role, leader or term.
    pub role: Option<RoleChange>,
    /// Reads that are answered.
    pub reads: Vec<ReadReady>,
    /// Snapshots of the application that are durable now: their requests.
    pub snapshots: Vec<u64>,
    /// Requests that are refused.
    pub rejected: Vec<(u64, Rejection)>,
    /// Peers' messages that no correct peer sends. They had no effect.
    pub malformed: Vec<(NodeId, Malformed)>,
}

/// One step of the application's way through the log. All of it is durable on this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apply {
    /// Start over from this snapshot.
    Restore(Snapshot),
    /// Apply this command.
    Command(Committed),
    /// The members are others from here on.
    Members(MembersChanged),
}

/// Something to make durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Counts up by one.
    pub number: u64,
    /// What to write.
    pub batch: Batch,
}

/// A read that may be served once the commands up to `index` are applied. They were given out
/// before, or are in the same effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadReady {
    /// The request.
    pub id: u64,
    /// The last command that the read must see.
    pub index: u64,
}

/// A membership change that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersChanged {
    /// Where it is in the log.
    pub index: u64,
    /// The members from here on.
    pub members: Members,
    /// The local request that it answers, if it was made here.
    pub proposal: Option<u64>,
}

/// Why a request is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// Only the leader can do it.
    #[error("not the leader{}", leader.map(|id| format!(" (node {id} is)")).unwrap_or_default())]
    NotLeader {
        /// Who leads, if known.
        leader: Option<NodeId>,
    },
    /// Too much is waiting, or leadership is being handed over: try again shortly.
    #[error("busy: too much is waiting, or leadership is being handed over")]
    Busy,
    /// Nothing to replicate.
    #[error("empty command")]
    Empty,
    /// Too long.
    #[error("the command has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Another leader's entry took its place: it did not and will not take effect.
    #[error("lost to a change of leader; it had no effect")]
    Lost,
    /// It may or may not have taken effect: this member lost sight of it.
    #[error("leadership changed: it may or may not take effect")]
    Unknown,
    /// No leader answered in time.
    #[error("no leader answered")]
    NoLeader,
    /// Another membership change is under way, or the state is not settled yet.
    #[error("another membership change is under way")]
    ChangeInProgress,
    /// Not an index that was given out, or not newer than the snapshot there is.
    #[error(
        "no snapshot wanted at {index}: the last one is at {last}, given out is up to {applied}"
    )]
    SnapshotIndex {
        /// The index offered.
        index: u64,
        /// Index of the present snapshot.
        last: u64,
        /// The last index that was given to the application.
        applied: u64,
    },
    /// The request makes no sense in the present group.
    #[error("{0}")]
    Invalid(String),
}

/// What is wrong with a peer's message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct Malformed {
    /// The rule that it breaks.
    pub what: &'static str,
}

/// Why a stored state does not make a group.
#[derive(Debug, Error)]
pub enum GroupError {
    /// The parts contradict each other.
    #[error("{0}")]
    Inconsistent(String),
    /// Raft refused it.
    #[error("raft: {0}")]
    Raft(#[from] raft::Error),
}
