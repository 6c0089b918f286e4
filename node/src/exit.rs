//! What does an exit code of `lockstep` mean?
//!
//! The codes are those of Pacemaker's tools (which take them from `sysexits.h`), so that scripts
//! written for those keep their meaning.

use std::process::ExitCode;

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It did not, and nothing below says it better.
    Error = 1,
    /// Unknown option, missing argument.
    Usage = 64,
    /// The input is there but is not what it should be (a CIB that is not XML).
    BadData = 65,
    /// The input is not there or cannot be read.
    NoInput = 66,
    /// A service that is needed is not there (no controller at that address).
    Unavailable = 69,
    /// A bug.
    Software = 70,
    /// The operating system refused (no more processes, a port in use).
    OsError = 71,
    /// A file or folder cannot be made.
    CannotCreate = 73,
    /// Reading or writing failed (a full disk).
    Io = 74,
    /// It may work later (no leader right now).
    TryLater = 75,
    /// The other side speaks another language or version.
    Protocol = 76,
    /// Not allowed.
    NoPermission = 77,
    /// A configuration error.
    Config = 78,
    /// Digests differ.
    DigestMismatch = 104,
    /// What it is about does not exist.
    NoSuch = 105,
    /// It would be dangerous.
    NotSafe = 107,
    /// Something that is to be unique is there already.
    Exists = 108,
    /// It took too long.
    Timeout = 124,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
