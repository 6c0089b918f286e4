//! In which differences is the peer wrong? Each has a name and a reason; the documentation tells
//! more. Everything else that differs is a fault of the engine.

use super::compare::{Difference, Kind};
use super::planner::Answer;

/// A difference that is not the engine's fault.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// What it is called.
    pub name: &'static str,
    /// Why the engine does otherwise.
    pub reason: &'static str,
    applies: fn(&Found<'_>) -> bool,
}

/// A difference with what it was found in.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// How the answers differ.
    pub difference: &'a Difference,
    /// What the peer answered.
    pub peer: &'a Answer,
    /// What the engine answered.
    pub engine: &'a Answer,
}

/// Every exception.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "peer-broken",
        reason: "the peer crashed or did not come to an end: there is nothing to compare with",
        applies: |found| {
            matches!(found.peer, Answer::Broken(_)) && !matches!(found.engine, Answer::Broken(_))
        },
    },
    Exception {
        name: "peer-assertion",
        reason: "the peer found a fault of its own, complained, and went on to the same decisions",
        applies: |found| {
            let only_complaints = found.difference.first() == Kind::Errors;
            only_complaints
                && found.difference.only[0]
                    .iter()
                    .any(|line| line.contains("fatalassertion"))
        },
    },
];

/// The exception that a difference is, if it is one.
#[must_use]
pub fn exception(found: &Found<'_>) -> Option<&'static Exception> {
    EXCEPTIONS
        .iter()
        .find(|exception| (exception.applies)(found))
}
