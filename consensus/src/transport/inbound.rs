//! Connections from peers, and from whoever else knocks.

use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use super::frame::{self, Frame, MAX_FRAME_BYTES};
use super::handshake::{HandshakeError, receive};
use super::{NetworkEvent, Shared, times};
use crate::message::{Body, Message};
use crate::tls::port::{Accepted, Connections};
use crate::tls::{self, member_name};
use crate::types::{NodeId, Snapshot, SnapshotMeta};

/// Connections that have not introduced themselves yet; further ones wait.
const MAX_UNKNOWN: usize = 64;

/// Takes connections, until it is aborted; then they all end.
pub(super) async fn accept(shared: Arc<Shared>, mut connections: Connections) {
    let unknown = Arc::new(Semaphore::new(MAX_UNKNOWN));
    let mut tasks = JoinSet::new();
    // The semaphore is never closed.
    while let Ok(place) = unknown.clone().acquire_owned().await {
        while tasks.try_join_next().is_some() {}
        let Some(Accepted { mut stream, from }) = connections.recv().await else {
            break;
        };
        let shared = shared.clone();
        tasks.spawn(async move {
            let (ip, from) = (from.ip(), from.to_string());
            let is_called =
                |stream: &TlsStream<TcpStream>, id| tls::is_called(stream, &member_name(id));
            let greeting = receive(&mut stream, &shared, is_called);
            let greeted = timeout(times::CONNECT, greeting).await;
            drop(place);
            match greeted {
                Ok(Ok((peer, address))) => {
                    shared.introduce(peer, reachable(address, ip));
                    let mut roster = shared.roster.subscribe();
                    tokio::select! {
                        () = receive_all(stream, &shared, peer) => {}
                        // When it calls again, it is told.
                        _ = roster.wait_for(|roster| roster.has_removed(peer)) => {}
                    }
                    let _ = shared.events.send(NetworkEvent::PeerClosed(peer)).await;
                }
                Ok(Err(HandshakeError::Refused(refusal))) => {
                    shared.counters.refused(&from, &refusal.to_string());
                }
                Ok(Err(error)) => shared.counters.stranger(&from, &error.to_string()),
                Err(_) => shared.counters.stranger(&from, "it said nothing"),
            }
        });
    }
    // The port is closed; who is connected stays.
    while tasks.join_next().await.is_some() {}
}

/// Where a peer that says `address` and comes from `ip` can be reached: one that listens on all
/// its addresses does not say on which.
fn reachable(address: String, ip: IpAddr) -> String {
    match address.parse::<SocketAddr>() {
        Ok(listens) if listens.ip().is_unspecified() => {
            SocketAddr::new(ip, listens.port()).to_string()
        }
        _ => address,
    }
}

/// Passes on what a peer says, until the connection ends.
async fn receive_all<S: AsyncRead + Unpin>(stream: S, shared: &Shared, peer: NodeId) {
    let heard = Arc::new(AtomicBool::new(false));
    let watched = Watched {
        stream,
        heard: heard.clone(),
    };
    let mut reader = BufReader::with_capacity(64 << 10, watched);
    let mut assembly = None;
    loop {
        let mut read = pin!(frame::read(&mut reader, MAX_FRAME_BYTES));
        let read = loop {
            match timeout(times::SILENCE, &mut read).await {
                Ok(read) => break Some(read),
                // A long frame on a slow line.
                Err(_) if heard.swap(false, Ordering::Relaxed) => {}
                // Nothing for several pings: the machine is gone, or the way to it.
                Err(_) => break None,
            }
        };
        let taken = match read {
            Some(Ok(frame)) => take(frame, shared, peer, &mut assembly),
            Some(Err(error)) if !error.is_closed() => Err(error.to_string()),
            _ => break,
        };
        match taken {
            Ok(Some(message)) => {
                if shared
                    .events
                    .send(NetworkEvent::Message(message))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Ok(None) => {}
            Err(what) => {
                shared.counters.garbage(peer, &what);
                break;
            }
        }
    }
}

/// A stream that notes that something came.
struct Watched<S> {
    stream: S,
    heard: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        polled
    }
}

/// A snapshot that is coming in.
struct Assembly {
    term: u64,
    meta: SnapshotMeta,
    len: u64,
    sum: u32,
    data: Vec<u8>,
}

/// What a frame amounts to: a message, part of one, or nothing that belongs here.
fn take(
    frame: Frame,
    shared: &Shared,
    peer: NodeId,
    assembly: &mut Option<Assembly>,
) -> Result<Option<Message>, String> {
    let message = |term, body| Message {
        from: peer,
        to: shared.config.node_id,
        term,
        body,
    };
    match frame {
        Frame::Ping => Ok(None),
        Frame::Message { term, plain } => Ok(Some(message(term, Body::Plain(plain)))),
        Frame::Snapshot {
            term,
            meta,
            len,
            sum,
        } => {
            let limit = shared.config.max_snapshot_bytes;
            if len > limit {
                return Err(format!(
                    "a snapshot of {len} bytes, where at most {limit} are allowed"
                ));
            }
            // A new one takes the place of one that was given up.
            *assembly = Some(Assembly {
                term,
                meta,
                len,
                sum,
                data: Vec::new(),
            });
            Ok(None)
        }
        Frame::Chunk { offset, data } => {
            let Some(open) = assembly else {
                return Err("a chunk of no snapshot".into());
            };
            let end = open.data.len() as u64 + data.len() as u64;
            if offset != open.data.len() as u64 || end > open.len {
                return Err("a chunk that does not fit its snapshot".into());
            }
            open.data.extend_from_slice(&data);
            if end < open.len {
                return if data.is_empty() {
                    Err("an empty chunk".into())
                } else {
                    Ok(None)
                };
            }
            let Some(whole) = assembly.take() else {
                return Ok(None);
            };
            if crc32fast::hash(&whole.data) != whole.sum {
                return Err("a snapshot whose checksum does not match".into());
            }
            let snapshot = Snapshot {
                meta: whole.meta,
                data: whole.data.into(),
            };
            Ok(Some(message(whole.term, Body::Snapshot(snapshot))))
        }
        Frame::Hello(_) | Frame::Welcome { .. } | Frame::Refused(_) => {
            Err("an introduction in the middle of a connection".into())
        }
    }
}
