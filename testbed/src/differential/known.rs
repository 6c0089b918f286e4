//! What did the peer answer before? Digests of its answers, so that after a change of the engine
//! the peer is asked only where the engine now says something else: it takes most of the time.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::compare::normalised;
use super::planner::Answer;

/// Digests of the peer's answers by digests of what it was asked, in a file that grows.
#[derive(Debug, Default)]
pub struct Known {
    answers: Mutex<BTreeMap<u64, u64>>,
    file: Option<Mutex<fs::File>>,
}

impl Known {
    /// What a file tells; it is made if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or opened for writing.
    pub fn of(path: &Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?;
        let text = fs::read_to_string(path)?;
        let lines = text.lines().filter_map(|line| {
            let (question, answer) = line.split_once(' ')?;
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            Some((number(question)?, number(answer)?))
        });
        Ok(Known {
            answers: Mutex::new(lines.collect()),
            file: Some(Mutex::new(file)),
        })
    }

    /// Whether the peer is known to have given this answer. That it broke is not an answer.
    #[must_use]
    pub fn is(&self, question: u64, answer: &Answer) -> bool {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&question) == Some(&digest(answer))
    }

    /// Notes what the peer answered.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note(&self, question: u64, answer: &Answer) -> io::Result<()> {
        if matches!(answer, Answer::Broken(_)) {
            return Ok(());
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let digest = digest(answer);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(question, digest);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{question:016x} {digest:016x}\n").as_bytes())
    }
}

/// The digest of what a peer is asked.
#[must_use]
pub fn question(version: &str, cib: &str, date: &str) -> u64 {
    hash(&(version, cib, date))
}

fn digest(answer: &Answer) -> u64 {
    match answer {
        Answer::Planned(outputs) => hash(&normalised(outputs)),
        Answer::Refused(_) => 0,
        Answer::Broken(how) => hash(how),
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
