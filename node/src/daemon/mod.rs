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
mod leave;
mod listener;
mod membership;
mod proposer;
mod report;
mod supervisor;
mod watchdog;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lockstep_consensus::runtime::{self, RuntimeConfig};
use lockstep_consensus::tls::port::Port;
use lockstep_consensus::tls::{Credentials, PEERS};
use lockstep_consensus::transport::Peering;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::leave::Why;
use crate::cluster::policy::Policy;
use crate::config::{Config, ControllerAddress};
use crate::controller::{Controller, Patience, Settings};
use crate::exit::Exit;
use crate::lock::{FolderLock, LockError};
use crate::security::files::Files;
use crate::security::join::Doorkeeper;
use crate::security::{JOINS, NODES, SecurityError, renew};

pub use core::{CoreHandle, SubmitError};
pub use identity::{IdentityError, claim_new};
pub use membership::Membership;
pub use report::View;
pub use supervisor::ExecutorProgram;

/// How often the core looks at the time.
const TICK: Duration = Duration::from_millis(50);

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
    /// This machine's certificates cannot be used.
    #[error(transparent)]
    Security(#[from] SecurityError),
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
            Self::Security(error) => error.exit(),
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

/// Runs this node's controller until `stop` says so, once for an orderly leave, twice for at once; or
/// until the cluster was asked to shut this node down.
pub async fn run(
    config: Config,
    path: PathBuf,
    executor: ExecutorProgram,
    policy: Arc<dyn Policy>,
    stop: watch::Receiver<u32>,
) -> Result<(), DaemonError> {
    let Some(me) = config.controller().cloned() else {
        return Err(DaemonError::NoController {
            node: config.node,
            path,
        });
    };
    let _lock = FolderLock::take(&config.data_dir)?;
    let files = Files::of_config(&config);
    let credentials = Arc::new(files.credentials()?);
    let joined = identity::check(&config, me.id)?;
    let listen = async |purpose, address| {
        let bound = TcpListener::bind(address).await;
        bound.map_err(|error| DaemonError::Listen {
            purpose,
            address,
            error,
        })
    };
    let address = config.listen.unwrap_or(me.address);
    let listener = listen("the cluster's nodes (`address`)", address).await?;
    let api = listen("the API (`api`)", config.api).await?;
    let mut port = Port::open(listener, credentials.clone(), &[PEERS, NODES, JOINS]);
    let mut connections = std::mem::take(&mut port.connections).into_iter();
    let (Some(peers), Some(nodes), Some(joins)) =
        (connections.next(), connections.next(), connections.next())
    else {
        unreachable!("three protocols have three receivers");
    };
    let strangers = port.strangers.clone();
    let peering = Peering::shared(peers, strangers.clone());
    let group_config = group_config(&config, &me, joined, credentials.clone());
    let (group, group_events) = runtime::start_through(group_config, peering).await?;

    let clock = crate::clock::Clock::start();
    let incarnation = clock.unix_us();
    let began = clock.unix_s();
    let mut controller = Controller::new(settings(&config, me.id, incarnation), policy);
    if config.executor {
        let patience = Patience {
            lost_ms: config.timers.quorum_lost_ms,
            stop_ms: config.timers.stop_ms,
        };
        controller = controller.on_node(&config.node, patience);
    }
    let about = core::About {
        config: config.clone(),
        me: me.clone(),
        incarnation,
        clock,
    };
    let (core, mut core_ended) = core::start(about, controller, group.clone(), group_events)?;
    let forwarder = proposer::Forwarder::new(proposer::Dialling {
        cluster: config.cluster.clone(),
        me: me.id,
        credentials: credentials.clone(),
        heartbeat: config.heartbeat(),
    });
    let membership = Membership::new(me.id, group.clone(), forwarder.clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(forwarder.clone().follow(group.clone()));
    tasks.spawn(proposer::run(me.id, group.clone(), forwarder, core.clone()));
    tasks.spawn(membership.clone().promote());
    let doorkeeper = Doorkeeper {
        cluster: config.cluster.clone(),
        files: files.clone(),
        timers: config.timers.clone(),
    };
    tasks.spawn(listener::serve_joins(joins, doorkeeper, membership.clone()));
    tasks.spawn(keep_fresh(&config, me.id, files.clone(), credentials));
    tasks.spawn(listener::serve(
        nodes,
        listener::About {
            cluster: config.cluster.clone(),
            id: me.id,
            heartbeat: config.heartbeat(),
            group: group.clone(),
            core: core.clone(),
            files: files.clone(),
            strangers,
        },
    ));
    tasks.spawn(crate::http::serve(api, core.clone(), membership.clone()));
    // Until it leaves.
    let (staying, stays) = watch::channel(true);
    if config.executor {
        tasks.spawn(supervisor::run(config.clone(), executor, stays));
    }
    let ticking = core.clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        while ticking.tick().await {
            ticks.tick().await;
        }
    });
    tracing::info!(cluster = config.cluster, node = config.node, controller = me.id,
        address = %me.address, api = %config.api, "controller started");

    let mut stopping = stop.clone();
    let outcome = tokio::select! {
        ended = &mut core_ended => {
            let why = ended.ok().flatten();
            Err(DaemonError::Fatal(why.unwrap_or_else(|| "the core ended".into())))
        }
        _ = stopping.wait_for(|signals| *signals > 0) => Ok(Why::Stopped),
        () = leave::asked(&config.node, began, &core, &group) => Ok(Why::Asked),
        () = membership.wait_for_leave() => Ok(Why::ForGood),
    };
    let mut in_order = false;
    if let Ok(why) = outcome {
        staying.send_replace(false);
        let patience = Duration::from_millis(config.timers.stop_ms);
        let mut again = stop.clone();
        tokio::select! {
            () = leave::leave(&config, why, &core, &group) => in_order = true,
            () = tokio::time::sleep(patience) => {
                tracing::warn!("leaving took too long: stopping as things are");
            }
            _ = again.wait_for(|signals| *signals > 1) => {}
        }
        leave::hand_over(&group).await;
        leave::be_over(&config.node, &core).await;
    }
    let left = match outcome {
        Ok(Why::ForGood) => leave::leave_for_good(&config, &membership, in_order).await,
        other => other.map(|_| ()),
    };
    tasks.shutdown().await;
    group.shutdown().await;
    port.close().await;
    tracing::info!(node = config.node, "controller stopped");
    left
}

