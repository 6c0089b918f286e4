//! What does a machine remember? A folder in memory, as the consensus crate has it, that can also be
//! told to lie about syncs: the oldest way to lose what was acknowledged.

use std::io;
use std::path::Path;

use lockstep_consensus::log::folder::{Folder, FolderFile};
use lockstep_consensus::log::memory::{MemoryFile, MemoryFolder};
use lockstep_consensus::random::Random;

/// A folder of a simulated machine.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    inner: MemoryFolder,
    /// Says that contents are durable, and does nothing for it.
    skips_sync: bool,
}

/// An open file of a [`Disk`].
#[derive(Debug)]
pub(super) struct DiskFile {
    inner: MemoryFile,
    skips_sync: bool,
}

impl Disk {
    pub(super) fn new(skips_sync: bool) -> Self {
        Self {
            inner: MemoryFolder::new(),
            skips_sync,
        }
    }

    /// The machine loses its power.
    pub(super) fn lose_power(&mut self, random: &mut Random) {
        self.inner = self.inner.crash(random);
    }

    /// The process that used it is gone, the machine is not.
    pub(super) fn lose_process(&mut self) {
        self.inner = self.inner.restart();
    }

    /// Only so many more bytes fit; `None`: there is room.
    pub(super) fn set_room(&self, bytes: Option<u64>) {
        self.inner
            .set_capacity(bytes.map(|bytes| self.inner.used() + bytes));
    }

    /// The process dies in the middle of what it writes next, after so many changes.
    pub(super) fn die_after(&self, changes: u64) {
        self.inner.die_after(changes);
    }
}

impl Folder for Disk {
    type File = DiskFile;

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.inner.read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<DiskFile> {
        let inner = self.inner.create(name)?;
        let skips_sync = self.skips_sync;
        Ok(DiskFile { inner, skips_sync })
    }

    fn open(&mut self, name: &str) -> io::Result<DiskFile> {
        let inner = self.inner.open(name)?;
        let skips_sync = self.skips_sync;
        Ok(DiskFile { inner, skips_sync })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

impl FolderFile for DiskFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.skips_sync {
            return Ok(());
        }
        self.inner.sync()
    }
}
