//! Who connects to this controller, and what do they want?
//!
//! One port for all; TLS says what a connection is for, and from whom it is
//! ([`lockstep_consensus::tls::port`]). Those of other controllers about the log go to the group;
//! here are executors, controllers that pass something on, and machines that want to join.

use std::sync::Arc;

use lockstep_consensus::runtime::Handle;
use lockstep_consensus::tls::port::{Accepted, Connections};
use lockstep_consensus::tls::{is_called, member_name};
use lockstep_consensus::transport::Strangers;
use lockstep_consensus::types::Members;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsStream;

use super::core::{CoreHandle, Message};
use super::membership::{self, Membership};
use super::proposer::{self, NotProposed};
use crate::clock::Clock;
use crate::controller::{ConnectionId, Input, Joined};
use crate::fabric::{
    self, Answer, Asked, FromController, GreetingError, Heartbeat, Link, Role, ToController,
    Welcome,
};
use crate::http;
use crate::security::files::Files;
use crate::security::join::Doorkeeper;
use crate::security::{node_name, renew};

/// So many connections at once: all executors of the largest cluster, and some strangers.
const MAX_CONNECTIONS: usize = 2048;
/// So many agents of one node are answered at once.
const MAX_ASKING: usize = 64;
/// So many machines join at once.
const MAX_JOINS: usize = 4;

/// What the listener is told once.
#[derive(Clone)]
pub(super) struct About {
    pub(super) cluster: String,
    pub(super) id: u64,
    pub(super) heartbeat: Heartbeat,
    pub(super) group: Handle,
    pub(super) core: CoreHandle,
    pub(super) files: Files,
    pub(super) strangers: Arc<Strangers>,
}

/// Takes connections for as long as the port is open.
pub(super) async fn serve(mut connections: Connections, about: About) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    for number in 1.. {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Some(Accepted { stream, from }) = connections.recv().await else {
            return;
        };
        let about = about.clone();
        tokio::spawn(async move {
            if let Err(error) = attend(stream, ConnectionId(number), &about).await {
                about.strangers.count(&from.to_string(), &error.to_string());
            }
            drop(permit);
        });
    }
}

/// Lets machines in that have a token.
pub(super) async fn serve_joins(
    mut connections: Connections,
    doorkeeper: Doorkeeper,
    membership: Membership,
) {
    let room = Arc::new(Semaphore::new(MAX_JOINS));
    let clock = Clock::start();
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Some(Accepted { mut stream, from }) = connections.recv().await else {
            return;
        };
        let (doorkeeper, membership) = (doorkeeper.clone(), membership.clone());
        tokio::spawn(async move {
            let now = clock.unix_s();
            match doorkeeper.attend(&mut stream, &membership, now).await {
                Ok(node) => tracing::info!(%from, node, "a machine joined"),
                Err(error) => tracing::warn!(%from, %error, "a machine did not join"),
            }
            drop(permit);
        });
    }
}

/// Serves one connection to its end.
async fn attend(
    mut stream: TlsStream<TcpStream>,
    connection: ConnectionId,
    about: &About,
) -> Result<(), GreetingError> {
    let hello = fabric::hear(&mut stream).await?;
    if hello.cluster != about.cluster {
        let why = format!(
            "this is cluster '{}', not '{}'",
            about.cluster, hello.cluster
        );
        fabric::welcome(&mut stream, &Welcome::No(why.clone())).await?;
        return Err(GreetingError::Refused(why));
    }
    let name = match &hello.role {
        Role::Executor { node, .. } => node_name(node),
        Role::Controller { id } => member_name(*id),
    };
    if !is_called(&stream, &name) {
        return Err(GreetingError::Liar(name));
    }
    if let Role::Controller { id } = hello.role
        && !about.group.status().members.contains(id)
    {
        let why = format!("controller {id} is no member (any more, or yet)");
        fabric::welcome(&mut stream, &Welcome::No(why.clone())).await?;
        return Err(GreetingError::Refused(why));
    }
    let controller = about.id;
    fabric::welcome(&mut stream, &Welcome::Yes { controller }).await?;
    match hello.role {
        Role::Executor {
            node,
            journal,
            incarnation,
            acknowledged,
        } => {
            let executor = Joined {
                node,
                journal,
                incarnation,
                acknowledged,
            };
            let link = Link::new(stream, about.heartbeat);
            attend_executor(link, connection, executor, about).await;
        }
        Role::Controller { .. } => {
            attend_controller(Link::new(stream, about.heartbeat), about).await;
        }
    }
    Ok(())
}

