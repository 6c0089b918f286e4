//! Is this data folder ours? Its first file says whose it is, and in which format.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Format of the data folder as a whole.
const FORMAT: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    format: u32,
    cluster: String,
    node: String,
    controller: u64,
}

/// Why a data folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It belongs to somebody else.
    #[error(
        "{path} says that this folder belongs to node '{node}' (controller {controller}) of cluster \
         '{cluster}': point `data_dir` at this node's own folder, or move that one away",
        path = path.display()
    )]
    OfAnother {
        /// The file that says so.
        path: PathBuf,
        /// Whose cluster.
        cluster: String,
        /// Whose node.
        node: String,
        /// Whose number.
        controller: u64,
    },
    /// It was written by a newer version.
    #[error(
        "{path} was written by a newer version of lockstep (or is damaged): start that version, or \
         move the folder away\n{reason}",
        path = path.display()
    )]
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It cannot be read or written.
    #[error("cannot use {path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Checks whose folder it is; a new one becomes ours.
pub(super) fn check(config: &Config, controller: u64) -> Result<(), IdentityError> {
    let path = config.data_dir.join("identity.toml");
    let ours = Identity {
        format: FORMAT,
        cluster: config.cluster.clone(),
        node: config.node.clone(),
        controller,
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return write(&path, &ours).map_err(|error| IdentityError::Io { path, error });
        }
        Err(error) => return Err(IdentityError::Io { path, error }),
    };
    let found: Identity = match toml::from_str(&text) {
        Ok(found) => found,
        Err(error) => {
            return Err(IdentityError::Newer {
                path,
                reason: error.to_string(),
            });
        }
    };
    if found.format != FORMAT {
        let reason = format!(
            "its format is {}, this version knows {FORMAT}",
            found.format
        );
        return Err(IdentityError::Newer { path, reason });
    }
    if found != ours {
        let Identity {
            cluster,
            node,
            controller,
            ..
        } = found;
        return Err(IdentityError::OfAnother {
            path,
            cluster,
            node,
            controller,
        });
    }
    Ok(())
}

/// Writes it so that it is whole or not there.
fn write(path: &std::path::Path, identity: &Identity) -> std::io::Result<()> {
    let text = toml::to_string(identity).map_err(std::io::Error::other)?;
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::File::open(&beside)?.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(path.parent().unwrap_or(path))?.sync_all()
}
