//! The steps from one role to another.

use crate::config::Role;

/// What takes a resource from its role to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stop it wherever it runs.
    Stop,
    /// Start it.
    Start,
    /// Promote it.
    Promote,
    /// Demote it wherever it runs.
    Demote,
}

/// One step on the way from a role to another: the role that it leads to, and how. No step is
/// needed between equal roles, nor from Started to Unpromoted, which for the agent are one.
///
/// `Unknown` is treated as something to be stopped; as an aim it means to stay.
#[must_use]
pub fn step(from: Role, to: Role) -> Option<(Role, Change)> {
    use Role::{Promoted, Started, Stopped, Unknown, Unpromoted};
    match (from, to) {
        (_, Unknown) => None,
        (Unknown, _) => Some((Stopped, Change::Stop)),

        (Stopped, Stopped) => None,
        (Stopped, Started) => Some((Started, Change::Start)),
        (Stopped, Unpromoted | Promoted) => Some((Unpromoted, Change::Start)),

        (Started, Stopped) => Some((Stopped, Change::Stop)),
        (Started, Started | Unpromoted) => None,
        (Started, Promoted) => Some((Promoted, Change::Promote)),

        (Unpromoted, Stopped | Started) => Some((Stopped, Change::Stop)),
        (Unpromoted, Unpromoted) => None,
        (Unpromoted, Promoted) => Some((Promoted, Change::Promote)),

        (Promoted, Stopped | Started | Unpromoted) => Some((Unpromoted, Change::Demote)),
        (Promoted, Promoted) => None,
    }
}

#[cfg(test)]
mod tests;
