//! Peers over TCP.

/// What happened at the peer port since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Connections that did not introduce themselves properly: not a peer at all.
    pub strangers: u64,
    /// Connections of this protocol that were refused: other cluster, other node, other version.
    pub refused: u64,
    /// Connections of peers that were dropped for sending garbage.
    pub garbage: u64,
    /// Messages that Raft would not accept from a correct peer.
    pub malformed: u64,
    /// Messages dropped because a peer's queue was full or it could not be reached.
    pub dropped: u64,
    /// Connections made to peers.
    pub connects: u64,
}
