//! One cluster to plan for: which, at which time, and how it came about.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema;
use lockstep_engine::time::{Date, Timestamp};

use super::generate::older;
use super::generate::themes::Theme;
use super::random::Random;
use super::tree::Element;
use super::{generate, mutate};

/// A cluster to plan for.
#[derive(Clone, Debug)]
pub struct Case {
    /// Seed of the run.
    pub seed: u64,
    /// Number in the run.
    pub index: u64,
    /// How it was made.
    pub story: Vec<String>,
    /// The time to plan for (`-t`).
    pub date: String,
    /// The cluster.
    pub cib: Element,
}

/// How a CIB is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// As it is: validated, and upgraded if it is of an older schema.
    AsWritten,
    /// Not validated: the peer is ten times faster then, and decisions are compared all the same.
    /// The CIB was upgraded before it was edited.
    Unvalidated,
}

/// One of this many cases is read as it is written.
const AS_WRITTEN_OF: usize = 6;

/// CIBs to edit: files of a folder, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Bases {
    files: Vec<PathBuf>,
}

impl Bases {
    /// The CIBs in a folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "xml") {
                files.push(path);
            }
        }
        files.sort();
        Ok(Bases { files })
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn load(&self, path: &Path, reading: Reading) -> io::Result<Element> {
        let bad = |error: &dyn std::error::Error| {
            let message = format!("{}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let bytes = fs::read(path)?;
        let mut document =
            Document::parse(&bytes, &Limits::default()).map_err(|error| bad(&error))?;
        if reading == Reading::Unvalidated {
            schema::upgrade(&mut document).map_err(|error| bad(&error))?;
        }
        Ok(Element::of(&document, document.root()))
    }
}

impl Case {
    /// All CIBs as they are written, then so many cases made at random.
    pub fn all(bases: &Bases, count: u64, seed: u64) -> impl Iterator<Item = io::Result<Self>> {
        let written = (0..bases.len()).map(|index| Case::written(bases, index));
        written.chain((0..count).map(move |index| Case::make(bases, seed, index)))
    }

    /// The CIB of that number as it is written, at the time at which it was saved.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn written(bases: &Bases, index: usize) -> io::Result<Self> {
        let path = bases.files.get(index).ok_or(io::ErrorKind::NotFound)?;
        let cib = bases.load(path, Reading::AsWritten)?;
        Ok(Case {
            seed: 0,
            index: index as u64,
            story: vec![path.display().to_string()],
            date: date(newest(&cib).unwrap_or(generate::EPOCH)),
            cib,
        })
    }

    /// A name for files and messages.
    #[must_use]
    pub fn name(&self) -> String {
        match Path::new(&self.story[0]).file_stem() {
            Some(stem) if self.seed == 0 => stem.to_string_lossy().into_owned(),
            _ => format!("seed-{}-{}", self.seed, self.index),
        }
    }

    /// The case of a seed and a number: half of them from nothing, half by editing a CIB.
    ///
    /// # Errors
    /// If a CIB to edit cannot be read.
    pub fn make(bases: &Bases, seed: u64, index: u64) -> io::Result<Self> {
        let mut random = Random::of_case(seed, index);
        let reading = match random.below(AS_WRITTEN_OF) {
            0 => Reading::AsWritten,
            _ => Reading::Unvalidated,
        };
        let theme = Theme::any(&mut random);
        let base = if random.chance(50) {
            None
        } else {
            random.pick(&bases.files).cloned()
        };
        let (mut cib, mut story) = match base {
            Some(path) => (
                bases.load(&path, reading)?,
                vec![path.display().to_string()],
            ),
            None => (
                generate::cluster(&mut random, &theme),
                vec!["from nothing".to_owned()],
            ),
        };
        let from_nothing = story[0] == "from nothing";
        story.push(theme.name.to_owned());
        // What is edited happened before now.
        let now = newest(&cib).map_or(generate::EPOCH, |newest| newest + 100)
            + [0, 1, 45, 900, 4000][random.below(5)];
        cib.set("execution-date", now.to_string());
        let most = [3, 3, 6, 6, 10, 25][random.below(6)];
        let count = random.between(usize::from(!from_nothing), most);
        story.extend(mutate::mutate(&mut random, &mut cib, count, &theme));
        if reading == Reading::Unvalidated {
            cib.set("validate-with", "none");
        } else if from_nothing && random.chance(70) {
            story.push(format!("all that in {}", older::age(&mut random, &mut cib)));
        }
        Ok(Case {
            seed,
            index,
            story,
            date: date(now),
            cib,
        })
    }
}

/// When a CIB was saved, or the newest result in it came.
fn newest(cib: &Element) -> Option<i64> {
    let saved = cib.get("execution-date").and_then(|text| text.parse().ok());
    saved.or_else(|| {
        let mut newest = None;
        cib.visit(&mut |e| {
            let change = e
                .get("last-rc-change")
                .and_then(|text| text.parse::<i64>().ok());
            newest = newest.max(change.filter(|change| *change > 0));
        });
        newest
    })
}

/// A time as `-t` takes it.
fn date(epoch: i64) -> String {
    Date::new(Timestamp::utc(epoch)).to_string()
}
