//! How does a command read and change the cluster, and wait for what it changed?
//!
//! Any controller will do. A change of the configuration is made on a copy and taken only if the
//! configuration is still the one that was copied; if somebody was faster, it is made again on what
//! is in force by then.

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::{Date, Span, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Failure, Target, runtime};
use crate::clock::{self, Clock};
use crate::cluster::status;
use crate::exit::Exit;
use crate::http::client::{Client, ClientError};
use crate::http::types::{AppliedAnswer, ConfigAnswer, EventText, Events, NoteText, Status};

/// How often a change is made again because somebody was faster.
const ATTEMPTS: usize = 20;
/// How long one answer about news is waited for, in milliseconds.
const WAIT_MS: u64 = 5_000;

/// How long to wait for the cluster.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Waiting {
    /// Wait until the cluster has done everything that follows
    #[arg(long)]
    pub(super) wait: bool,
    #[command(flatten)]
    pub(super) patience: Patience,
}

/// And when to give up.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Patience {
    /// Give up waiting after so many seconds (exit code 124)
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(super) timeout: u64,
}

impl Patience {
    fn deadline_ms(&self, clock: &Clock) -> u64 {
        let timeout_ms = self.timeout.saturating_mul(1000);
        clock.monotonic_ms().saturating_add(timeout_ms)
    }
}

/// The cluster, through one of its controllers.
pub(super) struct Live {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Live {
    pub(super) fn new(target: &Target) -> Result<Self, Failure> {
        Self::of(target.client())
    }

    /// The cluster, through whoever is asked.
    pub(super) fn of(client: Client) -> Result<Self, Failure> {
        Ok(Self {
            runtime: runtime(1)?,
            client,
        })
    }

    /// Asks for something.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        Ok(self.runtime.block_on(self.client.get(path))?)
    }

    /// Asks for text.
    pub(super) fn text(&self, path: &str) -> Result<String, Failure> {
        Ok(self.runtime.block_on(self.client.get_text(path))?)
    }

    pub(super) fn status(&self) -> Result<Status, Failure> {
        self.get("/v1/status")
    }

    /// Configuration and status, as this controller has them.
    pub(super) fn cib(&self) -> Result<Document, Failure> {
        self.document("/v1/cib")
    }

    /// A CIB of this controller's.
    pub(super) fn document(&self, path: &str) -> Result<Document, Failure> {
        let text = self.text(path)?;
        Document::parse(text.as_bytes(), &Limits::default())
            .map_err(|error| Failure::new(Exit::Protocol, format!("the controller's CIB: {error}")))
    }

