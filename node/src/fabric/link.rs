//! A connection as two queues, with a heartbeat.

use std::time::Duration;

use bincode::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::frame::{self, FrameError};
use crate::codec;

/// No message is longer, in bytes: that of the largest CIB that can be replicated.
const MAX_MESSAGE: usize = 40 << 20;
/// So many messages wait in each direction.
const QUEUE: usize = 1024;

/// How to notice that the other side is gone without a word.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// Something is sent this often.
    pub every: Duration,
    /// Without anything for so long the connection is over.
    pub silence: Duration,
}

/// An established connection. It is over when [`Link::receive`] ends; dropping it ends it.
#[derive(Debug)]
pub struct Link<Out, In> {
    /// What is put here is sent. Full means that the other side does not keep up.
    pub send: mpsc::Sender<Out>,
    /// What came.
    pub receive: mpsc::Receiver<In>,
}

impl<Out, In> Link<Out, In>
where
    Out: Encode + Send + Sync + 'static,
    In: Decode<()> + Send + 'static,
{
    /// Takes over a connection whose greeting is done.
    pub fn new<S>(stream: S, heartbeat: Heartbeat) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (source, target) = tokio::io::split(stream);
        let (send, outgoing) = mpsc::channel(QUEUE);
        let (incoming, receive) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            // Whichever side ends first ends the other.
            let ended = tokio::select! {
                ended = read_all::<In>(source, &incoming, heartbeat.silence) => ended,
                ended = write_all(target, outgoing, heartbeat.every) => ended,
                () = incoming.closed() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Self { send, receive }
    }
}

async fn read_all<In: Decode<()>>(
    mut source: impl AsyncRead + Unpin,
    incoming: &mpsc::Sender<In>,
    silence: Duration,
) -> Result<(), FrameError> {
    loop {
        let read = frame::read(&mut source, MAX_MESSAGE);
        let bytes = tokio::time::timeout(silence, read)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        if !bytes.is_empty() && incoming.send(codec::decode(&bytes)?).await.is_err() {
            return Ok(());
        }
    }
}

async fn write_all<Out: Encode>(
    mut target: impl AsyncWrite + Unpin,
    mut outgoing: mpsc::Receiver<Out>,
    every: Duration,
) -> Result<(), FrameError> {
    loop {
        let payload = match tokio::time::timeout(every, outgoing.recv()).await {
            Ok(Some(message)) => codec::encode(&message),
            Ok(None) => return Ok(()),
            Err(_) => Vec::new(),
        };
        frame::write(&mut target, &payload).await?;
    }
}
