//! What goes over a connection, piece by piece: length, checksum, and one coded [`Frame`].

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::codec::{self, CodecError, Decode, Encode, Payload};
use crate::message::Plain;
use crate::types::{NodeId, SnapshotMeta};

/// The longest frame, in bytes: a command of the greatest length with room around it.
pub const MAX_FRAME_BYTES: usize = 36 << 20;
/// The longest frame before the peer has introduced itself, in bytes.
pub const MAX_GREETING_BYTES: usize = 1 << 10;
/// How much of a snapshot goes into one frame, in bytes.
pub const CHUNK_BYTES: usize = 256 << 10;

/// One piece of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Frame {
    /// The first one, from whoever dials.
    Hello(Hello),
    /// The answer: come in, and speak this version.
    Welcome {
        /// The protocol version of this connection.
        version: u16,
        /// The number of the answering member's data folder.
        folder: u64,
    },
    /// The answer: go away, and why.
    Refused(Refusal),
    /// A message that is no snapshot.
    Message {
        /// The sender's term.
        term: u64,
        /// The message.
        plain: Plain,
    },
    /// A snapshot begins; its data follows in chunks, with other frames between them.
    Snapshot {
        /// The sender's term.
        term: u64,
        /// Where the snapshot stands.
        meta: SnapshotMeta,
        /// Length of the data in bytes.
        len: u64,
        /// Checksum of the data.
        sum: u32,
    },
    /// The next part of the snapshot's data.
    Chunk {
        /// Where it goes.
        offset: u64,
        /// The bytes.
        data: Payload,
    },
    /// Nothing to say, and still here.
    Ping,
}

/// How a node introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// The oldest and the newest protocol version that it speaks.
    pub versions: (u16, u16),
    /// Its cluster.
    pub cluster_id: String,
    /// Who it is.
    pub from: NodeId,
    /// Who it wants to talk to.
    pub to: NodeId,
    /// Where it listens.
    pub address: String,
    /// The number of its data folder; 0 if it does not say.
    pub folder: u64,
}

/// Why a node is not let in.
#[derive(Clone, Debug, Error, PartialEq, Eq, Encode, Decode)]
pub enum Refusal {
    /// Another cluster's node listens there.
    #[error("the node there belongs to cluster '{cluster_id}'")]
    OtherCluster {
        /// Its cluster.
        cluster_id: String,
    },
    /// Another node listens there.
    #[error("it is node {node_id} that listens there")]
    OtherNode {
        /// Who it is.
        node_id: NodeId,
    },
    /// No common protocol version.
    #[error("it speaks protocol versions {} to {}: one of the two nodes is too old", versions.0, versions.1)]
    Version {
        /// The oldest and the newest one.
        versions: (u16, u16),
    },
    /// The caller was a member, and is not any more.
    #[error("this node was removed from the cluster")]
    Removed,
    /// The caller's data folder is not the one that it had.
    #[error(
        "this node's data folder is not the one that node {node_id} knows: what it acknowledged \
         may be lost, so it must join again as a new member"
    )]
    OtherFolder {
        /// Who knows it.
        node_id: NodeId,
    },
    /// The caller uses the id of the node that it calls.
    #[error("it has the same node id")]
    SameNode,
}

/// Why no frame could be read.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The connection is closed or broken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The length is out of bounds.
    #[error("a frame of {len} bytes, where at most {limit} are allowed")]
    TooLong {
        /// The length it claims.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes changed on their way, or are no frame at all.
    #[error("the checksum does not match")]
    Checksum,
    /// No known frame.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl FrameError {
    /// Whether the connection just ended, and nobody did anything wrong.
    pub fn is_closed(&self) -> bool {
        matches!(self, FrameError::Io(_))
    }
}

/// Writes one frame.
pub async fn write<S: AsyncWrite + Unpin>(stream: &mut S, frame: &Frame) -> io::Result<()> {
    stream.write_all(&to_bytes(frame)).await
}

/// A frame as it goes over the wire.
pub fn to_bytes(frame: &Frame) -> Vec<u8> {
    let body = codec::encode(frame);
    let mut bytes = Vec::with_capacity(8 + body.len());
    // Far below 4 GiB: commands, messages and chunks are bounded.
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads one frame of at most `limit` bytes. Memory is used for what has come, not for what
/// was announced.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S, limit: usize) -> Result<Frame, FrameError> {
    let len = stream.read_u32_le().await? as usize;
    let sum = stream.read_u32_le().await?;
    if len > limit {
        return Err(FrameError::TooLong { len, limit });
    }
    let mut body = Vec::with_capacity(len.min(64 << 10));
    stream.take(len as u64).read_to_end(&mut body).await?;
    if body.len() < len {
        return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    if crc32fast::hash(&body) != sum {
        return Err(FrameError::Checksum);
    }
    Ok(codec::decode(&body)?)
}
