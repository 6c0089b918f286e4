//! The log in memory, as raft reads it. All entries since the last snapshot are here (and some
//! before it, for members that lag a little), so raft never waits for the disk to read.

use std::collections::VecDeque;

use bytes::Bytes;
use raft::eraftpb::{self, Entry};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

use super::convert::{conf_state, hard_state_out};
use crate::types::{HardState, Members, Snapshot};

/// How much of the log stays behind a snapshot, for members that are only a little behind it.
const TRAILING_ENTRIES: u64 = 1_000;
const TRAILING_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Mirror {
    /// What raft starts from; it keeps its own copy up to date.
    initial: HardState,
    /// `None` on a node that joins and has heard nothing yet.
    snapshot: Option<Snapshot>,
    /// Index and term of the entry before the first one.
    base: (u64, u64),
    entries: VecDeque<Entry>,
    bytes: u64,
}

impl Mirror {
    pub(super) fn new(initial: HardState, snapshot: Option<Snapshot>, entries: Vec<Entry>) -> Self {
        let base = snapshot
            .as_ref()
            .map_or((0, 0), |s| (s.meta.index, s.meta.term));
        let bytes = entries.iter().map(weight).sum();
        Mirror {
            initial,
            snapshot,
            base,
            entries: entries.into(),
            bytes,
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.base.0 + 1
    }

    pub(super) fn last(&self) -> u64 {
        self.base.0 + self.entries.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn latest_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(super) fn snapshot_index(&self) -> u64 {
        self.snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.meta.index)
    }

    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base.0 {
            return Some(self.base.1);
        }
        let at = index.checked_sub(self.first())?;
        self.entries
            .get(usize::try_from(at).ok()?)
            .map(|entry| entry.term)
    }

    /// Appends, replacing what is stored from the first index on. There is no gap: raft checked.
    pub(super) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let keep = first.index.saturating_sub(self.first()) as usize;
        for gone in self.entries.drain(keep.min(self.entries.len())..) {
            self.bytes -= weight(&gone);
        }
        self.bytes += entries.iter().map(weight).sum::<u64>();
        self.entries.extend(entries.iter().cloned());
    }

    /// Starts over from a leader's snapshot.
    pub(super) fn restore(&mut self, snapshot: Snapshot) {
        self.base = (snapshot.meta.index, snapshot.meta.term);
        self.entries.clear();
        self.bytes = 0;
        self.snapshot = Some(snapshot);
    }

    /// Takes a snapshot made here, and lets go of what it replaces.
    pub(super) fn compact(&mut self, snapshot: Snapshot) {
        let index = snapshot.meta.index;
        self.snapshot = Some(snapshot);
        while let Some(oldest) = self.entries.front() {
            let spare = index.checked_sub(oldest.index);
            let goes = spare.is_some_and(|s| s >= TRAILING_ENTRIES || self.bytes > TRAILING_BYTES);
            if !goes {
                break;
            }
            self.bytes -= weight(oldest);
            self.base = (oldest.index, oldest.term);
            self.entries.pop_front();
        }
    }
}

/// What an entry counts in memory.
fn weight(entry: &Entry) -> u64 {
    (entry.data.len() + entry.context.len() + std::mem::size_of::<Entry>()) as u64
}

impl Storage for Mirror {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let nobody = Members::default();
        let members = self
            .snapshot
            .as_ref()
            .map_or(&nobody, |snapshot| &snapshot.meta.members);
        Ok(RaftState::new(
            hard_state_out(self.initial),
            conf_state(members),
        ))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.first() {
            return Err(Error::Store(StorageError::Compacted));
        }
        if high > self.last() + 1 {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let mut room = max_size.into().unwrap_or(u64::MAX);
        let skip = (low - self.first()) as usize;
        let mut found = Vec::new();
        for entry in self.entries.iter().skip(skip).take((high - low) as usize) {
            let weight = weight(entry);
            if weight > room && !found.is_empty() {
                break;
            }
            room = room.saturating_sub(weight);
            found.push(entry.clone());
        }
        Ok(found)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        self.term_at(index)
            .ok_or(Error::Store(if index < self.base.0 {
                StorageError::Compacted
            } else {
                StorageError::Unavailable
            }))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<eraftpb::Snapshot> {
        let Some(snapshot) = &self.snapshot else {
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        };
        // The data is added where the message leaves; raft only looks at the description.
        let mut out = eraftpb::Snapshot::default();
        out.mut_metadata().index = snapshot.meta.index;
        out.mut_metadata().term = snapshot.meta.term;
        out.mut_metadata()
            .set_conf_state(conf_state(&snapshot.meta.members));
        out.data = Bytes::new();
        Ok(out)
    }
}
