//! What happened at the peer port, counted, and told in the log at a bearable rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What happened at the peer port since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Connections that did not introduce themselves properly: not a peer at all.
    pub strangers: u64,
    /// Connections of this protocol that were refused: other cluster, other node, other version.
    pub refused: u64,
    /// Connections of peers that were dropped for sending garbage.
    pub garbage: u64,
    /// Messages that Raft would not accept from a correct peer.
    pub malformed: u64,
    /// Messages dropped because a peer's queue was full or it could not be reached.
    pub dropped: u64,
    /// Connections made to peers.
    pub connects: u64,
}

/// Who knocked and was not let in.
#[derive(Debug, Default)]
pub struct Strangers(Counter);

impl Strangers {
    /// Counts one more.
    pub fn count(&self, from: &str, what: &str) {
        if let Some(times) = self.0.count() {
            tracing::warn!(from, what, times, "dropped a stranger's connection");
        }
    }

    /// How many there were since the start.
    pub fn read(&self) -> u64 {
        self.0.read()
    }
}

#[derive(Debug)]
pub(super) struct Counters {
    strangers: Arc<Strangers>,
    refused: Counter,
    garbage: Counter,
    malformed: Counter,
    dropped: AtomicU64,
    connects: AtomicU64,
}

#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    /// When it was last told of, and the count then.
    told: Mutex<Option<(Instant, u64)>>,
}

/// One line per kind of event in this time; the line after says how many were left out.
const BURST: Duration = Duration::from_secs(10);

impl Counter {
    /// Counts one more. How many there were since the last line, if it is time for another one.
    fn count(&self) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = match *told {
            Some((last, _)) if now - last < BURST => return None,
            Some((_, then)) => count.saturating_sub(then),
            None => count,
        };
        *told = Some((now, count));
        Some(since)
    }

    fn read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn new(strangers: Arc<Strangers>) -> Self {
        Counters {
            strangers,
            refused: Counter::default(),
            garbage: Counter::default(),
            malformed: Counter::default(),
            dropped: AtomicU64::default(),
            connects: AtomicU64::default(),
        }
    }

    pub(super) fn stranger(&self, from: &str, what: &str) {
        self.strangers.count(from, what);
    }

    pub(super) fn refused(&self, from: &str, why: &str) {
        if let Some(times) = self.refused.count() {
            tracing::warn!(from, why, times, "refused a peer");
        }
    }

    pub(super) fn garbage(&self, peer: u64, what: &str) {
        if let Some(times) = self.garbage.count() {
            tracing::warn!(
                peer,
                what,
                times,
                "dropped the connection of a peer that sent garbage"
            );
        }
    }

    pub(super) fn malformed(&self, peer: u64, what: &str) {
        if let Some(times) = self.malformed.count() {
            tracing::warn!(
                peer,
                what,
                times,
                "ignored a message that no correct peer sends"
            );
        }
    }

    pub(super) fn dropped(&self, messages: u64) {
        self.dropped.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> NetworkCounts {
        NetworkCounts {
            strangers: self.strangers.read(),
            refused: self.refused.read(),
            garbage: self.garbage.read(),
            malformed: self.malformed.read(),
            dropped: self.dropped.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
        }
    }
}
