//! What does an executor remember after a crash?
//!
//! A file of frames: length, how much of the file was durable before, checksum, and one batch of
//! [`Record`]s. Where it matters a batch is made durable before anything is done because of it, so only
//! frames behind all that was durable can be incomplete, or missing before others: such a torn tail is
//! cut. Anything else that does not check is damage, and the executor does not start on it: a forgotten
//! order would be run twice.
//!
//! The folder is a parameter: the real one ([`PrivateFolder`]), or one in memory that treats its
//! user as badly as a disk may.

use std::io;
use std::path::{Path, PathBuf};

use bincode::{Decode, Encode};
use lockstep_consensus::log::folder::{Folder, FolderFile};

use super::order::{Order, OrderKey, Report};
use crate::codec;
use crate::process::Process;
pub use private::PrivateFolder;

mod private;
#[cfg(test)]
mod tests;

/// First bytes of every journal; the last two are the format's version.
const MAGIC: [u8; 8] = *b"LSJRNL\x00\x02";

/// Length, durable bytes and checksum before each batch.
const FRAME_HEADER: usize = 4 + 8 + 8;

/// One thing to remember.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Record {
    /// The highest term seen.
    Term(u64),
    /// An order was accepted; from here on it counts as run.
    Began(Order),
    /// The order's agent has a process group.
    Started {
        /// Which order.
        key: OrderKey,
        /// The process.
        process: Process,
    },
    /// An order ended, or a recurring operation has news.
    Ended(Report),
    /// The leader has all reports up to this one.
    Acknowledged(u64),
    /// Orders of transitions before this one are not accepted any more.
    Newest(u64),
}

impl Record {
    /// Whether it must be on disk before anything else happens. The others only save work or
    /// questions after a restart.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Term(_) | Self::Began(_) | Self::Ended(_))
    }
}

/// What identifies a journal: its first frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The cluster that its orders came from.
    pub cluster: String,
    /// The node that they were for.
    pub node: String,
    /// Differs from journal to journal.
    pub journal: u64,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is something else, or from a newer version.
    #[error("{path} is not a journal of this version of lockstep", path = path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// It is a journal, but not this node's.
    #[error(
        "{path} belongs to node '{node}' of cluster '{cluster}': point `data_dir` at this node's own \
         folder, or move that one away",
        path = path.display()
    )]
    OfAnother {
        /// Which file.
        path: PathBuf,
        /// Whose.
        node: String,
        /// In which cluster.
        cluster: String,
    },
    /// A frame before the last one does not check.
    #[error(
        "{path} is damaged at byte {offset}: orders may be forgotten and could be run twice; restore \
         the file, or fence this node and remove it",
        path = path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
}

/// Name of the journal in its folder.
const NAME: &str = "journal";
/// Name under which a new one is written before it takes the other's place.
const BESIDE: &str = "journal.new";

/// An open journal.
#[derive(Debug)]
pub struct Journal<F: Folder = PrivateFolder> {
    folder: F,
    file: F::File,
    /// Where the next frame goes: the end of what is known to be whole.
    end: u64,
    /// Up to where everything is known to be on disk.
    durable: u64,
    /// Whether a crash may bring back the file that this one replaced.
    unsynced_name: bool,
    header: Header,
}

impl Journal {
    /// Reads a journal that another process may be writing: for inspection.
    pub fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
        let failed = |error| JournalError::Io {
            path: path.to_owned(),
            error,
        };
        let bytes = std::fs::read(path).map_err(failed)?;
        Ok(parse(path, &bytes)?.records)
    }
}

