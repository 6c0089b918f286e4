//! The thin shell that joins group, store and transport on tokio.
//!
//! One task (`driver`) owns the group: it gathers what happened, lets the group take it in as
//! one step, and carries out the effects. Writes are made by a thread of their own (`disk`),
//! many with one sync; the group goes on meanwhile. The application talks to the driver through
//! a [`Handle`] and hears of it through [`Event`]s.

mod config;
mod disk;
mod driver;
mod handle;

use std::collections::BTreeMap;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use config::{MAX_CLUSTER_ID_BYTES, MAX_COMMAND_BYTES, RuntimeConfig, StartError};
pub use handle::{
    CommitIndex, Event, FatalError, GroupStatus, Handle, PeerStatus, ProposeError, SnapshotError,
};

use crate::group::{bootstrap, bootstrapped};
use crate::log::{DiskFolder, Identity, LogStore, Recovered, Store};
use crate::transport::{Folders, Peering};
use crate::types::{HardState, Members};

/// Starts a member: listens, opens its data folder, takes up where it stopped.
///
/// First come the latest snapshot, if there is one, as [`Event::Restore`], and then all commands
/// after it that are known to be committed.
pub async fn start(config: RuntimeConfig) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    config.validate()?;
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Bind { address, source })?;
    start_on(config, listener).await
}

/// [`start`], on a listener that is there already.
pub async fn start_on(
    config: RuntimeConfig,
    listener: TcpListener,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    let peering = Peering::on(listener, config.credentials.clone());
    start_through(config, peering).await
}

/// [`start`], where peers' connections come from a port that is open already.
pub async fn start_through(
    config: RuntimeConfig,
    peering: Peering,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    config.validate()?;
    let identity = Identity {
        cluster_id: config.cluster_id.clone(),
        node_id: config.node_id,
    };
    let path = config.data_dir.clone();
    let open = move || {
        let (store, recovered) = LogStore::open(DiskFolder::open(path.clone())?, &identity)?;
        // The time of its making tells one folder from another of the same member.
        let folders = Folders::open(&path, now_ns()).map_err(StartError::Folders)?;
        Ok::<_, StartError>((store, recovered, folders))
    };
    // Reading back a long log takes its time; the caller may have other things going on.
    let (store, recovered, folders) = match tokio::task::spawn_blocking(open).await {
        Ok(opened) => opened?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    start_with(config, peering, folders, store, recovered)
}

/// [`start`], with everything that it needs there already. A new group is bootstrapped through the
/// store, which takes a write.
pub fn start_with(
    config: RuntimeConfig,
    peering: Peering,
    folders: Folders,
    mut store: impl Store,
    recovered: Recovered,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    config.validate()?;
    let is_new = recovered.snapshot.is_none() && recovered.hard_state == HardState::default();
    let recovered = if is_new && !config.peers.is_empty() {
        let mut members = Members::of_voters(addresses(&config));
        members.names.clone_from(&config.names);
        members.names.retain(|id, _| members.voters.contains(id));
        let batch = bootstrap(members);
        store.persist(std::slice::from_ref(&batch))?;
        bootstrapped(&batch)
    } else {
        recovered
    };
    driver::spawn(config, peering, folders, store, recovered)
}

/// Nanoseconds since 1970.
fn now_ns() -> u64 {
    #[expect(
        clippy::disallowed_types,
        reason = "the shell tells the core what it cannot know"
    )]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

fn addresses(config: &RuntimeConfig) -> BTreeMap<u64, String> {
    config
        .peers
        .iter()
        .map(|(id, address)| (*id, address.to_string()))
        .collect()
}

#[cfg(test)]
mod tests;
