//! Who belongs to the cluster, and how does a machine come to belong to it?
//!
//! The cluster has an authority of its own: a certificate that all nodes know, and a key. All
//! controllers have the key, as any of them may lead and so may do anything already; so any of them
//! can let a new machine in, and each renews its own certificate. A worker has its own certificate
//! only. Everything is in the data folder, so that a machine that lost its data has lost its
//! membership with it.
//!
//! | file | question |
//! |---|---|
//! | `files.rs` | which files are there, and who can read them |
//! | `token.rs` | what does an operator carry from the cluster to a new machine |
//! | `join.rs` | how does the new machine become a node |
//! | `renew.rs` | when does a node get a new certificate |

pub mod files;
pub mod join;
pub mod renew;
pub mod token;

use std::path::PathBuf;

use lockstep_consensus::tls::{self, Protocol, TlsError};
use lockstep_consensus::types::NodeId;

use crate::exit::Exit;

/// Executors, and controllers that pass something on.
pub const NODES: Protocol = Protocol {
    name: "lockstep-node",
    anonymous: false,
};

/// Machines that have a token and no certificate yet.
pub const JOINS: Protocol = Protocol {
    name: "lockstep-join",
    anonymous: true,
};

/// Why the files that make a machine a node cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// There are none.
    #[error(
        "there is no {path}: this machine is no node of a cluster (yet). `lockstep cluster init` makes a \
         new cluster here, `lockstep cluster join TOKEN` joins one",
        path = path.display()
    )]
    NoNode {
        /// What is missing.
        path: PathBuf,
    },
    /// This node has no authority's key.
    #[error(
        "there is no {path}: only controllers can do this",
        path = path.display()
    )]
    NoAuthority {
        /// What is missing.
        path: PathBuf,
    },
    /// There is something already.
    #[error(
        "{path} is there already: this machine belongs to a cluster. `lockstep cluster leave` leaves it",
        path = path.display()
    )]
    IsNode {
        /// What is there.
        path: PathBuf,
    },
    /// They are damaged, or do not fit each other.
    #[error("{path}: {error}", path = path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: TlsError,
    },
    /// They cannot be read or written.
    #[error("cannot use {path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl SecurityError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoNode { .. } => Exit::Config,
            Self::NoAuthority { .. } => Exit::NoPermission,
            Self::IsNode { .. } => Exit::Exists,
            Self::Unusable { .. } => Exit::BadData,
            Self::Io { error, .. } if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Exit::NoPermission
            }
            Self::Io { .. } => Exit::Io,
            Self::NoRandomness => Exit::OsError,
        }
    }
}

/// What the node `name` is called in its certificate. Names of nodes may have characters that names
/// in certificates may not, so it is a digest.
pub fn node_name(name: &str) -> String {
    let digest = hex(&tls::sha256(name.as_bytes())[..16]);
    format!("node-{digest}.lockstep")
}

/// All that a certificate says of a node.
fn names_of(node: &str, id: Option<NodeId>) -> Vec<String> {
    let mut names = vec![node_name(node)];
    if let Some(id) = id {
        names.extend([tls::member_name(id), tls::ANY_MEMBER.to_owned()]);
    }
    names
}

/// Bytes as two digits each.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`hex`] made of `N` bytes.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2)?;
        if digits.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], SecurityError> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| SecurityError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
