//! Where do agents ask the cluster?
//!
//! At a socket in the executor's folder, in the words of [`crate::http`]. Whoever connects must be
//! root or the user that runs the executor: the kernel tells who it is. Agents find there what
//! Pacemaker's tools are called, as links to this program ([`crate::cli`]), in a folder that comes
//! first on their path.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

use super::relay::Relay;
use crate::agent::{Callbacks, Site, TOOLS};
use crate::fabric::Asked;

/// Nothing that an agent gives is longer, in bytes: it must fit one log entry.
const MAX_BODY: usize = 15 << 20;

/// Answers agents until it is ended. Without that, agents that ask nothing still work.
pub(super) fn serve(site: &Site, relay: Relay) -> Option<AbortHandle> {
    let Callbacks { tools, socket } = site.callbacks.as_ref()?;
    if let Err(error) = link_tools(tools, &site.program) {
        tracing::error!(%error, folder = %tools.display(), "agents cannot ask the cluster");
        return None;
    }
    match listen(socket) {
        Ok(listener) => {
            let routes = Router::new()
                .fallback(pass_on)
                .with_state(relay)
                .layer(DefaultBodyLimit::max(MAX_BODY));
            let serving = tokio::spawn(async move {
                if let Err(error) = axum::serve(Trusted(listener), routes).await {
                    tracing::error!(%error, "agents cannot ask the cluster any more");
                }
            });
            Some(serving.abort_handle())
        }
        Err(error) => {
            tracing::error!(%error, socket = %socket.display(), "agents cannot ask the cluster");
            None
        }
    }
}

/// Makes the folder in which every tool's name is this program.
fn link_tools(folder: &Path, program: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in TOOLS {
        let link = folder.join(name);
        if std::fs::read_link(&link).is_ok_and(|target| target == program) {
            continue;
        }
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => symlink(program, &link)?,
        }
    }
    Ok(())
}

fn listen(socket: &Path) -> std::io::Result<UnixListener> {
    // Of an earlier executor: this one has the folder's lock.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes connections of root and of this executor's user only.
struct Trusted(UnixListener);

impl Listener for Trusted {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        let own = rustix::process::geteuid().as_raw();
        loop {
            // Waits after an error that would only come again.
            let (stream, address) = Listener::accept(&mut self.0).await;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == 0 || peer.uid() == own => return (stream, address),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "refused: not an agent's user"),
                Err(error) => tracing::warn!(%error, "refused: it is not known who asks"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

async fn pass_on(State(relay): State<Relay>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked = Asked {
        change: method == Method::POST,
        path: uri.to_string(),
        body: body.to_vec(),
    };
    let answer = relay.ask(asked).await;
    let code = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::BAD_GATEWAY);
    (code, answer.body).into_response()
}
