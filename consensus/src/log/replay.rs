//! From records back to a state: what was in force when the last of them was written?

use super::snapshot::SnapshotRecord;
use super::{Batch, NewSnapshot};
use crate::codec::{self, CodecError, Decode, Encode};
use crate::types::{Entry, HardState};

/// A batch as it stands in a record; the snapshot's data is in its own file.
#[derive(Debug, Encode, Decode)]
struct Stored {
    snapshot: Option<StoredSnapshot>,
    entries: Vec<Entry>,
    hard_state: Option<HardState>,
}

/// The same, borrowed for writing: a reference is coded as what it refers to.
#[derive(Encode)]
struct StoredRef<'a> {
    snapshot: Option<StoredSnapshot>,
    entries: &'a [Entry],
    hard_state: Option<HardState>,
}

#[derive(Clone, Debug, Encode, Decode)]
struct StoredSnapshot {
    record: SnapshotRecord,
    keep_log: bool,
}

/// The record of some batches, whose snapshots are in the files that `snapshots` describes.
pub(super) fn record_of(batches: &[Batch], snapshots: &[Option<SnapshotRecord>]) -> Vec<u8> {
    let stored: Vec<StoredRef<'_>> = batches
        .iter()
        .zip(snapshots)
        .map(|(batch, record)| StoredRef {
            snapshot: stored_snapshot(record.as_ref(), batch.snapshot.as_ref()),
            entries: &batch.entries,
            hard_state: batch.hard_state,
        })
        .collect();
    codec::encode(&stored)
}

fn stored_snapshot(
    record: Option<&SnapshotRecord>,
    new: Option<&NewSnapshot>,
) -> Option<StoredSnapshot> {
    Some(StoredSnapshot {
        record: record?.clone(),
        keep_log: new?.keep_log,
    })
}

/// The state that the records so far lead to.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) hard_state: HardState,
    pub(super) snapshot: Option<SnapshotRecord>,
    /// Without a gap, from any index on: what is missing in front must be in the snapshot that
    /// a later record names.
    pub(super) entries: Vec<Entry>,
}

impl Replay {
    /// The record that repeats this state, but for the entries, at the head of a segment.
    pub(super) fn checkpoint(hard_state: HardState, snapshot: Option<&SnapshotRecord>) -> Vec<u8> {
        let snapshot = snapshot.map(|record| StoredSnapshot {
            record: record.clone(),
            keep_log: true,
        });
        codec::encode(&vec![StoredRef {
            snapshot,
            entries: &[],
            hard_state: Some(hard_state),
        }])
    }

    /// Takes the next record in. Says the highest index of an entry in it, 0 for none.
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<u64, String> {
        let batches: Vec<Stored> =
            codec::decode(payload).map_err(|error: CodecError| error.to_string())?;
        let mut last_index = 0;
        for batch in batches {
            if let Some(StoredSnapshot { record, keep_log }) = batch.snapshot {
                let index = record.meta.index;
                if keep_log {
                    self.entries.retain(|entry| entry.index > index);
                } else {
                    self.entries.clear();
                }
                self.snapshot = Some(record);
            }
            if let Some(last) = batch.entries.last() {
                last_index = last_index.max(last.index);
            }
            self.append(batch.entries)?;
            if let Some(hard_state) = batch.hard_state {
                self.hard_state = hard_state;
            }
        }
        Ok(last_index)
    }

    fn append(&mut self, new: Vec<Entry>) -> Result<(), String> {
        let Some(first) = new.first() else {
            return Ok(());
        };
        for pair in new.windows(2) {
            if pair[1].index != pair[0].index + 1 || pair[1].term < pair[0].term {
                return Err(format!(
                    "entries {} and {} do not follow",
                    pair[0].index, pair[1].index
                ));
            }
        }
        let start = self
            .entries
            .first()
            .map_or(first.index, |entry| entry.index);
        let end = start + self.entries.len() as u64;
        if (start..=end).contains(&first.index) {
            self.entries.truncate((first.index - start) as usize);
        } else {
            self.entries.clear();
        }
        self.entries.extend(new);
        Ok(())
    }

    /// Checks that the parts of the final state fit together.
    pub(super) fn finish(mut self) -> Result<Self, String> {
        let Some(snapshot) = &self.snapshot else {
            // A node that joins may have heard of a term, and cannot have a log, before it is
            // given a snapshot.
            let is_joining = self.entries.is_empty() && self.hard_state.commit == 0;
            return if is_joining {
                Ok(self)
            } else {
                Err("there is a log and no snapshot".into())
            };
        };
        let (index, term) = (snapshot.meta.index, snapshot.meta.term);
        self.entries.retain(|entry| entry.index > index);
        if let Some(first) = self.entries.first() {
            if first.index != index + 1 {
                return Err(format!(
                    "entries {} to {} are missing",
                    index + 1,
                    first.index - 1
                ));
            }
            if first.term < term {
                return Err(format!(
                    "entry {} has a lower term than the snapshot",
                    first.index
                ));
            }
        }
        let (last_index, last_term) = self
            .entries
            .last()
            .map_or((index, term), |entry| (entry.index, entry.term));
        if self.hard_state.commit > last_index {
            let commit = self.hard_state.commit;
            return Err(format!(
                "{commit} was committed, and the log ends at {last_index}"
            ));
        }
        if self.hard_state.term < last_term {
            let term = self.hard_state.term;
            return Err(format!(
                "the term is {term}, and the log's last entry has {last_term}"
            ));
        }
        self.hard_state.commit = self.hard_state.commit.max(index);
        Ok(self)
    }
}
