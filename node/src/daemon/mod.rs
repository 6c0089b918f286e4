//! What makes a controller out of its parts? The thin shell: sockets, timers, threads.
//!
//! ```text
//!   consensus runtime ──events──▶ ┌──────────────┐ ──proposals──▶ proposer ─▶ consensus
//!   executors' links ──inputs───▶ │ core thread  │ ──orders─────▶ executors' links
//!   HTTP ──questions, commands──▶ │ (Controller) │
//!   timer ──ticks───────────────▶ └──────────────┘
//! ```
//!
//! The core has a thread of its own, because planning may take long and nothing that keeps
//! connections alive may wait for it.

mod core;
mod identity;
mod listener;
mod proposer;
mod report;
mod supervisor;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lockstep_consensus::runtime::{self, RuntimeConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cluster::command::{Command, Lifetime};
use crate::config::Config;
use crate::controller::{Controller, Settings};
use crate::exit::Exit;
use crate::lock::{self, FolderLock, LockError};
use crate::policy::Engine;

pub use core::{CoreHandle, SubmitError};
pub use identity::IdentityError;
pub use report::View;
pub use supervisor::ExecutorProgram;

/// How often the core looks at the time.
const TICK: Duration = Duration::from_millis(50);

/// How often a node that leaves looks whether it may go.
const LOOK: Duration = Duration::from_millis(50);
/// And how often there may be no leader before it goes without one.
const LOOKS_WITHOUT_LEADER: u32 = 60;

/// Why a controller did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// This node is not among the controllers.
    #[error(
        "node '{node}' is not among the `controllers` of {path}: add it, or run `lockstep executor`",
        path = path.display()
    )]
    NoController {
        /// This node.
        node: String,
        /// The configuration file.
        path: PathBuf,
    },
    /// Another controller runs here, or the folder cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The data folder is not ours.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The group cannot be started.
    #[error(transparent)]
    Group(#[from] runtime::StartError),
    /// A port cannot be had.
    #[error(
        "cannot listen for {purpose} on {address}: {error}{hint}",
        hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            " (is another controller running here? `ss -ltnp` shows who has the port)"
        } else {
            ""
        }
    )]
    Listen {
        /// For what.
        purpose: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The system refused a thread.
    #[error("cannot start the core's thread: {0}")]
    Thread(std::io::Error),
    /// It cannot go on; the group goes on without it.
    #[error("{0}")]
    Fatal(String),
}

impl DaemonError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        use runtime::StartError;
        match self {
            Self::NoController { .. } | Self::Identity(IdentityError::OfAnother { .. }) => {
                Exit::Config
            }
            Self::Identity(IdentityError::Newer { .. }) => Exit::Config,
            Self::Lock(LockError::Taken { .. }) => Exit::Exists,
            Self::Lock(LockError::Io { .. }) | Self::Identity(IdentityError::Io { .. }) => {
                Exit::CannotCreate
            }
            Self::Group(StartError::Config(_)) => Exit::Config,
            Self::Group(StartError::Bind { .. }) | Self::Listen { .. } => Exit::OsError,
            Self::Group(StartError::Store(_)) => Exit::Io,
            Self::Group(_) | Self::Thread(_) => Exit::OsError,
            Self::Fatal(_) => Exit::Software,
        }
    }
}

