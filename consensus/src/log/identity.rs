//! Whose data folder is this? The file `identity` says it, before anything else is read.

use std::fmt::Write as _;

use super::StoreError;
use super::folder::{Folder, FolderFile, LOCK};
use crate::types::NodeId;

/// The format of a data folder that this program writes; it reads 1 to this.
pub const FOLDER_FORMAT: u32 = 1;

const NAME: &str = "identity";
const NEW: &str = "identity.new";
const FIRST_WORDS: &str = "lockstep-data-folder";

/// The owner of a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: NodeId,
}

impl Identity {
    /// Makes sure that the folder is this node's, or empty, and then marks it.
    pub(super) fn claim<F: Folder>(&self, folder: &mut F) -> Result<(), StoreError> {
        let names = list(folder)?;
        if names.iter().any(|name| name == NAME) {
            return self.check(folder);
        }
        // A crash during an earlier claim leaves its half-made file, and nothing else.
        if names.iter().any(|name| name != LOCK && name != NEW) {
            return Err(StoreError::NotOurs {
                path: folder.path().to_owned(),
            });
        }
        write_whole(folder, NEW, NAME, &[self.to_text().as_bytes()])
    }

    fn check<F: Folder>(&self, folder: &F) -> Result<(), StoreError> {
        let path = folder.path_of(NAME);
        let bytes = folder
            .read(NAME)
            .map_err(|source| StoreError::io("read", path.clone(), source))?;
        let damaged = |offset: usize, what: &str| StoreError::Damaged {
            file: path.clone(),
            offset: offset as u64,
            what: what.to_owned(),
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| damaged(error.valid_up_to(), "not UTF-8"))?;
        let format = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(FIRST_WORDS))
            .and_then(|format| format.trim().parse::<u32>().ok())
            .ok_or_else(|| damaged(0, "the first line does not name a format"))?;
        // Only the first line keeps its meaning over all formats.
        if format == 0 || format > FOLDER_FORMAT {
            return Err(StoreError::Newer {
                path,
                found: format,
                supported: FOLDER_FORMAT,
            });
        }
        let (body, sum) = text
            .rsplit_once("sum ")
            .ok_or_else(|| damaged(text.len(), "the checksum is missing"))?;
        if u32::from_str_radix(sum.trim_end(), 16) != Ok(crc32fast::hash(body.as_bytes())) {
            return Err(damaged(body.len(), "the checksum does not match"));
        }
        let field = |key: &str| body.lines().find_map(|line| line.strip_prefix(key));
        let (Some(cluster), Some(Ok(node))) =
            (field("cluster "), field("node ").map(str::parse::<NodeId>))
        else {
            return Err(damaged(0, "cluster or node is missing"));
        };
        let path = folder.path().to_owned();
        if cluster != self.cluster_id {
            let (found, expected) = (cluster.to_owned(), self.cluster_id.clone());
            return Err(StoreError::OtherCluster {
                path,
                found,
                expected,
            });
        }
        if node != self.node_id {
            return Err(StoreError::OtherNode {
                path,
                found: node,
                expected: self.node_id,
            });
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "{FIRST_WORDS} {FOLDER_FORMAT}\ncluster {}\nnode {}\n",
            self.cluster_id, self.node_id
        );
        let sum = crc32fast::hash(text.as_bytes());
        // Writing to a String does not fail.
        let _ = writeln!(text, "sum {sum:08x}");
        text
    }

    /// A number that differs from owner to owner, mixed into the checksums of the log's
    /// records, so that a segment copied from another node does not pass as this one's.
    pub(super) fn salt(&self) -> u32 {
        crc32fast::hash(self.to_text().as_bytes())
    }
}

pub(super) fn list<F: Folder>(folder: &F) -> Result<Vec<String>, StoreError> {
    folder
        .list()
        .map_err(|source| StoreError::io("list", folder.path().to_owned(), source))
}

/// Writes a file that is there whole and durable, or not at all: under another name first.
pub(super) fn write_whole<F: Folder>(
    folder: &mut F,
    temporary: &str,
    name: &str,
    parts: &[&[u8]],
) -> Result<(), StoreError> {
    let mut attempt = || {
        let mut file = folder.create(temporary)?;
        let mut offset = 0;
        for part in parts {
            file.write_at(offset, part)?;
            offset += part.len() as u64;
        }
        file.sync()?;
        folder.rename(temporary, name)?;
        folder.sync()
    };
    let outcome = attempt();
    outcome.map_err(|source| {
        // Gives the room back; what cannot be removed is written over or swept up later.
        let _ = folder.remove(temporary);
        StoreError::io("write", folder.path_of(name), source)
    })
}
