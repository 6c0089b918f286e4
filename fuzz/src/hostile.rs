//! Messages of a group's members, the impossible ones included.

use arbitrary::Arbitrary;
use bytes::Bytes;
use lockstep_consensus::message::{Body, Message, Plain};
use lockstep_consensus::types::{
    Entry, EntryKind, MemberStep, Members, MembersChange, Snapshot, SnapshotMeta,
};

use crate::few;

/// A number near one that means something, or far from all.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Number {
    /// The base itself.
    Same,
    /// So much more.
    Above(u8),
    /// So much less.
    Below(u8),
    /// This one.
    Exactly(u8),
    /// Near the end of all numbers.
    Huge(u8),
}

impl Number {
    /// The number, near `base`.
    #[must_use]
    pub fn near(self, base: u64) -> u64 {
        match self {
            Number::Same => base,
            Number::Above(by) => base.saturating_add(by.into()),
            Number::Below(by) => base.saturating_sub(by.into()),
            Number::Exactly(number) => number.into(),
            Number::Huge(by) => u64::MAX - u64::from(by),
        }
    }
}

/// What a hostile message says; numbers are near those of its receiver.
#[derive(Clone, Debug, Arbitrary)]
pub struct Hostile {
    /// Who it claims to be.
    pub from: u8,
    /// Its term.
    pub term: Number,
    body: HostileBody,
}

#[derive(Clone, Debug, Arbitrary)]
enum HostileBody {
    Append {
        prev: (Number, Number),
        commit: Number,
        #[arbitrary(with = few::<HostileEntry, 5>)]
        entries: Vec<HostileEntry>,
    },
    AppendResponse {
        index: Number,
        commit: Number,
        reject: Option<(Number, Number)>,
    },
    RequestVote {
        pre: bool,
        transfer: bool,
        last: (Number, Number),
        commit: (Number, Number),
    },
    Vote {
        pre: bool,
        granted: bool,
        commit: (Number, Number),
    },
    Heartbeat {
        commit: Number,
        context: Mark,
    },
    HeartbeatResponse {
        commit: Number,
        context: Mark,
    },
    TimeoutNow,
    ReadIndex {
        context: Mark,
    },
    ReadIndexResponse {
        index: Number,
        context: Mark,
    },
    Snapshot {
        index: Number,
        term: Number,
        members: HostileMembers,
    },
}

#[derive(Clone, Debug, Arbitrary)]
struct HostileEntry {
    index: Number,
    term: Number,
    payload: HostilePayload,
}

#[derive(Clone, Debug, Arbitrary)]
enum HostilePayload {
    Empty,
    Command(u8),
    Members(Vec<u8>),
}

#[derive(Clone, Debug, Arbitrary)]
struct Mark(u8);

/// Bits: members 0 to 7.
#[derive(Clone, Debug, Arbitrary)]
struct HostileMembers {
    voters: u8,
    learners: u8,
    outgoing: u8,
    learners_next: u8,
    auto_leave: bool,
    addresses: u8,
    next_id: Number,
}

impl HostileMembers {
    fn members(&self) -> Members {
        let set = |bits: u8| (0..8).filter(move |id| bits & (1 << id) != 0);
        Members {
            voters: set(self.voters).collect(),
            learners: set(self.learners).collect(),
            outgoing: set(self.outgoing).collect(),
            learners_next: set(self.learners_next).collect(),
            auto_leave: self.auto_leave,
            addresses: set(self.addresses)
                .map(|id| (id, format!("node-{id}:1")))
                .collect(),
            names: Default::default(),
            next_id: self.next_id.near(8),
        }
    }
}

impl Mark {
    fn payload(&self) -> lockstep_consensus::codec::Payload {
        Bytes::from(vec![7; usize::from(self.0)]).into()
    }
}