    /// Has something changed that is not the configuration.
    pub(super) fn apply(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<AppliedAnswer, Failure> {
        Ok(self
            .runtime
            .block_on(self.client.post_json(path, request))?)
    }

    /// Replaces the configuration, if it is still the expected one.
    pub(super) fn replace(
        &self,
        expected: Option<&str>,
        cib: Vec<u8>,
    ) -> Result<ConfigAnswer, ClientError> {
        let path = match expected {
            Some(epoch) => format!("/v1/config?expected={epoch}"),
            None => "/v1/config".to_owned(),
        };
        self.runtime.block_on(self.client.post(&path, cib))
    }

    /// Changes the configuration. `edit` is called again if somebody was faster; if it leaves
    /// everything as it was, nothing is proposed.
    pub(super) fn change<T>(
        &self,
        mut edit: impl FnMut(&mut Document) -> Result<T, Failure>,
    ) -> Result<Changed<T>, Failure> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let applied = self.status()?.controller.applied;
            let mut cib = self.cib()?;
            let before = cib.to_xml();
            let expected = epoch(&cib);
            let result = edit(&mut cib)?;
            let after = cib.to_xml();
            if before == after {
                return Ok(Changed {
                    result,
                    index: None,
                    notes: Vec::new(),
                });
            }
            match self.replace(Some(&expected), after.into_bytes()) {
                Ok(ConfigAnswer { index, notes, .. }) => {
                    return Ok(Changed {
                        result,
                        index: Some(index),
                        notes,
                    });
                }
                Err(ClientError::Refused { code: 409, problem }) => {
                    last = Some(ClientError::Refused { code: 409, problem });
                    // This controller may not have what is in force yet.
                    let path = format!("/v1/events?after={applied}&wait_ms=1000");
                    let _: Events = self.get(&path)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.map_or_else(
            || Failure::new(Exit::TryLater, "the configuration changes all the time"),
            Into::into,
        ))
    }

    /// Waits until the cluster has nothing left to do about what happened up to an index. Tells on
    /// standard error what it does meanwhile, unless `quiet`.
    pub(super) fn settle(
        &self,
        since: u64,
        patience: &Patience,
        quiet: bool,
    ) -> Result<Status, Failure> {
        self.until(since, patience, quiet, |status| is_settled(status, since))
    }

    /// Waits until the status says so, in the same way.
    pub(super) fn until(
        &self,
        since: u64,
        patience: &Patience,
        quiet: bool,
        mut says_so: impl FnMut(&Status) -> bool,
    ) -> Result<Status, Failure> {
        let clock = Clock::start();
        let deadline_ms = patience.deadline_ms(&clock);
        let mut told = since;
        loop {
            let status = self.status()?;
            let path = format!("/v1/events?after={told}");
            let news: Events = self.get(&path)?;
            told = told.max(news.next);
            if !quiet {
                news.events
                    .iter()
                    .filter_map(progress)
                    .for_each(|line| eprintln!("{line}"));
            }
            if says_so(&status) {
                return Ok(status);
            }
            let left_ms = deadline_ms.saturating_sub(clock.monotonic_ms());
            if left_ms == 0 {
                let seconds = patience.timeout;
                let doing = pending(&status);
                let message = format!("not done after {seconds} s: {doing}");
                return Err(Failure::new(Exit::Timeout, message));
            }
            // The status may be newer than the news.
            let after = told.max(status.controller.applied);
            let wait_ms = WAIT_MS.min(left_ms);
            let path = format!("/v1/events?after={after}&wait_ms={wait_ms}");
            let _: Events = self.get(&path)?;
        }
    }

    /// The time, where this command runs.
    pub(super) fn now() -> Timestamp {
        Clock::start().local()
    }
}

/// What came of a change.
pub(super) struct Changed<T> {
    /// What the edit returned.
    pub(super) result: T,
    /// The change's log index; `None` if nothing was to be changed.
    pub(super) index: Option<u64>,
    /// What should be known about the configuration now.
    pub(super) notes: Vec<NoteText>,
}

/// A CIB's place in the sequence of configurations.
pub(super) fn epoch(cib: &Document) -> String {
    let number = |counter| status::number(cib, counter);
    format!("{}.{}", number("admin_epoch"), number("epoch"))
}

fn is_settled(status: &Status, since: u64) -> bool {
    let over = status
        .plan
        .as_ref()
        .is_none_or(|plan| plan.state != "running");
    status.controller.applied >= since
        && status.controller.leader.is_some()
        && status.wanted.is_none()
        && over
}

/// What the cluster has left to do, in words.
fn pending(status: &Status) -> String {
    let plan = status.plan.as_ref().filter(|plan| plan.state == "running");
    match (&status.wanted, plan) {
        _ if status.controller.leader.is_none() => "no controller leads".to_owned(),
        (Some(reason), _) => format!("a new plan is wanted ({reason})"),
        (None, Some(plan)) => {
            let open = plan
                .actions
                .iter()
                .filter(|action| matches!(action.progress.as_str(), "ready" | "sent"));
            let open: Vec<_> = open.map(|action| action.key.as_str()).collect();
            format!("plan {} waits for {}", plan.transition, open.join(", "))
        }
        (None, None) => "this controller has not applied the change yet".to_owned(),
    }
}

/// What is worth telling while somebody waits.
fn progress(event: &EventText) -> Option<String> {
    let kinds = [
        "planned",
        "not_planned",
        "done",
        "observed",
        "aborted",
        "completed",
        "node_up",
        "node_lost",
        "leads",
    ];
    let date = Date::new(clock::local(event.at));
    let (hour, minute, second) = date.hour_minute_second();
    kinds
        .contains(&event.kind.as_str())
        .then(|| format!("{hour:02}:{minute:02}:{second:02}  {}", event.text))
}

/// The end of a lifetime that begins now, as an ISO 8601 duration says.
pub(super) fn until(lifetime: Option<&str>) -> Result<Option<Date>, Failure> {
    let Some(text) = lifetime else {
        return Ok(None);
    };
    let span = Span::parse(text).map_err(|error| {
        let message =
            format!("--lifetime {text}: {error} (an ISO 8601 duration is wanted, as PT30M)");
        Failure::new(Exit::Usage, message)
    })?;
    let mut date = Date::new(Live::now());
    date.add_span(&span);
    Ok(Some(date))
}
