//! When does a member that hears no leader ask for an election?
//!
//! Raft says: after a time that differs from member to member and from try to try. The times
//! come from a seed. Raft-rs counts the silence; this says how much of it is too much.

use raft::StateRole;

use super::GroupConfig;
use crate::random::Random;
use crate::types::NodeId;

/// How many short waits follow the loss of a leader's connection, before the usual ones.
const HASTY_TRIES: u32 = 3;

#[derive(Debug)]
pub(super) struct ElectionTimer {
    random: Random,
    election_ticks: u64,
    stagger_ticks: u64,
    /// Silence, in ticks, after which to ask.
    limit: u64,
    /// What the limit was drawn for.
    period: (u64, StateRole, NodeId),
    /// Short waits left, and how short.
    hasty: u32,
    hasty_limit: u64,
    /// Whether there ever was a leader, since the start.
    knew_leader: bool,
}

impl ElectionTimer {
    pub(super) fn new(config: &GroupConfig) -> Self {
        // Members may be given the same seed and must not wait for the same times.
        let seed = config.seed ^ config.id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut timer = ElectionTimer {
            random: Random::new(seed),
            election_ticks: u64::from(config.election_ticks),
            stagger_ticks: u64::from(config.stagger_ticks),
            limit: 0,
            period: (0, StateRole::Follower, 0),
            hasty: 0,
            hasty_limit: 0,
            knew_leader: false,
        };
        timer.draw();
        timer
    }

    fn draw(&mut self) {
        self.limit = self.election_ticks + self.random.below(self.election_ticks);
    }

    /// Draws a new limit when term, role or leader changed: then a new wait began.
    pub(super) fn watch(&mut self, term: u64, state: StateRole, leader: NodeId) {
        let period = (term, state, leader);
        if period == self.period {
            return;
        }
        // Standing for election is still the search for a leader; hearing of one ends it.
        if leader != raft::INVALID_ID {
            self.hasty = 0;
            self.knew_leader = true;
        }
        self.period = period;
        self.draw();
    }

    pub(super) fn is_over(&self, silence: usize) -> bool {
        silence as u64 >= self.limit
    }

    /// Whether there ever was a leader, since the start.
    pub(super) fn knew_leader(&self) -> bool {
        self.knew_leader
    }

    /// There is no leader to wait for: ask after `patience` ticks more, in this turn.
    pub(super) fn ask_soon(&mut self, silence: usize, patience: u64, rank: u64, of: u64) {
        let soon = silence as u64 + patience + rank * self.stagger_ticks;
        if soon < self.limit {
            self.limit = soon;
            self.hasty = HASTY_TRIES;
            self.hasty_limit = (of * self.stagger_ticks).max(1);
        }
    }

    /// The leader is known to be gone. Says how long it must be taken to have been silent: as
    /// long as makes this member free to vote for another. `rank` of `of` waiting members goes
    /// first.
    pub(super) fn leader_gone(&mut self, silence: usize, rank: u64, of: u64) -> usize {
        let silence = (silence as u64).max(self.election_ticks);
        self.limit = silence + rank * self.stagger_ticks;
        self.hasty = HASTY_TRIES;
        // The others may not have noticed yet, and refuse; then all have had their turn.
        self.hasty_limit = (of * self.stagger_ticks).max(1);
        silence as usize
    }

    /// An election was asked for; if nothing comes of it soon, ask again.
    pub(super) fn campaigned(&mut self) {
        if self.hasty > 0 {
            self.hasty -= 1;
            self.limit = self.hasty_limit;
        }
    }
}
