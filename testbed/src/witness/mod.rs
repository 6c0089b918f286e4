//! What really happened, told by those who did it, outside of all hosts.
//!
//! One file: agents append what they do, the power switch what it did, the testbed what it broke. A
//! line is appended whole, so that the order of lines is the order of events, whatever clocks say.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lockstep_node::clock::Clock;
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Microseconds since the epoch.
    pub at_us: u64,
    /// On which host, or of which one.
    pub node: String,
    /// Of which resource; "" if it is about a host.
    #[serde(default)]
    pub resource: String,
    /// `start`, `stop`, `monitor`, `promote`, `demote` of agents; `off`, `on`, `confirmed` of hosts.
    pub action: String,
    /// `begin` or `end` of an agent's action; who did it to a host: `fence` or `fault`.
    pub phase: String,
    /// The agent's exit code.
    #[serde(default)]
    pub code: i32,
}

/// The file.
#[derive(Clone, Debug)]
pub struct Witness {
    path: PathBuf,
    clock: Clock,
}

impl Witness {
    /// The file in a folder that all hosts see.
    #[must_use]
    pub fn in_folder(shared: &Path) -> Self {
        Self {
            path: shared.join("witness.jsonl"),
            clock: Clock::start(),
        }
    }

    /// Something was done to a host.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn host(&self, node: &str, action: &str, phase: &str) -> io::Result<()> {
        let testimony = Testimony {
            at_us: self.clock.unix_us(),
            node: node.to_owned(),
            resource: String::new(),
            action: action.to_owned(),
            phase: phase.to_owned(),
            code: 0,
        };
        let line = serde_json::to_string(&testimony)? + "\n";
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        file.write_all(line.as_bytes())
    }

    /// All events so far, in order.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is none of these.
    pub fn read(&self) -> io::Result<Vec<Testimony>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        // What is being written right now has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).map_err(io::Error::other))
            .collect()
    }
}
