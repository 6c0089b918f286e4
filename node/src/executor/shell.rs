//! Sockets, clock, disk and processes around the executor's core.
//!
//! One task owns core and journal and does everything in the order that the core demands: records
//! first, durably, then runs and messages. Where the disk is full it waits for room with all that
//! in hand: nothing is run or told that is not written, and nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lockstep_consensus::tls::{ANY_MEMBER, Credentials};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::callbacks;
use super::core::{ConnectionId, Effects, Executor, Identity, Input, RunId, StartRun};
use super::journal::{Header, Journal, JournalError, PrivateFolder, Record};
use super::order::FromExecutor;
use super::relay::Relay;
use crate::agent::{Agents, Run, Site};
use crate::clock::Clock;
use crate::fabric::{self, FromController, Heartbeat, Hello, Link, Role, ToController};
use crate::lock::{FolderLock, LockError};
use crate::process::Process;
use crate::security::files::Files;
use crate::security::{NODES, SecurityError, renew};

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
    /// Where controllers listen, as `host:port`: some of them, to begin with.
    pub controllers: Vec<String>,
    /// This node's certificate and key.
    pub files: Files,
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
    /// This machine's certificates cannot be used.
    #[error(transparent)]
    Security(#[from] SecurityError),
}

/// Where an executor keeps its journal.
pub fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal")
}

/// What comes to the task that owns the core.
enum Event {
    Input(Input),
    Opened(ConnectionId, mpsc::Sender<ToController>),
    /// A controller says where all of them are.
    Controllers(Vec<String>),
    /// The certificate of this node, a worker, is to be renewed.
    Renew,
}

