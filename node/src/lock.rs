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
            Ok(()) => {
                // Only tells who it is; the lock holds without it, also on a full disk.
                let _ = file
                    .set_len(0)
                    .and_then(|()| writeln!(&file, "{}", Process::own()));
                Ok(Self { _file: file })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken { path }),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The process that has a folder, if it lives.
pub fn holder(folder: &Path) -> Option<Process> {
    let text = std::fs::read_to_string(folder.join("lock")).ok()?;
    let process: Process = text.trim().parse().ok()?;
    process.is_alive().then_some(process)
}
