//! What the application asked for and has no answer to yet.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use raft::StateRole;

use super::io::{Effects, ReadReady, Rejection};
use super::{Group, GroupConfig, command, proposal};
use crate::message::read_mark;
use crate::types::NodeId;

/// Open requests of one kind; one more is refused.
pub(super) const MAX_OPEN: usize = 1 << 16;
/// Commands put into one proposal, in bytes.
const MAX_PROPOSAL_BYTES: usize = 1 << 20;
/// How long, in election timeouts, an answer may take while nothing is known of a leader.
const PATIENCE: u64 = 5;

#[derive(Debug)]
pub(super) struct Requests {
    node: NodeId,
    incarnation: u64,
    retry_ticks: u64,
    patience_ticks: u64,
    max_command_bytes: usize,
    /// Commands of this step, not yet proposed.
    gathered: Vec<(u64, Bytes)>,
    gathered_bytes: usize,
    /// By index in the log: the term in which it was proposed, and the request.
    proposed: BTreeMap<u64, (u64, u64)>,
    lost_leadership_at: Option<u64>,
    /// Reads that came in one step share a question to the leader.
    rounds: VecDeque<ReadRound>,
    round_count: u64,
    open_reads: usize,
    new_reads: Vec<u64>,
}

#[derive(Debug)]
struct ReadRound {
    mark: Bytes,
    ids: Vec<u64>,
    /// When it was last asked, and when first, in ticks.
    asked: u64,
    since: u64,
    /// The answer; it waits until the commands up to there are given out.
    index: Option<u64>,
}

impl Requests {
    pub(super) fn new(config: &GroupConfig) -> Self {
        Requests {
            node: config.id,
            incarnation: config.incarnation,
            retry_ticks: u64::from(config.heartbeat_ticks),
            patience_ticks: PATIENCE * u64::from(config.election_ticks),
            max_command_bytes: config.max_command_bytes,
            gathered: Vec::new(),
            gathered_bytes: 0,
            proposed: BTreeMap::new(),
            lost_leadership_at: None,
            rounds: VecDeque::new(),
            round_count: 0,
            open_reads: 0,
            new_reads: Vec::new(),
        }
    }

    /// A request's entry is in the log of this leader.
    pub(super) fn proposed(&mut self, id: u64, index: u64, term: u64, effects: &mut Effects) {
        // What stood at this index in an earlier term has been replaced.
        if let Some((_, earlier)) = self.proposed.insert(index, (term, id)) {
            effects.rejected.push((earlier, Rejection::Lost));
        }
    }

    /// The entry at `index` is committed, with this term: whose is it?
    pub(super) fn committed(
        &mut self,
        index: u64,
        term: u64,
        effects: &mut Effects,
    ) -> Option<u64> {
        let (proposed_in, id) = self.proposed.remove(&index)?;
        if proposed_in == term {
            return Some(id);
        }
        effects.rejected.push((id, Rejection::Lost));
        None
    }

    /// A snapshot took the place of the log up to `index`; what was decided there is not seen.
    pub(super) fn overtaken(&mut self, index: u64, effects: &mut Effects) {
        let later = self.proposed.split_off(&(index + 1));
        for (_, (_, id)) in std::mem::replace(&mut self.proposed, later) {
            effects.rejected.push((id, Rejection::Unknown));
        }
    }

    pub(super) fn leadership_lost(&mut self, tick: u64) {
        self.lost_leadership_at = Some(tick);
    }

    pub(super) fn read_answered(&mut self, mark: &[u8], index: u64) {
        if let Some(round) = self.rounds.iter_mut().find(|round| round.mark == mark) {
            round.index.get_or_insert(index);
        }
    }

    /// Answers the reads whose commands are all given out: up to `applied`, of which the last
    /// command is at `delivered`.
    pub(super) fn answer_reads(&mut self, applied: u64, delivered: u64, effects: &mut Effects) {
        self.rounds.retain(|round| {
            let is_ready = round.index.is_some_and(|index| index <= applied);
            if is_ready {
                self.open_reads -= round.ids.len();
                effects.reads.extend(round.ids.iter().map(|&id| ReadReady {
                    id,
                    index: delivered,
                }));
            }
            !is_ready
        });
    }
}

