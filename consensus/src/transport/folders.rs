//! Does a member still have the data folder that it had? One whose folder was lost, or put back from
//! an old copy under a new number, has forgotten votes and entries that it acknowledged. It must not
//! take part under its old id: then what a majority remembered could be lost.
//!
//! Each data folder has a number, drawn when it was made; peers tell it when they introduce
//! themselves. Each member remembers, on its own disk, the number that it first heard of each
//! other one, and refuses others from then on. Ids are never used again, so nothing is forgotten.
//!
//! A member that never had a connection with another one has nothing to compare, and takes the
//! number that it hears first. So the check begins with the first meeting of two members, in
//! practice moments after the second of them was started for the first time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::types::NodeId;

const NAME: &str = "folders";
const NEW: &str = "folders.new";
/// Numbers of more members than any group will ever have had.
const MAX_KNOWN: usize = 10_000;

/// The numbers of data folders: this member's own, and those of its peers.
#[derive(Debug, Default)]
pub struct Folders {
    /// 0 if nobody shall check it.
    own: u64,
    /// The folder of this member; `None` keeps everything in memory.
    path: Option<PathBuf>,
    known: Mutex<BTreeMap<NodeId, u64>>,
}

impl Folders {
    /// Reads what this member knows. A folder without that gets `new` as its number.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is damaged.
    pub fn open(folder: &Path, new: u64) -> io::Result<Self> {
        let (own, known) = match std::fs::read_to_string(folder.join(NAME)) {
            Ok(text) => parse(&text).ok_or_else(|| {
                let what = format!("{} is damaged", folder.join(NAME).display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let own = new.max(1);
                write(folder, own, &BTreeMap::new())?;
                (own, BTreeMap::new())
            }
            Err(error) => return Err(error),
        };
        Ok(Folders {
            own,
            path: Some(folder.to_owned()),
            known: Mutex::new(known),
        })
    }

    /// This member's own number.
    pub(super) fn own(&self) -> u64 {
        self.own
    }

    /// Whether this is the folder that the member was known to have. One that is heard of for the
    /// first time is, and is remembered.
    pub(super) fn is_the_same(&self, id: NodeId, folder: u64) -> bool {
        if folder == 0 || self.own == 0 {
            return true;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&first) = known.get(&id) {
            return first == folder;
        }
        if known.len() >= MAX_KNOWN {
            return true;
        }
        known.insert(id, folder);
        if let Some(path) = &self.path
            && let Err(error) = write(path, self.own, &known)
        {
            // Others remember it too, and this one for as long as it runs.
            tracing::warn!(%error, "cannot note a peer's data folder");
        }
        true
    }
}

fn parse(text: &str) -> Option<(u64, BTreeMap<NodeId, u64>)> {
    let (body, sum) = text.rsplit_once("sum ")?;
    if u32::from_str_radix(sum.trim_end(), 16).ok()? != crc32fast::hash(body.as_bytes()) {
        return None;
    }
    let (mut own, mut known) = (None, BTreeMap::new());
    for line in body.lines() {
        let (whose, number) = line.split_once(' ')?;
        let number = u64::from_str_radix(number, 16).ok()?;
        match whose {
            "own" => own = Some(number),
            id => _ = known.insert(id.parse().ok()?, number),
        }
    }
    Some((own?, known))
}

fn write(folder: &Path, own: u64, known: &BTreeMap<NodeId, u64>) -> io::Result<()> {
    let mut text = format!("own {own:x}\n");
    for (id, number) in known {
        // Writing to a String does not fail; here and below.
        let _ = writeln!(text, "{id} {number:x}");
    }
    let sum = crc32fast::hash(text.as_bytes());
    let _ = writeln!(text, "sum {sum:08x}");
    let new = folder.join(NEW);
    std::fs::write(&new, text)?;
    std::fs::File::open(&new)?.sync_all()?;
    std::fs::rename(&new, folder.join(NAME))?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_again_and_another_one_is_not() {
        let home = tempfile::tempdir().expect("a folder");
        let folders = Folders::open(home.path(), 7).expect("a new one");
        assert!(folders.is_the_same(2, 20) && folders.is_the_same(3, 30));
        assert!(!folders.is_the_same(2, 21));
        drop(folders);
        let folders = Folders::open(home.path(), 8).expect("it is there");
        assert_eq!(folders.own(), 7);
        assert!(folders.is_the_same(2, 20) && !folders.is_the_same(3, 31));
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let home = tempfile::tempdir().expect("a folder");
        Folders::open(home.path(), 7).expect("a new one");
        let path = home.path().join(NAME);
        let text = std::fs::read_to_string(&path).expect("it is there");
        for at in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            std::fs::write(&path, bytes).expect("it is there");
            assert!(Folders::open(home.path(), 7).is_err(), "byte {at}");
        }
    }
}
