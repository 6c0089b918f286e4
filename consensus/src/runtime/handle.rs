//! What the application holds: ask the group for things, and hear what happened.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::group::Rejection;
use crate::types::{Committed, Members, MembersChange, NodeId, Role, RoleChange};

/// Position of a command in the log, once it is committed.
pub type CommitIndex = u64;

/// What happens in the group, in order.
#[derive(Debug)]
pub enum Event {
    /// The next command is committed and durable here: apply it.
    Committed(Committed),
    /// Forget all state and go on from this snapshot. Comes first after a start if there is
    /// one, and later if this member fell too far behind.
    Restore {
        /// The index that the snapshot contains; commands after it follow.
        index: u64,
        /// The term of that index.
        term: u64,
        /// What [`Handle::offer_snapshot`] was given, here or on another member.
        data: Bytes,
    },
    /// Role, leader or term changed.
    Role(RoleChange),
    /// The members, in force from here on: first those of the snapshot that a start begins with,
    /// then at each change.
    Members {
        /// The index from which on they are: that of the snapshot, or of the entry that changed them.
        index: u64,
        /// Who they are.
        members: Members,
    },
    /// The others have removed this node. It takes part in nothing any more.
    Removed,
    /// The disk has no room: nothing is acknowledged until [`Event::DiskOk`]. Nothing is lost.
    DiskFull,
    /// There is room again; what waited was written.
    DiskOk,
    /// This member cannot go on (its disk failed, or its state contradicts itself). Nothing
    /// follows. The process should exit; the group goes on without it.
    Fatal(FatalError),
}

/// Why a member stopped by itself.
#[derive(Debug, Error)]
pub enum FatalError {
    /// A write or an fsync failed: what is durable is no longer known, so nothing may be said.
    #[error(transparent)]
    Store(#[from] crate::log::StoreError),
    /// Raft found its own rules broken.
    #[error("the consensus core stopped: {0}")]
    Core(String),
}

/// Why a command was not (or not knowingly) committed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProposeError {
    /// Refused before it entered the log, or known to be gone. Of these only [`Rejection::Unknown`]
    /// leaves it open whether the command took effect.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk of this member is full; it hands leadership over, if it can.
    #[error("no room on this member's disk")]
    DiskFull,
    /// This member has stopped. A command that was under way may still take effect.
    #[error("this member has stopped")]
    Stopped,
}

impl ProposeError {
    /// Whether the command may take effect all the same: whoever asked must not be told that it has none.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Rejected(Rejection::Unknown) | Self::Stopped)
    }

    /// Where to try again, if another member is known to lead.
    pub fn leader(&self) -> Option<NodeId> {
        match self {
            ProposeError::Rejected(Rejection::NotLeader { leader }) => *leader,
            _ => None,
        }
    }
}

/// Why a snapshot was not taken over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// Not an index that was given out, or not newer than the snapshot there is.
    #[error(
        "no snapshot wanted at {index}: the last one is at {last}, given out is up to {applied}"
    )]
    Index {
        /// The index offered.
        index: u64,
        /// Index of the present snapshot.
        last: u64,
        /// The last index that was given to the application.
        applied: u64,
    },
    /// Larger than any member would accept.
    #[error("the snapshot has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Its length in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// This member has stopped.
    #[error("this member has stopped")]
    Stopped,
}

/// Where a member stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// This member.
    pub node_id: NodeId,
    /// Its role.
    pub role: Role,
    /// The leader, if known.
    pub leader: Option<NodeId>,
    /// The current term.
    pub term: u64,
    /// The last index known to be committed.
    pub commit: u64,
    /// The last index given to the application.
    pub applied: u64,
    /// The first index still in the log.
    pub first_index: u64,
    /// The last index in the log.
    pub last_index: u64,
    /// The index of the latest snapshot.
    pub snapshot_index: u64,
    /// Bytes of commands in the log, held in memory until a snapshot replaces them.
    pub log_bytes: u64,
    /// Whether writes wait for room on the disk.
    pub disk_full: bool,
    /// Whether the others say that this node is no member any more.
    pub removed: bool,
    /// Who belongs to the group.
    pub members: Arc<Members>,
    /// The other members, in ascending order.
    pub peers: Vec<PeerStatus>,
    /// What went wrong at the peer port since the start.
    pub network: crate::transport::NetworkCounts,
}

/// How a member sees another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerStatus {
    /// The other member.
    pub id: NodeId,
    /// What the application calls it; may be empty.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Whether there is a connection to it.
    pub connected: bool,
    /// Why it does not let this member in, if it said so the last time.
    pub refused: Option<String>,
    /// As leader: the last index known to be in its log.
    pub matched: Option<u64>,
    /// As leader: whether it gets a snapshot instead of entries.
    pub snapshot: bool,
    /// Bytes of a snapshot sent so far, and all there are.
    pub snapshot_progress: Option<(u64, u64)>,
}