impl<F: Folder> Journal<F> {
    /// Opens the journal in a node's folder, or makes it with the identity `fresh`, and reads what
    /// it holds.
    pub fn open(mut folder: F, fresh: Header) -> Result<(Self, Vec<Record>), JournalError> {
        let path = folder.path_of(NAME);
        let failed = |error| JournalError::Io {
            path: path.clone(),
            error,
        };
        let bytes = match folder.read(NAME) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
            // New, or the very first write was torn: nothing was ever done because of it.
            let journal = Self::create(folder, fresh, &[])?;
            return Ok((journal, Vec::new()));
        }
        let contents = parse(&path, &bytes)?;
        let Some(header) = contents.header else {
            let journal = Self::create(folder, fresh, &[])?;
            return Ok((journal, Vec::new()));
        };
        if (&header.cluster, &header.node) != (&fresh.cluster, &fresh.node) {
            let Header { cluster, node, .. } = header;
            return Err(JournalError::OfAnother {
                path,
                node,
                cluster,
            });
        }
        let mut file = folder.open(NAME).map_err(failed)?;
        // What a process left that died may not be on disk yet, and will be relied upon from now on;
        // what is cut must not come back behind what is written next.
        file.set_len(contents.whole)
            .and_then(|()| file.sync())
            .and_then(|()| folder.sync())
            .map_err(failed)?;
        let journal = Self {
            file,
            folder,
            end: contents.whole,
            durable: contents.whole,
            unsynced_name: false,
            header,
        };
        Ok((journal, contents.records))
    }

    /// Which journal this is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes on disk.
    pub fn size(&self) -> u64 {
        self.end
    }

    /// Appends a batch; with `durable`, returns only when it is on disk. After an error the journal
    /// is as if the batch had not been written, and appending may be tried again.
    pub fn append(&mut self, records: &[Record], durable: bool) -> Result<(), JournalError> {
        let frame = frame(&records.to_vec(), self.durable);
        self.write_frame(&frame, durable)
            .map_err(|error| JournalError::Io {
                path: self.folder.path_of(NAME),
                error,
            })?;
        self.end += frame.len() as u64;
        if durable {
            self.durable = self.end;
        }
        Ok(())
    }

    fn write_frame(&mut self, frame: &[u8], durable: bool) -> io::Result<()> {
        // Cuts what a torn or failed write left behind the last whole frame.
        self.file.set_len(self.end)?;
        self.file.write_at(self.end, frame)?;
        if !durable {
            return Ok(());
        }
        if self.unsynced_name {
            self.folder.sync()?;
            self.unsynced_name = false;
        }
        self.file.sync()
    }

    /// Replaces the contents by these records, atomically. After an error the journal is as it was.
    pub fn compact(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let (file, end) = write_new(&mut self.folder, &self.header, records).map_err(|error| {
            JournalError::Io {
                path: self.folder.path_of(NAME),
                error,
            }
        })?;
        (self.file, self.end, self.durable) = (file, end, end);
        // The new file has the name now, and whoever went on with the old one would write what nobody
        // finds: so if the name cannot be made durable, that is for the next append that must be.
        self.unsynced_name = self.folder.sync().is_err();
        Ok(())
    }

    fn create(mut folder: F, header: Header, records: &[Record]) -> Result<Self, JournalError> {
        let written = write_new(&mut folder, &header, records)
            .and_then(|written| folder.sync().map(|()| written));
        let (file, end) = written.map_err(|error| JournalError::Io {
            path: folder.path_of(NAME),
            error,
        })?;
        Ok(Self {
            folder,
            file,
            end,
            durable: end,
            unsynced_name: false,
            header,
        })
    }
}

/// Writes a whole journal, and puts it in the place of the one that there was; durably once the folder
/// is synced.
fn write_new<F: Folder>(
    folder: &mut F,
    header: &Header,
    records: &[Record],
) -> io::Result<(F::File, u64)> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(frame(header, 0));
    if !records.is_empty() {
        bytes.extend(frame(&records.to_vec(), 0));
    }
    let mut file = folder.create(BESIDE)?;
    file.write_at(0, &bytes)?;
    file.sync()?;
    folder.rename(BESIDE, NAME)?;
    Ok((file, bytes.len() as u64))
}

struct Contents {
    header: Option<Header>,
    records: Vec<Record>,
    /// Bytes up to the end of the last whole frame.
    whole: u64,
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, JournalError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(JournalError::Foreign {
            path: path.to_owned(),
        });
    }
    let damaged = |offset: usize| JournalError::Damaged {
        path: path.to_owned(),
        offset: offset as u64,
    };
    let mut contents = Contents {
        header: None,
        records: Vec::new(),
        whole: 0,
    };
    let mut at = MAGIC.len();
    contents.whole = at as u64;
    while at < bytes.len() {
        let Some(payload) = frame_at(bytes, at) else {
            // Only what was not durable may be torn; a whole frame behind it knows.
            return match was_durable(bytes, at) {
                true => Err(damaged(at)),
                false => Ok(contents),
            };
        };
        let payload = payload.1;
        if contents.header.is_none() {
            contents.header = Some(codec::decode(payload).map_err(|_| damaged(at))?);
        } else {
            let batch: Vec<Record> = codec::decode(payload).map_err(|_| damaged(at))?;
            contents.records.extend(batch);
        }
        at += FRAME_HEADER + payload.len();
        contents.whole = at as u64;
    }
    Ok(contents)
}

/// The frame at `at`, if one is there and checks: how much was durable before it, and its payload.
fn frame_at(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let header = bytes.get(at..at + FRAME_HEADER)?;
    let length = u32::from_le_bytes(header.get(..4)?.try_into().ok()?) as usize;
    let durable = u64::from_le_bytes(header.get(4..12)?.try_into().ok()?);
    let payload = bytes.get(at + FRAME_HEADER..)?.get(..length)?;
    let checks = length > 0 && header.get(12..)? == checksum(durable, payload);
    checks.then_some((durable, payload))
}

/// Whether a frame that checks, anywhere behind a damaged one, says that the damaged one was durable.
/// Eight bytes of checksum make a chance hit impossible for practical purposes; lengths that lead past
/// the end are skipped without hashing, so this is quick.
fn was_durable(bytes: &[u8], damaged: usize) -> bool {
    let behind = (damaged + 1..bytes.len()).filter_map(|at| frame_at(bytes, at));
    behind
        .map(|(durable, _)| durable)
        .any(|durable| durable > damaged as u64)
}

fn frame<T: Encode>(value: &T, durable: u64) -> Vec<u8> {
    let payload = codec::encode(value);
    let length = u32::try_from(payload.len()).unwrap_or_else(|_| unreachable!("batches are small"));
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(durable.to_le_bytes());
    bytes.extend(checksum(durable, &payload));
    bytes.extend(payload);
    bytes
}

fn checksum(durable: u64, payload: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    let hash = hasher
        .update(&durable.to_le_bytes())
        .update(payload)
        .finalize();
    let mut short = [0; 8];
    short.copy_from_slice(&hash.as_bytes()[..8]);
    short
}
