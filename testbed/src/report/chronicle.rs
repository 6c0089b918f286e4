//! What happened when, as the testbed itself saw it.

use std::sync::{Arc, Mutex, PoisonError};

use lockstep_node::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::say;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The scenario goes on.
    Step,
    /// Something was broken.
    Fault,
    /// It was mended.
    Heal,
    /// A host was switched on or off.
    Power,
    /// A controller leads.
    Leader,
    /// There is a new plan.
    Plan,
    /// Something must not be.
    Violation,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the epoch.
    pub at_us: u64,
    /// Which kind.
    pub kind: Kind,
    /// Of which host, if of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// In words.
    pub text: String,
}

/// All events; clones write into the same.
#[derive(Clone, Debug)]
pub struct Chronicle {
    clock: Clock,
    began_us: u64,
    entries: Arc<Mutex<Vec<Entry>>>,
    /// Whether each is printed as well.
    aloud: bool,
}

impl Chronicle {
    /// Begins now.
    #[must_use]
    pub fn begin(aloud: bool) -> Self {
        let clock = Clock::start();
        Self {
            clock,
            began_us: clock.unix_us(),
            entries: Arc::default(),
            aloud,
        }
    }

    /// Something happened.
    pub fn note(&self, kind: Kind, node: Option<&str>, text: impl Into<String>) {
        let entry = Entry {
            at_us: self.clock.unix_us(),
            kind,
            node: node.map(str::to_owned),
            text: text.into(),
        };
        if self.aloud {
            let ms = entry.at_us.saturating_sub(self.began_us) / 1000;
            let node = entry.node.as_deref().unwrap_or("");
            let kind = format!("{kind:?}").to_lowercase();
            say!(
                "{:4}.{:03}  {kind:9} {node:3} {}",
                ms / 1000,
                ms % 1000,
                entry.text
            );
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
    }

    /// Everything so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.clone()
    }

    /// Microseconds since the epoch of its begin.
    #[must_use]
    pub fn began_us(&self) -> u64 {
        self.began_us
    }
}
