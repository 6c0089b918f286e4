//! Does another process use this folder?

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::process::Process;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{path} is in use by another process", path = path.display())]
    Taken {
        /// Which folder.
        path: PathBuf,
    },
    /// It cannot be made or written.
    #[error("cannot use {path}: {error}", path = path.display())]
    Io {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// A folder that is ours until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Makes the folder if it is missing, and takes it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.to_owned();
        let failed = |error| LockError::Io {
            path: path.clone(),
            error,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // Only tells who it is; the lock holds without it, also on a full disk.
                let _ = file
                    .set_len(0)
                    .and_then(|()| writeln!(&file, "{}", Process::own()));
                Ok(Self { file })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken { path }),
            Err(error) => Err(failed(error.into())),
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Before the lock goes with the file: who only looked whether a folder is free does not have it.
        let _ = self.file.set_len(0);
    }
}

/// The process that has a folder, if it lives.
pub fn holder(folder: &Path) -> Option<Process> {
    let text = std::fs::read_to_string(folder.join("lock")).ok()?;
    let process: Process = text.trim().parse().ok()?;
    process.is_alive().then_some(process)
}

#[cfg(test)]
mod tests {
    use super::{FolderLock, LockError, holder};
    use crate::process::Process;

    #[test]
    fn who_let_go_of_a_folder_does_not_have_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()), None);
        let lock = FolderLock::take(folder.path()).unwrap();
        assert_eq!(holder(folder.path()), Some(Process::own()));
        let second = FolderLock::take(folder.path());
        assert!(matches!(second, Err(LockError::Taken { .. })));
        // Who did not get it has changed nothing.
        assert_eq!(holder(folder.path()), Some(Process::own()));
        drop(lock);
        assert_eq!(holder(folder.path()), None);
        FolderLock::take(folder.path()).unwrap();
    }
}
