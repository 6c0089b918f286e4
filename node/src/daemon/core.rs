//! The thread that owns the controller: takes inputs one after the other, carries out effects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockstep_consensus::runtime::{Event as GroupEvent, Handle};
use lockstep_consensus::types::Role;
use tokio::sync::{mpsc, oneshot, watch};

use super::DaemonError;
use super::proposer::Proposal;
use super::report::View;
use super::watchdog::Watchdog;
use crate::clock::Clock;
use crate::cluster::Refusal;
use crate::cluster::command::{Command, Entry, RequestId};
use crate::cluster::event::Event;
use crate::cluster::versions::TooEarly;
use crate::config::{Config, ControllerAddress};
use crate::controller::{ConnectionId, Controller, Effect, Input, Joined, WithoutQuorum};
use crate::fabric::FromController;
use crate::http::types::EventText;
use crate::policy;

/// So many inputs wait.
const INBOX: usize = 4096;
/// So many proposals wait.
const OUTBOX: usize = 4096;
/// So many events are kept for whoever asks.
const EVENTS_KEPT: usize = 10_000;
/// A snapshot is made after so many entries,
const SNAPSHOT_ENTRIES: u64 = 5_000;
/// or so many bytes of log.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// A submitted command is answered within this.
const SUBMIT_TIME: Duration = Duration::from_secs(20);
/// A command that found no leader is tried again after this.
const SUBMIT_AGAIN: Duration = Duration::from_millis(100);

/// What the core is told about itself.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// This node's configuration.
    pub config: Config,
    /// This controller.
    pub me: ControllerAddress,
    /// This process.
    pub incarnation: u64,
    /// Its clock.
    pub clock: Clock,
}

/// Why a command was not applied.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It was applied, and changed nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Other controllers would not understand it.
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    /// It did not get into the log.
    #[error("{0}")]
    NotProposed(String),
    /// Nobody knows yet whether it got into the log.
    #[error("no answer within {} s: it may still take effect", SUBMIT_TIME.as_secs())]
    Slow,
    /// This controller stops.
    #[error("this controller is stopping")]
    Stopping,
}

/// The index at which a command was applied.
type Answer = oneshot::Sender<Result<u64, SubmitError>>;

