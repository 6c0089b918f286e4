//! How does what an agent asks reach a controller, and the answer the agent?
//!
//! Over the connections that the executor has anyway. One controller is asked for as long as it is
//! connected, so that an agent finds what it changed itself; the next one when that is gone, or says
//! that it cannot answer now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::core::ConnectionId;
use crate::fabric::{Answer, Asked, ToController};

#[cfg(test)]
mod tests;

/// An agent waits no longer for an answer.
const PATIENCE: Duration = Duration::from_secs(28);
/// A controller that cannot answer now is asked again after this.
const AGAIN: Duration = Duration::from_millis(200);
/// "Not now": another controller may know more.
const NOT_NOW: u16 = 503;

type Ways = BTreeMap<ConnectionId, mpsc::Sender<ToController>>;
/// Who waits for which answer, over which connection.
type Waiting = BTreeMap<u64, (ConnectionId, oneshot::Sender<Answer>)>;

/// Passes questions on.
#[derive(Clone)]
pub(super) struct Relay {
    ways: Arc<watch::Sender<Ways>>,
    waiting: Arc<Mutex<Waiting>>,
    next: Arc<AtomicU64>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            ways: Arc::new(watch::Sender::new(Ways::new())),
            waiting: Arc::default(),
            next: Arc::default(),
        }
    }
}

impl Relay {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller can be asked until what this returns is dropped.
    pub(super) fn opened(&self, way: ConnectionId, send: mpsc::Sender<ToController>) -> Way {
        self.ways.send_modify(|ways| drop(ways.insert(way, send)));
        Way {
            relay: self.clone(),
            way,
        }
    }

    /// A controller answers.
    pub(super) fn answered(&self, number: u64, answer: Answer) {
        // Whoever asked may have given up.
        if let Some((_, reply)) = self.waiting().remove(&number) {
            let _ = reply.send(answer);
        }
    }

    /// Asks controllers until one answers, with a bound.
    pub(super) async fn ask(&self, asked: Asked) -> Answer {
        self.ask_within(PATIENCE, asked).await
    }

    async fn ask_within(&self, patience: Duration, asked: Asked) -> Answer {
        let attempts = async {
            let mut ways = self.ways.subscribe();
            let mut tried: Option<ConnectionId> = None;
            loop {
                // Never fails: this relay keeps the sender.
                let _ = ways.wait_for(|ways| !ways.is_empty()).await;
                let Some((way, send)) = next_way(&ways.borrow_and_update(), tried) else {
                    continue;
                };
                match self.ask_one(way, send, asked.clone()).await {
                    Some(answer) if answer.code != NOT_NOW => return answer,
                    Some(_) => tokio::time::sleep(AGAIN).await,
                    None => tokio::task::yield_now().await,
                }
                tried = Some(way);
            }
        };
        tokio::time::timeout(patience, attempts)
            .await
            .unwrap_or_else(|_| Answer::problem(NOT_NOW, "no controller answers"))
    }

    /// `None` if its connection ends before it answers.
    async fn ask_one(
        &self,
        way: ConnectionId,
        send: mpsc::Sender<ToController>,
        asked: Asked,
    ) -> Option<Answer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.waiting().insert(number, (way, reply));
        let forget = Forget {
            relay: self,
            number,
        };
        let message = ToController::Ask { number, asked };
        if send.send(message).await.is_err() {
            return None;
        }
        // The connection may have ended before the question was among those that wait.
        if !self.ways.borrow().contains_key(&way) {
            return None;
        }
        let answer = answer.await.ok();
        drop(forget);
        answer
    }
}

/// The first way; after one that did not help, the one behind it.
fn next_way(
    ways: &Ways,
    tried: Option<ConnectionId>,
) -> Option<(ConnectionId, mpsc::Sender<ToController>)> {
    let behind = tried.and_then(|tried| ways.range(tried..).find(|(way, _)| **way != tried));
    let (way, send) = behind.or_else(|| ways.iter().next())?;
    Some((*way, send.clone()))
}

/// Whoever gives up waiting is forgotten.
struct Forget<'r> {
    relay: &'r Relay,
    number: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.relay.waiting().remove(&self.number);
    }
}

/// A controller that can be asked.
pub(super) struct Way {
    relay: Relay,
    way: ConnectionId,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.relay
            .ways
            .send_modify(|ways| drop(ways.remove(&self.way)));
        // Their answers will not come; others are asked.
        self.relay.waiting().retain(|_, (way, _)| *way != self.way);
    }
}