/// Runs until `stop` says so, or a leader has it leave the cluster.
pub async fn run(settings: Settings, mut stop: watch::Receiver<bool>) -> Result<(), StartError> {
    let clock = Clock::start();
    let _lock = FolderLock::take(&settings.folder)?;
    let credentials = Arc::new(settings.files.credentials()?);
    let fresh = Header {
        cluster: settings.cluster.clone(),
        node: settings.site.node.clone(),
        journal: clock.unix_us(),
    };
    let folder = PrivateFolder::new(&settings.folder);
    let (mut journal, records) = Journal::open(folder, fresh)?;
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
    let relay = Relay::default();
    let mut dialers = Dialers {
        relay: relay.clone(),
        hello: hello_watch,
        heartbeat: settings.heartbeat,
        credentials: credentials.clone(),
        files: settings.files.clone(),
        events: events.clone(),
        list: settings.folder.join("controllers"),
        next: 0,
        tasks: BTreeMap::new(),
    };
    dialers.begin(settings.controllers.clone());
    let fresh = keep_fresh(settings.files.clone(), credentials, events.clone());
    let _fresh = AbortOnDrop(tokio::spawn(fresh).abort_handle());
    let _callbacks = callbacks::serve(&settings.site, relay).map(AbortOnDrop);
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
                Some(Event::Controllers(addresses)) => {
                    dialers.follow(addresses);
                    continue;
                }
                Some(Event::Renew) => {
                    shell.ask_for_certificate(&settings.files);
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
            fencing,
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
        let about = Run {
            order: order.clone(),
            started: Box::new(started),
        };
        let ended = match fencing {
            Some(fencing) => self.agents.fence(fencing, about),
            None => self.agents.run(operation, about),
        };
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

    /// Asks some controller for a new certificate; the next one is asked if none comes.
    fn ask_for_certificate(&mut self, files: &Files) {
        let key = match files.key() {
            Ok(key) => key.public().0,
            Err(error) => return tracing::error!(%error, "cannot renew the certificate"),
        };
        let mut ways = self.connections.values();
        let asked = ways.any(|send| send.try_send(ToController::Renew { key }).is_ok());
        if !asked {
            tracing::warn!("no controller to renew this node's certificate is connected");
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

/// A task that ends with whoever wants it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Shows the newest certificate. A controller on this node renews it; without one, it is asked for.
async fn keep_fresh(files: Files, credentials: Arc<Credentials>, events: mpsc::Sender<Event>) {
    let is_worker = !files.folder().join("authority.key").exists();
    renew::keep_fresh(files, credentials, || async {
        if is_worker {
            // When nobody listens any more, the executor ends.
            let _ = events.send(Event::Renew).await;
        }
    })
    .await;
}

/// Keeps a connection to every controller.
struct Dialers {
    relay: Relay,
    hello: watch::Receiver<Hello>,
    heartbeat: Heartbeat,
    credentials: Arc<Credentials>,
    files: Files,
    events: mpsc::Sender<Event>,
    /// Where it is noted where they were last, one address a line: they may all have moved on from
    /// those in the configuration.
    list: PathBuf,
    next: u64,
    tasks: BTreeMap<String, AbortOnDrop>,
}

impl Dialers {
    fn begin(&mut self, configured: Vec<String>) {
        let noted = std::fs::read_to_string(&self.list).unwrap_or_default();
        let noted = noted.lines().map(str::to_owned);
        let all = configured.into_iter().chain(noted);
        all.for_each(|address| self.dial(address));
    }

    /// These are all that there are now.
    fn follow(&mut self, addresses: Vec<String>) {
        if addresses.is_empty() {
            return;
        }
        self.tasks.retain(|address, _| addresses.contains(address));
        let text = addresses.join("\n");
        // Only helps to find them again.
        if let Err(error) = std::fs::write(&self.list, text) {
            tracing::debug!(%error, "cannot note where the controllers are");
        }
        addresses.into_iter().for_each(|address| self.dial(address));
    }

    fn dial(&mut self, address: String) {
        if self.tasks.contains_key(&address) {
            return;
        }
        let dialer = Dialer {
            relay: self.relay.clone(),
            address: address.clone(),
            number: self.next,
            hello: self.hello.clone(),
            heartbeat: self.heartbeat,
            credentials: self.credentials.clone(),
            files: self.files.clone(),
            events: self.events.clone(),
        };
        self.next += 1;
        let task = tokio::spawn(dialer.dial_for_ever());
        self.tasks.insert(address, AbortOnDrop(task.abort_handle()));
    }
}

/// Keeps a connection to one controller.
struct Dialer {
    relay: Relay,
    address: String,
    number: u64,
    hello: watch::Receiver<Hello>,
    heartbeat: Heartbeat,
    credentials: Arc<Credentials>,
    files: Files,
    events: mpsc::Sender<Event>,
}

impl Dialer {
    async fn dial_for_ever(self) {
        let mut pause = RECONNECT_FIRST;
        let mut complained = false;
        for attempt in 0u64.. {
            // Numbers of different dialers must not meet.
            let connection = ConnectionId(attempt << 32 | self.number);
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
        let connect = async {
            let stream = TcpStream::connect(&self.address).await?;
            // Each message matters now.
            stream.set_nodelay(true)?;
            self.credentials.connect(stream, ANY_MEMBER, NODES).await
        };
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
        let _way = self.relay.opened(connection, send.clone());
        if self
            .events
            .send(Event::Opened(connection, send))
            .await
            .is_err()
        {
            return false;
        }
        while let Some(message) = receive.recv().await {
            let event = match message {
                FromController::Executor(message) => Event::Input(Input::Message {
                    from: connection,
                    message,
                }),
                FromController::Controllers(addresses) => Event::Controllers(addresses),
                FromController::Renewed { certificate, until } => {
                    // Shown at the next look; what is no good is not shown.
                    if let Err(error) = self.files.write_certificate(&certificate, until) {
                        tracing::error!(%error, "cannot keep the renewed certificate");
                    }
                    continue;
                }
                FromController::Answered { number, answer } => {
                    self.relay.answered(number, answer);
                    continue;
                }
                FromController::Proposed { .. } => continue,
            };
            if self.events.send(event).await.is_err() {
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
