//! How does a proposal get into the log?
//!
//! On the leader directly; on another controller through the leader, over a connection that is kept
//! to every other controller. In the order in which they come, as far as nothing is refused.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use lockstep_consensus::runtime::Handle;
use lockstep_consensus::tls::{Credentials, member_name};
use lockstep_consensus::types::NodeId;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::core::{CoreHandle, Message};
use crate::cluster::command::Entry;
use crate::fabric::{
    self, FromController, GroupRequest, Heartbeat, Hello, Link, Role, ToController,
};
use crate::security::NODES;

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
    /// Whether it would be refused again.
    pub(super) is_final: bool,
}

impl NotProposed {
    fn surely(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            unknown: false,
            is_final: false,
        }
    }

    fn perhaps(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            unknown: true,
            is_final: false,
        }
    }
}

/// What will become of something.
type Outcome = Pin<Box<dyn Future<Output = Result<(), NotProposed>> + Send>>;

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
        let mut outcome: Outcome = match leader {
            Some(leader) if leader != me => forwarder.pass_on(leader, bytes),
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
        Err(error) if error.is_unknown() => Err(NotProposed::perhaps(error.to_string())),
        Err(error) => Err(NotProposed::surely(error.to_string())),
    }
}

type Answers = BTreeMap<u64, oneshot::Sender<Result<(), NotProposed>>>;

/// A connection to another controller.
#[derive(Default)]
struct Line {
    send: Option<mpsc::Sender<ToController>>,
    waiting: Answers,
    next: u64,
}

/// What is kept of another controller.
struct Other {
    address: String,
    line: Arc<Mutex<Line>>,
    keeping: AbortHandle,
}

impl Drop for Other {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// What all connections have in common.
pub(super) struct Dialling {
    /// Name of the cluster.
    pub(super) cluster: String,
    /// This controller.
    pub(super) me: NodeId,
    /// What it shows to the others.
    pub(super) credentials: Arc<Credentials>,
    /// How to notice that the other one is gone.
    pub(super) heartbeat: Heartbeat,
}

/// Connections to all other controllers.
#[derive(Clone)]
pub(super) struct Forwarder {
    dialling: Arc<Dialling>,
    others: Arc<Mutex<BTreeMap<NodeId, Other>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one, and what is in it is whole at any moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forwarder {
    pub(super) fn new(dialling: Dialling) -> Self {
        Self {
            dialling: Arc::new(dialling),
            others: Arc::default(),
        }
    }

    /// Keeps a connection to every other controller that there is. Ends with the group.
    pub(super) async fn follow(self, group: Handle) {
        let mut known = Arc::default();
        while let Some(status) = group
            .wait_for(|status| !Arc::ptr_eq(&status.members, &known))
            .await
        {
            known = status.members;
            let addresses = known.addresses.clone();
            let mut others = lock(&self.others);
            others.retain(|id, other| addresses.get(id) == Some(&other.address));
            for (id, address) in addresses {
                if id != self.dialling.me {
                    others
                        .entry(id)
                        .or_insert_with(|| Other::new(id, address, self.dialling.clone()));
                }
            }
        }
    }

    /// Has another controller propose something.
    fn pass_on(&self, leader: NodeId, entry: Vec<u8>) -> Outcome {
        self.send(leader, |number| ToController::Propose { number, entry })
    }

    /// Has another controller, who leads, do something to the group.
    pub(super) fn ask(&self, leader: NodeId, request: GroupRequest) -> Outcome {
        self.send(leader, |number| ToController::Group { number, request })
    }

    fn send<M: FnOnce(u64) -> ToController>(&self, leader: NodeId, message: M) -> Outcome {
        let line = lock(&self.others).get(&leader).map(|o| o.line.clone());
        let answer = line.and_then(|line| {
            let mut line = lock(&line);
            line.next += 1;
            let number = line.next;
            line.send.as_ref()?.try_send(message(number)).ok()?;
            // Whoever gave up waiting is forgotten here, so this cannot grow.
            line.waiting.retain(|_, reply| !reply.is_closed());
            let (reply, answer) = oneshot::channel();
            line.waiting.insert(number, reply);
            Some(answer)
        });
        Box::pin(async move {
            let Some(answer) = answer else {
                let reason = format!("no connection to the leader, controller {leader}");
                return Err(NotProposed::surely(reason));
            };
            match tokio::time::timeout(ANSWER_TIME, answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => {
                    let reason = format!("the connection to controller {leader} ended");
                    Err(NotProposed::perhaps(reason))
                }
                Err(_) => Err(NotProposed::perhaps(format!(
                    "controller {leader} does not answer"
                ))),
            }
        })
    }
}

impl Other {
    fn new(id: NodeId, address: String, dialling: Arc<Dialling>) -> Self {
        let line = Arc::<Mutex<Line>>::default();
        let task = keep(id, address.clone(), line.clone(), dialling);
        Self {
            address,
            line,
            keeping: tokio::spawn(task).abort_handle(),
        }
    }
}

async fn keep(id: NodeId, address: String, line: Arc<Mutex<Line>>, dialling: Arc<Dialling>) {
    loop {
        if let Ok(link) = connect(id, &address, &dialling).await {
            let Link { send, mut receive } = link;
            lock(&line).send = Some(send);
            while let Some(message) = receive.recv().await {
                let FromController::Proposed {
                    number,
                    refused,
                    is_final,
                } = message
                else {
                    continue;
                };
                if let Some(reply) = lock(&line).waiting.remove(&number) {
                    let outcome = refused.map_or(Ok(()), |reason| {
                        Err(NotProposed {
                            is_final,
                            ..NotProposed::surely(reason)
                        })
                    });
                    let _ = reply.send(outcome);
                }
            }
            let mut line = lock(&line);
            line.send = None;
            line.waiting.clear();
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn connect(
    id: NodeId,
    address: &str,
    dialling: &Dialling,
) -> Result<Link<ToController, FromController>, fabric::GreetingError> {
    let connect = async {
        let stream = TcpStream::connect(address).await?;
        // Each message matters now.
        stream.set_nodelay(true)?;
        let name = member_name(id);
        dialling.credentials.connect(stream, &name, NODES).await
    };
    let connected = tokio::time::timeout(Duration::from_secs(2), connect).await;
    let mut stream = connected
        .map_err(|_| fabric::GreetingError::Slow)?
        .map_err(fabric::FrameError::from)?;
    let hello = Hello {
        cluster: dialling.cluster.clone(),
        role: Role::Controller { id: dialling.me },
    };
    fabric::greet(&mut stream, &hello).await?;
    Ok(Link::new(stream, dialling.heartbeat))
}
