//! Peers: messages in, messages out, and who is there.
//!
//! Each member dials every other one and sends over the connection that it made; it receives
//! over the connections that it accepted. All of them are of mutual TLS ([`crate::tls`]). A
//! connection opens with a `handshake` (protocol version, cluster, who speaks to whom, from which
//! data folder) and then carries [`frame`]s: bounded, versioned and checksummed. What does not
//! follow the protocol is dropped, counted, and logged once per burst.
//!
//! Raft tolerates loss and not delay, so nothing here waits for a peer: each has a bounded
//! `queue` that drops its oldest messages. Snapshots go in chunks between other messages.

mod counts;
mod folders;
pub mod frame;
mod handshake;
mod inbound;
mod outbound;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use counts::Counters;
pub use counts::{NetworkCounts, Strangers};
pub use folders::Folders;
pub use handshake::VERSIONS;
use queue::Queue;

use crate::message::Message;
use crate::tls::port::{Connections, Port};
use crate::tls::{Credentials, PEERS};
use crate::types::NodeId;

/// A peer that is not a member (yet) may introduce itself; this many are remembered.
const MAX_GUESTS: usize = 64;

/// Settings of the peer port.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// The cluster: others are refused.
    pub cluster_id: String,
    /// This member.
    pub node_id: NodeId,
    /// Where others reach this member (`host:port`).
    pub address: String,
    /// Largest snapshot that is accepted, in bytes.
    pub max_snapshot_bytes: u64,
    /// Seed of the pauses between attempts to connect.
    pub seed: u64,
    /// What this member shows its peers, and whom it believes.
    pub credentials: Arc<Credentials>,
    /// The oldest and the newest protocol version to speak; [`VERSIONS`] but in tests.
    pub versions: (u16, u16),
}

/// What comes from the network.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum NetworkEvent {
    /// A peer said something; it is who it claims to be.
    Message(Message),
    /// A peer can be sent to.
    PeerOpened(NodeId),
    /// A connection with a peer was closed: its process is gone, or the way to it.
    PeerClosed(NodeId),
    /// A peer says that this node is no member any more.
    Removed {
        /// The peer.
        by: NodeId,
    },
    /// A snapshot message arrived at the peer, or did not.
    SnapshotSent {
        /// The peer.
        to: NodeId,
        /// Whether it arrived.
        delivered: bool,
    },
}

/// How a connection to a peer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Where it is.
    pub address: String,
    /// Whether it can be sent to.
    pub connected: bool,
    /// Bytes of a snapshot sent so far, and all there are.
    pub snapshot: Option<(u64, u64)>,
    /// Why it does not let this member in, if it said so the last time.
    pub refused: Option<String>,
}

/// Who belongs to the group, as far as this member knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Where each member may be reached.
    pub members: BTreeMap<NodeId, Vec<String>>,
    /// Ids below this were given out: who has one and is no member has been removed.
    pub next_id: NodeId,
}

impl Roster {
    fn has_removed(&self, id: NodeId) -> bool {
        id < self.next_id && !self.members.contains_key(&id)
    }
}

/// The peer port of one member. Dropping it closes all connections.
#[derive(Debug)]
pub struct Transport {
    shared: Arc<Shared>,
    accepting: AbortHandle,
    /// Closed with the transport, if it is for peers alone.
    port: Option<Port>,
}

/// Where peers' connections come from.
#[derive(Debug)]
pub struct Peering {
    connections: Connections,
    /// Who did not even become a connection.
    strangers: Arc<Strangers>,
    port: Option<Port>,
}

impl Peering {
    /// From a port that is for peers alone.
    pub fn on(listener: TcpListener, credentials: Arc<Credentials>) -> Self {
        let mut port = Port::open(listener, credentials, &[PEERS]);
        // There is one protocol, so there is one receiver.
        let connections = port.connections.remove(0);
        Peering {
            connections,
            strangers: port.strangers.clone(),
            port: Some(port),
        }
    }

    /// From a port that others use as well: its connections of [`PEERS`].
    pub fn shared(connections: Connections, strangers: Arc<Strangers>) -> Self {
        Peering {
            connections,
            strangers,
            port: None,
        }
    }
}

/// What the tasks of one transport have in common.
#[derive(Debug)]
struct Shared {
    config: TransportConfig,
    events: mpsc::Sender<NetworkEvent>,
    counters: Counters,
    folders: Folders,
    roster: watch::Sender<Roster>,
    peers: Mutex<BTreeMap<NodeId, Peer>>,
}

#[derive(Debug)]
struct Peer {
    is_member: bool,
    queue: Arc<Queue>,
    dialling: AbortHandle,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.dialling.abort();
    }
}

