//! How structures become bytes, on the network and on disk.
//!
//! The one module that knows bincode, which is unmaintained: whoever replaces it changes this
//! file and the version bytes. Every coded value begins with one version byte. Decoding never
//! takes more memory than a small multiple of the input, and refuses trailing bytes.

use bincode::config::{Configuration, LittleEndian, Varint};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
pub(crate) use bincode::{Decode, Encode};
use bytes::Bytes;
use thiserror::Error;

/// The version of the coding that this program writes; it reads 1 to this.
pub const CODING_VERSION: u8 = 1;

/// Why bytes could not be decoded.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// Nothing there.
    #[error("empty: not even a version byte")]
    Empty,
    /// Written by a newer program.
    #[error("coding version {found}, this program reads up to {CODING_VERSION}: upgrade it")]
    Version {
        /// The version byte found.
        found: u8,
    },
    /// Not a value of the expected type.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A value, and more behind it.
    #[error("{0} bytes too many behind the value")]
    Trailing(usize),
}

const PLAIN: Configuration<LittleEndian, Varint> = bincode::config::standard();

/// Codes `value` with the version byte in front.
pub(crate) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = vec![CODING_VERSION];
    encode_into(value, &mut out);
    out
}

/// Appends `value` to `out`, without a version byte: for parts of a larger coded whole.
pub(crate) fn encode_into<T: Encode>(value: &T, out: &mut Vec<u8>) {
    // Our types hold nothing that can refuse to be encoded (no locks, no foreign strings), and
    // writing to a Vec does not fail, so an error here is a bug worth stopping for.
    bincode::encode_into_std_write(value, out, PLAIN)
        .expect("values of this crate always encode into memory");
}

/// Decodes a whole value, version byte and all.
pub(crate) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (&version, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if version == 0 || version > CODING_VERSION {
        return Err(CodecError::Version { found: version });
    }
    decode_body(body)
}

/// Decodes what [`encode_into`] wrote, all of it.
pub(crate) fn decode_body<T: Decode<()>>(body: &[u8]) -> Result<T, CodecError> {
    // The limit is bincode's guard against a length field that asks for memory that the input
    // cannot fill. It is a constant of the type, so it comes in steps.
    const SMALL: usize = 4 << 10;
    const MEDIUM: usize = 256 << 10;
    let decoded = match body.len() {
        0..SMALL => bincode::decode_from_slice(body, PLAIN.with_limit::<{ 64 * SMALL }>()),
        SMALL..MEDIUM => bincode::decode_from_slice(body, PLAIN.with_limit::<{ 64 * MEDIUM }>()),
        _ => bincode::decode_from_slice(body, PLAIN.with_limit::<{ 1 << 30 }>()),
    };
    match decoded {
        Ok((value, used)) if used == body.len() => Ok(value),
        Ok((_, used)) => Err(CodecError::Trailing(body.len() - used)),
        Err(error) => Err(CodecError::Malformed(error.to_string())),
    }
}

/// Bytes that are coded as one length and one block, and shared instead of copied in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload(pub Bytes);

impl std::ops::Deref for Payload {
    type Target = Bytes;
    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Payload(bytes)
    }
}

impl Encode for Payload {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.as_ref().encode(encoder)
    }
}

impl<C> Decode<C> for Payload {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Vec::<u8>::decode(decoder).map(|bytes| Payload(bytes.into()))
    }
}
bincode::impl_borrow_decode!(Payload);

#[cfg(test)]
mod tests;
