//! Who may talk to a member, and how does either side know who the other one is?
//!
//! TLS 1.3 with certificates on both sides, all signed by the cluster's own authority. A certificate
//! says in its names who it is for: `member-3.lockstep` is member 3. Whoever connects checks the name
//! that it wants to reach, as every TLS client does; whoever is called checks that the caller is
//! called what it says of itself ([`is_called`]). There are no sessions to resume: each connection
//! checks certificates, and their dates, anew.
//!
//! | file | question |
//! |---|---|
//! | `authority.rs` | who makes certificates |
//! | `credentials.rs` | what does a node show, and whom does it believe |
//! | `pinned.rs` | whom does a node believe that has no certificate yet |
//! | `port.rs` | who knocks, and for what |

mod authority;
mod credentials;
mod pinned;
pub mod port;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

pub use authority::{Authority, KeyPair, PublicKey, Validity};
pub use credentials::Credentials;
pub use pinned::connect_pinned;

use crate::types::NodeId;

/// What every member is called, besides [`member_name`].
pub const ANY_MEMBER: &str = "member.lockstep";

/// What a connection is for, as TLS agrees on it (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether callers without a certificate are let in.
    pub anonymous: bool,
}

/// Raft's messages between members.
pub const PEERS: Protocol = Protocol {
    name: "lockstep-peer",
    anonymous: false,
};

/// Why certificates or keys cannot be made or used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is not what it should be.
    #[error("this is no {what}: {reason}")]
    Pem {
        /// What it should be.
        what: &'static str,
        /// What was found.
        reason: String,
    },
    /// Certificate, key and authority do not fit each other, or cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// A time that no certificate can hold.
    #[error("a date that no certificate can hold: {0} s since the epoch")]
    Date(i64),
}

/// What member `id` is called in its certificate.
pub fn member_name(id: NodeId) -> String {
    format!("member-{id}.lockstep")
}

/// SHA-256 of the first certificate in a PEM file: what `openssl x509 -fingerprint -sha256` shows.
pub fn fingerprint(certificate_pem: &str) -> Result<[u8; 32], TlsError> {
    Ok(sha256(&certificate(certificate_pem)?))
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Whether the other side's certificate, which was checked when the connection was made, has `name`.
pub fn is_called(stream: &TlsStream<TcpStream>, name: &str) -> bool {
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let parsed = certificate.and_then(|der| ParsedCertificate::try_from(der).ok());
    match (parsed, ServerName::try_from(name)) {
        (Some(parsed), Ok(name)) => verify_server_name(&parsed, &name).is_ok(),
        _ => false,
    }
}

/// Whether an error of a connection says that a certificate was not accepted, here or there.
pub fn is_distrust(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(
            rustls::Error::AlertReceived(_)
                | rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
        )
    )
}

fn certificate(text: &str) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| not_a("certificate", &error))
}

fn not_a(what: &'static str, error: &pem::Error) -> TlsError {
    let reason = error.to_string();
    TlsError::Pem { what, reason }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
