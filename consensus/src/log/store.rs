//! The store on any folder: segments, snapshots and identity put together.

use super::folder::Folder;
use super::identity::{Identity, list};
use super::replay::{Replay, record_of};
use super::snapshot::{self, SnapshotRecord};
use super::wal::{LogSizes, Wal};
use super::{Batch, Recovered, Store, StoreError};
use crate::types::HardState;

/// The durable storage of one member in one folder.
#[derive(Debug)]
pub struct LogStore<F: Folder> {
    folder: F,
    wal: Wal<F>,
    /// What the next segment begins with.
    hard_state: HardState,
    snapshot: Option<SnapshotRecord>,
}

impl<F: Folder> LogStore<F> {
    /// Opens the folder of the member `identity`, or makes it, and reads back what is stored.
    pub fn open(folder: F, identity: &Identity) -> Result<(Self, Recovered), StoreError> {
        Self::open_with(folder, identity, LogSizes::default())
    }

    /// [`LogStore::open`], with sizes of the caller's choice.
    pub fn open_with(
        mut folder: F,
        identity: &Identity,
        sizes: LogSizes,
    ) -> Result<(Self, Recovered), StoreError> {
        identity.claim(&mut folder)?;
        let salt = identity.salt();
        let mut replay = Replay::default();
        let mut place = (folder.path().to_owned(), 0);
        let opened = Wal::open(&mut folder, salt, sizes, |found| {
            place = (found.file.clone(), found.offset);
            replay
                .apply(found.payload)
                .map_err(|what| StoreError::Damaged {
                    file: found.file,
                    offset: found.offset,
                    what,
                })
        })?;
        let Some(opened) = opened else {
            return Self::create(folder, salt, sizes);
        };
        let torn = opened.torn;

        if let Some(torn) = &torn {
            tracing::warn!(
                file = %torn.file.display(),
                offset = torn.offset,
                "cut an unfinished write off the end of the log; nothing in it was acknowledged"
            );
        }
        let Replay {
            hard_state,
            snapshot: record,
            entries,
        } = replay.finish().map_err(|what| StoreError::Damaged {
            file: place.0,
            offset: place.1,
            what,
        })?;
        // Segments go when a snapshot has all of their entries, and not before.
        let covered = record.as_ref().map_or(0, |record| record.meta.index);
        if opened.gone_through > covered {
            let through = opened.gone_through;
            return Err(StoreError::Damaged {
                file: opened.first,
                offset: 0,
                what: format!("older segments with entries up to {through} are missing"),
            });
        }
        let snapshot = record
            .as_ref()
            .map(|record| snapshot::read(&folder, record))
            .transpose()?;
        snapshot::sweep(&mut folder, record.as_ref());
        let recovered = Recovered {
            hard_state,
            snapshot,
            entries,
            torn,
        };
        Ok((
            LogStore {
                folder,
                wal: opened.wal,
                hard_state,
                snapshot: record,
            },
            recovered,
        ))
    }

    fn create(mut folder: F, salt: u32, sizes: LogSizes) -> Result<(Self, Recovered), StoreError> {
        // A log that was there has left snapshots behind; a folder without both is new.
        if let Some(name) = list(&folder)?
            .iter()
            .find(|name| name.starts_with("snapshot-"))
        {
            return Err(StoreError::Damaged {
                file: folder.path_of(name),
                offset: 0,
                what: "there is a snapshot, and the log is missing".into(),
            });
        }
        let checkpoint = Replay::checkpoint(HardState::default(), None);
        let wal = Wal::create(&mut folder, salt, sizes, &checkpoint)?;
        let store = LogStore {
            folder,
            wal,
            hard_state: HardState::default(),
            snapshot: None,
        };
        Ok((store, Recovered::default()))
    }

    /// Lets go of segments and snapshots that the present snapshot replaces.
    fn compact(&mut self) {
        let Some(record) = &self.snapshot else { return };
        // Not having removed them costs room, and nothing else.
        if let Err(error) = self.wal.drop_through(&mut self.folder, record.meta.index) {
            tracing::warn!(%error, "cannot remove old log segments");
        }
        snapshot::sweep(&mut self.folder, Some(record));
    }
}

impl<F: Folder> Store for LogStore<F> {
    fn persist(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(());
        }
        let mut records = Vec::with_capacity(batches.len());
        for batch in batches {
            records.push(match &batch.snapshot {
                Some(new) => Some(snapshot::write(&mut self.folder, &new.snapshot)?),
                None => None,
            });
        }
        if self.wal.is_segment_full() {
            let checkpoint = Replay::checkpoint(self.hard_state, self.snapshot.as_ref());
            self.wal.rotate(&mut self.folder, &checkpoint)?;
        }
        let last_index = batches
            .iter()
            .flat_map(|batch| &batch.entries)
            .map(|e| e.index)
            .max()
            .unwrap_or(0);
        self.wal
            .append(&self.folder, &record_of(batches, &records), last_index)?;

        for batch in batches {
            self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
        }
        if let Some(newest) = records.into_iter().flatten().next_back() {
            self.snapshot = Some(newest);
            self.compact();
        }
        Ok(())
    }
}
