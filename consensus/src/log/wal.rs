//! The write-ahead log: segments of records, each record one write and one sync.
//!
//! A segment is a file `log-N`: a header, then records back to back, then zeros up to its end.
//! The zeros are written ahead in steps, so that a record's sync need not wait for the file
//! system to note a new length. A segment begins with a record that repeats what is in force, so
//! older segments can go as soon as nothing of their entries is needed; its header says up to which
//! entry they are, so that segments that went too early are missed.
//!
//! What does a record that does not check out mean? A write is synced before the next one
//! begins, so only the last record can be half-written, and the half that is missing was never
//! acknowledged: cut it. [`classify`] tells that case from damage: behind damage there is a
//! later record, or the bytes are all there and wrong. A disk writes sectors whole, and a sector
//! that was not written is still zero.
//!
//! What is read back may be in the system's cache only, written by a process that died before it
//! could sync. A member acts on what it finds, so all of it is synced before it is told.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::folder::{Folder, FolderFile};
use super::identity::list;
use super::{StoreError, TornTail};

/// Sizes of a log. They may differ from run to run.
#[derive(Clone, Copy, Debug)]
pub struct LogSizes {
    /// A new segment is begun when one has reached this many bytes.
    pub segment_bytes: u64,
    /// Zeros are written ahead in steps of this many bytes.
    pub grow_bytes: u64,
}

impl Default for LogSizes {
    fn default() -> Self {
        LogSizes {
            segment_bytes: 16 << 20,
            grow_bytes: 1 << 20,
        }
    }
}

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

const PREFIX: &str = "log-";
const TEMPORARY: &str = "log.new";

const SEGMENT_MAGIC: &[u8; 8] = b"LSLOG\x00\x00\x01";
const SEGMENT_HEADER: usize = 8 + 4 + 4 + 8 + 8 + 8 + 4;
/// The format of segments and of the records in them.
const SEGMENT_FORMAT: u32 = 1;
/// What a header that does not know of the segments before it counts as. It says 1 as well, but is shorter.
const SHORT_FORMAT: u32 = 0;
const SHORT_HEADER: usize = 8 + 4 + 4 + 8 + 8 + 4;

/// Its last byte is the format.
const RECORD_MAGIC: [u8; 4] = *b"LSr\x01";
const RECORD_HEADER: usize = 4 + 4 + 8 + 4 + 4;

/// The open log of one folder.
#[derive(Debug)]
pub(super) struct Wal<F: Folder> {
    salt: u32,
    sizes: LogSizes,
    /// Segments that are full, oldest first.
    sealed: VecDeque<Sealed>,
    active: Active<F::File>,
    /// Sequence number of the next record.
    next_seq: u64,
}

#[derive(Debug)]
struct Sealed {
    number: u64,
    /// Highest index of an entry in it; 0 for none.
    last_index: u64,
}

#[derive(Debug)]
struct Active<File> {
    file: File,
    number: u64,
    last_index: u64,
    /// Where the next record goes.
    offset: u64,
    /// Up to where the file is there, zeroed.
    allocated: u64,
}

/// A log that was there.
pub(super) struct Opened<F: Folder> {
    pub(super) wal: Wal<F>,
    pub(super) torn: Option<TornTail>,
    /// Its oldest segment.
    pub(super) first: PathBuf,
    /// Highest index of an entry in the segments that are gone; 0 for none.
    pub(super) gone_through: u64,
}

/// A record as it was found: what it holds, and where, for messages.
pub(super) struct Found<'a> {
    pub(super) payload: &'a [u8],
    pub(super) file: PathBuf,
    pub(super) offset: u64,
}