impl Hostile {
    /// The message to member `to`, which is in `term` and whose log ends at `last`.
    #[must_use]
    pub fn message(&self, to: u64, term: u64, last: u64) -> Message {
        let body = match &self.body {
            HostileBody::Snapshot {
                index,
                term: at,
                members,
            } => Body::Snapshot(Snapshot {
                meta: SnapshotMeta {
                    index: index.near(last),
                    term: at.near(term),
                    members: members.members(),
                },
                data: Bytes::from_static(b"a state"),
            }),
            plain => Body::Plain(plain.plain(term, last)),
        };
        Message {
            from: u64::from(self.from % 8),
            to,
            term: self.term.near(term),
            body,
        }
    }
}

impl HostileBody {
    fn plain(&self, term: u64, last: u64) -> Plain {
        let index = |number: &Number| number.near(last);
        let pair = |(at, of): &(Number, Number)| (at.near(last), of.near(term));
        match self {
            HostileBody::Append {
                prev,
                commit,
                entries,
            } => {
                let (prev_index, prev_term) = pair(prev);
                let entries = (1..).zip(entries).map(|(after, entry)| {
                    let (kind, payload) = match &entry.payload {
                        HostilePayload::Empty => (EntryKind::Command, Vec::new()),
                        HostilePayload::Command(byte) => (EntryKind::Command, vec![*byte]),
                        HostilePayload::Members(bytes) => (EntryKind::Members, bytes.clone()),
                    };
                    Entry {
                        index: entry.index.near(prev_index.saturating_add(after)),
                        term: entry.term.near(term),
                        kind,
                        payload: Bytes::from(payload).into(),
                    }
                });
                let entries = entries.collect();
                Plain::Append {
                    prev_index,
                    prev_term,
                    commit: index(commit),
                    entries,
                }
            }
            HostileBody::AppendResponse {
                index: at,
                commit,
                reject,
            } => Plain::AppendResponse {
                index: index(at),
                commit: index(commit),
                reject: reject.as_ref().map(pair),
            },
            HostileBody::RequestVote {
                pre,
                transfer,
                last: of,
                commit,
            } => {
                let ((last_index, last_term), (commit, commit_term)) = (pair(of), pair(commit));
                let (pre, transfer) = (*pre, *transfer);
                Plain::RequestVote {
                    pre,
                    transfer,
                    last_index,
                    last_term,
                    commit,
                    commit_term,
                }
            }
            HostileBody::Vote {
                pre,
                granted,
                commit,
            } => {
                let (commit, commit_term) = pair(commit);
                Plain::Vote {
                    pre: *pre,
                    granted: *granted,
                    commit,
                    commit_term,
                }
            }
            HostileBody::Heartbeat { commit, context } => Plain::Heartbeat {
                commit: index(commit),
                context: context.payload(),
            },
            HostileBody::HeartbeatResponse { commit, context } => Plain::HeartbeatResponse {
                commit: index(commit),
                context: context.payload(),
            },
            HostileBody::ReadIndex { context } => Plain::ReadIndex {
                context: context.payload(),
            },
            HostileBody::ReadIndexResponse { index: at, context } => Plain::ReadIndexResponse {
                index: index(at),
                context: context.payload(),
            },
            HostileBody::TimeoutNow | HostileBody::Snapshot { .. } => Plain::TimeoutNow,
        }
    }
}

/// A change of members that somebody may ask for.
#[derive(Clone, Debug, Arbitrary)]
pub struct Change(#[arbitrary(with = few::<(u8, u8), 4>)] Vec<(u8, u8)>);

impl Change {
    /// The change.
    #[must_use]
    pub fn change(&self) -> MembersChange {
        let steps = self.0.iter().map(|(kind, id)| {
            let id = u64::from(id % 6);
            let (address, name) = (format!("node-{id}:1"), String::new());
            match kind % 3 {
                0 => MemberStep::AddVoter { id, address, name },
                1 => MemberStep::AddLearner { id, address, name },
                _ => MemberStep::Remove { id },
            }
        });
        MembersChange {
            steps: steps.collect(),
        }
    }
}
