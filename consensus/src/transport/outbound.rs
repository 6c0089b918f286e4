//! The way to one peer: connect, introduce, send; and again, when the connection ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use super::frame::{CHUNK_BYTES, Frame, Refusal, to_bytes};
use super::handshake::{HandshakeError, introduce};
use super::queue::{Queue, Work};
use super::{NetworkEvent, Shared, times};
use crate::message::{Body, Message};
use crate::random::Random;
use crate::tls::{self, member_name};
use crate::types::NodeId;

/// Frames are gathered up to this size before they are written, in bytes.
const GATHER_BYTES: usize = 256 << 10;

/// Keeps a connection to a peer, until it is aborted.
pub(super) async fn dial(shared: Arc<Shared>, peer: NodeId, queue: Arc<Queue>) {
    let mut random = Random::new(shared.config.seed ^ peer.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut pause = times::BACKOFF.0;
    let mut told = None;
    loop {
        if let Some(address) = queue.next_address() {
            match timeout(times::CONNECT, connect(&shared, peer, &address)).await {
                Ok(Ok(stream)) => {
                    (pause, told) = (times::BACKOFF.0, None);
                    queue.set_refused(None);
                    stay_connected(stream, &shared, peer, &address, &queue).await;
                }
                Ok(Err(error)) => {
                    let refused = reason(&error);
                    if refused.is_none() {
                        tracing::debug!(peer, address, %error, "cannot connect");
                    } else if told != refused {
                        tracing::warn!(peer, address, why = %error, "the peer refuses this node");
                    }
                    told.clone_from(&refused);
                    queue.set_refused(refused);
                    if let HandshakeError::Refused(Refusal::Removed) = error {
                        // Whoever listens has stopped listening only when the member stops.
                        let event = NetworkEvent::Removed { by: peer };
                        let _ = shared.events.send(event).await;
                    }
                }
                Err(_) => tracing::debug!(peer, address, "no answer"),
            }
        }
        // Not all at the same moment.
        let jitter = Duration::from_millis(random.below(pause.as_millis() as u64 / 2 + 1));
        pause = match timeout(pause + jitter, queue.hurried()).await {
            Ok(()) => times::BACKOFF.0,
            Err(_) => (pause * 2).min(times::BACKOFF.1),
        };
    }
}

/// Why a peer that answers will not have this node; `None` for all that may pass.
fn reason(error: &HandshakeError) -> Option<String> {
    match error {
        HandshakeError::Refused(refusal) => Some(refusal.to_string()),
        HandshakeError::Stranger(what) => Some(what.clone()),
        HandshakeError::Io(error) if tls::is_distrust(error) => Some(error.to_string()),
        HandshakeError::Io(_) => None,
    }
}

/// Uses a connection until it ends.
async fn stay_connected(
    stream: TlsStream<TcpStream>,
    shared: &Shared,
    peer: NodeId,
    address: &str,
    queue: &Queue,
) {
    shared.counters.connected();
    tracing::info!(peer, address, "connected");
    queue.open();
    // Whoever listens has stopped listening only when the member stops; here and below.
    let _ = shared.events.send(NetworkEvent::PeerOpened(peer)).await;
    let error = send_all(stream, shared, peer, queue).await;
    // What is lost with the connection is told of: the group sends it again.
    if queue.close() {
        report_snapshot(shared, peer, false).await;
    }
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the peer closed it".to_owned(),
        _ => error.to_string(),
    };
    tracing::info!(peer, why, "the connection is closed");
    let _ = shared.events.send(NetworkEvent::PeerClosed(peer)).await;
}

async fn connect(
    shared: &Shared,
    peer: NodeId,
    address: &str,
) -> Result<TlsStream<TcpStream>, HandshakeError> {
    let stream = TcpStream::connect(address).await?;
    // Each message matters now.
    stream.set_nodelay(true)?;
    let credentials = &shared.config.credentials;
    let mut stream = credentials
        .connect(stream, &member_name(peer), tls::PEERS)
        .await?;
    introduce(&mut stream, shared, peer).await?;
    Ok(stream)
}

async fn report_snapshot(shared: &Shared, to: NodeId, delivered: bool) {
    let _ = shared
        .events
        .send(NetworkEvent::SnapshotSent { to, delivered })
        .await;
}

/// Sends what is queued, until the connection ends: says why.
async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    shared: &Shared,
    peer: NodeId,
    queue: &Queue,
) -> io::Error {
    let (mut reader, writer) = tokio::io::split(stream);
    let mut sender = Sender {
        writer,
        snapshot: None,
    };
    // The peer has nothing more to say here; what comes is the end.
    let mut unexpected = [0; 1];
    let mut closed = std::pin::pin!(reader.read(&mut unexpected));
    let failed = loop {
        let wait = async {
            if sender.snapshot.is_none() {
                queue.wait().await;
            }
        };
        tokio::select! {
            end = &mut closed => break end.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            waited = timeout(times::PING, wait) => {
                let is_idle = waited.is_err();
                match timeout(times::WRITE, sender.send(queue.take(), queue, is_idle)).await {
                    Ok(Ok(false)) => {}
                    Ok(Ok(true)) => report_snapshot(shared, peer, true).await,
                    Ok(Err(error)) => break error,
                    Err(_) => break io::ErrorKind::TimedOut.into(),
                }
            }
        }
    };
    if sender.snapshot.is_some() {
        report_snapshot(shared, peer, false).await;
    }
    failed
}

struct Sender<W> {
    writer: W,
    /// The data of the snapshot under way, and how much of it is sent.
    snapshot: Option<(Bytes, usize)>,
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    /// Sends all messages and at most one chunk. Whether that was a snapshot's last one.
    async fn send(&mut self, work: Work, queue: &Queue, is_idle: bool) -> io::Result<bool> {
        let mut out = Vec::new();
        let is_idle = is_idle && work.messages.is_empty() && work.snapshot.is_none();
        let mut begin = Vec::new();
        // Taken up before anything can fail, so that its fate is told.
        if let Some(Message {
            term,
            body: Body::Snapshot(snapshot),
            ..
        }) = work.snapshot
        {
            let (meta, data) = (snapshot.meta, snapshot.data);
            let (len, sum) = (data.len() as u64, crc32fast::hash(&data));
            begin = to_bytes(&Frame::Snapshot {
                term,
                meta,
                len,
                sum,
            });
            self.snapshot = Some((data, 0));
        }
        for message in work.messages {
            let Message { term, body, .. } = message;
            if let Body::Plain(plain) = body {
                out.extend_from_slice(&to_bytes(&Frame::Message { term, plain }));
            }
            if out.len() >= GATHER_BYTES {
                self.writer.write_all(&out).await?;
                out.clear();
            }
        }
        out.extend_from_slice(&begin);
        let mut is_last = false;
        if let Some((data, sent)) = &mut self.snapshot {
            let end = (*sent + CHUNK_BYTES).min(data.len());
            let chunk = Frame::Chunk {
                offset: *sent as u64,
                data: data.slice(*sent..end).into(),
            };
            out.extend_from_slice(&to_bytes(&chunk));
            *sent = end;
            queue.set_progress(Some((end as u64, data.len() as u64)));
            is_last = end == data.len();
        }
        if is_idle && out.is_empty() {
            out = to_bytes(&Frame::Ping);
        }
        self.writer.write_all(&out).await?;
        self.writer.flush().await?;
        if is_last {
            self.snapshot = None;
            queue.set_progress(None);
        }
        Ok(is_last)
    }
}