async fn attend_executor(
    link: Link<FromController, ToController>,
    connection: ConnectionId,
    executor: Joined,
    about: &About,
) {
    let Link { send, mut receive } = link;
    let (node, incarnation) = (executor.node.clone(), executor.incarnation);
    tracing::info!(node, incarnation, "executor connected");
    let opened = Message::Opened(connection, executor, send.clone());
    if !about.core.send(opened).await {
        return;
    }
    let mut known = Arc::default();
    let asking = Arc::new(Semaphore::new(MAX_ASKING));
    loop {
        let message = tokio::select! {
            message = receive.recv() => message,
            members = next_members(&about.group, &known) => {
                let Some(members) = members else { break };
                known = members;
                // One that does not keep up hears it with the next change, or the next connection.
                let addresses = known.addresses.values().cloned().collect();
                let _ = send.try_send(FromController::Controllers(addresses));
                continue;
            }
        };
        let message = match message {
            Some(ToController::Executor(message)) => message,
            Some(ToController::Renew { key }) => {
                renew_worker(&node, key, &send, about);
                continue;
            }
            Some(ToController::Ask { number, asked }) => {
                answer_agent(number, asked, &asking, &send, about);
                continue;
            }
            _ => break,
        };
        let input = Input::Heard {
            connection,
            message,
        };
        if !about.core.send(Message::Input(input)).await {
            return;
        }
    }
    tracing::info!(node, incarnation, "executor's connection ended");
    about
        .core
        .send(Message::Input(Input::Closed(connection)))
        .await;
}

/// Answers what an agent asked its executor.
fn answer_agent(
    number: u64,
    asked: Asked,
    asking: &Arc<Semaphore>,
    send: &mpsc::Sender<FromController>,
    about: &About,
) {
    let (send, core) = (send.clone(), about.core.clone());
    let Ok(permit) = Arc::clone(asking).try_acquire_owned() else {
        let answer = Answer::problem(503, "too many agents ask at once");
        let _ = send.try_send(FromController::Answered { number, answer });
        return;
    };
    tokio::spawn(async move {
        let answer = http::answer(core, asked).await;
        // Whoever asked may be gone.
        let _ = send.send(FromController::Answered { number, answer }).await;
        drop(permit);
    });
}

/// The members, once they are others than `known`.
async fn next_members(group: &Handle, known: &Arc<Members>) -> Option<Arc<Members>> {
    let changed = group.wait_for(|status| !Arc::ptr_eq(&status.members, known));
    changed.await.map(|status| status.members)
}

/// Gives a worker, whose certificate says that it is this node, a new one.
fn renew_worker(node: &str, key: [u8; 32], send: &mpsc::Sender<FromController>, about: &About) {
    let now = Clock::start().unix_s();
    let key = lockstep_consensus::tls::PublicKey(key);
    let made = about
        .files
        .authority(&about.cluster)
        .and_then(|authority| renew::certify(&authority, &about.files, node, None, &key, now));
    match made {
        Ok((certificate, until)) => {
            tracing::info!(node, until, "renewed a worker's certificate");
            let _ = send.try_send(FromController::Renewed { certificate, until });
        }
        Err(error) => tracing::error!(node, %error, "cannot renew a worker's certificate"),
    }
}

/// Does what another controller passes on.
async fn attend_controller(link: Link<FromController, ToController>, about: &About) {
    let Link { send, mut receive } = link;
    while let Some(message) = receive.recv().await {
        let (group, send) = (about.group.clone(), send.clone());
        let number = match &message {
            ToController::Propose { number, .. } | ToController::Group { number, .. } => *number,
            _ => return,
        };
        tokio::spawn(async move {
            let outcome = match message {
                ToController::Propose { entry, .. } => proposer::propose(group, entry).await,
                ToController::Group { request, .. } => membership::carry_out(&group, request).await,
                _ => return,
            };
            let (refused, is_final) = match outcome {
                Ok(()) => (None, false),
                // Whoever asked is not to believe that it had no effect.
                Err(NotProposed { unknown: true, .. }) => return,
                Err(not) => (Some(not.reason), not.is_final),
            };
            let answer = FromController::Proposed {
                number,
                refused,
                is_final,
            };
            let _ = send.send(answer).await;
        });
    }
}