impl Transport {
    /// Starts to take connections of [`crate::tls::PEERS`]. What comes goes to `events`; while that
    /// is full, peers wait.
    pub fn start(
        config: TransportConfig,
        folders: Folders,
        peering: Peering,
        events: mpsc::Sender<NetworkEvent>,
    ) -> Self {
        let shared = Arc::new(Shared {
            config,
            events,
            counters: Counters::new(peering.strangers),
            folders,
            roster: watch::Sender::default(),
            peers: Mutex::default(),
        });
        let accepting =
            tokio::spawn(inbound::accept(shared.clone(), peering.connections)).abort_handle();
        Transport {
            shared,
            accepting,
            port: peering.port,
        }
    }

    /// Says who the members are, and where they may be reached. Connections with those that were
    /// removed end; when they come again, they are told.
    pub fn set_members(&self, roster: Roster) {
        self.shared.roster.send_replace(roster.clone());
        let mut peers = self.shared.lock();
        peers.retain(|id, peer| {
            let stays = !peer.is_member && !roster.has_removed(*id);
            stays || roster.members.contains_key(id)
        });
        for (id, addresses) in roster.members {
            if id != self.shared.config.node_id {
                let peer = self.shared.peer(&mut peers, id);
                peer.is_member = true;
                peer.queue.set_listed(addresses);
            }
        }
    }

    /// Queues a message. Whether it was dropped, or dropped others: then the peer must be
    /// taken to miss something. Of a snapshot that was not dropped, an event tells the fate.
    pub fn send(&self, message: Message) -> bool {
        let to = message.to;
        let dropped = match self.shared.lock().get(&to) {
            Some(peer) => peer.queue.push(message),
            None => 1,
        };
        self.shared.counters.dropped(dropped);
        dropped > 0
    }

    /// How the connections to all known peers stand.
    pub fn connections(&self) -> BTreeMap<NodeId, Connection> {
        let peers = self.shared.lock();
        let connection = |peer: &Peer| Connection {
            address: peer.queue.address(),
            connected: peer.queue.is_connected(),
            snapshot: peer.queue.snapshot_progress(),
            refused: peer.queue.refused(),
        };
        peers
            .iter()
            .map(|(id, peer)| (*id, connection(peer)))
            .collect()
    }

    /// What happened so far.
    pub fn counts(&self) -> NetworkCounts {
        self.shared.counters.read()
    }

    /// Closes all connections, and the port if it is for peers alone.
    pub async fn close(mut self) {
        let port = self.port.take();
        drop(self);
        if let Some(port) = port {
            port.close().await;
        }
    }

    /// Counts a peer's message that the group found malformed, and tells of it.
    pub fn malformed(&self, from: NodeId, what: &str) {
        self.shared.counters.malformed(from, what);
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.lock().clear();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, Peer>> {
        // Nothing panics while it holds the lock, and what is in it is whole at any moment.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node of this cluster connected, and says where it listens. One that is no member (yet)
    /// can be answered all the same: this node may be the one that has not heard the news. And
    /// one that has moved is found again.
    fn introduce(self: &Arc<Self>, id: NodeId, address: String) {
        let mut peers = self.lock();
        let guests = peers.values().filter(|peer| !peer.is_member).count();
        if peers.contains_key(&id) || guests < MAX_GUESTS {
            let queue = &self.peer(&mut peers, id).queue;
            queue.set_claimed(address);
            // It is there: no reason to wait before it is called.
            queue.hurry();
        }
    }

    /// The peer, known or new.
    fn peer<'a>(
        self: &Arc<Self>,
        peers: &'a mut BTreeMap<NodeId, Peer>,
        id: NodeId,
    ) -> &'a mut Peer {
        peers.entry(id).or_insert_with(|| {
            let queue = Arc::new(Queue::default());
            let task = outbound::dial(self.clone(), id, queue.clone());
            Peer {
                is_member: false,
                queue,
                dialling: tokio::spawn(task).abort_handle(),
            }
        })
    }
}

/// Times of the transport.
mod times {
    use super::Duration;

    /// For a connection to come about, and for a handshake.
    pub(super) const CONNECT: Duration = Duration::from_secs(5);
    /// Between attempts to connect: from, and at most.
    pub(super) const BACKOFF: (Duration, Duration) =
        (Duration::from_millis(20), Duration::from_millis(1_000));
    /// An idle connection says so this often.
    pub(super) const PING: Duration = Duration::from_secs(1);
    /// A connection that says nothing for this long is dead.
    pub(super) const SILENCE: Duration = Duration::from_secs(4);
    /// A peer that does not take a frame within this is dead.
    pub(super) const WRITE: Duration = Duration::from_secs(30);
}

#[cfg(test)]
mod tests;
