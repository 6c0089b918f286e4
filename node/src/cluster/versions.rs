//! What may be said, while controllers of different versions are in one group?
//!
//! A group is upgraded one controller after the other, and each of them must understand every entry
//! of the log. So the group has a level: the highest version of the commands that everyone who votes is
//! known to understand; one that only learns and is too old for it stops before it has a vote. A controller that knows more than the level says so by an entry; when the
//! last one has, the level rises, for all at the same place of the log. It never falls: what was
//! said at a level is in the log and in snapshots, and a controller below it is too old.
//!
//! All that controllers must agree on goes by the level, not by the program:
//!
//! - which commands are said: [`Command::since`];
//! - in which layout a snapshot is written, so that a member that lags behind can read what it is
//!   sent: [`Versions::layout`];
//! - what the engine decides: [`super::policy::Policy::plan`] is given the level. A program whose engine
//!   decides something otherwise does so from a new level on, and as before below it. So at each index
//!   all plan alike, and whoever reads log or snapshot later makes the same plans of it again. A later
//!   release, to which nobody upgrades from below that level, drops the old way.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::command::{Command, ControllerId};

/// What the controllers of a new group understand before they say anything: what the first release
/// does.
pub const FIRST: u16 = 2;

/// Which versions of the commands those who vote understand.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Versions {
    level: u16,
    voters: BTreeSet<ControllerId>,
    /// What controllers said that understand more than the level.
    said: BTreeMap<ControllerId, u16>,
}

impl Default for Versions {
    fn default() -> Self {
        Self::founded_at(FIRST)
    }
}

/// A command of a version that not every controller understands yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not before every controller is upgraded: this needs version {needed} of the commands, and \
     up to version {level} only is known to {behind}"
)]
pub struct TooEarly {
    /// What the command needs.
    pub needed: u16,
    /// What all understand.
    pub level: u16,
    /// The controllers that did not say that they understand more.
    pub behind: String,
}

impl Versions {
    /// Of a group whose first members all understood commands up to this version.
    pub fn founded_at(level: u16) -> Self {
        Self {
            level,
            voters: BTreeSet::new(),
            said: BTreeMap::new(),
        }
    }

    /// Up to which version everyone who votes understands commands.
    pub fn level(&self) -> u16 {
        self.level
    }

    /// The layout of snapshots that everybody can read. A new layout belongs to a new level, and the one
    /// before it is written as long as a level asks for it.
    pub fn layout(&self) -> u16 {
        match self.level {
            0 | 1 => 4,
            _ => 5,
        }
    }

    /// What a controller understands, as far as it said.
    pub fn of(&self, controller: ControllerId) -> u16 {
        let said = self.said.get(&controller).copied();
        said.unwrap_or_default().max(self.level)
    }

    /// Whether a controller that votes and understands so much has yet to say so.
    pub fn awaits(&self, controller: ControllerId, knows: u16) -> bool {
        self.voters.contains(&controller) && self.of(controller) != knows
    }

    /// Whether everybody understands this command.
    ///
    /// # Errors
    /// If not: who does not, as far as is known.
    pub fn permit(&self, command: &Command) -> Result<(), TooEarly> {
        let needed = command.since();
        if needed <= self.level {
            return Ok(());
        }
        let behind = self.voters.iter().filter(|id| self.of(**id) < needed);
        let behind: Vec<String> = behind.map(|id| format!("controller {id}")).collect();
        Err(TooEarly {
            needed,
            level: self.level,
            behind: behind.join(" and "),
        })
    }

    /// A controller says what it understands; returns the new level, if that rises by it.
    pub(super) fn says(&mut self, controller: ControllerId, version: u16) -> Option<u16> {
        self.said.insert(controller, version);
        self.rise()
    }

    /// Others vote; returns the new level, if that rises by it.
    pub(super) fn set_voters(&mut self, voters: BTreeSet<ControllerId>) -> Option<u16> {
        self.voters = voters;
        self.rise()
    }

    fn rise(&mut self) -> Option<u16> {
        let least = self.voters.iter().map(|id| self.of(*id)).min()?;
        let rises = least > self.level;
        self.level = least;
        let (level, voters) = (self.level, &self.voters);
        self.said
            .retain(|id, version| *version > level && voters.contains(id));
        rises.then_some(least)
    }
}

/// At which level earlier plans were decided: made again, each has to be what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Earlier {
    /// By level that there was, the last plan that was made at it.
    last: BTreeMap<u16, u64>,
}

impl Earlier {
    /// The level rises from here.
    pub(super) fn leaves(&mut self, level: u16, planned: u64) {
        self.last.insert(level, planned);
    }

    /// The level at which a plan was decided, in a group that is at `present`.
    pub fn level_of(&self, plan: u64, present: u16) -> u16 {
        let mut levels = self.last.iter();
        let earlier = levels.find(|(_, last)| plan <= **last);
        earlier.map_or(present, |(level, _)| *level)
    }
}

#[cfg(test)]
mod tests;
