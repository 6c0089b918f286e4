//! What is a node told before it can ask anybody? Its configuration file.
//!
//! TOML; everything that can differ between two nodes of a cluster, and how to reach the others.
//! The cluster's own configuration is the replicated CIB, not here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

#[cfg(test)]
mod tests;

/// A node's configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the cluster; a controller of another one is refused.
    pub cluster: String,
    /// Name of this node, as in the CIB.
    pub node: String,
    /// Where everything durable is.
    pub data_dir: PathBuf,
    /// Where the local API listens; loopback only.
    #[serde(default = "default_api")]
    pub api: SocketAddr,
    /// Whether resources can run here; a controller without an executor only votes and plans.
    #[serde(default = "yes")]
    pub executor: bool,
    /// A CIB to begin with, if the cluster has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_cib: Option<PathBuf>,
    /// A watchdog device (`/dev/watchdog`) by which this node fences itself when it has lost its
    /// quorum and cannot stop what it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<PathBuf>,
    /// Where the controller listens, if not at the address where others reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Controllers by which to find the others: those that a cluster begins with, or that there
    /// were when this node joined. Once a node is in touch it follows what the cluster says. A node
    /// that is not among them runs an executor only.
    pub controllers: Vec<ControllerAddress>,
    /// How agents are run.
    #[serde(default)]
    pub agents: AgentSettings,
    /// How fast things are noticed.
    #[serde(default)]
    pub timers: Timers,
}

/// How to reach a controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControllerAddress {
    /// Number in the Raft group: from 1, never used again for another machine.
    pub id: u64,
    /// Name of its node.
    pub node: String,
    /// Where other controllers, executors and new machines reach it.
    pub address: SocketAddr,
}

/// How agents are run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// Where OCF agents are installed.
    pub ocf_root: PathBuf,
    /// Where bundled agents keep their state; below the data folder if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// Where bundled agents write what they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<PathBuf>,
    /// Whether bundled agents play every resource: nothing real is started.
    pub stand_in: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            ocf_root: "/usr/lib/ocf".into(),
            state_dir: None,
            witness: None,
            stand_in: false,
        }
    }
}

/// How fast things are noticed, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// Raft's unit of time.
    pub tick_ms: u64,
    /// A leader says that it is there this often.
    pub heartbeat_ms: u64,
    /// Without a leader for so long (up to twice as long), somebody asks for an election.
    pub election_ms: u64,
    /// Without a sign of life for so long, a connection between controller and executor is over.
    pub silence_ms: u64,
    /// An executor that is away for so long is lost.
    pub node_lost_ms: u64,
    /// A controller that knows of no leader for so long has lost its quorum: it carries out
    /// `no-quorum-policy` for its own node.
    pub quorum_lost_ms: u64,
    /// How long a starting cluster waits for nodes that it knows and has not seen.
    pub join_wait_ms: u64,
    /// What is added to an action's own timeout before the leader gives it up.
    pub patience_ms: u64,
    /// How long an orderly stop may take.
    pub stop_ms: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            tick_ms: 10,
            heartbeat_ms: 100,
            election_ms: 1_000,
            silence_ms: 600,
            node_lost_ms: 1_000,
            quorum_lost_ms: 5_000,
            join_wait_ms: 20_000,
            patience_ms: 60_000,
            stop_ms: 60_000,
        }
    }
}

/// Whether a text can be the name of a cluster or of a node.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn yes() -> bool {
    true
}

fn default_api() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4747))
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration file {path}: {error}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is not TOML, or has other fields; the text shows the place.
    #[error("the configuration file {path} is wrong:\n{error}", path = path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What and where.
        error: Box<toml::de::Error>,
    },
    /// It says something that cannot be.
    #[error("the configuration file {path} is wrong: {problem}", path = path.display())]
    Meaning {
        /// Which file.
        path: PathBuf,
        /// What, and what to do.
        problem: String,
    },
}

impl ConfigError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } => Exit::NoInput,
            Self::Syntax { .. } | Self::Meaning { .. } => Exit::Config,
        }
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the text of the file `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            error: error.into(),
        })?;
        // Paths are relative to the file that names them, not to whoever starts the program.
        let folder = std::path::absolute(path).ok();
        let folder = folder
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/"));
        config.resolve_paths(folder);
        match config.problem() {
            Some(problem) => Err(ConfigError::Meaning {
                path: path.to_owned(),
                problem,
            }),
            None => Ok(config),
        }
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let AgentSettings {
            ocf_root,
            state_dir,
            witness,
            ..
        } = &mut self.agents;
        let paths = [
            Some(&mut self.data_dir),
            Some(ocf_root),
            self.first_cib.as_mut(),
            self.watchdog.as_mut(),
        ];
        for path in paths
            .into_iter()
            .chain([state_dir.as_mut(), witness.as_mut()])
            .flatten()
        {
            *path = folder.join(&path);
        }
    }

    fn problem(&self) -> Option<String> {
        let Timers {
            tick_ms,
            heartbeat_ms,
            election_ms,
            silence_ms,
            ..
        } = self.timers;
        let named = |what: &str, text: &str| {
            (!is_name(text))
                .then(|| format!("`{what}` must have 1 to 128 characters and no spaces"))
        };
        if let Some(problem) = named("cluster", &self.cluster).or(named("node", &self.node)) {
            return Some(problem);
        }
        if !self.api.ip().is_loopback() {
            let api = self.api;
            return Some(format!(
                "`api` is {api}, but the API has no passwords: use 127.0.0.1"
            ));
        }
        if self.controllers.is_empty() {
            return Some("`controllers` is empty: name at least this node".into());
        }
        let mut ids = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for controller in &self.controllers {
            let ControllerAddress { id, node, address } = controller;
            if *id == 0 || !ids.insert(id) {
                return Some(format!(
                    "controller id {id} is 0 or used twice: number them from 1"
                ));
            }
            if !nodes.insert(node) {
                return Some(format!("node '{node}' has two controllers"));
            }
            if address.port() == 0 || address.ip().is_unspecified() {
                return Some(format!(
                    "{address} is no address that others can connect to: name the host's own"
                ));
            }
            if !addresses.insert(address) {
                return Some(format!("address {address} is used twice"));
            }
        }
        if tick_ms == 0 || heartbeat_ms < tick_ms || election_ms < 3 * heartbeat_ms {
            return Some(format!(
                "`timers` do not fit: tick_ms {tick_ms} ≤ heartbeat_ms {heartbeat_ms}, and \
                 election_ms {election_ms} at least three times heartbeat_ms"
            ));
        }
        (silence_ms < 50).then(|| "`timers.silence_ms` must be at least 50".into())
    }

    /// This node's controller, if it has one.
    pub fn controller(&self) -> Option<&ControllerAddress> {
        self.controllers
            .iter()
            .find(|controller| controller.node == self.node)
    }

    /// Where the executor keeps what it must remember.
    pub fn executor_dir(&self) -> PathBuf {
        self.data_dir.join("executor")
    }

    /// Where the controller keeps what it must remember.
    pub fn controller_dir(&self) -> PathBuf {
        self.data_dir.join("controller")
    }

    /// How executors and controllers notice that the other one is gone.
    pub fn heartbeat(&self) -> crate::fabric::Heartbeat {
        let silence = Duration::from_millis(self.timers.silence_ms);
        crate::fabric::Heartbeat {
            every: silence / 4,
            silence,
        }
    }
}
