//! Where does a message begin and end? After four bytes of length, little-endian.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed or ended.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Longer than this kind of message may be.
    #[error("a frame of {length} bytes, where at most {limit} are expected")]
    TooLong {
        /// What it claims.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// It holds something else than a message.
    #[error(transparent)]
    Malformed(#[from] crate::codec::CodecError),
}

/// Reads one frame. Not to be cancelled in the middle.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    source: &mut R,
    limit: usize,
) -> Result<Vec<u8>, FrameError> {
    let length = u32::from_le_bytes(read_raw(source).await?) as usize;
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    // Memory grows with what really comes, not with what is claimed.
    let mut bytes = Vec::new();
    source.take(length as u64).read_to_end(&mut bytes).await?;
    match bytes.len() {
        read if read == length => Ok(bytes),
        _ => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
    }
}

/// Writes one frame.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    target: &mut W,
    payload: &[u8],
) -> Result<(), FrameError> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(payload.len() + 4);
    bytes.extend(length.to_le_bytes());
    bytes.extend_from_slice(payload);
    write_raw(target, &bytes).await
}

pub(super) async fn read_raw<const N: usize, R: AsyncRead + Unpin>(
    source: &mut R,
) -> Result<[u8; N], FrameError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).await?;
    Ok(bytes)
}

pub(super) async fn write_raw<W: AsyncWrite + Unpin>(
    target: &mut W,
    bytes: &[u8],
) -> Result<(), FrameError> {
    target.write_all(bytes).await?;
    target.flush().await?;
    Ok(())
}