pub(super) enum Request {
    Propose {
        data: Bytes,
        reply: oneshot::Sender<Result<CommitIndex, ProposeError>>,
    },
    Read {
        reply: oneshot::Sender<Result<CommitIndex, ProposeError>>,
    },
    ChangeMembers {
        change: MembersChange,
        reply: oneshot::Sender<Result<CommitIndex, ProposeError>>,
    },
    Transfer {
        to: NodeId,
        reply: oneshot::Sender<Result<CommitIndex, ProposeError>>,
    },
    Snapshot {
        index: u64,
        data: Bytes,
        reply: oneshot::Sender<Result<(), SnapshotError>>,
    },
    Eligible(bool),
    Shutdown {
        reply: oneshot::Sender<()>,
    },
}

/// Access to a running member. Clones share it; it runs until [`Handle::shutdown`], or until
/// all handles or the receiver of its events are dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) status: watch::Receiver<GroupStatus>,
}

impl Handle {
    /// Has a command replicated. Resolves when it is committed and durable on this member,
    /// which must lead; its [`Event::Committed`] is under way by then. Many may wait at once.
    pub async fn propose(&self, data: impl Into<Bytes>) -> Result<CommitIndex, ProposeError> {
        let data = data.into();
        self.ask(|reply| Request::Propose { data, reply }).await
    }

    /// Waits until a read is linearizable. Whoever has applied the commands up to the returned
    /// index sees everything that was acknowledged before the call. Works on every member.
    pub async fn read_index(&self) -> Result<CommitIndex, ProposeError> {
        self.ask(|reply| Request::Read { reply }).await
    }

    /// Changes the members, as leader. Resolves when the change is in force; a joint
    /// configuration is left right after that.
    pub async fn change_members(&self, change: MembersChange) -> Result<CommitIndex, ProposeError> {
        self.ask(|reply| Request::ChangeMembers { change, reply })
            .await
    }

    /// Hands leadership to another voter. Resolves when the hand-over has begun; a role event
    /// tells of its end, and without one this member leads on.
    pub async fn transfer_to(&self, to: NodeId) -> Result<(), ProposeError> {
        self.ask(|reply| Request::Transfer { to, reply })
            .await
            .map(|_| ())
    }

    /// Gives the application's state as of `index`, the index of a command that it has applied.
    /// Resolves when it is durable; the log up to there may then go.
    pub async fn offer_snapshot(
        &self,
        index: u64,
        data: impl Into<Bytes>,
    ) -> Result<(), SnapshotError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Snapshot {
            index,
            data: data.into(),
            reply,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| SnapshotError::Stopped)?;
        answer.await.map_err(|_| SnapshotError::Stopped)?
    }

    /// Whether this member may lead (it may, until told otherwise). One that may not hands
    /// leadership over and asks for no election.
    pub async fn set_eligible(&self, eligible: bool) {
        // A member that has stopped does not lead anyway.
        let _ = self.requests.send(Request::Eligible(eligible)).await;
    }

    /// Where this member stands, as of the last thing it did.
    pub fn status(&self) -> GroupStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status satisfies `wanted`, or this member stops (`None`).
    pub async fn wait_for(&self, wanted: impl FnMut(&GroupStatus) -> bool) -> Option<GroupStatus> {
        let mut status = self.status.clone();
        status
            .wait_for(wanted)
            .await
            .ok()
            .map(|status| status.clone())
    }

    /// Writes what is under way, closes everything, and gives the data folder free.
    pub async fn shutdown(&self) {
        let (reply, done) = oneshot::channel();
        if self
            .requests
            .send(Request::Shutdown { reply })
            .await
            .is_ok()
        {
            let _ = done.await;
        }
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<CommitIndex, ProposeError>>) -> Request,
    ) -> Result<CommitIndex, ProposeError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| ProposeError::Stopped)?;
        answer.await.map_err(|_| ProposeError::Stopped)?
    }
}

#[cfg(test)]
mod tests {
    use super::ProposeError;
    use crate::group::Rejection;

    #[test]
    fn a_member_that_stopped_cannot_say_that_nothing_came_of_a_command() {
        assert!(ProposeError::Stopped.is_unknown());
        assert!(ProposeError::Rejected(Rejection::Unknown).is_unknown());
        assert!(!ProposeError::DiskFull.is_unknown());
        assert!(!ProposeError::Rejected(Rejection::Busy).is_unknown());
    }
}
