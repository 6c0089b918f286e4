//! Between our structures and raft's.
//!
//! A membership entry carries our coding in raft's `context`. Raft parses `data` as protobuf
//! when a membership change is proposed here, from bytes made here; what comes from a peer or
//! from the disk leaves it empty.

use std::collections::BTreeSet;

use protobuf::Message as _;
use raft::eraftpb::{
    self, ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, EntryType, MessageType,
};

use crate::codec;
use crate::message::{Body, Message, Plain};
use crate::types::{Entry, EntryKind, HardState, MemberStep, Members, MembersChange, Snapshot};

pub(super) fn hard_state_out(hard_state: HardState) -> eraftpb::HardState {
    let HardState { term, vote, commit } = hard_state;
    eraftpb::HardState {
        term,
        vote,
        commit,
        ..Default::default()
    }
}

pub(super) fn hard_state_in(hard_state: &eraftpb::HardState) -> HardState {
    HardState {
        term: hard_state.term,
        vote: hard_state.vote,
        commit: hard_state.commit,
    }
}

pub(super) fn entry_out(entry: Entry) -> eraftpb::Entry {
    let Entry {
        index,
        term,
        kind,
        payload,
    } = entry;
    let out = eraftpb::Entry {
        index,
        term,
        ..Default::default()
    };
    match kind {
        EntryKind::Command => eraftpb::Entry {
            data: payload.0,
            ..out
        },
        EntryKind::Members => eraftpb::Entry {
            entry_type: EntryType::EntryConfChangeV2,
            context: payload.0,
            ..out
        },
    }
}

pub(super) fn entry_in(entry: &eraftpb::Entry) -> Entry {
    let (kind, payload) = match entry.get_entry_type() {
        EntryType::EntryNormal => (EntryKind::Command, &entry.data),
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
            (EntryKind::Members, &entry.context)
        }
    };
    Entry {
        index: entry.index,
        term: entry.term,
        kind,
        payload: payload.clone().into(),
    }
}

pub(super) fn conf_state(members: &Members) -> ConfState {
    let list = |set: &BTreeSet<u64>| set.iter().copied().collect::<Vec<u64>>();
    ConfState {
        voters: list(&members.voters),
        learners: list(&members.learners),
        voters_outgoing: list(&members.outgoing),
        learners_next: list(&members.learners_next),
        auto_leave: members.auto_leave,
        ..Default::default()
    }
}

/// The members after a change: ids from raft, addresses from before and from the steps.
pub(super) fn members_after(before: &Members, change: &MembersChange, conf: &ConfState) -> Members {
    let set = |list: &[u64]| list.iter().copied().collect::<BTreeSet<u64>>();
    let mut after = Members {
        voters: set(&conf.voters),
        learners: set(&conf.learners),
        outgoing: set(&conf.voters_outgoing),
        learners_next: set(&conf.learners_next),
        auto_leave: conf.auto_leave,
        addresses: before.addresses.clone(),
        names: before.names.clone(),
        next_id: before.next_id,
    };
    for step in &change.steps {
        if let MemberStep::AddVoter { id, address, name }
        | MemberStep::AddLearner { id, address, name } = step
        {
            if !address.is_empty() {
                after.addresses.insert(*id, address.clone());
            }
            if !name.is_empty() {
                after.names.insert(*id, name.clone());
            }
        }
    }
    let ids = after.ids();
    after.addresses.retain(|id, _| ids.contains(id));
    after.names.retain(|id, _| ids.contains(id));
    let used = ids.last().map_or(0, |id| id + 1);
    after.next_id = after.next_id.max(used);
    after
}

pub(super) fn conf_change(change: &MembersChange) -> ConfChangeV2 {
    let mut out = ConfChangeV2::default();
    for step in &change.steps {
        let change_type = match step {
            MemberStep::AddVoter { .. } => ConfChangeType::AddNode,
            MemberStep::AddLearner { .. } => ConfChangeType::AddLearnerNode,
            MemberStep::Remove { .. } => ConfChangeType::RemoveNode,
        };
        let node_id = step.id();
        let single = ConfChangeSingle {
            change_type,
            node_id,
            ..Default::default()
        };
        out.mut_changes().push(single);
    }
    out
}

/// The entry of a proposed membership change, with the protobuf form that raft looks into.
pub(super) fn members_entry(change: &MembersChange) -> Option<eraftpb::Entry> {
    Some(eraftpb::Entry {
        entry_type: EntryType::EntryConfChangeV2,
        data: conf_change(change).write_to_bytes().ok()?.into(),
        context: codec::encode(change).into(),
        ..Default::default()
    })
}

/// The change in a membership entry; the entry that ends a joint configuration is empty.
pub(super) fn members_change(payload: &[u8]) -> Result<MembersChange, codec::CodecError> {
    if payload.is_empty() {
        Ok(MembersChange::default())
    } else {
        codec::decode(payload)
    }
}

/// A checked message of a peer, for raft.
pub(super) fn message_out(message: Message) -> eraftpb::Message {
    let Message {
        from,
        to,
        term,
        body,
    } = message;
    let mut out = eraftpb::Message {
        from,
        to,
        term,
        ..Default::default()
    };
    match body {
        Body::Snapshot(snapshot) => {
            out.set_msg_type(MessageType::MsgSnapshot);
            let meta = out.mut_snapshot().mut_metadata();
            meta.index = snapshot.meta.index;
            meta.term = snapshot.meta.term;
            meta.set_conf_state(conf_state(&snapshot.meta.members));
        }
        Body::Plain(plain) => plain_out(plain, &mut out),
    }
    out
}

