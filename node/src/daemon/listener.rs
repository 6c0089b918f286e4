//! Who connects to this controller, and what do they want?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockstep_consensus::runtime::Handle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::core::{CoreHandle, Message};
use super::proposer;
use crate::controller::{ConnectionId, Input, Joined};
use crate::fabric::{
    self, FromController, GreetingError, Heartbeat, Link, Role, ToController, Welcome,
};

/// So many connections at once: all executors of the largest cluster, and some strangers.
const MAX_CONNECTIONS: usize = 2048;

/// Connections that were dropped because they were no part of the cluster, since the start.
pub(super) static STRANGERS: AtomicU64 = AtomicU64::new(0);

/// What the listener is told once.
#[derive(Clone)]
pub(super) struct About {
    pub(super) cluster: String,
    pub(super) id: u64,
    pub(super) heartbeat: Heartbeat,
    pub(super) group: Handle,
    pub(super) core: CoreHandle,
}

/// Takes connections for ever.
pub(super) async fn serve(listener: TcpListener, about: About) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    for number in 1.. {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: others must end first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let about = about.clone();
        tokio::spawn(async move {
            let from = stream
                .peer_addr()
                .map(|address| address.to_string())
                .unwrap_or_default();
            if let Err(error) = attend(stream, ConnectionId(number), &about).await {
                let strangers = STRANGERS.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::warn!(from, %error, strangers, "dropped a connection");
            }
            drop(permit);
        });
    }
}

/// Serves one connection to its end.
async fn attend(
    mut stream: TcpStream,
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
    fabric::welcome(
        &mut stream,
        &Welcome::Yes {
            controller: about.id,
        },
    )
    .await?;
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
            attend_executor(
                Link::new(stream, about.heartbeat),
                connection,
                executor,
                about,
            )
            .await;
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
    if !about
        .core
        .send(Message::Opened(connection, executor, send))
        .await
    {
        return;
    }
    while let Some(message) = receive.recv().await {
        let ToController::Executor(message) = message else {
            break;
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

/// Proposes what another controller passes on.
async fn attend_controller(link: Link<FromController, ToController>, about: &About) {
    let Link { send, mut receive } = link;
    while let Some(message) = receive.recv().await {
        let ToController::Propose { number, entry } = message else {
            return;
        };
        let (group, send) = (about.group.clone(), send.clone());
        tokio::spawn(async move {
            let refused = match proposer::propose(group, entry).await {
                Ok(()) => None,
                // Whoever asked is not to believe that it had no effect.
                Err(not) if not.unknown => return,
                Err(not) => Some(not.reason),
            };
            let _ = send
                .send(FromController::Proposed { number, refused })
                .await;
        });
    }
}
