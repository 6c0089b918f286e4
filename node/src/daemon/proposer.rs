//! How does a proposal get into the log?
//!
//! On the leader directly; on another controller through the leader, over a connection that is kept
//! to every other controller. In the order in which they come, as far as nothing is refused.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use lockstep_consensus::group::Rejection;
use lockstep_consensus::runtime::{Handle, ProposeError};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::core::{CoreHandle, Message};
use crate::cluster::command::Entry;
use crate::config::{Config, ControllerAddress};
use crate::fabric::{self, FromController, Heartbeat, Hello, Link, Role, ToController};

/// A controller that cannot be reached is tried again after this.
const RECONNECT: Duration = Duration::from_millis(200);
/// A proposal that was passed on is answered within this.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Why something was not, or not knowingly, replicated.
#[derive(Debug)]
pub(super) struct NotProposed {
    /// In words.
    pub(super) reason: String,
    /// Whether it may yet be.
    pub(super) unknown: bool,
}

impl NotProposed {
    fn surely(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            unknown: false,
        }
    }

    fn perhaps(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            unknown: true,
        }
    }
}

/// Something to have replicated.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) entry: Entry,
}

/// Takes the core's proposals.
pub(super) async fn run(me: u64, group: Handle, forwarder: Forwarder, core: CoreHandle) {
    let Some(mut proposals) = core.take_proposals() else {
        return;
    };
    while let Some(Proposal { entry }) = proposals.recv().await {
        let bytes = entry.encode();
        let leader = group.status().leader;
        let mut outcome: Pin<Box<dyn Future<Output = Result<(), NotProposed>> + Send>> =
            match leader {
                Some(leader) if leader != me => Box::pin(forwarder.pass_on(leader, bytes)),
                _ => Box::pin(propose(group.clone(), bytes)),
            };
        // One step here, so that it is in the group's queue before the next one; the wait for its
        // commit goes on beside.
        let first = poll_fn(|context| Poll::Ready(outcome.as_mut().poll(context))).await;
        let core = core.clone();
        tokio::spawn(async move {
            let outcome = match first {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => outcome.await,
            };
            match outcome {
                // Whoever asked waits on: it may be applied yet. What the core itself proposed may
                // be proposed twice without harm.
                Err(NotProposed { unknown: true, .. }) if entry.request.is_some() => {}
                Err(NotProposed { reason, .. }) => {
                    core.send(Message::NotProposed(entry, reason)).await;
                }
                Ok(()) => {}
            }
        });
    }
}

/// Proposes here.
pub(super) async fn propose(group: Handle, bytes: Vec<u8>) -> Result<(), NotProposed> {
    match group.propose(bytes).await {
        Ok(_) => Ok(()),
        Err(ProposeError::Rejected(Rejection::Unknown)) => {
            Err(NotProposed::perhaps(Rejection::Unknown.to_string()))
        }
        Err(error) => Err(NotProposed::surely(error.to_string())),
    }
}

type Answers = BTreeMap<u64, oneshot::Sender<Result<(), String>>>;

/// A connection to another controller.
#[derive(Default)]
struct Line {
    send: Option<mpsc::Sender<ToController>>,
    waiting: Answers,
    next: u64,
}

/// Connections to all other controllers.
#[derive(Clone)]
pub(super) struct Forwarder {
    lines: Arc<BTreeMap<u64, Mutex<Line>>>,
}

impl Forwarder {
    /// Connects to every other controller, and keeps doing so.
    pub(super) fn start(config: &Config, me: u64) -> Self {
        let others: Vec<_> = config
            .controllers
            .iter()
            .filter(|other| other.id != me)
            .collect();
        let lines = others
            .iter()
            .map(|other| (other.id, Mutex::default()))
            .collect();
        let forwarder = Self {
            lines: Arc::new(lines),
        };
        let hello = Hello {
            cluster: config.cluster.clone(),
            role: Role::Controller { id: me },
        };
        for other in others {
            let task = Self::keep(
                Arc::downgrade(&forwarder.lines),
                other.clone(),
                hello.clone(),
                config.heartbeat(),
            );
            tokio::spawn(task);
        }
        forwarder
    }

    /// Has another controller propose something.
    fn pass_on(
        &self,
        leader: u64,
        entry: Vec<u8>,
    ) -> impl Future<Output = Result<(), NotProposed>> + Send + use<> {
        let answer = self.lines.get(&leader).and_then(|line| {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.next += 1;
            let number = line.next;
            let message = ToController::Propose { number, entry };
            line.send.as_ref()?.try_send(message).ok()?;
            // Whoever gave up waiting is forgotten here, so this cannot grow.
            line.waiting.retain(|_, reply| !reply.is_closed());
            let (reply, answer) = oneshot::channel();
            line.waiting.insert(number, reply);
            Some(answer)
        });
        async move {
            let Some(answer) = answer else {
                let reason = format!("no connection to the leader, controller {leader}");
                return Err(NotProposed::surely(reason));
            };
            match tokio::time::timeout(ANSWER_TIME, answer).await {
                Ok(Ok(outcome)) => outcome.map_err(NotProposed::surely),
                Ok(Err(_)) => {
                    let reason = format!("the connection to controller {leader} ended");
                    Err(NotProposed::perhaps(reason))
                }
                Err(_) => Err(NotProposed::perhaps(format!(
                    "controller {leader} does not answer"
                ))),
            }
        }
    }

    async fn keep(
        lines: std::sync::Weak<BTreeMap<u64, Mutex<Line>>>,
        other: ControllerAddress,
        hello: Hello,
        heartbeat: Heartbeat,
    ) {
        while let Some(lines) = lines.upgrade() {
            let Some(line) = lines.get(&other.id) else {
                return;
            };
            if let Ok(link) = connect(&other, &hello, heartbeat).await {
                let Link { send, mut receive } = link;
                line.lock().unwrap_or_else(PoisonError::into_inner).send = Some(send);
                while let Some(message) = receive.recv().await {
                    let FromController::Proposed { number, refused } = message else {
                        continue;
                    };
                    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(reply) = line.waiting.remove(&number) {
                        let _ = reply.send(refused.map_or(Ok(()), Err));
                    }
                }
                let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
                line.send = None;
                line.waiting.clear();
            }
            drop(lines);
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

async fn connect(
    other: &ControllerAddress,
    hello: &Hello,
    heartbeat: Heartbeat,
) -> Result<Link<ToController, FromController>, fabric::GreetingError> {
    let connect = TcpStream::connect(other.nodes);
    let connected = tokio::time::timeout(Duration::from_secs(1), connect).await;
    let mut stream = connected
        .map_err(|_| fabric::GreetingError::Slow)?
        .map_err(fabric::FrameError::from)?;
    fabric::greet(&mut stream, hello).await?;
    Ok(Link::new(stream, heartbeat))
}