/// What comes to the core.
pub(super) enum Message {
    Input(Input),
    Group(GroupEvent),
    /// An executor greeted; orders for it go there.
    Opened(ConnectionId, Joined, mpsc::Sender<FromController>),
    Submit(Command, Answer),
    Ask(Box<dyn FnOnce(&View<'_>) + Send>),
    NotProposed(Entry, String),
}

/// How others talk to the core.
#[derive(Clone)]
pub struct CoreHandle {
    inbox: mpsc::Sender<Message>,
    events: Arc<Mutex<VecDeque<Event>>>,
    news: watch::Receiver<u64>,
    /// Taken once, by the proposer.
    proposals: Arc<Mutex<Option<mpsc::Receiver<Proposal>>>>,
}

impl CoreHandle {
    pub(super) async fn send(&self, message: Message) -> bool {
        self.inbox.send(message).await.is_ok()
    }

    pub(super) async fn tick(&self) -> bool {
        // A core that plans need not be told often that time passes.
        match self.inbox.try_send(Message::Input(Input::Tick)) {
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => true,
        }
    }

    pub(super) fn take_proposals(&self) -> Option<mpsc::Receiver<Proposal>> {
        self.proposals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Reads something; `None` if the core has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let ask = move |view: &View<'_>| drop(reply.send(question(view)));
        self.inbox.send(Message::Ask(Box::new(ask))).await.ok()?;
        answer.await.ok()
    }

    /// Has a command applied, through whoever leads; returns the index at which it was, here.
    pub async fn submit(&self, command: Command) -> Result<u64, SubmitError> {
        let attempts = async {
            loop {
                let (reply, answer) = oneshot::channel();
                let message = Message::Submit(command.clone(), reply);
                if self.inbox.send(message).await.is_err() {
                    return Err(SubmitError::Stopping);
                }
                match answer.await {
                    // There may be a leader soon.
                    Ok(Err(SubmitError::NotProposed(reason))) => {
                        tracing::debug!(reason, "a command waits for a leader");
                        tokio::time::sleep(SUBMIT_AGAIN).await;
                    }
                    Ok(answer) => return answer,
                    Err(_) => return Err(SubmitError::Stopping),
                }
            }
        };
        tokio::time::timeout(SUBMIT_TIME, attempts)
            .await
            .unwrap_or(Err(SubmitError::Slow))
    }

    /// Changes whenever something happened.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// What happened because of one entry.
    pub fn events_at(&self, index: u64) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let at = events.iter().filter(|event| event.index == index);
        at.cloned().collect()
    }

    /// What happened after an index, and the index up to which that is all.
    pub fn events_after(&self, index: u64) -> (Vec<Event>, u64) {
        let upto = *self.news.borrow();
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = events
            .iter()
            .filter(|event| event.index > index && event.index <= upto);
        (wanted.cloned().collect(), upto.max(index))
    }
}

/// Starts the thread; what it returns ends with the core, with the reason if it is a bad one.
pub(super) fn start(
    about: About,
    controller: Controller,
    group: Handle,
    mut group_events: mpsc::Receiver<GroupEvent>,
) -> Result<(CoreHandle, oneshot::Receiver<Option<String>>), DaemonError> {
    let (inbox, messages) = mpsc::channel(INBOX);
    let (proposals, proposed) = mpsc::channel(OUTBOX);
    let (news, news_watch) = watch::channel(0);
    let events = Arc::default();
    let handle = CoreHandle {
        inbox: inbox.clone(),
        events: Arc::clone(&events),
        news: news_watch,
        proposals: Arc::new(Mutex::new(Some(proposed))),
    };
    let watchdog = about.config.watchdog.as_deref().map(Watchdog::new);
    let core = Core {
        watchdog,
        about,
        controller,
        group,
        runtime: tokio::runtime::Handle::current(),
        proposals,
        connections: BTreeMap::new(),
        waiting: BTreeMap::new(),
        next_request: 0,
        events,
        news,
        leads_since_us: None,
        in_charge_since_us: None,
        first_order_us: None,
        snapshot_at: 0,
        offered_first_cib: false,
    };
    let (ended, core_ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("core".into())
        .spawn(move || drop(ended.send(core.run(messages).err())))
        .map_err(DaemonError::Thread)?;
    tokio::spawn(async move {
        while let Some(event) = group_events.recv().await {
            if inbox.send(Message::Group(event)).await.is_err() {
                return;
            }
        }
    });
    Ok((handle, core_ended))
}

pub(super) struct Core {
    pub(super) about: About,
    pub(super) controller: Controller,
    pub(super) group: Handle,
    runtime: tokio::runtime::Handle,
    proposals: mpsc::Sender<Proposal>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<FromController>>,
    waiting: BTreeMap<RequestId, Answer>,
    next_request: u64,
    events: Arc<Mutex<VecDeque<Event>>>,
    news: watch::Sender<u64>,
    pub(super) leads_since_us: Option<u64>,
    pub(super) in_charge_since_us: Option<u64>,
    pub(super) first_order_us: Option<u64>,
    /// Index of the last snapshot that was offered.
    snapshot_at: u64,
    offered_first_cib: bool,
    watchdog: Option<Watchdog>,
}

impl Core {
    /// Runs until everybody who could send is gone; an error is a reason to stop the process.
    fn run(mut self, mut messages: mpsc::Receiver<Message>) -> Result<(), String> {
        while let Some(message) = messages.blocking_recv() {
            match message {
                Message::Input(input) => {
                    if let Input::Tick = &input {
                        told(self.watchdog.as_mut().map(Watchdog::put_off));
                    }
                    if let Input::Closed(connection) = &input {
                        self.connections.remove(connection);
                    }
                    self.step(input)?;
                }
                Message::Opened(connection, executor, send) => {
                    self.connections.insert(connection, send);
                    self.step(Input::Joined {
                        connection,
                        executor,
                    })?;
                }
                Message::Group(event) => self.group_event(event)?,
                Message::Submit(command, answer) => self.submit(command, answer),
                Message::Ask(question) => question(&View::new(&self)),
                Message::NotProposed(entry, reason) => self.not_proposed(entry, reason)?,
            }
        }
        Ok(())
    }

    fn step(&mut self, input: Input) -> Result<(), String> {
        let now = self.about.clock.moment();
        let effects = self
            .controller
            .step(now, input)
            .map_err(|error| error.to_string())?;
        for effect in effects {
            self.carry_out(effect);
        }
        if self.controller.is_in_charge() {
            let now_us = self.about.clock.unix_us();
            self.in_charge_since_us.get_or_insert(now_us);
        }
        if self.controller.is_in_charge() && !self.controller.cluster().is_configured() {
            self.give_first_cib();
        }
        Ok(())
    }

    fn group_event(&mut self, event: GroupEvent) -> Result<(), String> {
        match event {
            GroupEvent::Committed(committed) => {
                let index = committed.index;
                self.step(Input::Committed {
                    index,
                    data: committed.data.to_vec(),
                })?;
                self.news.send_replace(index);
                self.snapshot_if_due(index);
                Ok(())
            }
            GroupEvent::Restore { index, data, .. } => {
                // The group's own beginning holds nothing of ours.
                if !data.is_empty() {
                    self.step(Input::Restore {
                        data: data.to_vec(),
                    })?;
                    self.snapshot_at = index;
                }
                self.news.send_replace(index);
                Ok(())
            }
            GroupEvent::Role(role) => {
                let leads = role.role == Role::Leader;
                tracing::debug!(role = %role.role, leader = role.leader, term = role.term, "role");
                self.leads_since_us = leads.then(|| self.about.clock.unix_us());
                self.first_order_us = None;
                self.in_charge_since_us = None;
                let has = role.leader.is_some();
                self.step(Input::Role {
                    leads,
                    term: role.term,
                })?;
                self.step(Input::Quorum { has })
            }
            GroupEvent::Members { index, members } => {
                tracing::info!(voters = ?members.voters, learners = ?members.learners, "members");
                self.step(Input::Members {
                    index,
                    voters: members.voters,
                })
            }
            GroupEvent::Removed => Err(
                "this controller was removed from the cluster: `lockstep cluster join` makes this \
                 machine a node again, once its data folder is moved away"
                    .to_owned(),
            ),
            GroupEvent::DiskFull => {
                tracing::error!("the disk is full: nothing is acknowledged until there is room");
                Ok(())
            }
            GroupEvent::DiskOk => {
                tracing::info!("there is room on the disk again; nothing was lost");
                Ok(())
            }
            GroupEvent::Fatal(error) => Err(error.to_string()),
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Propose(entry) => self.propose(entry),
            Effect::Tell {
                connection,
                message,
            } => {
                let message = FromController::Executor(message);
                let sent = self
                    .connections
                    .get(&connection)
                    .map(|send| send.try_send(message).is_ok());
                if sent == Some(false) {
                    // It does not keep up. Without its queue the connection ends; then it comes
                    // back, and hears everything again.
                    self.connections.remove(&connection);
                }
            }
            Effect::Eligible(eligible) => {
                if !eligible {
                    tracing::error!(
                        "this controller has DIVERGED from the others: it will not lead"
                    );
                }
                let group = self.group.clone();
                self.runtime
                    .spawn(async move { group.set_eligible(eligible).await });
            }
            Effect::Event(event) => {
                log(&event);
                let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                events.push_back(event);
                if events.len() > EVENTS_KEPT {
                    events.pop_front();
                }
            }
            Effect::Dispatched { order, key, node } => {
                self.first_order_us
                    .get_or_insert_with(|| self.about.clock.unix_us());
                let plan = order.transition;
                tracing::info!(plan, order = %order, key, node, "ordered");
            }
            Effect::WithoutQuorum(fate) => {
                without_quorum(&fate, self.watchdog.is_some());
                let taken = self.watchdog.as_mut().map(|watchdog| watchdog.take(&fate));
                told(taken);
            }
            Effect::Answered {
                request,
                index,
                outcome,
            } => {
                if let Some(answer) = self.waiting.remove(&request) {
                    let outcome = outcome.map(|()| index);
                    let _ = answer.send(outcome.map_err(SubmitError::Refused));
                }
            }
        }
    }

    fn propose(&mut self, entry: Entry) {
        if let Err(error) = self.proposals.try_send(Proposal { entry }) {
            let Proposal { entry } = match error {
                mpsc::error::TrySendError::Full(proposal)
                | mpsc::error::TrySendError::Closed(proposal) => proposal,
            };
            tracing::warn!("too many proposals wait");
            // Comes back by the same way as all refusals, after what is in the inbox now.
            let Some(answer) = entry
                .request
                .and_then(|request| self.waiting.remove(&request))
            else {
                let _ = self
                    .controller
                    .step(self.about.clock.moment(), Input::NotProposed(entry.command));
                return;
            };
            let _ = answer.send(Err(SubmitError::NotProposed("too much is waiting".into())));
        }
    }

    fn submit(&mut self, command: Command, answer: Answer) {
        if let Err(early) = self.controller.cluster().versions().permit(&command) {
            let _ = answer.send(Err(early.into()));
            return;
        }
        self.next_request += 1;
        let number = self.about.incarnation.wrapping_add(self.next_request);
        let request = RequestId {
            controller: self.about.me.id,
            number,
        };
        // Whoever gave up waiting is forgotten here, so this cannot grow.
        self.waiting.retain(|_, answer| !answer.is_closed());
        self.waiting.insert(request, answer);
        let at = self.about.clock.unix_s();
        self.propose(Entry {
            at,
            request: Some(request),
            command,
        });
    }

    fn not_proposed(&mut self, entry: Entry, reason: String) -> Result<(), String> {
        match entry
            .request
            .and_then(|request| self.waiting.remove(&request))
        {
            Some(answer) => {
                let _ = answer.send(Err(SubmitError::NotProposed(reason)));
                Ok(())
            }
            None => self.step(Input::NotProposed(entry.command)),
        }
    }

    /// A cluster that nobody configured gets the CIB that its operator left for it.
    fn give_first_cib(&mut self) {
        if std::mem::replace(&mut self.offered_first_cib, true) {
            return;
        }
        let Some(path) = &self.about.config.first_cib else {
            return;
        };
        let cib = match std::fs::read(path) {
            Ok(bytes) => match policy::admit(&bytes, self.about.clock.local()) {
                Ok(admitted) => Ok(admitted.cib.to_xml().into_bytes()),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        match cib {
            Ok(cib) => {
                tracing::info!(path = %path.display(), "giving the cluster its first configuration");
                let at = self.about.clock.unix_s();
                let command = Command::ReplaceConfig {
                    expected: None,
                    cib,
                };
                self.propose(Entry {
                    at,
                    request: None,
                    command,
                });
            }
            Err(error) => {
                tracing::error!(path = %path.display(), error, "cannot use `first_cib`");
            }
        }
    }

    fn snapshot_if_due(&mut self, index: u64) {
        let bytes = self.group.status().log_bytes;
        let entries = index.saturating_sub(self.snapshot_at);
        if entries < SNAPSHOT_ENTRIES && (bytes < SNAPSHOT_BYTES || entries < 100) {
            return;
        }
        self.snapshot_at = index;
        let data = self.controller.cluster().snapshot();
        let group = self.group.clone();
        self.runtime.spawn(async move {
            let size = data.len();
            match group.offer_snapshot(index, data).await {
                Ok(()) => tracing::info!(index, size, "snapshot made"),
                Err(error) => tracing::warn!(index, %error, "snapshot not taken"),
            }
        });
    }
}

/// Says that the watchdog does not do what it should.
fn told(outcome: Option<std::io::Result<()>>) {
    if let Some(Err(error)) = outcome {
        tracing::error!(%error, "the watchdog cannot be used: this node cannot fence itself");
    }
}

fn without_quorum(fate: &WithoutQuorum, watchdog: bool) {
    match fate {
        WithoutQuorum::Acts(count) => {
            tracing::error!(
                count,
                "quorum is LOST: no-quorum-policy is carried out for this node only"
            );
        }
        WithoutQuorum::Done => tracing::warn!("without quorum: nothing is left to stop here"),
        WithoutQuorum::FenceSelf(reason) => {
            let how = if watchdog {
                "its watchdog will reset it"
            } else {
                "it has no watchdog: the others have to"
            };
            tracing::error!(reason, "without quorum: this node has to be FENCED, {how}");
        }
        WithoutQuorum::Regained => tracing::info!("there is a quorum again"),
    }
}

/// One line an event, with all that it is about as fields.
fn log(event: &Event) {
    let EventText {
        index,
        kind,
        text,
        transition,
        order,
        node,
        controller,
        code,
        ..
    } = EventText::from(event);
    tracing::info!(
        index,
        kind,
        plan = transition,
        order = order.as_deref(),
        node = node.as_deref(),
        controller,
        code,
        "{text}"
    );
}
