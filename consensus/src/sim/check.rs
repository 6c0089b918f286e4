//! What must hold, whatever happens: an independent record of what the group has promised.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::types::NodeId;

/// A promise was broken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("seed {seed}, {time_us} µs: {what}")]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// When it showed, in virtual microseconds.
    pub time_us: u64,
    /// What is wrong.
    pub what: String,
}

/// The state of the replicated application: a number that depends on every command and on
/// their order.
pub fn next_state(state: u64, index: u64, command: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&state.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.update(command);
    (state << 32) ^ u64::from(hasher.finalize())
}

/// A command as the first node to apply it saw it.
#[derive(Debug)]
struct Decision {
    term: u64,
    command: Vec<u8>,
    /// The application's state after it.
    state: u64,
}

/// Everything that was decided so far, by whoever decided it first.
#[derive(Debug, Default)]
pub struct Ledger {
    leaders: BTreeMap<u64, NodeId>,
    decided: BTreeMap<u64, Decision>,
    /// The highest index that a client was told is committed.
    acknowledged: u64,
    /// Commands whose clients were told that they have no effect.
    refused: BTreeSet<Vec<u8>>,
}

impl Ledger {
    /// A node says that it leads.
    pub fn leads(&mut self, node: NodeId, term: u64) -> Result<(), String> {
        match self.leaders.insert(term, node) {
            Some(other) if other != node => {
                Err(format!("nodes {other} and {node} both lead in term {term}"))
            }
            _ => Ok(()),
        }
    }

    /// A node applies a command, which takes it to `state`.
    pub fn applies(
        &mut self,
        node: NodeId,
        (index, term): (u64, u64),
        command: &[u8],
        state: u64,
    ) -> Result<(), String> {
        let first = || Decision {
            term,
            command: command.to_vec(),
            state,
        };
        let decided = self.decided.entry(index).or_insert_with(first);
        if decided.term != term || decided.command != command {
            let other = decided.term;
            return Err(format!(
                "node {node} applies another command at {index}: of term {term}, not {other}"
            ));
        }
        if decided.state != state {
            return Err(format!("node {node} is in another state after {index}"));
        }
        Ok(())
    }

    /// A node starts over from a snapshot.
    pub fn restores(&self, node: NodeId, index: u64, state: u64) -> Result<(), String> {
        match self.decided.get(&index) {
            Some(decided) if decided.state == state => Ok(()),
            Some(_) => Err(format!("node {node} restores a wrong state at {index}")),
            None => Err(format!(
                "node {node} restores {index}, where nothing was decided"
            )),
        }
    }

    /// A client is told that its command is committed.
    pub fn acknowledges(&mut self, index: u64) {
        self.acknowledged = self.acknowledged.max(index);
    }

    /// A client is told that its command has no effect.
    pub fn refuses(&mut self, command: Vec<u8>) {
        self.refused.insert(command);
    }

    /// What a read that begins now must see.
    pub fn must_see(&self) -> u64 {
        self.acknowledged
    }

    /// A read that has to see `from` sees up to `index`.
    pub fn reads(&self, node: NodeId, from: u64, index: u64) -> Result<(), String> {
        if index >= from {
            return Ok(());
        }
        Err(format!(
            "node {node} serves a read at {index}, and {from} was acknowledged before it"
        ))
    }

    /// How many commands were decided.
    pub fn decided(&self) -> usize {
        self.decided.len()
    }

    /// The last index decided, and the state after it.
    pub fn last(&self) -> Option<(u64, u64)> {
        self.decided
            .last_key_value()
            .map(|(index, decided)| (*index, decided.state))
    }

    /// Checks what only the end can show.
    pub fn finish(&self) -> Result<(), String> {
        match self
            .decided
            .iter()
            .find(|(_, decided)| self.refused.contains(&decided.command))
        {
            Some((index, _)) => Err(format!(
                "the command at {index} was refused, and took effect"
            )),
            None => Ok(()),
        }
    }
}
