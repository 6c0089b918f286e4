//! What did the engine see, and when?
//!
//! The inputs of past plans, so that any controller can answer "what happened and why" by running
//! the engine again. Bounded by count and by bytes; the two newest always stay, because the state
//! itself is rebuilt from them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bincode::{Decode, Encode};

use super::policy::Digest;
use super::transition::{Progress, Transition};

/// At most this many plans.
const MAX_PLANS: usize = 1000;
/// At most this many bytes of CIBs.
const MAX_BYTES: usize = 32 << 20;

/// One plan's input and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SavedPlan {
    /// Number of the transition.
    pub transition: u64,
    /// Log index of the Plan.
    pub index: u64,
    /// The time that the engine was given, in seconds since the epoch.
    pub now: i64,
    /// Seconds by which local time was ahead of UTC.
    pub utc_offset: i32,
    /// Why it was planned.
    pub reason: String,
    /// Digest of the graph as computed here; `None` if the engine refused the CIB.
    pub digest: Option<Digest>,
    /// The whole CIB.
    pub cib: Arc<str>,
}

/// Saved plans, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct History {
    plans: VecDeque<SavedPlan>,
    bytes: u64,
}

impl History {
    /// Adds the newest plan and drops the oldest where there are too many.
    pub fn add(&mut self, plan: SavedPlan) {
        self.bytes += plan.cib.len() as u64;
        self.plans.push_back(plan);
        while self.plans.len() > 2
            && (self.plans.len() > MAX_PLANS || self.bytes > MAX_BYTES as u64)
        {
            if let Some(oldest) = self.plans.pop_front() {
                self.bytes -= oldest.cib.len() as u64;
            }
        }
    }

    /// Number of the oldest transition that is kept; 0 if none is.
    pub fn oldest(&self) -> u64 {
        self.plans.front().map_or(0, |plan| plan.transition)
    }

    /// The plan of a transition.
    pub fn find(&self, transition: u64) -> Option<&SavedPlan> {
        self.plans
            .iter()
            .rev()
            .find(|plan| plan.transition == transition)
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &SavedPlan> {
        self.plans.iter()
    }
}

/// How a transition ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ending {
    /// When the next one took its place, in seconds since the epoch.
    pub at: i64,
    /// Why it was abandoned, if so.
    pub aborted: Option<String>,
    /// How far it was, in the order of its graph's synapses.
    pub progress: Vec<Progress>,
}

/// How transitions ended, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Endings {
    all: BTreeMap<u64, Ending>,
}

impl Endings {
    /// Notes how far a transition came.
    pub fn note(&mut self, transition: &Transition, at: i64) {
        let ending = Ending {
            at,
            aborted: transition.aborted.clone(),
            progress: transition.all_progress().to_vec(),
        };
        self.all.insert(transition.number, ending);
    }

    /// Forgets what is older than the oldest saved input.
    pub fn forget_before(&mut self, oldest: u64) {
        self.all = self.all.split_off(&oldest);
    }

    /// How a transition ended, unless it is in force or forgotten.
    pub fn find(&self, transition: u64) -> Option<&Ending> {
        self.all.get(&transition)
    }
}
