//! Sockets, clock, disk and processes around the executor's core.
//!
//! One task owns core and journal and does everything in the order that the core demands: records
//! first, durably, then runs and messages. Where the disk is full it waits for room with all that
//! in hand: nothing is run or told that is not written, and nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::core::{ConnectionId, Effects, Executor, Identity, Input, RunId, StartRun};
use super::journal::{Header, Journal, JournalError, Record};
use super::order::{FromExecutor, ToExecutor};
use crate::agent::{Agents, Run, Site};
use crate::clock::Clock;
use crate::fabric::{self, FromController, Heartbeat, Hello, Link, Role, ToController};
use crate::lock::{FolderLock, LockError};
use crate::process::Process;

/// A journal longer than this is rewritten at the next start, in bytes.
const COMPACT_FROM: u64 = 1 << 20;
/// A journal longer than this is rewritten while running, in bytes.
const COMPACT_RUNNING_FROM: u64 = 16 << 20;
/// How often a write to a full disk is tried again.
const DISK_RETRY: Duration = Duration::from_millis(200);
/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// A controller that cannot be reached is tried again after this, at first.
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
/// And never later than after this.
const RECONNECT_LAST: Duration = Duration::from_millis(500);

/// What an executor is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the cluster.
    pub cluster: String,
    /// Where journal and lock are; made if missing.
    pub folder: PathBuf,
    /// Where the controllers listen for executors, as `host:port`.
    pub controllers: Vec<String>,
    /// This node, for its agents.
    pub site: Site,
    /// How to notice that a controller is gone.
    pub heartbeat: Heartbeat,
}

/// Why an executor did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one runs here, or the folder cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What it remembers cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Where an executor keeps its journal.
pub fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal")
}

/// What comes to the task that owns the core.
enum Event {
    Input(Input),
    Opened(ConnectionId, mpsc::Sender<ToController>),
}

/// Runs until `stop` says so, or a leader has it leave the cluster.
pub async fn run(settings: Settings, mut stop: watch::Receiver<bool>) -> Result<(), StartError> {
    let clock = Clock::start();
    let _lock = FolderLock::take(&settings.folder)?;
    let fresh = Header {
        cluster: settings.cluster.clone(),
        node: settings.site.node.clone(),
        journal: clock.unix_us(),
    };
    let path = journal_path(&settings.folder);
    let (mut journal, records) = Journal::open(&path, fresh)?;
    let identity = Identity {
        node: settings.site.node.clone(),
        journal: journal.header().journal,
        incarnation: clock.unix_us(),
    };
    let (core, recovered, orphans) = Executor::recover(identity, records);
    orphans.iter().for_each(kill_orphan);
    journal.append(&recovered.records, true)?;
    if journal.size() > COMPACT_FROM {
        journal.compact(&core.checkpoint())?;
    }
    tracing::info!(
        node = %settings.site.node,
        incarnation = core.identity().incarnation,
        interrupted = recovered.records.len(),
        "executor started"
    );

    let (events, mut inbox) = mpsc::channel(1024);
    let hello = |acknowledged| Hello {
        cluster: settings.cluster.clone(),
        role: Role::Executor {
            node: settings.site.node.clone(),
            journal: core.identity().journal,
            incarnation: core.identity().incarnation,
            acknowledged,
        },
    };
    let (acknowledged, hello_watch) = watch::channel(hello(core.acknowledged()));
    let mut dialers = tokio::task::JoinSet::new();
    for (number, address) in (0..).zip(settings.controllers.clone()) {
        let dialer = Dialer {
            address,
            number,
            hello: hello_watch.clone(),
            heartbeat: settings.heartbeat,
            events: events.clone(),
        };
        dialers.spawn(dialer.dial_for_ever());
    }
    let agents = Agents::new(settings.site.clone());
    let mut shell = Shell {
        core,
        journal,
        agents,
        clock,
        events,
        connections: BTreeMap::new(),
        leaving: false,
    };
    loop {
        let wake = shell.next_wake();
        let input = tokio::select! {
            event = inbox.recv() => match event {
                Some(Event::Input(input)) => input,
                Some(Event::Opened(connection, send)) => {
                    shell.connections.insert(connection, send);
                    continue;
                }
                None => return Ok(()),
            },
            () = wake => Input::Tick,
            _ = stop.wait_for(|stop| *stop) => {
                tracing::info!("executor stops; services run on");
                return Ok(());
            }
        };
        shell.take(input).await;
        let upto = shell.core.acknowledged();
        acknowledged.send_if_modified(|present| match &mut present.role {
            Role::Executor { acknowledged, .. } if *acknowledged != upto => {
                *acknowledged = upto;
                true
            }
            _ => false,
        });
        if shell.leaving {
            shell.say_goodbye().await;
            tracing::info!("executor leaves the cluster in order");
            return Ok(());
        }
    }
}

struct Shell {
    core: Executor,
    journal: Journal,
    agents: Agents,
    clock: Clock,
    events: mpsc::Sender<Event>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<ToController>>,
    leaving: bool,
}

