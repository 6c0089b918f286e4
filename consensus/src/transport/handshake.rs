//! Who is there? The first thing on every connection, once TLS knows that both sides belong to the
//! cluster.
//!
//! The dialling side says [`Hello`]; the other side, which checks it against the certificate, answers
//! [`Frame::Welcome`], or why not.

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Shared;
use super::frame::{self, Frame, FrameError, Hello, MAX_GREETING_BYTES, Refusal};
use crate::runtime::MAX_CLUSTER_ID_BYTES;
use crate::types::NodeId;

/// The oldest and the newest protocol version that this program speaks.
pub const VERSIONS: (u16, u16) = (1, 1);

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    /// It does not speak the protocol.
    #[error("not a peer: {0}")]
    Stranger(String),
    /// It was refused, and told why.
    #[error("{0}")]
    Refused(Refusal),
    /// It hung up.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn stranger(error: FrameError) -> HandshakeError {
    match error {
        FrameError::Io(error) => HandshakeError::Io(error),
        error => HandshakeError::Stranger(error.to_string()),
    }
}

/// The dialling side.
pub(super) async fn introduce<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    shared: &Shared,
    to: NodeId,
) -> Result<(), HandshakeError> {
    let config = &shared.config;
    let hello = Hello {
        versions: config.versions,
        cluster_id: config.cluster_id.clone(),
        from: config.node_id,
        to,
        address: config.address.clone(),
        folder: shared.folders.own(),
    };
    frame::write(stream, &Frame::Hello(hello)).await?;
    stream.flush().await?;
    let answer = frame::read(stream, MAX_GREETING_BYTES).await;
    match answer.map_err(stranger)? {
        Frame::Welcome { version, folder } => {
            if !(config.versions.0..=config.versions.1).contains(&version) {
                let what = format!("it chose protocol version {version}");
                return Err(HandshakeError::Stranger(what));
            }
            if !shared.folders.is_the_same(to, folder) {
                let what = "its data folder is not the one that it had".into();
                return Err(HandshakeError::Stranger(what));
            }
            Ok(())
        }
        Frame::Refused(refusal) => Err(HandshakeError::Refused(refusal)),
        _ => Err(HandshakeError::Stranger(
            "it did not answer the introduction".into(),
        )),
    }
}

/// The listening side. `is_called` says whether the certificate is that of a member. Returns who it
/// is, and where that node listens.
pub(super) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    shared: &Shared,
    is_called: impl Fn(&S, NodeId) -> bool,
) -> Result<(NodeId, String), HandshakeError> {
    let greeting = frame::read(stream, MAX_GREETING_BYTES).await;
    let Frame::Hello(hello) = greeting.map_err(stranger)? else {
        return Err(HandshakeError::Stranger(
            "it did not introduce itself".into(),
        ));
    };
    if hello.cluster_id.len() > MAX_CLUSTER_ID_BYTES || hello.from == 0 {
        return Err(HandshakeError::Stranger(
            "its introduction makes no sense".into(),
        ));
    }
    if !is_called(stream, hello.from) {
        let what = format!("its certificate is not that of member {}", hello.from);
        return Err(HandshakeError::Stranger(what));
    }
    match judge(&hello, shared) {
        Ok(version) => {
            let folder = shared.folders.own();
            frame::write(stream, &Frame::Welcome { version, folder }).await?;
            stream.flush().await?;
            Ok((hello.from, hello.address))
        }
        Err(refusal) => {
            frame::write(stream, &Frame::Refused(refusal.clone())).await?;
            stream.flush().await?;
            Err(HandshakeError::Refused(refusal))
        }
    }
}

/// The version to speak, or why not.
fn judge(hello: &Hello, shared: &Shared) -> Result<u16, Refusal> {
    let config = &shared.config;
    if hello.cluster_id != config.cluster_id {
        return Err(Refusal::OtherCluster {
            cluster_id: config.cluster_id.clone(),
        });
    }
    let node_id = config.node_id;
    if hello.to != node_id {
        return Err(Refusal::OtherNode { node_id });
    }
    if hello.from == node_id {
        return Err(Refusal::SameNode);
    }
    if shared.roster.borrow().has_removed(hello.from) {
        return Err(Refusal::Removed);
    }
    let versions = config.versions;
    let newest = hello.versions.1.min(versions.1);
    if newest < hello.versions.0.max(versions.0) {
        return Err(Refusal::Version { versions });
    }
    if !shared.folders.is_the_same(hello.from, hello.folder) {
        return Err(Refusal::OtherFolder { node_id });
    }
    Ok(newest)
}
