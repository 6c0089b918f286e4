//! How is a fence agent called?
//!
//! By the fence agent API: `key=value` lines on standard input, `action=` among them, the exit code
//! is the result. A fence resource's `start` only makes its device known to this node and `stop`
//! forgets it; what proves that the device works is its `monitor`. Fencing itself is the task
//! [`FENCE`] with the parameters of the device and the target's `plug`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::ocf::{read_result, timeout};
use super::process::{self, Invocation};
use super::{Agent, Operation, Outcome, Pending, ResultCode, Run, Site, Status};

/// The task that fences: parameter `action` says what to do, `plug` to whom.
pub const FENCE: &str = "fence";

/// Where fence agents are installed.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// Runs fence agents.
pub(super) struct Fence {
    site: Arc<Site>,
    /// Devices that were started on this node.
    registered: Mutex<BTreeSet<String>>,
}

impl Fence {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            registered: Mutex::default(),
        }
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The program and its arguments before standard input, or why there is none.
    fn program(&self, kind: &str) -> Result<(PathBuf, Vec<OsString>), Outcome> {
        if kind == super::power::NAME {
            return Ok((self.site.program.clone(), vec!["agent".into(), kind.into()]));
        }
        if kind.contains('/') || !kind.starts_with("fence_") {
            return Err(Outcome::not_installed(format!(
                "'{kind}' is not the name of an agent"
            )));
        }
        let mut paths = FOLDERS
            .iter()
            .map(|folder| PathBuf::from(folder).join(kind));
        match paths.find(|path| path.is_file()) {
            Some(path) => Ok((path, Vec::new())),
            None => Err(Outcome::not_installed(format!(
                "no fence agent {kind} is installed"
            ))),
        }
    }

    fn environment(&self, order: &str) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("LC_ALL".into(), "C".into()),
            // Ours: so that the bundled device can bear witness.
            ("LOCKSTEP_ORDER".into(), order.into()),
        ];
        if let Some(witness) = &self.site.witness {
            all.push(("LOCKSTEP_WITNESS".into(), witness.into()));
        }
        all
    }

    /// Asks the device itself.
    async fn call(&self, operation: &Operation, action: &str, run: Run) -> Outcome {
        let (program, arguments) = match self.program(&operation.agent.kind) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let invocation = Invocation {
            program,
            arguments,
            environment: self.environment(&run.order),
            input: standard_input(operation, action).into_bytes(),
            timeout: timeout(operation),
        };
        read_result(operation, process::run(invocation, run.started).await)
    }
}

/// What the agent reads: the action and the device's parameters, without what is only ours.
fn standard_input(operation: &Operation, action: &str) -> String {
    let mut input = format!("action={action}\n");
    for (name, value) in &operation.parameters {
        let ours = ["CRM_meta_", "pcmk_", "crm_feature_set"]
            .iter()
            .any(|p| name.starts_with(p));
        let one_line = !value.contains('\n') && !name.contains(['=', '\n']);
        if !ours && name != "action" && one_line {
            let _ = writeln!(input, "{name}={value}");
        }
    }
    input
}

impl Agent for Fence {
    fn run(self: Arc<Self>, operation: Operation, run: Run) -> Pending<Outcome> {
        Box::pin(async move {
            let done = |code| Outcome::new(code, Status::Done, "");
            match operation.task.as_str() {
                "start" => {
                    // A device that cannot be reached must not count as started.
                    let outcome = self.call(&operation, "monitor", run).await;
                    if outcome.code == ResultCode::OK {
                        self.registered().insert(operation.resource.clone());
                    }
                    outcome
                }
                "stop" => {
                    self.registered().remove(&operation.resource);
                    done(ResultCode::OK)
                }
                "monitor" if !self.registered().contains(&operation.resource) => {
                    done(ResultCode::NOT_RUNNING)
                }
                "monitor" => self.call(&operation, "monitor", run).await,
                FENCE => {
                    let action = operation.parameter("action").unwrap_or("reboot").to_owned();
                    self.call(&operation, &action, run).await
                }
                task => Outcome::not_supported(format!("fence devices have no task '{task}'")),
            }
        })
    }
}