impl Shell {
    fn next_wake(&self) -> impl Future<Output = ()> + use<> {
        let wake = self.core.next_wake_ms().map(|at| self.clock.until_ms(at));
        async move {
            match wake {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn take(&mut self, input: Input) {
        if let Input::Closed(connection) = &input {
            self.connections.remove(connection);
        }
        let effects = self.core.step(self.clock.monotonic_ms(), input);
        let Effects {
            records,
            runs,
            messages,
            leave,
        } = effects;
        if !records.is_empty() {
            self.write(&records).await;
        }
        for run in runs {
            self.start(run);
        }
        for (connection, message) in messages {
            self.tell(connection, message);
        }
        self.leaving |= leave;
    }

    /// Writes records; returns only when that is done.
    async fn write(&mut self, records: &[Record]) {
        let durable = records.iter().any(Record::is_urgent);
        let mut complained = false;
        loop {
            let journal = &mut self.journal;
            match tokio::task::block_in_place(|| journal.append(records, durable)) {
                Ok(()) => break,
                Err(error) => {
                    if !complained {
                        tracing::error!(%error, "cannot write the journal: nothing runs until it can");
                        complained = true;
                    }
                    tokio::time::sleep(DISK_RETRY).await;
                }
            }
        }
        if complained {
            tracing::info!("the journal can be written again");
        }
        if self.journal.size() > COMPACT_RUNNING_FROM {
            let checkpoint = self.core.checkpoint();
            // The long journal is as good, until there is room for the short one.
            if let Err(error) = self.journal.compact(&checkpoint) {
                tracing::warn!(%error, "cannot compact the journal");
            }
        }
    }

    fn start(
        &self,
        StartRun {
            run,
            order,
            operation,
        }: StartRun,
    ) {
        if !order.is_empty() {
            let (resource, task) = (&operation.resource, &operation.task);
            tracing::info!(order, %resource, %task, agent = %operation.agent, "begins");
        }
        let events = self.events.clone();
        let told = self.events.clone();
        let started = move |group| {
            let process = Process::of(group);
            // A full queue only loses what helps to clean up after a crash.
            let _ = told.try_send(Event::Input(Input::Started { run, process }));
        };
        let name = format!(
            "{}_{}_{}",
            operation.resource, operation.task, operation.interval_ms
        );
        let began_at = self.clock.unix_s();
        let ended = self.agents.run(
            operation,
            Run {
                order: order.clone(),
                started: Box::new(started),
            },
        );
        tokio::spawn(async move {
            let mut outcome = ended.await;
            outcome.began_at = began_at;
            if !order.is_empty() {
                let code = outcome.code.0;
                tracing::info!(order, key = name, code, reason = outcome.reason, "ended");
            }
            let _ = events
                .send(Event::Input(Input::Ended { run, outcome }))
                .await;
        });
    }

    fn tell(&mut self, connection: ConnectionId, message: FromExecutor) {
        let Some(send) = self.connections.get(&connection) else {
            return;
        };
        if send.try_send(ToController::Executor(message)).is_err() {
            // It does not keep up, or is gone: it will ask again on its next connection.
            self.connections.remove(&connection);
        }
    }

    /// Waits, with a bound, until what was said is on its way.
    async fn say_goodbye(&mut self) {
        for send in std::mem::take(&mut self.connections).into_values() {
            let capacity = send.max_capacity();
            let sent = send.reserve_many(capacity);
            let _ = tokio::time::timeout(Duration::from_secs(1), sent).await;
        }
    }
}

/// Keeps a connection to one controller.
struct Dialer {
    address: String,
    number: u64,
    hello: watch::Receiver<Hello>,
    heartbeat: Heartbeat,
    events: mpsc::Sender<Event>,
}

impl Dialer {
    async fn dial_for_ever(self) {
        let mut pause = RECONNECT_FIRST;
        let mut complained = false;
        for attempt in 0u64.. {
            // Numbers of different dialers must not meet.
            let connection = ConnectionId(attempt << 16 | self.number);
            match self.connect().await {
                Ok((controller, link)) => {
                    tracing::info!(controller, address = %self.address, "connected");
                    (pause, complained) = (RECONNECT_FIRST, false);
                    if !self.attend(connection, link).await {
                        return;
                    }
                    tracing::info!(controller, address = %self.address, "connection ended");
                }
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!(address = %self.address, %error, "cannot reach a controller");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RECONNECT_LAST);
                }
            }
        }
    }

    async fn connect(
        &self,
    ) -> Result<(u64, Link<ToController, FromController>), fabric::GreetingError> {
        let connect = TcpStream::connect(&self.address);
        let connected = tokio::time::timeout(CONNECT_TIME, connect).await;
        let mut stream = connected
            .map_err(|_| fabric::GreetingError::Slow)?
            .map_err(fabric::FrameError::from)?;
        let hello = self.hello.borrow().clone();
        let controller = fabric::greet(&mut stream, &hello).await?;
        Ok((controller, Link::new(stream, self.heartbeat)))
    }

    /// Passes on what comes; `false` when nobody listens any more.
    async fn attend(
        &self,
        connection: ConnectionId,
        link: Link<ToController, FromController>,
    ) -> bool {
        let Link { send, mut receive } = link;
        if self
            .events
            .send(Event::Opened(connection, send))
            .await
            .is_err()
        {
            return false;
        }
        while let Some(message) = receive.recv().await {
            let FromController::Executor(message) = message else {
                continue;
            };
            let message: ToExecutor = message;
            let input = Input::Message {
                from: connection,
                message,
            };
            if self.events.send(Event::Input(input)).await.is_err() {
                return false;
            }
        }
        self.events
            .send(Event::Input(Input::Closed(connection)))
            .await
            .is_ok()
    }
}

/// Ends what an earlier executor started and did not see end: its result is unknown, and it must
/// not change the resource while that is found out.
fn kill_orphan(orphan: &Process) {
    if orphan.kill_group() {
        tracing::warn!(
            group = orphan.id,
            "ended what an earlier executor left running"
        );
    }
}

/// For logs: which run.
impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