impl Group {
    pub(super) fn propose(&mut self, id: u64, data: Bytes) {
        let limit = self.requests.max_command_bytes;
        let refused = if data.is_empty() {
            Some(Rejection::Empty)
        } else if data.len() > limit {
            Some(Rejection::TooLarge {
                size: data.len(),
                limit,
            })
        } else if self.requests.proposed.len() + self.requests.gathered.len() >= MAX_OPEN {
            Some(Rejection::Busy)
        } else {
            None
        };
        if let Some(rejection) = refused {
            self.effects.rejected.push((id, rejection));
            return;
        }
        self.requests.gathered_bytes += data.len();
        self.requests.gathered.push((id, data));
        if self.requests.gathered_bytes >= MAX_PROPOSAL_BYTES {
            self.propose_gathered();
        }
    }

    pub(super) fn read_index(&mut self, id: u64) {
        if self.requests.open_reads >= MAX_OPEN {
            self.effects.rejected.push((id, Rejection::Busy));
            return;
        }
        self.requests.open_reads += 1;
        self.requests.new_reads.push(id);
    }

    /// Hands leadership over, if that makes sense.
    pub(super) fn transfer_leader(&mut self, id: u64, to: NodeId) {
        let rejection = if self.node.raft.state != StateRole::Leader {
            Rejection::NotLeader {
                leader: self.role().leader,
            }
        } else if !self.members.now().voters.contains(&to) {
            Rejection::Invalid(format!("node {to} is no voter"))
        } else {
            self.node.transfer_leader(to);
            return;
        };
        self.effects.rejected.push((id, rejection));
    }

    /// Passes on to raft what this step gathered.
    pub(super) fn flush_requests(&mut self) {
        self.propose_gathered();
        let ids = std::mem::take(&mut self.requests.new_reads);
        if ids.is_empty() {
            return;
        }
        let requests = &mut self.requests;
        requests.round_count += 1;
        let mark = read_mark(requests.node, requests.incarnation, requests.round_count);
        let (asked, since) = (self.ticks, self.ticks);
        requests.rounds.push_back(ReadRound {
            mark: mark.clone(),
            ids,
            asked,
            since,
            index: None,
        });
        // Without a leader, or before it has committed anything in its term, this has no effect;
        // then it is asked again.
        self.node.read_index(mark.to_vec());
    }

    fn propose_gathered(&mut self) {
        self.requests.gathered_bytes = 0;
        let gathered = std::mem::take(&mut self.requests.gathered);
        if gathered.is_empty() {
            return;
        }
        let (ids, entries): (Vec<u64>, Vec<_>) = gathered
            .into_iter()
            .map(|(id, data)| (id, command(data)))
            .unzip();
        let refused = if self.node.raft.state != StateRole::Leader {
            Some(Rejection::NotLeader {
                leader: self.role().leader,
            })
        } else {
            let message = proposal(self.config.id, entries);
            self.node.raft.step(message).err().map(|_| Rejection::Busy)
        };
        if let Some(rejection) = refused {
            self.effects
                .rejected
                .extend(ids.into_iter().map(|id| (id, rejection.clone())));
            return;
        }
        let (last, term) = (self.node.raft.raft_log.last_index(), self.node.raft.term);
        let first = last + 1 - ids.len() as u64;
        for (index, id) in (first..).zip(ids) {
            self.requests.proposed(id, index, term, &mut self.effects);
        }
    }

    /// Asks again for reads without an answer, and gives up on what waited too long.
    pub(super) fn tick_requests(&mut self) {
        let now = self.ticks;
        let (retry, patience) = (self.requests.retry_ticks, self.requests.patience_ticks);
        let mut again = Vec::new();
        let mut given_up = Vec::new();
        self.requests.rounds.retain_mut(|round| {
            if round.index.is_none() && now - round.since >= patience {
                given_up.append(&mut round.ids);
                return false;
            }
            if round.index.is_none() && now - round.asked >= retry {
                round.asked = now;
                again.push(round.mark.clone());
            }
            true
        });
        self.requests.open_reads -= given_up.len();
        self.effects
            .rejected
            .extend(given_up.into_iter().map(|id| (id, Rejection::NoLeader)));
        for mark in again {
            self.node.read_index(mark.to_vec());
        }

        // A leader knows what becomes of its entries. One that was, may never hear of it.
        if self.node.raft.state == StateRole::Leader {
            self.requests.lost_leadership_at = None;
        } else if self
            .requests
            .lost_leadership_at
            .is_some_and(|lost| now - lost >= patience)
        {
            self.requests.lost_leadership_at = None;
            let open = std::mem::take(&mut self.requests.proposed);
            let unknown = open.into_values().map(|(_, id)| (id, Rejection::Unknown));
            self.effects.rejected.extend(unknown);
        }
    }
}
