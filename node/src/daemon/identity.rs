//! Is this data folder ours? Its first file says whose it is, and in which format.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    /// Whether this controller joined a group that there was: then it never makes one, even if it
    /// has lost what it knew of it.
    #[serde(default)]
    joined: bool,
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

/// Claims a new folder for a controller that joined a group that there is.
pub fn claim_new(data_dir: &Path, cluster: &str, node: &str, id: u64) -> Result<(), IdentityError> {
    let path = data_dir.join("identity.toml");
    let identity = Identity {
        format: FORMAT,
        cluster: cluster.to_owned(),
        node: node.to_owned(),
        controller: id,
        joined: true,
    };
    let written = std::fs::create_dir_all(data_dir).and_then(|()| write(&path, &identity));
    written.map_err(|error| IdentityError::Io { path, error })
}

/// Checks whose folder it is; a new one becomes ours. Whether it is that of a controller that joined
/// a group that there was.
pub(super) fn check(config: &Config, controller: u64) -> Result<bool, IdentityError> {
    let path = config.data_dir.join("identity.toml");
    let ours = Identity {
        format: FORMAT,
        cluster: config.cluster.clone(),
        node: config.node.clone(),
        controller,
        joined: false,
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let written = write(&path, &ours).map(|()| false);
            return written.map_err(|error| IdentityError::Io { path, error });
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
    let joined = found.joined;
    if found != (Identity { joined, ..ours }) {
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
    Ok(joined)
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
