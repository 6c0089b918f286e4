//! Who knocks, and for what? One port for all protocols: a connection is let in when TLS has agreed
//! on one of them and the caller's certificate, where the protocol asks for one, is good. All others
//! are dropped and counted; they get nothing to read but TLS's own alert.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsStream;

use super::{Credentials, Protocol};
use crate::transport::Strangers;

/// Connections whose handshake is under way; further ones wait to be accepted.
const MAX_HANDSHAKES: usize = 64;
/// A handshake may take this long.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Connections that wait for their protocol's own greeting; further ones wait in the handshake.
const MAX_WAITING: usize = 64;
/// The pause after the system could not accept a connection.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection that was let in.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// Where it comes from.
    pub from: SocketAddr,
}

/// Connections of one protocol.
pub type Connections = mpsc::Receiver<Accepted>;

/// An open port. It closes when this is dropped; connections that were let in stay.
#[derive(Debug)]
pub struct Port {
    /// Of each protocol, in the order in which they were given. A protocol whose receiver is
    /// dropped lets nobody in.
    pub connections: Vec<Connections>,
    /// Who was not let in.
    pub strangers: Arc<Strangers>,
    /// Aborted when it is dropped.
    accepting: JoinSet<()>,
}

impl Port {
    /// Starts to accept connections of these protocols.
    pub fn open(
        listener: TcpListener,
        credentials: Arc<Credentials>,
        protocols: &[Protocol],
    ) -> Self {
        let mut ways = Vec::new();
        let mut connections = Vec::new();
        for protocol in protocols {
            let (way, accepted) = mpsc::channel(MAX_WAITING);
            ways.push((*protocol, way));
            connections.push(accepted);
        }
        let strangers = Arc::new(Strangers::default());
        let door = Arc::new(Door {
            credentials,
            protocols: protocols.to_vec(),
            ways,
            strangers: strangers.clone(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, door));
        Port {
            connections,
            strangers,
            accepting,
        }
    }

    /// Closes it. The address is free when this returns.
    pub async fn close(mut self) {
        self.accepting.shutdown().await;
    }
}

struct Door {
    credentials: Arc<Credentials>,
    protocols: Vec<Protocol>,
    ways: Vec<(Protocol, mpsc::Sender<Accepted>)>,
    strangers: Arc<Strangers>,
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(place) = handshakes.clone().acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: it passes, and until then it must not spin.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let door = door.clone();
        connections.spawn(async move {
            if let Err(what) = door.let_in(stream, from).await {
                door.strangers.count(&from.to_string(), &what);
            }
            drop(place);
        });
    }
}

impl Door {
    async fn let_in(&self, stream: TcpStream, from: SocketAddr) -> Result<(), String> {
        // Each message matters now.
        let _ = stream.set_nodelay(true);
        let handshake = self.credentials.accept(stream, &self.protocols);
        let stream = match timeout(HANDSHAKE_TIME, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("it said nothing".into()),
        };
        let (_, session) = stream.get_ref();
        let chosen = session.alpn_protocol();
        let way = self
            .ways
            .iter()
            .find(|(protocol, _)| chosen == Some(protocol.name.as_bytes()));
        let Some((protocol, way)) = way else {
            return Err("it does not say what it wants".into());
        };
        if !protocol.anonymous && session.peer_certificates().is_none() {
            return Err(format!("no certificate, for {}", protocol.name));
        }
        // Where nobody takes it, it is not wanted.
        let _ = way.send(Accepted { stream, from }).await;
        Ok(())
    }
}
