//! What a group is made of: members, log entries, hard state, snapshots, and what the
//! application is told.
//!
//! These are our own structures. They are what goes over the network and to disk (through
//! [`crate::codec`]); raft's own types stay behind [`crate::group`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::codec::{Decode, Encode, Payload};

/// Identity of a group's member. Never 0, never used again for another machine.
pub type NodeId = u64;

/// The index at which the log of every group begins: a snapshot that holds the first members
/// and no application data. A node that joins later therefore always starts from a snapshot,
/// and so learns who the members are.
pub const BOOTSTRAP_INDEX: u64 = 1;
/// The term of [`BOOTSTRAP_INDEX`].
pub const BOOTSTRAP_TERM: u64 = 1;

/// Indexes and terms stay below this, so that arithmetic on what peers send cannot overflow.
pub const MAX_INDEX: u64 = 1 << 62;

/// One entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Position in the log, counted from 1.
    pub index: u64,
    /// Term of the leader that appended it.
    pub term: u64,
    /// What `payload` holds.
    pub kind: EntryKind,
    /// The command, or the coded [`MembersChange`]; empty for the entry that opens a term.
    pub payload: Payload,
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum EntryKind {
    /// A command of the application; with an empty payload, the entry that opens a term.
    Command,
    /// A change of the members; with an empty payload, the end of a joint configuration.
    Members,
}

/// What a node must not forget between two runs (Raft's `currentTerm`, `votedFor`, and the
/// commit index, which only shortens the replay).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct HardState {
    /// The newest term seen.
    pub term: u64,
    /// Who got this node's vote in `term`; 0 for nobody.
    pub vote: NodeId,
    /// The newest index known to be committed.
    pub commit: u64,
}

/// Who belongs to the group, as of one log index.
///
/// Outside of a membership change `outgoing` and `learners_next` are empty. During one (joint
/// consensus) a decision needs a majority of `voters` and a majority of `outgoing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Members {
    /// Members that vote.
    pub voters: BTreeSet<NodeId>,
    /// Members that receive the log and do not vote.
    pub learners: BTreeSet<NodeId>,
    /// The voters before the change in progress.
    pub outgoing: BTreeSet<NodeId>,
    /// Outgoing voters that become learners when the change ends.
    pub learners_next: BTreeSet<NodeId>,
    /// Whether the leader ends the change by itself.
    pub auto_leave: bool,
    /// Where each member listens for its peers (`host:port`).
    pub addresses: BTreeMap<NodeId, String>,
    /// What the application calls each member, if it said so.
    pub names: BTreeMap<NodeId, String>,
    /// The id for the next new member: ids below it were given out, and are never given out again.
    pub next_id: NodeId,
}

impl Members {
    /// A group of voters that was never changed.
    pub fn of_voters(voters: impl IntoIterator<Item = (NodeId, String)>) -> Self {
        let addresses: BTreeMap<NodeId, String> = voters.into_iter().collect();
        Members {
            voters: addresses.keys().copied().collect(),
            next_id: addresses.last_key_value().map_or(1, |(id, _)| id + 1),
            addresses,
            ..Members::default()
        }
    }

    /// Whether `id` was a member and is none any more.
    pub fn has_removed(&self, id: NodeId) -> bool {
        id < self.next_id && !self.contains(id)
    }

    /// Whether `id` takes part in any role.
    pub fn contains(&self, id: NodeId) -> bool {
        [
            &self.voters,
            &self.learners,
            &self.outgoing,
            &self.learners_next,
        ]
        .iter()
        .any(|set| set.contains(&id))
    }

    /// Whether a membership change is under way.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether `id` votes now.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Everyone, each once, in ascending order.
    pub fn ids(&self) -> BTreeSet<NodeId> {
        [
            &self.voters,
            &self.learners,
            &self.outgoing,
            &self.learners_next,
        ]
        .into_iter()
        .flatten()
        .copied()
        .collect()
    }
}

/// One step of a membership change.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum MemberStep {
    /// Add a voter, or promote a learner. Address and name may be left out for a member.
    AddVoter {
        /// The member. A new one takes [`Members::next_id`] or a later one.
        id: NodeId,
        /// Where it listens for its peers; empty to keep the address that it has.
        address: String,
        /// What the application calls it; empty to keep the name that it has.
        name: String,
    },
    /// Add a learner, or demote a voter.
    AddLearner {
        /// The member. A new one takes [`Members::next_id`] or a later one.
        id: NodeId,
        /// Where it listens for its peers; empty to keep the address that it has.
        address: String,
        /// What the application calls it; empty to keep the name that it has.
        name: String,
    },
    /// Remove a member.
    Remove {
        /// The member.
        id: NodeId,
    },
}

impl MemberStep {
    /// The member that the step is about.
    pub fn id(&self) -> NodeId {
        match self {
            MemberStep::AddVoter { id, .. }
            | MemberStep::AddLearner { id, .. }
            | MemberStep::Remove { id } => *id,
        }
    }
}

/// A membership change: its steps take effect together. More than one step goes through a
/// joint configuration, which the leader leaves by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct MembersChange {
    /// The steps.
    pub steps: Vec<MemberStep>,
}

/// Which part of the log a snapshot replaces.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotMeta {
    /// The last index that it contains.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The members as of that index.
    pub members: Members,
}

/// The application's state at one index, with what Raft needs to go on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands.
    pub meta: SnapshotMeta,
    /// The application's bytes. Empty at [`BOOTSTRAP_INDEX`].
    pub data: Bytes,
}

/// A command that is committed and durable on this node. Given out once, in index order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its position in the log. Positions that hold no command are skipped.
    pub index: u64,
    /// The term in which it was appended.
    pub term: u64,
    /// The command.
    pub data: Bytes,
    /// The local proposal that it answers, if it was proposed here.
    pub proposal: Option<u64>,
}

/// What a member does in its term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Follows a leader, or waits for one.
    #[default]
    Follower,
    /// Asks whether an election could succeed (pre-vote); disturbs nobody.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Follower => "follower",
            Role::PreCandidate => "pre-candidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        })
    }
}

/// A change of role, leader or term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleChange {
    /// This node's role.
    pub role: Role,
    /// The leader of the term, if known.
    pub leader: Option<NodeId>,
    /// The current term.
    pub term: u64,
}
