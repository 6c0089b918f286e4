//! What a correct peer may say. Raft trusts its peers: it panics on a heartbeat that commits
//! what is not in the log, on entries that do not follow each other, on impossible members. So
//! nothing gets to it that breaks one of these rules.

use super::convert::members_change;
use super::io::Malformed;
use crate::message::{Body, MAX_READ_MARK, Message, Plain};
use crate::types::{Entry, EntryKind, MAX_INDEX, Members, NodeId, Role, Snapshot};

/// What the rules depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) id: NodeId,
    pub(super) role: Role,
    pub(super) term: u64,
    pub(super) last_index: u64,
}

/// No election raises the term by more than one, so no honest leap comes near this; and a liar
/// cannot use up the numbers.
const MAX_TERM_LEAP: u64 = 1 << 32;
const MAX_MEMBERS: usize = 1_000;
const MAX_ADDRESS_BYTES: usize = 300;

type Check = Result<(), Malformed>;

fn ensure(holds: bool, what: &'static str) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Malformed { what })
    }
}

pub(super) fn check(message: &Message, view: View) -> Check {
    ensure(
        message.from != 0 && message.from != view.id,
        "it does not say which peer it is from",
    )?;
    ensure(message.to == view.id, "it is for another member")?;
    if let Body::Plain(Plain::ReadIndex { context }) = &message.body {
        ensure(message.term == 0, "a request for a read has no term")?;
        return check_mark(context, true);
    }
    ensure(message.term > 0, "the term is 0")?;
    ensure(message.term < MAX_INDEX, "the term is out of range")?;
    ensure(
        message.term <= view.term.saturating_add(MAX_TERM_LEAP),
        "the term leaps ahead",
    )?;
    match &message.body {
        Body::Snapshot(snapshot) => {
            check_leader(message, view)?;
            check_snapshot(snapshot, message.term)
        }
        Body::Plain(plain) => check_plain(plain, message, view),
    }
}

fn check_plain(plain: &Plain, message: &Message, view: View) -> Check {
    let index = |index: u64| ensure(index < MAX_INDEX, "an index is out of range");
    match plain {
        Plain::Append {
            prev_index,
            prev_term,
            commit,
            entries,
        } => {
            check_leader(message, view)?;
            // Every log begins with a snapshot, so every entry has one before it.
            ensure(*prev_index > 0 && *prev_term > 0, "entries follow nothing")?;
            index(*prev_index)?;
            index(*commit)?;
            check_entries(entries, *prev_index, *prev_term, message.term)
        }
        Plain::AppendResponse {
            index: at,
            commit,
            reject,
        } => {
            index(*commit)?;
            if let Some((hint, hint_term)) = reject {
                ensure(
                    *hint <= *at,
                    "the index to try next is past the one that failed",
                )?;
                ensure(
                    *hint_term <= message.term,
                    "a term in the log is newer than the sender's",
                )?;
            }
            let to_leader = view.role == Role::Leader && message.term == view.term;
            ensure(
                !to_leader || *at <= view.last_index,
                "it has entries that the leader has not",
            )?;
            index(*at)
        }
        Plain::RequestVote {
            last_index,
            last_term,
            commit,
            commit_term,
            ..
        } => {
            index(*last_index)?;
            index(*commit)?;
            ensure(
                *last_term <= message.term,
                "a term in the log is newer than the candidate's",
            )?;
            ensure(
                *commit_term <= *last_term,
                "a committed term is newer than the log's last",
            )
        }
        Plain::Vote {
            commit,
            commit_term,
            ..
        } => {
            index(*commit)?;
            ensure(*commit_term < MAX_INDEX, "a term is out of range")
        }
        Plain::Heartbeat { commit, context } => {
            check_leader(message, view)?;
            let counts = message.term >= view.term;
            ensure(
                !counts || *commit <= view.last_index,
                "it commits entries that this member does not have",
            )?;
            check_mark(context, false)
        }
        Plain::HeartbeatResponse { commit, context } => {
            index(*commit)?;
            check_mark(context, false)
        }
        Plain::TimeoutNow => Ok(()),
        Plain::ReadIndex { context } => check_mark(context, true),
        Plain::ReadIndexResponse { index: at, context } => {
            index(*at)?;
            check_mark(context, true)
        }
    }
}

/// What only a leader says does not reach the leader of that very term.
fn check_leader(message: &Message, view: View) -> Check {
    let rival = view.role == Role::Leader && message.term == view.term;
    ensure(!rival, "it claims to lead in this member's own term")
}

fn check_mark(context: &[u8], required: bool) -> Check {
    ensure(
        context.len() <= MAX_READ_MARK,
        "the mark of a read is too long",
    )?;
    ensure(
        !required || !context.is_empty(),
        "the mark of a read is missing",
    )
}

fn check_entries(entries: &[Entry], prev_index: u64, prev_term: u64, term: u64) -> Check {
    let (mut index, mut last_term) = (prev_index, prev_term);
    for entry in entries {
        ensure(entry.index == index + 1, "entries do not follow each other")?;
        ensure(entry.term >= last_term, "terms in the log decrease")?;
        if entry.kind == EntryKind::Members {
            check_change(&entry.payload)?;
        }
        (index, last_term) = (entry.index, entry.term);
    }
    ensure(
        last_term <= term,
        "an entry's term is newer than the leader's",
    )?;
    ensure(index < MAX_INDEX, "an index is out of range")
}

fn check_change(payload: &[u8]) -> Check {
    let Ok(change) = members_change(payload) else {
        return Err(Malformed {
            what: "a membership change cannot be read",
        });
    };
    ensure(
        change.steps.len() <= MAX_MEMBERS,
        "a membership change has too many steps",
    )?;
    ensure(change.steps.iter().all(|step| step.id() != 0), "member 0")
}

fn check_snapshot(snapshot: &Snapshot, term: u64) -> Check {
    let meta = &snapshot.meta;
    ensure(
        meta.index > 0 && meta.index < MAX_INDEX,
        "an index is out of range",
    )?;
    ensure(
        meta.term > 0 && meta.term <= term,
        "the snapshot's term is newer than the leader's",
    )?;
    check_members(&meta.members)
}

/// The rules that raft's membership code relies on.
pub(super) fn check_members(members: &Members) -> Check {
    let Members {
        voters,
        learners,
        outgoing,
        learners_next,
        auto_leave,
        addresses,
        names,
        next_id,
    } = members;
    ensure(!voters.is_empty(), "a group without voters")?;
    ensure(!members.contains(0), "member 0")?;
    ensure(members.ids().len() <= MAX_MEMBERS, "too many members")?;
    ensure(
        learners.is_disjoint(voters) && learners.is_disjoint(outgoing),
        "a learner that votes",
    )?;
    ensure(
        learners_next.is_subset(outgoing)
            && learners_next.is_disjoint(voters)
            && learners_next.is_disjoint(learners),
        "a learner-to-be that is no outgoing voter",
    )?;
    ensure(!*auto_leave || members.is_joint(), "nothing to leave")?;
    ensure(
        addresses.keys().all(|id| members.contains(*id)),
        "the address of no member",
    )?;
    ensure(
        names.keys().all(|id| members.contains(*id)),
        "the name of no member",
    )?;
    ensure(
        members.ids().last() < Some(next_id) && *next_id <= MAX_INDEX,
        "ids were given out that are still to be given out",
    )?;
    ensure(
        addresses
            .values()
            .chain(names.values())
            .all(|text| text.len() <= MAX_ADDRESS_BYTES),
        "an address or a name is too long",
    )
}