impl<F: Folder> Wal<F> {
    /// Reads all records back in order, giving each to `visit`, which says the highest entry
    /// index in it (0 for none). `None` if the folder has no log yet.
    pub(super) fn open(
        folder: &mut F,
        salt: u32,
        sizes: LogSizes,
        mut visit: impl FnMut(Found<'_>) -> Result<u64, StoreError>,
    ) -> Result<Option<Opened<F>>, StoreError> {
        let mut numbers = Vec::new();
        for name in list(folder)? {
            if name == TEMPORARY {
                // A segment that was never put in place.
                remove(folder, &name)?;
            } else if let Some(number) = name.strip_prefix(PREFIX) {
                let damaged = |_| damage(folder, &name, 0, "not a segment number in its name");
                numbers.push(number.parse::<u64>().map_err(damaged)?);
            }
        }
        numbers.sort_unstable();
        let Some((&newest, older)) = numbers.split_last() else {
            return Ok(None);
        };

        let mut sealed = VecDeque::new();
        let mut expected = None;
        let mut gone_through = None;
        for &number in older {
            let scan = scan_segment(folder, number, salt, expected, false, &mut visit)?;
            gone_through.get_or_insert(scan.older_index);
            sealed.push_back(Sealed {
                number,
                last_index: scan.last_index,
            });
            expected = Some(Expected {
                number: number + 1,
                seq: scan.next_seq,
            });
        }
        let scan = scan_segment(folder, newest, salt, expected, true, &mut visit)?;
        let name = segment_name(newest);
        let mut file = folder
            .open(&name)
            .map_err(|source| StoreError::io("open", folder.path_of(&name), source))?;
        let torn = scan.torn.then(|| TornTail {
            file: folder.path_of(&name),
            offset: scan.end,
        });
        if torn.is_some() {
            // Gone for good, before anything is written behind it.
            file.set_len(scan.end)
                .map_err(|source| StoreError::io("cut", folder.path_of(&name), source))?;
        }
        file.sync()
            .and_then(|()| folder.sync())
            .map_err(|source| StoreError::io("sync", folder.path_of(&name), source))?;
        let active = Active {
            file,
            number: newest,
            last_index: scan.last_index,
            offset: scan.end,
            allocated: if torn.is_some() { scan.end } else { scan.len },
        };
        Ok(Some(Opened {
            wal: Wal {
                salt,
                sizes,
                sealed,
                active,
                next_seq: scan.next_seq,
            },
            torn,
            first: folder.path_of(&segment_name(numbers[0])),
            gone_through: gone_through.unwrap_or(scan.older_index),
        }))
    }

    /// Begins the log of a new folder.
    pub(super) fn create(
        folder: &mut F,
        salt: u32,
        sizes: LogSizes,
        checkpoint: &[u8],
    ) -> Result<Self, StoreError> {
        let first = Head {
            number: 1,
            seq: 1,
            older_index: 0,
        };
        let active = begin_segment(folder, salt, sizes, first, checkpoint)?;
        Ok(Wal {
            salt,
            sizes,
            sealed: VecDeque::new(),
            active,
            next_seq: 2,
        })
    }

    /// Whether the next record should begin a new segment.
    pub(super) fn is_segment_full(&self) -> bool {
        self.active.offset >= self.sizes.segment_bytes
    }

    /// Begins a new segment with `checkpoint`: a record of all that is in force.
    pub(super) fn rotate(&mut self, folder: &mut F, checkpoint: &[u8]) -> Result<(), StoreError> {
        let sealed = self.sealed.iter().map(|sealed| sealed.last_index);
        let head = Head {
            number: self.active.number + 1,
            seq: self.next_seq,
            older_index: sealed.fold(self.active.last_index, u64::max),
        };
        let next = begin_segment(folder, self.salt, self.sizes, head, checkpoint)?;
        let full = std::mem::replace(&mut self.active, next);
        self.sealed.push_back(Sealed {
            number: full.number,
            last_index: full.last_index,
        });
        self.next_seq += 1;
        Ok(())
    }

    /// Appends one record and makes it durable. `last_index` is the highest index of an entry
    /// in it (0 for none).
    pub(super) fn append(
        &mut self,
        folder: &F,
        payload: &[u8],
        last_index: u64,
    ) -> Result<(), StoreError> {
        let record = record_bytes(self.salt, self.next_seq, payload);
        let active = &mut self.active;
        let end = active.offset + record.len() as u64;
        let outcome = grow(&mut active.file, &mut active.allocated, end, self.sizes)
            .and_then(|()| active.file.write_at(active.offset, &record))
            .and_then(|()| active.file.sync());
        if let Err(source) = outcome {
            let path = folder.path_of(&segment_name(active.number));
            return Err(StoreError::io("write", path, source));
        }
        active.offset = end;
        active.last_index = active.last_index.max(last_index);
        self.next_seq += 1;
        Ok(())
    }

    /// Removes the segments that hold nothing after `index`.
    pub(super) fn drop_through(&mut self, folder: &mut F, index: u64) -> Result<(), StoreError> {
        while let Some(oldest) = self
            .sealed
            .front()
            .filter(|oldest| oldest.last_index <= index)
        {
            remove(folder, &segment_name(oldest.number))?;
            // One after the other, also after a crash: a gap would look like damage.
            folder
                .sync()
                .map_err(|source| StoreError::io("sync", folder.path().to_owned(), source))?;
            self.sealed.pop_front();
        }
        Ok(())
    }
}

fn segment_name(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

fn remove<F: Folder>(folder: &mut F, name: &str) -> Result<(), StoreError> {
    folder
        .remove(name)
        .map_err(|source| StoreError::io("remove", folder.path_of(name), source))
}

fn damage<F: Folder>(folder: &F, name: &str, offset: usize, what: &str) -> StoreError {
    let (file, offset) = (folder.path_of(name), offset as u64);
    StoreError::Damaged {
        file,
        offset,
        what: what.to_owned(),
    }
}

/// Extends the file with zeros until `end` fits. If there is no room, it is as before.
fn grow<File: FolderFile>(
    file: &mut File,
    allocated: &mut u64,
    end: u64,
    sizes: LogSizes,
) -> std::io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let before = *allocated;
    if end <= before {
        return Ok(());
    }
    let target = end.next_multiple_of(sizes.grow_bytes.max(1));
    let mut at = before;
    while at < target {
        let step = (target - at).min(ZEROS.len() as u64);
        if let Err(error) = file.write_at(at, &ZEROS[..step as usize]) {
            // If not even this works, the leftover zeros do no harm.
            let _ = file.set_len(before);
            return Err(error);
        }
        at += step;
    }
    *allocated = target;
    Ok(())
}

/// Writes a segment with its first record under a temporary name, then puts it in place.
fn begin_segment<F: Folder>(
    folder: &mut F,
    salt: u32,
    sizes: LogSizes,
    head: Head,
    checkpoint: &[u8],
) -> Result<Active<F::File>, StoreError> {
    let name = segment_name(head.number);
    let mut bytes = segment_header(salt, head);
    bytes.extend_from_slice(&record_bytes(salt, head.seq, checkpoint));
    let offset = bytes.len() as u64;
    let mut attempt = || {
        let mut file = folder.create(TEMPORARY)?;
        let mut allocated = 0;
        grow(&mut file, &mut allocated, offset, sizes)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        folder.rename(TEMPORARY, &name)?;
        folder.sync()?;
        Ok((file, allocated))
    };
    match attempt() {
        Ok((file, allocated)) => Ok(Active {
            file,
            number: head.number,
            last_index: 0,
            offset,
            allocated,
        }),
        Err(source) => {
            let _ = folder.remove(TEMPORARY);
            Err(StoreError::io("write", folder.path_of(&name), source))
        }
    }
}

/// What a segment's header says.
#[derive(Clone, Copy)]
struct Head {
    number: u64,
    /// Sequence number of the first record.
    seq: u64,
    /// Highest index of an entry in the segments before it; 0 for none.
    older_index: u64,
}

fn segment_header(salt: u32, head: Head) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER);
    header.extend_from_slice(SEGMENT_MAGIC);
    header.extend_from_slice(&SEGMENT_FORMAT.to_le_bytes());
    header.extend_from_slice(&salt.to_le_bytes());
    for field in [head.number, head.seq, head.older_index] {
        header.extend_from_slice(&field.to_le_bytes());
    }
    let sum = crc32fast::hash(&header);
    header.extend_from_slice(&sum.to_le_bytes());
    header
}