/// Renews this controller's certificate in time.
fn keep_fresh(
    config: &Config,
    id: u64,
    files: Files,
    credentials: Arc<Credentials>,
) -> impl Future<Output = ()> + use<> {
    let (cluster, node) = (config.cluster.clone(), config.node.clone());
    let clock = crate::clock::Clock::start();
    renew::keep_fresh(files.clone(), credentials, move || {
        match renew::renew(&files, &cluster, &node, id, clock.unix_s()) {
            Ok(until) => tracing::info!(until, "renewed this node's certificate"),
            Err(error) => tracing::error!(%error, "cannot renew this node's certificate"),
        }
        std::future::ready(())
    })
}

fn settings(config: &Config, id: u64, incarnation: u64) -> Settings {
    Settings {
        cluster: config.cluster.clone(),
        id,
        incarnation,
        // The log says it first of all.
        voters: 0,
        node_lost_ms: config.timers.node_lost_ms,
        join_wait_ms: config.timers.join_wait_ms,
        patience_ms: config.timers.patience_ms,
    }
}

/// How the group starts. A controller that `joined` an existing group makes none.
fn group_config(
    config: &Config,
    me: &ControllerAddress,
    joined: bool,
    credentials: Arc<Credentials>,
) -> RuntimeConfig {
    let first = || config.controllers.iter().filter(|_| !joined);
    let peers = first().map(|peer| (peer.id, peer.address)).collect();
    let names = first().map(|peer| (peer.id, peer.node.clone())).collect();
    let folder = config.controller_dir();
    let timers = &config.timers;
    let ticks = |ms: u64| u32::try_from(ms.div_ceil(timers.tick_ms)).unwrap_or(u32::MAX);
    RuntimeConfig {
        tick_ms: timers.tick_ms,
        election_ticks: ticks(timers.election_ms),
        heartbeat_ticks: ticks(timers.heartbeat_ms),
        address: me.address.to_string(),
        names,
        ..RuntimeConfig::new(
            config.cluster.clone(),
            me.id,
            config.listen.unwrap_or(me.address),
            peers,
            folder,
            credentials,
        )
    }
}
