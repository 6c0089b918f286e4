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
    config.validate()?;
    let identity = Identity {
        cluster_id: config.cluster_id.clone(),
        node_id: config.node_id,
    };
    let path = config.data_dir.clone();
    let open = move || LogStore::open(DiskFolder::open(path)?, &identity);
    // Reading back a long log takes its time; the caller may have other things going on.
    let (store, recovered) = match tokio::task::spawn_blocking(open).await {
        Ok(opened) => opened?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    start_with(config, listener, store, recovered)
}

/// [`start`], on a listener and a store that are there already. A new group is bootstrapped
/// through the store, which takes a write.
pub fn start_with(
    config: RuntimeConfig,
    listener: TcpListener,
    mut store: impl Store,
    recovered: Recovered,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    config.validate()?;
    let is_new = recovered.snapshot.is_none() && recovered.hard_state == HardState::default();
    let recovered = if is_new && !config.peers.is_empty() {
        let batch = bootstrap(Members::of_voters(addresses(&config)));
        store.persist(std::slice::from_ref(&batch))?;
        bootstrapped(&batch)
    } else {
        recovered
    };
    driver::spawn(config, listener, store, recovered)
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