fn record_bytes(salt: u32, seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD_HEADER + payload.len());
    record.extend_from_slice(&RECORD_MAGIC);
    // Batches are bounded far below 4 GiB by the limits on commands and on what may wait.
    let len = u32::try_from(payload.len()).expect("a record is shorter than 4 GiB");
    record.extend_from_slice(&len.to_le_bytes());
    record.extend_from_slice(&seq.to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let sum = header_sum(salt, &record);
    record.extend_from_slice(&sum.to_le_bytes());
    record.extend_from_slice(payload);
    record
}

fn header_sum(salt: u32, header: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(header);
    hasher.finalize()
}

#[derive(Clone, Copy)]
struct RecordHeader {
    len: usize,
    seq: u64,
    payload_sum: u32,
}

/// The record header at the start of `bytes`, if a whole and valid one is there.
fn parse_record_header(salt: u32, bytes: &[u8]) -> Option<RecordHeader> {
    let header: &[u8; RECORD_HEADER] = bytes.first_chunk()?;
    let u32_at = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if record_format(salt, bytes) != Some(RECORD_MAGIC[3]) {
        return None;
    }
    let seq = u64::from(u32_at(8)) | u64::from(u32_at(12)) << 32;
    Some(RecordHeader {
        len: u32_at(4) as usize,
        seq,
        payload_sum: u32_at(16),
    })
}

