//! Snapshot files: the application's state at one index, whole and checksummed.
//!
//! A snapshot is in place and durable before the record that names it is written, so a record
//! never names a file that is not there; and files that no record names are swept up.

use bytes::Bytes;

use super::StoreError;
use super::folder::Folder;
use super::identity::write_whole;
use crate::codec::{self, Decode, Encode};
use crate::types::{Snapshot, SnapshotMeta};

const MAGIC: &[u8; 8] = b"LSSNAP\x00\x01";
const HEADER: usize = 8 + 4 + 4;
const PREFIX: &str = "snapshot-";
const TEMPORARY: &str = "snapshot.new";

/// What a record says of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct SnapshotRecord {
    pub(super) meta: SnapshotMeta,
    pub(super) len: u64,
    pub(super) sum: u32,
}

impl SnapshotRecord {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        SnapshotRecord {
            meta: snapshot.meta.clone(),
            len: snapshot.data.len() as u64,
            sum: crc32fast::hash(&snapshot.data),
        }
    }

    pub(super) fn file_name(&self) -> String {
        format!("{PREFIX}{:020}-{:020}", self.meta.index, self.meta.term)
    }
}

/// Writes the file of `snapshot`; what a later record says of it comes back.
pub(super) fn write<F: Folder>(
    folder: &mut F,
    snapshot: &Snapshot,
) -> Result<SnapshotRecord, StoreError> {
    let record = SnapshotRecord::of(snapshot);
    // The description stands in the file too, for whoever has nothing but the file.
    let described = codec::encode(&record);
    let mut header = Vec::with_capacity(HEADER + described.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&(described.len() as u32).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&described).to_le_bytes());
    header.extend_from_slice(&described);
    write_whole(
        folder,
        TEMPORARY,
        &record.file_name(),
        &[&header, &snapshot.data],
    )?;
    Ok(record)
}

/// Reads the snapshot that `record` names.
pub(super) fn read<F: Folder>(folder: &F, record: &SnapshotRecord) -> Result<Snapshot, StoreError> {
    let name = record.file_name();
    let file = folder.path_of(&name);
    let damaged = |offset: usize, what: &str| StoreError::Damaged {
        file: file.clone(),
        offset: offset as u64,
        what: what.to_owned(),
    };
    let bytes = match folder.read(&name) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged(0, "the log names this snapshot, and it is missing"));
        }
        Err(source) => return Err(StoreError::io("read", file, source)),
    };
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err(damaged(0, "not a snapshot file"));
    }
    let described_len = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
    let described_sum = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let data_at = HEADER + described_len;
    if data_at > bytes.len() || crc32fast::hash(&bytes[HEADER..data_at]) != described_sum {
        return Err(damaged(HEADER, "the description's checksum does not match"));
    }
    match codec::decode::<SnapshotRecord>(&bytes[HEADER..data_at]) {
        Ok(found) if found == *record => {}
        Ok(_) => return Err(damaged(HEADER, "the log describes it differently")),
        Err(error) => return Err(damaged(HEADER, &error.to_string())),
    }
    let data = bytes.slice(data_at..);
    if data.len() as u64 != record.len {
        return Err(damaged(
            data_at,
            "the data has another length than it was written with",
        ));
    }
    if crc32fast::hash(&data) != record.sum {
        return Err(damaged(data_at, "the data's checksum does not match"));
    }
    Ok(Snapshot {
        meta: record.meta.clone(),
        data,
    })
}

/// Removes the snapshot files that nothing names any more, and half-written ones.
pub(super) fn sweep<F: Folder>(folder: &mut F, keep: Option<&SnapshotRecord>) {
    let keep = keep.map(SnapshotRecord::file_name);
    for name in folder.list().unwrap_or_default() {
        let is_ours = name.starts_with(PREFIX) || name == TEMPORARY;
        if is_ours && Some(&name) != keep.as_ref() {
            // Left over, it only takes room; the next sweep tries again.
            if let Err(error) = folder.remove(&name) {
                tracing::warn!(file = %folder.path_of(&name).display(), %error, "cannot remove an old snapshot");
            }
        }
    }
}
