//! In which differences is the peer wrong? Each has a name and a reason, and a section of
//! `docs/differences.md` that tells more. Everything else that differs is a fault of the engine.

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

impl Found<'_> {
    /// What the peer said when it ended without an answer, although the engine gives one.
    fn crash(&self) -> Option<&str> {
        match (self.peer, self.engine) {
            (Answer::Broken(how), Answer::Planned(_) | Answer::Refused(_)) => Some(how),
            _ => None,
        }
    }

    fn crashes_in(&self, function: &str) -> bool {
        let assertion = format!("{function}: Triggered fatal assertion");
        self.crash().is_some_and(|how| how.contains(&assertion))
    }
}

/// In the name of an address that could not be counted up.
const NO_ADDRESS: &str = "-ip-.null.";

/// Every exception, the special ones first.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "order-with-itself",
        reason: "the peer aborts where something is ordered with itself",
        applies: |found| found.crashes_in("order_actions"),
    },
    Exception {
        name: "colocation-set-of-unknown",
        reason: "the peer aborts where a set that is kept apart names an unknown resource",
        applies: |found| found.crashes_in("unpack_colocation_set"),
    },
    Exception {
        name: "crash",
        reason: "the peer crashed or did not come to an end: there is nothing to compare with",
        applies: |found| found.crash().is_some(),
    },
    Exception {
        name: "soft-assertion",
        reason: "the peer found a fault of its own, complained, and went on to the same decisions",
        applies: |found| {
            let only_complaints = found.difference.first() == Kind::Errors;
            let [peer, engine] = &found.difference.only;
            // It must be all that the peer says besides: the engine says nothing else instead.
            let assertion = |line: &String| line.contains("fatalassertion");
            only_complaints && engine.is_empty() && peer.iter().any(assertion)
        },
    },
    Exception {
        name: "bundle-address-runs-out",
        reason: "the peer makes addresses called null where it cannot count them up",
        applies: |found| match (found.peer, found.engine) {
            (Answer::Planned(peer), Answer::Planned(engine)) => {
                let first = found.difference.first();
                let [lines, _] = &found.difference.only;
                // What differs first are such addresses. Status does not show them.
                first == Kind::Scores
                    && lines.iter().any(|line| line.contains(NO_ADDRESS))
                    && peer.scores.contains(NO_ADDRESS)
                    && !engine.scores.contains(NO_ADDRESS)
            }
            _ => false,
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