/// The format of the record whose header is at the start of `bytes`, if the header checks out. All
/// formats keep magic and sum where they are, so that a program can tell another format from damage.
fn record_format(salt: u32, bytes: &[u8]) -> Option<u8> {
    let header: &[u8; RECORD_HEADER] = bytes.first_chunk()?;
    let (body, sum) = header.split_last_chunk::<4>()?;
    let is_record = header[..3] == RECORD_MAGIC[..3];
    (is_record && u32::from_le_bytes(*sum) == header_sum(salt, body)).then_some(header[3])
}

/// Whether a segment begins with a whole header of [`SHORT_FORMAT`].
fn is_short_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<SHORT_HEADER>() else {
        return false;
    };
    let Some((body, sum)) = header.split_last_chunk::<4>() else {
        return false;
    };
    body.starts_with(SEGMENT_MAGIC) && u32::from_le_bytes(*sum) == crc32fast::hash(body)
}

fn other_format(path: PathBuf, found: u32) -> StoreError {
    let supported = SEGMENT_FORMAT;
    if found > supported {
        return StoreError::Newer {
            path,
            found,
            supported,
        };
    }
    StoreError::Older {
        path,
        found,
        supported,
    }
}

struct Expected {
    number: u64,
    seq: u64,
}

struct Scan {
    /// What its header says of the segments before it.
    older_index: u64,
    last_index: u64,
    next_seq: u64,
    /// End of the last good record.
    end: u64,
    /// Length of the file.
    len: u64,
    /// Whether a half-written record follows.
    torn: bool,
}

