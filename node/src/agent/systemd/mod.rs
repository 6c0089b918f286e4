//! How is a systemd unit started, stopped and watched as a resource?
//!
//! As Pacemaker's executor does it: a job for start and stop, awaited to its end; `ActiveState` for
//! monitor. A unit on its way up or down is neither running nor stopped: it is looked at again until
//! it has arrived, or the operation's time is over. While the cluster manages a unit it adds an
//! override to it, see [`unit::Override`].

#[cfg(test)]
mod double;
mod manager;
#[cfg(test)]
mod tests;
mod unit;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::manager::{Job, Manager, ManagerError};
use self::unit::Override;
use super::metadata::{Described, service_description};
use super::{Agent, Operation, Outcome, Pending, ResultCode, Run, Services, Status};

/// A unit between two states is looked at again after this at most.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What can be done with every unit.
const ACTIONS: [&str; 5] = ["start", "stop", "status", "monitor", "meta-data"];

/// Manages units of systemd.
pub(super) struct Systemd {
    manager: Manager,
    overrides: PathBuf,
}

impl Systemd {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            manager: Manager::new(services.bus.clone()),
            overrides: services.unit_folder.clone(),
        }
    }

    /// Whether there is a unit that an agent's name means. Without systemd there is none.
    pub(super) async fn has(&self, kind: &str) -> bool {
        let state = self.about(kind, "LoadState").await;
        matches!(state.as_deref(), Ok("loaded" | "masked"))
    }

    /// Names of all that can be resources; none without systemd.
    pub(super) async fn kinds(&self) -> Vec<String> {
        let files = self.manager.unit_files().await.unwrap_or_default();
        let kinds = files.iter().filter_map(|path| unit::kind_of_file(path));
        kinds.map(str::to_owned).collect()
    }

    /// What Pacemaker says about a unit in place of the meta-data that units do not have.
    pub(super) async fn metadata(&self, kind: &str) -> String {
        let description = self.about(kind, "Description").await;
        service_description(&Described {
            name: kind,
            long: &description.unwrap_or_else(|_| format!("Systemd unit file for {kind}")),
            short: &format!("systemd unit file for {kind}"),
            actions: &ACTIONS,
            timeout: "100s",
            interval: "60s",
            special: "  <special tag=\"systemd\"/>\n",
        })
    }

    async fn about(&self, kind: &str, property: &str) -> Result<String, ManagerError> {
        let path = self.manager.load(&unit::name_of_any_instance(kind)).await?;
        self.manager.property(&path, property).await
    }

    async fn carry_out(&self, operation: &Operation) -> Outcome {
        let task = operation.task.as_str();
        let kind = operation.agent.kind.as_str();
        let name = unit::name(kind);
        let done = match task {
            "monitor" | "status" => return self.look(operation, &name).await,
            "meta-data" => {
                let text = self.metadata(kind).await;
                return Outcome::new(ResultCode::OK, Status::Done, "").with_output(text.as_bytes());
            }
            "start" => self.start(&name).await,
            "stop" => self.stop(&name).await,
            "restart" => self.run_job(Job::Restart, &name).await,
            _ => {
                let reason = format!("Action {task} not implemented for systemd resources");
                return Outcome::new(ResultCode::UNIMPLEMENTED, Status::Error, reason);
            }
        };
        match done {
            Ok(result) => read_result(task, &name, &result),
            Err(NotDone::Override(error)) => {
                let code = match error.kind() {
                    io::ErrorKind::PermissionDenied => ResultCode::INSUFFICIENT_PRIVILEGES,
                    _ => ResultCode::UNKNOWN_ERROR,
                };
                let reason = format!("Failed to create systemd override file for {kind}: {error}");
                Outcome::new(code, Status::Error, reason)
            }
            // What is not known does not run.
            Err(NotDone::Manager(ManagerError::NoUnit(_))) if task == "stop" => {
                Outcome::new(ResultCode::OK, Status::Done, "")
            }
            Err(NotDone::Manager(error)) => read_error(kind, &error),
        }
    }

    async fn start(&self, name: &str) -> Result<String, NotDone> {
        // A unit that cannot be loaded gets no override.
        self.manager.load(name).await?;
        Override::of(&self.overrides, name).write()?;
        self.reload(name).await;
        self.run_job(Job::Start, name).await
    }

    async fn stop(&self, name: &str) -> Result<String, NotDone> {
        self.manager.load(name).await?;
        match Override::of(&self.overrides, name).remove() {
            Ok(true) => self.reload(name).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(unit = name, %error, "cannot remove its override"),
        }
        self.run_job(Job::Stop, name).await
    }

    async fn run_job(&self, job: Job, name: &str) -> Result<String, NotDone> {
        Ok(self.manager.carry_out(job, name).await?)
    }

    /// A unit whose override is not read yet can be started and stopped all the same.
    async fn reload(&self, name: &str) {
        if let Err(error) = self.manager.reload().await {
            tracing::warn!(unit = name, %error, "systemd cannot read its override");
        }
    }

    /// Looks at a unit until it is in a state that says something.
    async fn look(&self, operation: &Operation, name: &str) -> Outcome {
        let tenth = Duration::from_millis(operation.timeout_ms / 10);
        let pause = match operation.timeout_ms {
            0 => LOOK_AGAIN,
            _ => tenth.min(LOOK_AGAIN),
        };
        loop {
            let state = match self.manager.load(name).await {
                Ok(path) => self.manager.property(&path, "ActiveState").await,
                Err(error) => Err(error),
            };
            match state.as_deref() {
                Ok("active" | "reloading" | "refreshing") => {
                    return Outcome::new(ResultCode::OK, Status::Done, "");
                }
                Ok("activating" | "deactivating") => {}
                Ok(state) => return Outcome::new(ResultCode::NOT_RUNNING, Status::Done, state),
                // It may be executing itself anew.
                Err(ManagerError::Disconnected) => {}
                Err(error) => return read_error(&operation.agent.kind, error),
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl Agent for Systemd {
    fn run(self: Arc<Self>, operation: Operation, _run: Run) -> Pending<Outcome> {
        Box::pin(async move {
            let carried_out = self.carry_out(&operation);
            let Some(timeout) = super::ocf::timeout(&operation) else {
                return carried_out.await;
            };
            let ended = tokio::time::timeout(timeout, carried_out).await;
            ended.unwrap_or_else(|_| {
                let (task, kind) = (&operation.task, &operation.agent.kind);
                let reason = format!("{task} of systemd unit {kind} did not complete in time");
                Outcome::new(ResultCode::UNKNOWN_ERROR, Status::Timeout, reason)
            })
        })
    }
}

/// Why a job was not carried out.
enum NotDone {
    Override(io::Error),
    Manager(ManagerError),
}

impl From<io::Error> for NotDone {
    fn from(error: io::Error) -> Self {
        Self::Override(error)
    }
}

impl From<ManagerError> for NotDone {
    fn from(error: ManagerError) -> Self {
        Self::Manager(error)
    }
}

/// What the end of a job means.
fn read_result(task: &str, name: &str, result: &str) -> Outcome {
    let (code, status, reason) = match result {
        "done" => (ResultCode::OK, Status::Done, String::new()),
        "timeout" => {
            let reason = format!("systemd {task} job for {name} timed out");
            (ResultCode::UNKNOWN_ERROR, Status::Timeout, reason)
        }
        _ => {
            let reason = format!("systemd {task} job for {name} failed with result '{result}'");
            (ResultCode::UNKNOWN_ERROR, Status::Error, reason)
        }
    };
    Outcome::new(code, status, reason)
}

fn read_error(kind: &str, error: &ManagerError) -> Outcome {
    match error {
        ManagerError::NoUnit(_) => Outcome::not_installed(format!("systemd unit {kind} not found")),
        _ => Outcome::error(error.to_string()),
    }
}
