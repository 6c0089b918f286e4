//! What is on its way to the disk, and what waits for it.
//!
//! Raft hands out work in numbered steps ("readies"). Those with something to make durable are
//! gathered into a numbered [`Persist`]; the shell may have any number of them under way and
//! confirms them in order. What a step may say only when it is durable stays here until then.

use std::collections::VecDeque;

use super::io::Persist;
use crate::log::{Batch, NewSnapshot};
use crate::message::Message;
use crate::types::{Entry, HardState, Snapshot};

#[derive(Debug)]
pub(super) struct Writes {
    /// What the next [`Persist`] holds.
    batch: Batch,
    /// Its number.
    next: u64,
    /// The last one that is durable.
    durable: u64,
    /// The hard state as last given out to be written.
    written: HardState,
    /// The hard state as it is.
    current: HardState,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// The write that it waits for, if it is not just waiting for its turn.
    number: Option<u64>,
    done: Done,
}

/// What may go on now.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Raft's number of the step.
    pub(super) ready: Option<u64>,
    pub(super) held: Vec<Message>,
    /// A snapshot from the leader.
    pub(super) restored: Option<Snapshot>,
    /// The application's request to store a snapshot.
    pub(super) snapshot_request: Option<u64>,
}

impl Writes {
    pub(super) fn new(written: HardState) -> Self {
        Writes {
            batch: Batch::default(),
            next: 1,
            durable: 0,
            written,
            current: written,
            waiting: VecDeque::new(),
        }
    }

    /// Whether anything that raft asked for is under way.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.number.is_some() && waiting.done.ready.is_some())
    }

    pub(super) fn durable(&mut self, upto: u64) {
        self.durable = self.durable.max(upto.min(self.next.saturating_sub(1)));
    }

    /// One step of raft's.
    pub(super) fn add(
        &mut self,
        ready: u64,
        must_sync: bool,
        entries: Vec<Entry>,
        snapshot: Option<Snapshot>,
        hard_state: HardState,
        held: Vec<Message>,
    ) {
        self.current = hard_state;
        let writes = must_sync || !entries.is_empty() || snapshot.is_some();
        let restored = snapshot.clone();
        if let Some(snapshot) = snapshot {
            self.batch.entries.clear();
            self.batch.snapshot = Some(NewSnapshot {
                snapshot,
                keep_log: false,
            });
        }
        if let Some(first) = entries.first() {
            // A step may replace entries of the one before.
            self.batch.entries.retain(|entry| entry.index < first.index);
            self.batch.entries.extend(entries);
        }
        if writes {
            self.batch.hard_state = Some(self.current);
        } else if let Some(hard_state) = &mut self.batch.hard_state {
            *hard_state = self.current;
        }
        let number = writes.then_some(self.next);
        let done = Done {
            ready: Some(ready),
            held,
            restored,
            snapshot_request: None,
        };
        self.waiting.push_back(Waiting { number, done });
    }

    /// A snapshot that the application made.
    pub(super) fn snapshot(&mut self, id: u64, snapshot: Snapshot) {
        // Entries that the batch may hold come after what is applied, and so after the snapshot.
        self.batch.snapshot = Some(NewSnapshot {
            snapshot,
            keep_log: true,
        });
        self.batch.hard_state = Some(self.current);
        let done = Done {
            snapshot_request: Some(id),
            ..Done::default()
        };
        self.waiting.push_back(Waiting {
            number: Some(self.next),
            done,
        });
    }

    /// The next thing that waits no longer.
    pub(super) fn next_done(&mut self) -> Option<Done> {
        let durable = self.durable;
        let is_done = |waiting: &Waiting| waiting.number.is_none_or(|number| number <= durable);
        self.waiting
            .front()
            .is_some_and(is_done)
            .then(|| self.waiting.pop_front())?
            .map(|w| w.done)
    }

    /// What is to be written now, if anything.
    pub(super) fn take_batch(&mut self) -> Option<Persist> {
        let needed = self
            .waiting
            .iter()
            .any(|waiting| waiting.number == Some(self.next));
        if !needed {
            return None;
        }
        let mut batch = std::mem::take(&mut self.batch);
        if batch.hard_state == Some(self.written) {
            batch.hard_state = None;
        }
        self.written = batch.hard_state.unwrap_or(self.written);
        let number = self.next;
        self.next += 1;
        Some(Persist { number, batch })
    }
}
