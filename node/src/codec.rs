//! How do structures become bytes, and back, without trusting the bytes?
//!
//! The one place of this crate that knows bincode. Decoding has a limit (a hostile length must not
//! become an allocation) and refuses trailing bytes (a structure that is longer than we know is
//! from a newer version, and half-understanding it would let controllers disagree).

use bincode::{Decode, Encode};

/// No single structure that crosses a process boundary or the log is larger than this, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// Why bytes are not the structure that was expected.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Truncated, malformed, or claiming to be larger than the limit.
    #[error("malformed data: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// Well-formed, but followed by bytes that nothing here understands.
    #[error("{extra} unexpected bytes after the end (written by a newer version?)")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

/// Encodes a value of our own. Cannot fail: our types hold nothing that bincode refuses.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, bincode::config::standard())
        .unwrap_or_else(|error| unreachable!("plain data always encodes: {error}"))
}

/// Decodes exactly one value, of at most [`MAX_BYTES`].
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<MAX_BYTES>();
    let (value, used) = bincode::decode_from_slice(bytes, config)?;
    match bytes.len() - used {
        0 => Ok(value),
        extra => Err(CodecError::Trailing { extra }),
    }
}
