//! Who is there? The first thing on every connection.
//!
//! The dialling side says a magic number and [`Hello`]; the other side answers [`Frame::Welcome`]
//! or, to a node of this kind of program only, why not. Whoever does not know the magic number
//! gets no answer at all.

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::TransportConfig;
use super::frame::{self, Frame, FrameError, Hello, MAX_GREETING_BYTES, Refusal};
use crate::runtime::MAX_CLUSTER_ID_BYTES;
use crate::types::NodeId;

const MAGIC: [u8; 8] = *b"LSPEER\r\n";
/// The oldest and the newest protocol version that this program speaks.
pub(super) const VERSIONS: (u16, u16) = (1, 1);

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
    config: &TransportConfig,
    to: NodeId,
) -> Result<(), HandshakeError> {
    let hello = Hello {
        versions: VERSIONS,
        cluster_id: config.cluster_id.clone(),
        from: config.node_id,
        to,
        address: config.address.clone(),
    };
    stream.write_all(&MAGIC).await?;
    frame::write(stream, &Frame::Hello(hello)).await?;
    stream.flush().await?;
    match frame::read(stream, MAX_GREETING_BYTES)
        .await
        .map_err(stranger)?
    {
        Frame::Welcome { version } if (VERSIONS.0..=VERSIONS.1).contains(&version) => Ok(()),
        Frame::Welcome { version } => Err(HandshakeError::Stranger(format!(
            "it chose protocol version {version}"
        ))),
        Frame::Refused(refusal) => Err(HandshakeError::Refused(refusal)),
        _ => Err(HandshakeError::Stranger(
            "it did not answer the introduction".into(),
        )),
    }
}

/// The listening side. Says who it is, and where that node listens.
pub(super) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    config: &TransportConfig,
) -> Result<(NodeId, String), HandshakeError> {
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic).await?;
    if magic != MAGIC {
        return Err(HandshakeError::Stranger(
            "it does not know the magic number".into(),
        ));
    }
    let Frame::Hello(hello) = frame::read(stream, MAX_GREETING_BYTES)
        .await
        .map_err(stranger)?
    else {
        return Err(HandshakeError::Stranger(
            "it did not introduce itself".into(),
        ));
    };
    if hello.cluster_id.len() > MAX_CLUSTER_ID_BYTES || hello.from == 0 {
        return Err(HandshakeError::Stranger(
            "its introduction makes no sense".into(),
        ));
    }
    match judge(&hello, config) {
        Ok(version) => {
            frame::write(stream, &Frame::Welcome { version }).await?;
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
fn judge(hello: &Hello, config: &TransportConfig) -> Result<u16, Refusal> {
    if hello.cluster_id != config.cluster_id {
        return Err(Refusal::OtherCluster {
            cluster_id: config.cluster_id.clone(),
        });
    }
    if hello.to != config.node_id {
        return Err(Refusal::OtherNode {
            node_id: config.node_id,
        });
    }
    if hello.from == config.node_id {
        return Err(Refusal::SameNode);
    }
    let newest = hello.versions.1.min(VERSIONS.1);
    if newest < hello.versions.0.max(VERSIONS.0) {
        return Err(Refusal::Version { versions: VERSIONS });
    }
    Ok(newest)
}