/// Reads one segment. `expected` is what must follow the segment before it, if there is one.
fn scan_segment<F: Folder>(
    folder: &F,
    number: u64,
    salt: u32,
    expected: Option<Expected>,
    is_newest: bool,
    visit: &mut impl FnMut(Found<'_>) -> Result<u64, StoreError>,
) -> Result<Scan, StoreError> {
    let name = segment_name(number);
    let damaged = |offset: usize, what: &str| Err(damage(folder, &name, offset, what));
    let bytes = folder
        .read(&name)
        .map_err(|source| StoreError::io("read", folder.path_of(&name), source))?;

    let other_format = |found| Err(other_format(folder.path_of(&name), found));
    if is_short_header(&bytes) {
        return other_format(SHORT_FORMAT);
    }
    let Some(header) = bytes.first_chunk::<SEGMENT_HEADER>() else {
        return damaged(bytes.len(), "the segment is cut off in its header");
    };
    let format = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if &header[..8] == SEGMENT_MAGIC && format > SEGMENT_FORMAT {
        return other_format(format);
    }
    let u64_at = |at: usize| {
        let bytes = header[at..].first_chunk().copied();
        u64::from_le_bytes(bytes.expect("both numbers are within the header"))
    };
    let head = Head {
        number,
        seq: u64_at(24),
        older_index: u64_at(32),
    };
    // A segment is put in place only when its beginning is durable, so here nothing can be torn.
    if header[..] != segment_header(salt, head)[..] {
        return damaged(0, "the segment header does not check out");
    }
    if let Some(expected) = expected {
        if number != expected.number {
            return damaged(
                0,
                &format!("segment {} before it is missing", expected.number),
            );
        }
        if head.seq != expected.seq {
            let what = format!("it begins with record {}, not {}", head.seq, expected.seq);
            return damaged(0, &what);
        }
    }

    let (mut at, mut seq) = (SEGMENT_HEADER, head.seq);
    let mut last_index = 0;
    let torn = loop {
        let rest = &bytes[at..];
        let header = parse_record_header(salt, rest).filter(|header| header.seq == seq);
        let payload = header.and_then(|header| {
            rest.get(RECORD_HEADER..RECORD_HEADER + header.len)
                .filter(|payload| crc32fast::hash(payload) == header.payload_sum)
        });
        match payload {
            Some(payload) => {
                let (file, offset) = (folder.path_of(&name), at as u64);
                last_index = last_index.max(visit(Found {
                    payload,
                    file,
                    offset,
                })?);
                at += RECORD_HEADER + payload.len();
                seq += 1;
            }
            None => match classify(salt, &bytes, at, seq, header) {
                Tail::OtherFormat(found) => return other_format(found),
                Tail::Clean | Tail::Torn if at == SEGMENT_HEADER => {
                    return damaged(at, "the segment's first record is missing");
                }
                Tail::Clean => break false,
                Tail::Torn if is_newest => break true,
                Tail::Torn => {
                    return damaged(at, "a record is incomplete, and newer segments follow");
                }
                Tail::Damaged(what) => return damaged(at, &what),
            },
        }
    };
    Ok(Scan {
        older_index: head.older_index,
        last_index,
        next_seq: seq,
        end: at as u64,
        len: bytes.len() as u64,
        torn,
    })
}

enum Tail {
    /// Nothing was ever written there.
    Clean,
    /// The last write did not get to its end.
    Torn,
    /// A good record, in another format than this program's.
    OtherFormat(u32),
    /// Something else, described.
    Damaged(String),
}

/// Why is there no good record number `seq` at `at`? `header` is its header if that is good.
fn classify(salt: u32, bytes: &[u8], at: usize, seq: u64, header: Option<RecordHeader>) -> Tail {
    let rest = &bytes[at..];
    let Some(first_nonzero) = rest.iter().position(|&byte| byte != 0) else {
        return Tail::Clean;
    };
    if let Some(format) = record_format(salt, rest).filter(|format| *format != RECORD_MAGIC[3]) {
        return Tail::OtherFormat(format.into());
    }

    let mut search = first_nonzero + usize::from(first_nonzero == 0);
    while let Some(found) = rest[search..]
        .windows(4)
        .position(|window| window == RECORD_MAGIC)
    {
        search += found;
        if let Some(later) = parse_record_header(salt, &rest[search..]).filter(|h| h.seq > seq) {
            return Tail::Damaged(format!(
                "record {seq} does not check out, and record {} follows at byte {}",
                later.seq,
                at + search
            ));
        }
        search += 1;
    }

    let written = RECORD_HEADER + header.map_or(0, |header| header.len);
    if rest.len() < written || has_unwritten_sector(&bytes[..at + written], at) {
        return Tail::Torn;
    }
    Tail::Damaged(match header {
        Some(_) => {
            format!("the checksum of record {seq} does not match, and all of it was written")
        }
        None => format!("the header of record {seq} does not check out"),
    })
}

/// Whether a sector's share of `bytes[from..]` is all zero.
fn has_unwritten_sector(bytes: &[u8], from: usize) -> bool {
    let mut at = from;
    while at < bytes.len() {
        let end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
        let share = &bytes[at..end.min(bytes.len())];
        if share.iter().all(|&byte| byte == 0) {
            return true;
        }
        at = end;
    }
    false
}
