//! Which process is it? A number alone is given to others again; with the time of its start it is
//! not.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process, or the group that it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// When it started, as the kernel counts; 0 if that is not known.
    pub started: u64,
}

impl Process {
    /// The process with this number now.
    pub fn of(id: u32) -> Self {
        Self {
            id,
            started: start_time(id).unwrap_or(0),
        }
    }

    /// This process.
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// Whether it is still there (it may be a zombie).
    pub fn is_alive(self) -> bool {
        self.started != 0 && start_time(self.id) == Some(self.started)
    }

    /// Whether it still does anything: not if it only waits to be reaped.
    pub fn is_running(self) -> bool {
        self.is_alive() && field(self.id, 0).is_some_and(|state| state != "Z")
    }

    /// `kill -9`, if it is still there; returns whether it was.
    pub fn kill(self) -> bool {
        self.pid()
            .is_some_and(|pid| self.is_alive() && kill_process(pid, Signal::KILL).is_ok())
    }

    /// `kill -9` for its whole group, if its leader is still there; returns whether it was.
    pub fn kill_group(self) -> bool {
        self.pid()
            .is_some_and(|pid| self.is_alive() && kill_process_group(pid, Signal::KILL).is_ok())
    }

    fn pid(self) -> Option<Pid> {
        i32::try_from(self.id).ok().and_then(Pid::from_raw)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.started)
    }
}

impl FromStr for Process {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, started) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Self {
            id: id.parse()?,
            started: started.parse()?,
        })
    }
}

/// When a process started, by the kernel's count.
fn start_time(id: u32) -> Option<u64> {
    field(id, 19)?.parse().ok()
}

/// A field of `/proc/ID/stat`, counted from the process's state.
fn field(id: u32, number: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold spaces and parentheses; fields are counted after its end.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(number).map(str::to_owned)
}