/// Runs this node's controller until `stop` says so: once for an orderly leave, twice for at once.
pub async fn run(
    config: Config,
    path: PathBuf,
    executor: ExecutorProgram,
    stop: watch::Receiver<u32>,
) -> Result<(), DaemonError> {
    let Some(me) = config.controller().cloned() else {
        return Err(DaemonError::NoController {
            node: config.node,
            path,
        });
    };
    let _lock = FolderLock::take(&config.data_dir)?;
    identity::check(&config, me.id)?;
    let listen = async |purpose, address| {
        let bound = TcpListener::bind(address).await;
        bound.map_err(|error| DaemonError::Listen {
            purpose,
            address,
            error,
        })
    };
    let nodes = listen("executors (`nodes`)", me.nodes).await?;
    let api = listen("the API (`api`)", config.api).await?;
    let (group, group_events) = runtime::start(group_config(&config, me.id, me.peers)).await?;

    let clock = crate::clock::Clock::start();
    let incarnation = clock.unix_us();
    let controller = Controller::new(settings(&config, me.id, incarnation), Arc::new(Engine));
    let about = core::About {
        config: config.clone(),
        me: me.clone(),
        incarnation,
        clock,
    };
    let (core, mut core_ended) = core::start(about, controller, group.clone(), group_events)?;
    let forwarder = proposer::Forwarder::start(&config, me.id);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(proposer::run(me.id, group.clone(), forwarder, core.clone()));
    tasks.spawn(listener::serve(
        nodes,
        listener::About {
            cluster: config.cluster.clone(),
            id: me.id,
            heartbeat: config.heartbeat(),
            group: group.clone(),
            core: core.clone(),
        },
    ));
    tasks.spawn(crate::http::serve(api, core.clone()));
    if config.executor {
        tasks.spawn(supervisor::run(config.clone(), executor, core.clone()));
    }
    let ticking = core.clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        while ticking.tick().await {
            ticks.tick().await;
        }
    });
    tracing::info!(cluster = config.cluster, node = config.node, controller = me.id,
        peers = %me.peers, nodes = %me.nodes, api = %config.api, "controller started");

    let mut stopping = stop.clone();
    let outcome = tokio::select! {
        ended = &mut core_ended => {
            let why = ended.ok().flatten();
            Err(DaemonError::Fatal(why.unwrap_or_else(|| "the core ended".into())))
        }
        _ = stopping.wait_for(|signals| *signals > 0) => Ok(()),
    };
    if outcome.is_ok() {
        let patience = Duration::from_millis(config.timers.stop_ms);
        let mut again = stop.clone();
        tokio::select! {
            () = leave(&config, &core, &group) => {}
            () = tokio::time::sleep(patience) => {
                tracing::warn!("leaving took too long: stopping as things are");
            }
            _ = again.wait_for(|signals| *signals > 1) => {}
        }
        hand_over(&group).await;
    }
    tasks.shutdown().await;
    group.shutdown().await;
    tracing::info!(node = config.node, "controller stopped");
    outcome
}

/// Has the cluster move everything off this node and let its executor go.
async fn leave(config: &Config, core: &CoreHandle, group: &runtime::Handle) {
    let node = config.node.clone();
    tracing::info!(
        node,
        "leaving: the cluster moves what runs here (a second signal stops at once)"
    );
    let value = core.ask(|view| view.now().at.to_string()).await;
    let command = Command::SetAttribute {
        node: node.clone(),
        name: "shutdown".into(),
        value,
        lifetime: Lifetime::Transient,
    };
    if let Err(error) = core.submit(command).await {
        tracing::warn!(%error, "cannot ask the cluster to move what runs here");
        return;
    }
    let folder = config.executor_dir();
    let mut leaderless = 0;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let known_gone = core.ask({
            let node = node.clone();
            move |view| {
                view.cluster()
                    .nodes()
                    .get(&node)
                    .is_none_or(|record| !record.online)
            }
        });
        if known_gone.await.unwrap_or(true) {
            return;
        }
        // Others may leave at the same time, and be no majority any more: then nobody is left who
        // could note that this node's executor went.
        leaderless = if group.status().leader.is_none() {
            leaderless + 1
        } else {
            0
        };
        if leaderless >= LOOKS_WITHOUT_LEADER && lock::holder(&folder).is_none() {
            return;
        }
    }
}

/// Lets another controller lead before this one is gone: that is faster than an election.
async fn hand_over(group: &runtime::Handle) {
    let status = group.status();
    if status.role != lockstep_consensus::types::Role::Leader {
        return;
    }
    let connected = status.peers.iter().filter(|peer| peer.connected);
    let best = connected.max_by_key(|peer| peer.matched);
    if let Some(peer) = best
        && group.transfer_to(peer.id).await.is_ok()
    {
        let follows =
            group.wait_for(|status| status.role != lockstep_consensus::types::Role::Leader);
        let _ = tokio::time::timeout(Duration::from_secs(2), follows).await;
    }
}

fn settings(config: &Config, id: u64, incarnation: u64) -> Settings {
    Settings {
        cluster: config.cluster.clone(),
        id,
        incarnation,
        voters: config.controllers.len(),
        node_lost_ms: config.timers.node_lost_ms,
        join_wait_ms: config.timers.join_wait_ms,
        patience_ms: config.timers.patience_ms,
    }
}

fn group_config(config: &Config, id: u64, listen: std::net::SocketAddr) -> RuntimeConfig {
    let peers = config
        .controllers
        .iter()
        .map(|peer| (peer.id, peer.peers))
        .collect();
    let folder = config.controller_dir();
    let timers = &config.timers;
    let ticks = |ms: u64| u32::try_from(ms.div_ceil(timers.tick_ms)).unwrap_or(u32::MAX);
    RuntimeConfig {
        tick_ms: timers.tick_ms,
        election_ticks: ticks(timers.election_ms),
        heartbeat_ticks: ticks(timers.heartbeat_ms),
        ..RuntimeConfig::new(config.cluster.clone(), id, listen, peers, folder)
    }
}
