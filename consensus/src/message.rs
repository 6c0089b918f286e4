//! What members say to each other: Raft's messages as structures of our own, so that no bytes
//! from the network ever reach raft's protobuf parser.

use bytes::Bytes;

use crate::codec::{Decode, Encode, Payload};
use crate::types::{Entry, NodeId, Snapshot};

/// One message between two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sends it.
    pub from: NodeId,
    /// Who shall have it.
    pub to: NodeId,
    /// The sender's term (for a pre-vote, the term it would campaign for; 0 for
    /// [`Plain::ReadIndex`], which belongs to none).
    pub term: u64,
    /// What it says.
    pub body: Body,
}

/// What a message says. All but snapshots are small enough for one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Everything that fits one frame.
    Plain(Plain),
    /// A snapshot for a member whose next entries the leader no longer has.
    Snapshot(Snapshot),
}

/// The messages that fit one frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Plain {
    /// The leader's new entries, to follow (`prev_index`, `prev_term`).
    Append {
        /// Index of the entry before the first one.
        prev_index: u64,
        /// Its term.
        prev_term: u64,
        /// The leader's commit index.
        commit: u64,
        /// The entries, without a gap.
        entries: Vec<Entry>,
    },
    /// The log matches the leader's up to `index`, or does not match at all there.
    AppendResponse {
        /// Last index that matches; if rejected, the `prev_index` that did not.
        index: u64,
        /// The follower's commit index.
        commit: u64,
        /// If rejected: the index to try next, and its term in the follower's log.
        reject: Option<(u64, u64)>,
    },
    /// Asks for a vote, or (`pre`) whether a vote could be had.
    RequestVote {
        /// Whether this is a pre-vote.
        pre: bool,
        /// Whether the leader itself asked for this election.
        transfer: bool,
        /// The candidate's last index.
        last_index: u64,
        /// The term of its last entry.
        last_term: u64,
        /// Its commit index.
        commit: u64,
        /// The term of the entry there.
        commit_term: u64,
    },
    /// The answer to [`Plain::RequestVote`].
    Vote {
        /// Whether it answers a pre-vote.
        pre: bool,
        /// Whether the vote is given.
        granted: bool,
        /// If not: the voter's commit index.
        commit: u64,
        /// The term of the entry there.
        commit_term: u64,
    },
    /// The leader is alive.
    Heartbeat {
        /// What the follower may commit.
        commit: u64,
        /// Mark of a read that wants to know whether the sender still leads; mostly empty.
        context: Payload,
    },
    /// The answer to [`Plain::Heartbeat`].
    HeartbeatResponse {
        /// The follower's commit index.
        commit: u64,
        /// The mark from the heartbeat.
        context: Payload,
    },
    /// The leader asks the receiver to become leader.
    TimeoutNow,
    /// A follower asks the leader for an index at which a read is linearizable.
    ReadIndex {
        /// Mark of the read.
        context: Payload,
    },
    /// The answer to [`Plain::ReadIndex`].
    ReadIndexResponse {
        /// The index.
        index: u64,
        /// Mark of the read.
        context: Payload,
    },
}

impl Message {
    /// Rough size in memory and on the wire, in bytes: what queues are bounded by.
    pub fn size(&self) -> usize {
        const FIXED: usize = 64;
        FIXED
            + match &self.body {
                Body::Plain(Plain::Append { entries, .. }) => entries
                    .iter()
                    .map(|entry| FIXED + entry.payload.len())
                    .sum(),
                Body::Plain(_) => 0,
                Body::Snapshot(snapshot) => snapshot.data.len(),
            }
    }

    /// Whether losing it needs to be reported back (see [`crate::group::Input::SnapshotSent`]).
    pub fn is_snapshot(&self) -> bool {
        matches!(self.body, Body::Snapshot(_))
    }
}

/// A mark for a read: unique over all members and their restarts.
pub(crate) fn read_mark(node: NodeId, incarnation: u64, count: u64) -> Bytes {
    let mut mark = Vec::with_capacity(24);
    mark.extend_from_slice(&node.to_le_bytes());
    mark.extend_from_slice(&incarnation.to_le_bytes());
    mark.extend_from_slice(&count.to_le_bytes());
    mark.into()
}

/// The longest mark that a peer may send.
pub(crate) const MAX_READ_MARK: usize = 64;