fn plain_out(plain: Plain, out: &mut eraftpb::Message) {
    match plain {
        Plain::Append {
            prev_index,
            prev_term,
            commit,
            entries,
        } => {
            out.set_msg_type(MessageType::MsgAppend);
            out.index = prev_index;
            out.log_term = prev_term;
            out.commit = commit;
            out.set_entries(entries.into_iter().map(entry_out).collect());
        }
        Plain::AppendResponse {
            index,
            commit,
            reject,
        } => {
            out.set_msg_type(MessageType::MsgAppendResponse);
            out.index = index;
            out.commit = commit;
            if let Some((hint, term)) = reject {
                out.reject = true;
                out.reject_hint = hint;
                out.log_term = term;
            }
        }
        Plain::RequestVote {
            pre,
            transfer,
            last_index,
            last_term,
            commit,
            commit_term,
        } => {
            out.set_msg_type(if pre {
                MessageType::MsgRequestPreVote
            } else {
                MessageType::MsgRequestVote
            });
            out.index = last_index;
            out.log_term = last_term;
            out.commit = commit;
            out.commit_term = commit_term;
            if transfer {
                out.context = raft::CAMPAIGN_TRANSFER.into();
            }
        }
        Plain::Vote {
            pre,
            granted,
            commit,
            commit_term,
        } => {
            out.set_msg_type(if pre {
                MessageType::MsgRequestPreVoteResponse
            } else {
                MessageType::MsgRequestVoteResponse
            });
            out.reject = !granted;
            out.commit = commit;
            out.commit_term = commit_term;
        }
        Plain::Heartbeat { commit, context } => {
            out.set_msg_type(MessageType::MsgHeartbeat);
            out.commit = commit;
            out.context = context.0;
        }
        Plain::HeartbeatResponse { commit, context } => {
            out.set_msg_type(MessageType::MsgHeartbeatResponse);
            out.commit = commit;
            out.context = context.0;
        }
        Plain::TimeoutNow => out.set_msg_type(MessageType::MsgTimeoutNow),
        Plain::ReadIndex { context } => {
            out.set_msg_type(MessageType::MsgReadIndex);
            out.set_entries(vec![mark_entry(context.0)].into());
        }
        Plain::ReadIndexResponse { index, context } => {
            out.set_msg_type(MessageType::MsgReadIndexResp);
            out.index = index;
            out.set_entries(vec![mark_entry(context.0)].into());
        }
    }
}

fn mark_entry(mark: bytes::Bytes) -> eraftpb::Entry {
    eraftpb::Entry {
        data: mark,
        ..Default::default()
    }
}

/// One of raft's messages, for a peer. `snapshot` is the latest one; raft's message has only
/// its description. `None` for messages that do not leave a member.
pub(super) fn message_in(
    message: &eraftpb::Message,
    snapshot: Option<&Snapshot>,
) -> Option<Message> {
    let mark = || {
        message
            .entries
            .first()
            .map(|entry| entry.data.clone().into())
    };
    let plain = match message.get_msg_type() {
        MessageType::MsgSnapshot => {
            let body = Body::Snapshot(snapshot?.clone());
            return Some(Message {
                from: message.from,
                to: message.to,
                term: message.term,
                body,
            });
        }
        MessageType::MsgAppend => Plain::Append {
            prev_index: message.index,
            prev_term: message.log_term,
            commit: message.commit,
            entries: message.entries.iter().map(entry_in).collect(),
        },
        MessageType::MsgAppendResponse => Plain::AppendResponse {
            index: message.index,
            commit: message.commit,
            reject: message
                .reject
                .then_some((message.reject_hint, message.log_term)),
        },
        kind @ (MessageType::MsgRequestVote | MessageType::MsgRequestPreVote) => {
            Plain::RequestVote {
                pre: kind == MessageType::MsgRequestPreVote,
                transfer: message.context == raft::CAMPAIGN_TRANSFER,
                last_index: message.index,
                last_term: message.log_term,
                commit: message.commit,
                commit_term: message.commit_term,
            }
        }
        kind @ (MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse) => {
            Plain::Vote {
                pre: kind == MessageType::MsgRequestPreVoteResponse,
                granted: !message.reject,
                commit: message.commit,
                commit_term: message.commit_term,
            }
        }
        MessageType::MsgHeartbeat => Plain::Heartbeat {
            commit: message.commit,
            context: message.context.clone().into(),
        },
        MessageType::MsgHeartbeatResponse => Plain::HeartbeatResponse {
            commit: message.commit,
            context: message.context.clone().into(),
        },
        MessageType::MsgTimeoutNow => Plain::TimeoutNow,
        MessageType::MsgReadIndex => Plain::ReadIndex { context: mark()? },
        MessageType::MsgReadIndexResp => Plain::ReadIndexResponse {
            index: message.index,
            context: mark()?,
        },
        // Proposals and transfers are never forwarded, and the rest are raft's own.
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgPropose
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum
        | MessageType::MsgTransferLeader => return None,
    };
    let body = Body::Plain(plain);
    Some(Message {
        from: message.from,
        to: message.to,
        term: message.term,
        body,
    })
}
