//! A folder in memory that treats its user as badly as a real disk may: a crash loses what was
//! not synced, sector by sector, and there may be no room.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::folder::{Folder, FolderFile};
use crate::random::Random;

const SECTOR_BYTES: usize = 512;

/// A folder in memory. Clones are the same folder, as seen by another process.
#[derive(Clone, Debug)]
pub struct MemoryFolder {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    life: u64,
}

/// An open file of a [`MemoryFolder`]. Of no use after a crash.
#[derive(Debug)]
pub struct MemoryFile {
    state: Arc<Mutex<State>>,
    life: u64,
    inode: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Counts crashes: whoever opened something before the last one is dead.
    life: u64,
    next_inode: u64,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    /// The names that a crash leaves, and what was done to them since, in order.
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    capacity: Option<u64>,
    /// How many more changes are carried out before the process dies.
    changes_left: Option<u64>,
}

#[derive(Debug, Default)]
struct Inode {
    content: Vec<u8>,
    /// What was done since the last sync, in order, with what was there before.
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write {
        offset: usize,
        bytes: Vec<u8>,
        before: Vec<u8>,
    },
    SetLen {
        len: usize,
        before: usize,
        cut_off: Vec<u8>,
    },
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(String, u64),
    Rename(String, String),
    Remove(String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Set(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Default for MemoryFolder {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryFolder {
    /// An empty folder with room for everything.
    pub fn new() -> Self {
        MemoryFolder {
            path: PathBuf::from("/memory"),
            state: Arc::default(),
            life: 0,
        }
    }

    /// The machine goes down and comes back: what was synced is there; of the rest, any sectors
    /// and any first part of the renames are, as `random` has it. The folder as the next process
    /// finds it.
    pub fn crash(&self, random: &mut Random) -> MemoryFolder {
        let mut state = self.lock();
        state.life += 1;
        state.changes_left = None;
        let survive = random.below(state.unsynced_names.len() as u64 + 1) as usize;
        let mut names = state.durable_names.clone();
        for change in &state.unsynced_names[..survive] {
            change.apply(&mut names);
        }
        for inode in state.inodes.values_mut() {
            inode.crash(random);
        }
        state.durable_names = names.clone();
        state.names = names;
        state.unsynced_names.clear();
        let life = state.life;
        drop(state);
        MemoryFolder {
            path: self.path.clone(),
            state: self.state.clone(),
            life,
        }
    }

    /// The process ends and the machine stays up: nothing is lost. The folder as the next
    /// process finds it.
    pub fn restart(&self) -> MemoryFolder {
        let mut state = self.lock();
        state.life += 1;
        state.changes_left = None;
        MemoryFolder {
            path: self.path.clone(),
            state: self.state.clone(),
            life: state.life,
        }
    }

    /// How many bytes all files together may have.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Lets the process die after so many more changes (writes, syncs, renames and so on).
    pub fn die_after(&self, changes: u64) {
        self.lock().changes_left = Some(changes);
    }

    /// How many bytes all files together have.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Names of all files, as anyone sees them now.
    pub fn list_now(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// Content of a file, as anyone sees it now; empty if there is none.
    pub fn read_now(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        let inode = state
            .names
            .get(name)
            .and_then(|inode| state.inodes.get(inode));
        inode.map(|inode| inode.content.clone()).unwrap_or_default()
    }

    /// Flips bits of a stored byte. Whether there is such a byte.
    pub fn damage(&self, name: &str, offset: usize, flip: u8) -> bool {
        let mut state = self.lock();
        let Some(inode) = state.names.get(name).copied() else {
            return false;
        };
        let Some(inode) = state.inodes.get_mut(&inode) else {
            return false;
        };
        let hit = inode
            .content
            .get_mut(offset)
            .map(|byte| *byte ^= flip)
            .is_some();
        inode.unsynced.clear();
        hit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        alive(&self.state, self.life)
    }

    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        changing(&self.state, self.life)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn alive(state: &Mutex<State>, life: u64) -> io::Result<MutexGuard<'_, State>> {
    let state = lock(state);
    if state.life == life && state.changes_left != Some(0) {
        Ok(state)
    } else {
        Err(io::Error::other("this process is dead"))
    }
}

/// The state for one more change.
fn changing(state: &Mutex<State>, life: u64) -> io::Result<MutexGuard<'_, State>> {
    let mut state = alive(state, life)?;
    state.changes_left = state.changes_left.map(|left| left - 1);
    Ok(state)
}

impl State {
    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|inode| self.inodes.get(inode))
            .map(|inode| inode.content.len() as u64)
            .sum()
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn find(&self, name: &str) -> io::Result<u64> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        self.content[offset..end].copy_from_slice(bytes);
    }

    fn undo(&mut self, change: &Change) {
        match change {
            // A write past the end made the file longer: what was before is shorter.
            Change::Write {
                offset,
                bytes,
                before,
            } if before.len() < bytes.len() => {
                self.content.truncate(offset + before.len());
                self.content[*offset..].copy_from_slice(before);
            }
            Change::Write { offset, before, .. } => self.write(*offset, before),
            Change::SetLen {
                len,
                before,
                cut_off,
            } => {
                self.content.truncate(*len);
                self.content.extend_from_slice(cut_off);
                self.content.resize(*before, 0);
            }
        }
    }

    fn crash(&mut self, random: &mut Random) {
        let unsynced = std::mem::take(&mut self.unsynced);
        for change in unsynced.iter().rev() {
            self.undo(change);
        }
        // Often nothing has left the cache yet.
        if random.chance(250) {
            return;
        }
        for change in unsynced {
            match change {
                Change::SetLen { len, .. } => {
                    if random.chance(500) {
                        self.content.resize(len, 0);
                    }
                }
                Change::Write { offset, bytes, .. } => {
                    // Each sector gets there or does not.
                    let mut at = 0;
                    while at < bytes.len() {
                        let end = ((offset + at) / SECTOR_BYTES + 1) * SECTOR_BYTES - offset;
                        let end = end.min(bytes.len());
                        if random.chance(500) {
                            self.write(offset + at, &bytes[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
    }
}

impl Folder for MemoryFolder {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.alive()?.names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.alive()?;
        let inode = state.find(name)?;
        Ok(state
            .inodes
            .get(&inode)
            .map(|inode| inode.content.clone())
            .unwrap_or_default())
    }

    fn create(&mut self, name: &str) -> io::Result<MemoryFile> {
        let mut state = self.changing()?;
        let inode = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        state.change_name(NameChange::Set(name.to_owned(), inode));
        Ok(MemoryFile {
            state: self.state.clone(),
            life: self.life,
            inode,
        })
    }

    fn open(&mut self, name: &str) -> io::Result<MemoryFile> {
        let inode = self.alive()?.find(name)?;
        Ok(MemoryFile {
            state: self.state.clone(),
            life: self.life,
            inode,
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.changing()?;
        state.find(from)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.changing()?;
        state.find(name)?;
        state.change_name(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.changing()?;
        state.durable_names = state.names.clone();
        state.unsynced_names.clear();
        // What no name leads to any more is gone.
        let State {
            inodes,
            durable_names,
            ..
        } = &mut *state;
        let named: std::collections::BTreeSet<u64> = durable_names.values().copied().collect();
        inodes.retain(|inode, _| named.contains(inode));
        Ok(())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl FolderFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = changing(&self.state, self.life)?;
        let (used, capacity) = (state.used(), state.capacity);
        let inode = state.inodes.entry(self.inode).or_default();
        let offset = offset as usize;
        let growth = (offset + bytes.len()).saturating_sub(inode.content.len()) as u64;
        let room = capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used));
        // As on a real disk, the part that fits is written all the same.
        let missing = growth.saturating_sub(room).min(bytes.len() as u64) as usize;
        let fits = &bytes[..bytes.len() - missing];
        let end = (offset + fits.len()).min(inode.content.len());
        let before = inode.content.get(offset..end).unwrap_or_default().to_vec();
        inode.write(offset, fits);
        inode.unsynced.push(Change::Write {
            offset,
            bytes: fits.to_vec(),
            before,
        });
        if missing > 0 {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = changing(&self.state, self.life)?;
        let inode = state.inodes.entry(self.inode).or_default();
        let (len, before) = (len as usize, inode.content.len());
        let cut_off = inode.content.get(len..).unwrap_or_default().to_vec();
        inode.content.resize(len, 0);
        inode.unsynced.push(Change::SetLen {
            len,
            before,
            cut_off,
        });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = changing(&self.state, self.life)?;
        let inode = state.inodes.entry(self.inode).or_default();
        inode.unsynced.clear();
        Ok(())
    }
}
