//! What a member must not forget: log, hard state and snapshots, durable together.
//!
//! [`Store`] is the promise: a write is whole and durable when `persist` returns, or it never
//! happened. [`LogStore`] keeps it, on any [`folder::Folder`]: the real one, or one in memory that can
//! lose what was not synced, tear what was being written, and run out of room.
//!
//! A data folder holds
//! - `identity`: format version, cluster, node ([`identity`]);
//! - `lock`: held while a process uses the folder ([`folder`]);
//! - `log-N`: segments of checksummed records; one record is one write and one fsync (`wal`);
//! - `snapshot-INDEX-TERM`: the application's state, checksummed, in place before the record
//!   that names it (`snapshot`).
//!
//! On start the records are read back in order (`replay`). What a crash left half-written can
//! only be the last record, and is cut; anything else that does not check out is damage, and
//! the member refuses to start, naming the place.

pub mod faulty;
pub mod folder;
pub mod identity;
pub mod memory;
mod replay;
mod snapshot;
mod store;
mod wal;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use folder::DiskFolder;
pub use identity::Identity;
pub use store::LogStore;
pub use wal::LogSizes;

use crate::types::{Entry, HardState, Snapshot};

/// Something to be made durable: all of it, or nothing. The parts take effect in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// A snapshot that takes the place of the log up to its index.
    pub snapshot: Option<NewSnapshot>,
    /// Entries without a gap. They replace those that are stored from the first index on.
    pub entries: Vec<Entry>,
    /// The hard state.
    pub hard_state: Option<HardState>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.snapshot.is_none() && self.entries.is_empty() && self.hard_state.is_none()
    }

    /// Rough size in bytes, the snapshot's data left out.
    pub fn size(&self) -> usize {
        const FIXED: usize = 32;
        FIXED
            + self
                .entries
                .iter()
                .map(|entry| FIXED + entry.payload.len())
                .sum::<usize>()
    }
}

/// A snapshot to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSnapshot {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Whether the entries after its index stay: so for one that the application made here, and
    /// not for one that a leader sent because the log does not lead to it.
    pub keep_log: bool,
}

/// What a member remembers when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last hard state.
    pub hard_state: HardState,
    /// The latest snapshot; `None` in a new folder, and as long as a joining node waits for one.
    pub snapshot: Option<Snapshot>,
    /// The entries after it, without a gap.
    pub entries: Vec<Entry>,
    /// The half-written record that was cut off the end of the log, if a crash left one.
    pub torn: Option<TornTail>,
}

/// Where the log was cut because a crash had left the last write unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where the unfinished record began, in bytes.
    pub offset: u64,
}

/// Durable storage of one member.
pub trait Store: Send + 'static {
    /// Makes all batches durable, in order, with one sync. After [`StoreError::Full`] nothing
    /// of them counts, and the same call may be made again. After any other error what is on
    /// disk is no longer known, and the store must not be used any more.
    fn persist(&mut self, batches: &[Batch]) -> Result<(), StoreError>;
}

/// Why the data folder cannot be used, or not any more.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another cluster's data.
    #[error(
        "{path} belongs to cluster '{found}', not to '{expected}': give this node a folder of its own"
    )]
    OtherCluster {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// Another node's data.
    #[error(
        "{path} belongs to node {found}, this is node {expected}: two nodes must not share a folder or a copy of one"
    )]
    OtherNode {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: u64,
        /// Whose it should be.
        expected: u64,
    },
    /// Written by a newer program.
    #[error(
        "{path} was written in format {found}, this program knows up to {supported}: upgrade this node"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest known one.
        supported: u32,
    },
    /// Written by a program that is too old.
    #[error(
        "{path} was written in format {found}, this program reads {supported} and nothing older: start the program that wrote it, or replace this node"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The oldest one that can be read.
        supported: u32,
    },
    /// A folder with something else in it.
    #[error(
        "{path} is not empty and not a data folder of this program (no 'identity'): use an empty one"
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error("{path} is in use by another process: is this node running already?")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Stored bytes changed or went missing.
    #[error(
        "{file} is damaged at byte {offset}: {what}. What this node acknowledged may be lost: replace the node, or restore its folder, before it takes part again"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The place in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// No room. Nothing was lost, and the write may be tried again.
    #[error("no room left for {path}: {source}")]
    Full {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk failed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts an error of the system: no room (which passes) or broken (which does not).
    fn io(what: &'static str, path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, source }
            }
            _ => StoreError::Io { what, path, source },
        }
    }

    /// Whether waiting for room may help.
    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Full { .. })
    }
}

#[cfg(test)]
mod tests;
