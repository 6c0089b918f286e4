//! How does the testbed ask a controller's API, which only listens on its own host's loopback?
//!
//! Through a socket of the file system: a thread that has entered the host's network carries what
//! arrives there on.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::oneshot;

/// Where a controller's API listens on every host.
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4747);

/// A way into one host's network; closed when dropped.
#[derive(Debug)]
pub struct Door {
    /// Held only to be dropped.
    _open: oneshot::Sender<()>,
    path: PathBuf,
}

impl Door {
    /// Opens a way from the socket `path` into the network of a process.
    ///
    /// # Errors
    /// If the network cannot be entered.
    pub fn open(path: &Path, pid: u32) -> io::Result<Self> {
        let network = File::open(format!("/proc/{pid}/ns/net"))?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let (open, closed) = oneshot::channel();
        std::thread::Builder::new()
            .name("door".into())
            .spawn(move || {
                // Of this thread only.
                setns(&network, CloneFlags::CLONE_NEWNET)?;
                drop(network);
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    tokio::select! {
                        _ = closed => Ok(()),
                        ended = carry(listener) => ended,
                    }
                })
            })?;
        let path = path.to_owned();
        Ok(Self { _open: open, path })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn carry(listener: std::os::unix::net::UnixListener) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    loop {
        let (mut here, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Ok(mut there) = TcpStream::connect(API).await {
                // One side gone is the end of both.
                let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            }
        });
    }
}
