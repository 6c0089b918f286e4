//! Files of one folder, as far as the log needs them: the seam between the store and the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::StoreError;

/// A folder of flat files. Creating, renaming and removing are durable after
/// [`Folder::sync`]; bytes are after [`FolderFile::sync`].
pub trait Folder: std::fmt::Debug + Send + 'static {
    /// An open file.
    type File: FolderFile;

    /// Names of all files, in ascending order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new, empty file; one of that name is emptied.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    /// An existing file, for writing.
    fn open(&mut self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of whatever had it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync(&mut self) -> io::Result<()>;
    /// The folder, for messages.
    fn path(&self) -> &Path;

    /// A file, for messages.
    fn path_of(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// An open file of a [`Folder`].
pub trait FolderFile: std::fmt::Debug + Send + 'static {
    /// Writes all of `bytes` at `offset`. After an error any part may be written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, or extends it by zeros.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Name of the file that tells other processes that the folder is in use.
pub(super) const LOCK: &str = "lock";

/// A folder on the disk, held by this process alone.
#[derive(Debug)]
pub struct DiskFolder {
    path: PathBuf,
    /// Keeps the lock while it is open.
    _lock: File,
}

impl DiskFolder {
    /// Opens the folder, making it if it is missing, and takes its lock.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let failed = |what| {
            let path = path.clone();
            move |source| StoreError::io(what, path, source)
        };
        create_durably(&path).map_err(failed("create"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DiskFolder { path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked { path }),
            Err(errno) => Err(failed("lock")(errno.into())),
        }
    }
}

/// Makes a folder and those above it, so that they are still there after a power failure.
fn create_durably(path: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(path)?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

impl Folder for DiskFolder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is none of ours, but it is there: show it somehow.
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        File::create(self.path.join(name))
    }

    fn open(&mut self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.path.join(name))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl FolderFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
