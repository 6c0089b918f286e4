//! Where a member stands: for status pages, and for deciding what to do next.

use std::sync::Arc;

use raft::StateRole;

use super::Group;
use crate::types::{Members, NodeId, Role, RoleChange};

/// Where a member stands in the log and in the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Role, leader and term.
    pub role: RoleChange,
    /// The last index known to be committed.
    pub commit: u64,
    /// Index of the last command given out, or of the snapshot.
    pub applied: u64,
    /// The first index in the log.
    pub first_index: u64,
    /// The last index in the log.
    pub last_index: u64,
    /// Index of the latest snapshot.
    pub snapshot_index: u64,
    /// What the log takes in memory, in bytes.
    pub log_bytes: u64,
    /// The members, as far as changes are applied.
    pub members: Arc<Members>,
    /// As leader: the other members, in ascending order.
    pub peers: Vec<PeerPosition>,
}

/// What a leader knows of another member's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerPosition {
    /// The member.
    pub id: NodeId,
    /// The last index known to be durable there.
    pub matched: u64,
    /// Whether it is being sent a snapshot.
    pub snapshot: bool,
}

impl Group {
    /// Role, leader and term at this moment.
    pub fn role(&self) -> RoleChange {
        let raft = &self.node.raft;
        let leader = Some(raft.leader_id).filter(|&id| id != raft::INVALID_ID);
        RoleChange {
            role: role_of(raft.state),
            leader,
            term: raft.term,
        }
    }

    /// The members, as far as changes are applied. The same pointer until they change.
    pub fn members(&self) -> Arc<Members> {
        self.members.now_shared()
    }

    /// Where this member stands, apart from its connections.
    pub fn position(&self) -> Position {
        let raft = &self.node.raft;
        let is_leader = raft.state == StateRole::Leader;
        let mut peers: Vec<PeerPosition> = raft
            .prs()
            .iter()
            .filter(|(id, _)| is_leader && **id != self.config.id)
            .map(|(id, progress)| PeerPosition {
                id: *id,
                matched: progress.matched,
                snapshot: progress.state == raft::ProgressState::Snapshot,
            })
            .collect();
        peers.sort_by_key(|peer| peer.id);
        let store = self.node.store();
        Position {
            role: self.role(),
            commit: raft.raft_log.committed,
            applied: self.delivered,
            first_index: store.first(),
            last_index: raft.raft_log.last_index(),
            snapshot_index: store.snapshot_index(),
            log_bytes: store.bytes(),
            members: self.members.now_shared(),
            peers,
        }
    }
}

pub(super) fn role_of(state: StateRole) -> Role {
    match state {
        StateRole::Follower => Role::Follower,
        StateRole::PreCandidate => Role::PreCandidate,
        StateRole::Candidate => Role::Candidate,
        StateRole::Leader => Role::Leader,
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
