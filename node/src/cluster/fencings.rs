//! Which nodes were fenced, by whom, and how did that go?

use std::collections::VecDeque;

use bincode::{Decode, Encode};

/// So many are remembered.
const KEPT: usize = 100;

/// A node was fenced, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FencingRecord {
    /// When, in seconds since the epoch, by the log.
    pub at: i64,
    /// Which node.
    pub target: String,
    /// `reboot`, `off` or `on`.
    pub action: String,
    /// The node whose executor did it; `None` if nobody's did.
    pub by: Option<String>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// With which device, or why not.
    pub detail: String,
}

/// The latest ones, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Fencings(VecDeque<FencingRecord>);

impl Fencings {
    /// One more.
    pub(super) fn add(&mut self, record: FencingRecord) {
        self.0.push_back(record);
        while self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// All that are remembered, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FencingRecord> {
        self.0.iter()
    }
}
