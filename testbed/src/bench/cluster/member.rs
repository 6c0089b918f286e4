//! One process of the group that is measured: a member with a plain port for clients beside it. A
//! client sends a length and as many bytes, and hears one byte: 0 if that is committed, 1 if this
//! member does not lead.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lockstep_consensus::runtime::{self, Event, Handle, RuntimeConfig};
use lockstep_node::security::files::Files;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Nobody sends more at once, in bytes.
const MAX_COMMAND: u32 = 1 << 20;
/// The log is replaced by a snapshot after so many commands, as an application does.
const SNAPSHOT_EVERY: u64 = 20_000;

/// What a member is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which one it is.
    pub id: u64,
    /// Its folder, with its certificate.
    pub folder: PathBuf,
    /// All members, and where they listen for each other.
    pub members: BTreeMap<u64, SocketAddr>,
    /// Where it listens for clients.
    pub clients: SocketAddr,
}

/// Runs until it is killed.
///
/// # Errors
/// If it cannot start, or cannot go on.
pub fn run(settings: &Settings) -> io::Result<()> {
    crate::runtime::runtime(2)?.block_on(serve(settings))
}

async fn serve(settings: &Settings) -> io::Result<()> {
    let Settings {
        id,
        folder,
        members,
        clients,
    } = settings;
    let credentials = Files::of(folder).credentials().map_err(io::Error::other)?;
    let listen = members.get(id).copied();
    let listen = listen.ok_or_else(|| io::Error::other("this member is not among the members"))?;
    let log = folder.join("log");
    let config = RuntimeConfig::new(
        "bench",
        *id,
        listen,
        members.clone(),
        log,
        Arc::new(credentials),
    );
    let (handle, mut events) = runtime::start(config).await.map_err(io::Error::other)?;
    let listener = TcpListener::bind(clients).await?;
    let serving = handle.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(attend(stream, serving.clone()));
        }
    });
    while let Some(event) = events.recv().await {
        match event {
            Event::Committed(command) if command.index.is_multiple_of(SNAPSHOT_EVERY) => {
                let handle = handle.clone();
                tokio::spawn(async move {
                    // One that comes too late is not missed.
                    let _ = handle
                        .offer_snapshot(command.index, b"bench".to_vec())
                        .await;
                });
            }
            Event::Fatal(error) => return Err(io::Error::other(error)),
            _ => {}
        }
    }
    Ok(())
}

async fn attend(stream: TcpStream, handle: Handle) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (source, mut target) = stream.into_split();
    let mut source = BufReader::new(source);
    loop {
        let length = source.read_u32_le().await?;
        if length > MAX_COMMAND {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut command = vec![0; length as usize];
        source.read_exact(&mut command).await?;
        let committed = handle.propose(command).await;
        target.write_u8(u8::from(committed.is_err())).await?;
    }
}
