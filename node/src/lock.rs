//! Does another process use this folder?

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

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
    _file: File,
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
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken { path }),
            Err(error) => Err(failed(error.into())),
        }
    }
}
