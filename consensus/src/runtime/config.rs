//! What a running group needs to know, and why it may refuse to start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::log::StoreError;
use crate::tls::Credentials;
use crate::transport::VERSIONS;
use crate::types::NodeId;

/// Settings of one member.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Name of the cluster: a peer or a data folder of another cluster is refused.
    pub cluster_id: String,
    /// This member; not 0.
    pub node_id: NodeId,
    /// Where to listen for peers.
    pub listen: SocketAddr,
    /// Where peers reach this member (`host:port`).
    pub address: String,
    /// The first members of the group, this one included, with the addresses of their
    /// listeners. Read when the data folder is new; after that the log says who belongs.
    /// Empty for a node that joins an existing group.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// What the application calls the first members; may be empty.
    pub names: BTreeMap<NodeId, String>,
    /// What this member shows its peers, and whom it believes.
    pub credentials: Arc<Credentials>,
    /// The oldest and the newest version of the peers' protocol to speak; all that this program
    /// knows, but in tests.
    pub versions: (u16, u16),
    /// Where log, hard state and snapshots live. Made if missing.
    pub data_dir: PathBuf,
    /// Length of a tick in milliseconds: the unit of the next two.
    pub tick_ms: u64,
    /// A follower that hears nothing for this many ticks, up to twice as many, asks for an
    /// election. A leader that hears no majority for this many ticks steps down.
    pub election_ticks: u32,
    /// Ticks between two heartbeats of a leader; well below `election_ticks`.
    pub heartbeat_ticks: u32,
    /// Seed of the election timeouts. Members should differ; the node id is mixed in.
    pub seed: u64,
    /// Longest command in bytes.
    pub max_command_bytes: usize,
    /// Largest snapshot in bytes that is accepted from a peer.
    pub max_snapshot_bytes: u64,
}

impl RuntimeConfig {
    /// Longest command unless told otherwise: 16 MiB.
    pub const DEFAULT_MAX_COMMAND_BYTES: usize = 16 << 20;
    /// Largest snapshot unless told otherwise: 1 GiB.
    pub const DEFAULT_MAX_SNAPSHOT_BYTES: u64 = 1 << 30;

    /// Settings for a group on a local network: ticks of 10 ms, a heartbeat each 100 ms, an
    /// election after 1 to 2 s of silence (a closed connection starts one at once).
    pub fn new(
        cluster_id: impl Into<String>,
        node_id: NodeId,
        listen: SocketAddr,
        peers: BTreeMap<NodeId, SocketAddr>,
        data_dir: impl Into<PathBuf>,
        credentials: Arc<Credentials>,
    ) -> Self {
        // Where others reach this member is what the list of peers says; a node that joins is
        // reached where it listens.
        let address = peers.get(&node_id).unwrap_or(&listen).to_string();
        RuntimeConfig {
            address,
            names: BTreeMap::new(),
            credentials,
            versions: VERSIONS,
            cluster_id: cluster_id.into(),
            node_id,
            listen,
            peers,
            data_dir: data_dir.into(),
            tick_ms: 10,
            election_ticks: 100,
            heartbeat_ticks: 10,
            seed: node_id,
            max_command_bytes: Self::DEFAULT_MAX_COMMAND_BYTES,
            max_snapshot_bytes: Self::DEFAULT_MAX_SNAPSHOT_BYTES,
        }
    }

    /// Checks what no type can: ids, ratios, limits.
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        let wrong = |what: String| Err(StartError::Config(what));
        if self.node_id == 0 {
            return wrong("node id 0 is reserved: number the nodes from 1".into());
        }
        if self.cluster_id.is_empty() || self.cluster_id.len() > MAX_CLUSTER_ID_BYTES {
            return wrong(format!(
                "cluster id must have 1 to {MAX_CLUSTER_ID_BYTES} bytes"
            ));
        }
        if self.cluster_id.chars().any(char::is_control) {
            return wrong("cluster id must be one line of plain text".into());
        }
        if !self.peers.is_empty() && !self.peers.contains_key(&self.node_id) {
            return wrong(format!(
                "this node ({}) is not among the peers: list it too",
                self.node_id
            ));
        }
        if self.peers.contains_key(&0) {
            return wrong("peer id 0 is reserved: number the nodes from 1".into());
        }
        if self.tick_ms == 0 || self.heartbeat_ticks == 0 {
            return wrong("tick and heartbeat must be longer than nothing".into());
        }
        if self.election_ticks <= 2 * self.heartbeat_ticks {
            return wrong(format!(
                "an election after {} ticks with a heartbeat each {}: one lost heartbeat would \
                 start it; use at least three times the heartbeat",
                self.election_ticks, self.heartbeat_ticks
            ));
        }
        if !(1..=MAX_COMMAND_BYTES).contains(&self.max_command_bytes) {
            return wrong(format!("a command may have 1 to {MAX_COMMAND_BYTES} bytes"));
        }
        Ok(())
    }
}

/// Longest name of a cluster, in bytes.
pub const MAX_CLUSTER_ID_BYTES: usize = 128;
/// The most that `max_command_bytes` may be: what fits a frame.
pub const MAX_COMMAND_BYTES: usize = 32 << 20;

/// Why a member did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that cannot work; the text says which and what to do.
    #[error("{0}")]
    Config(String),
    /// The peer port cannot be had.
    #[error("cannot listen for peers on {address}: {source}")]
    Bind {
        /// Where it tried.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is known of the members' data folders cannot be read or written.
    #[error("cannot use what is known of the members' data folders: {0}")]
    Folders(#[source] std::io::Error),
    /// What was stored does not make a group.
    #[error("the stored state is not usable: {0}")]
    Group(#[from] crate::group::GroupError),
    /// The system refused a thread.
    #[error("cannot start the disk thread: {0}")]
    Thread(#[source] std::io::Error),
}
