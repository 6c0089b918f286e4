//! What waits to be sent to one peer, and where to.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::message::Message;

const MAX_MESSAGES: usize = 4_096;
const MAX_BYTES: usize = 128 << 20;

/// A bounded queue that drops its oldest messages; one snapshot waits beside it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    news: Notify,
    route: Mutex<Route>,
    /// Somebody knows that the peer is there.
    hurry: Notify,
    refused: Mutex<Option<String>>,
}

/// Where a peer may be.
#[derive(Debug, Default)]
struct Route {
    /// By the log and the configuration.
    listed: Vec<String>,
    /// By its own word.
    claimed: Option<String>,
    /// Where it was tried last.
    last: usize,
}

impl Route {
    fn all(&self) -> Vec<&String> {
        let mut all: Vec<&String> = Vec::new();
        for address in self.listed.iter().chain(&self.claimed) {
            if !address.is_empty() && !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }
}

#[derive(Debug, Default)]
struct State {
    connected: bool,
    messages: VecDeque<Message>,
    bytes: usize,
    /// A snapshot that waits to be sent.
    snapshot: Option<Message>,
    /// Bytes of the snapshot under way that are sent, and all there are.
    progress: Option<(u64, u64)>,
}

/// What to send next.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) messages: VecDeque<Message>,
    pub(super) snapshot: Option<Message>,
}

impl Queue {
    /// Queues a message. How many were dropped: this one, or older ones to make room.
    pub(super) fn push(&self, message: Message) -> u64 {
        let mut state = self.lock();
        if !state.connected {
            return 1;
        }
        if message.is_snapshot() {
            if !state.takes_snapshot() {
                return 1;
            }
            state.snapshot = Some(message);
            drop(state);
            self.news.notify_one();
            return 0;
        }
        state.bytes += message.size();
        state.messages.push_back(message);
        let mut dropped = 0;
        while state.messages.len() > MAX_MESSAGES
            || (state.bytes > MAX_BYTES && state.messages.len() > 1)
        {
            let Some(oldest) = state.messages.pop_front() else {
                break;
            };
            state.bytes -= oldest.size();
            dropped += 1;
        }
        drop(state);
        self.news.notify_one();
        dropped
    }

    pub(super) fn set_listed(&self, addresses: Vec<String>) {
        self.route().listed = addresses;
    }

    pub(super) fn set_claimed(&self, address: String) {
        self.route().claimed = Some(address);
    }

    /// Where the peer was tried last, and is, if it is connected. Empty if nobody knows.
    pub(super) fn address(&self) -> String {
        let route = self.route();
        let all = route.all();
        all.get(route.last % all.len().max(1))
            .map(|address| (*address).clone())
            .unwrap_or_default()
    }

    /// The address to try next: each in turn. `None` if nobody knows one.
    pub(super) fn next_address(&self) -> Option<String> {
        let mut route = self.route();
        let count = route.all().len();
        route.last = (route.last + 1).checked_rem(count)?;
        route
            .all()
            .get(route.last)
            .map(|address| (*address).clone())
    }

    fn route(&self) -> MutexGuard<'_, Route> {
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.lock().connected
    }

    pub(super) fn snapshot_progress(&self) -> Option<(u64, u64)> {
        self.lock().progress
    }

    pub(super) fn set_progress(&self, progress: Option<(u64, u64)>) {
        self.lock().progress = progress;
    }

    /// Has the peer called now.
    pub(super) fn hurry(&self) {
        if !self.is_connected() {
            self.hurry.notify_one();
        }
    }

    /// Waits until the peer should be called at once.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Why the peer did not let this member in the last time.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_refused(&self, why: Option<String>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Opens the queue for a new connection.
    pub(super) fn open(&self) {
        let mut state = self.lock();
        *state = State {
            connected: true,
            ..State::default()
        };
    }

    /// Closes it. Whether a snapshot was waiting.
    pub(super) fn close(&self) -> bool {
        std::mem::take(&mut *self.lock()).snapshot.is_some()
    }

    /// Takes everything that waits; does not wait itself.
    pub(super) fn take(&self) -> Work {
        let mut state = self.lock();
        state.bytes = 0;
        Work {
            messages: std::mem::take(&mut state.messages),
            snapshot: state.snapshot.take(),
        }
    }

    /// Waits until there may be something to take.
    pub(super) async fn wait(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn takes_snapshot(&self) -> bool {
        self.connected && self.snapshot.is_none() && self.progress.is_none()
    }
}
