//! How is an OCF resource agent called?
//!
//! By the OCF resource agent API 1.1: the task is the argument, parameters come as `OCF_RESKEY_*`
//! in the environment, the exit code is the result. The environment is the one that agents find
//! under Pacemaker, because they were written and tested there.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::exit_reason;
use super::process::{self, Ended, Finished, Invocation};
use super::reload::{self, Reload, Reloads};
use super::{Agent, Callbacks, Operation, Outcome, Pending, ResultCode, Run, Site, Status};

/// The provider whose agents are part of this binary.
const BUNDLED_PROVIDER: &str = "lockstep";

/// Agents call the usual tools by name.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every agent finds in its environment, whatever its standard. Agents that ask for the
/// cluster type know `corosync` and fall back to the behaviour of Heartbeat for all else.
const COMMON_ENVIRONMENT: [(&str, &str); 14] = [
    ("LC_ALL", "C"),
    ("HA_LOGFACILITY", "daemon"),
    ("HA_logfacility", "daemon"),
    ("HA_debug", "0"),
    ("HA_cluster_type", "corosync"),
    ("PCMK_cluster_type", "corosync"),
    ("PCMK_debug", "0"),
    ("HA_mcp", "true"),
    ("HA_quorum_type", "corosync"),
    ("PCMK_mcp", "true"),
    ("PCMK_quorum_type", "corosync"),
    ("PCMK_logfacility", "daemon"),
    ("PCMK_watchdog", "false"),
    ("PCMK_service", "pacemaker-execd"),
];

/// What every OCF agent finds besides, whatever the resource.
const OCF_ENVIRONMENT: [(&str, &str); 4] = [
    ("OCF_RA_VERSION_MAJOR", "1"),
    ("OCF_RA_VERSION_MINOR", "1"),
    ("OCF_EXIT_REASON_PREFIX", "ocf-exit-reason:"),
    ("OCF_OUTPUT_FORMAT", "text"),
];

/// Runs OCF agents, and the bundled ones in their place where the site says so.
pub(super) struct Ocf {
    site: Arc<Site>,
    reloads: Reloads,
}

impl Ocf {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            reloads: Reloads::default(),
        }
    }

    pub(super) fn stands_in(&self) -> bool {
        self.site.stand_in
    }

    /// Program and arguments for an operation, or why there are none.
    fn program(&self, operation: &Operation) -> Result<(PathBuf, Vec<OsString>), Outcome> {
        let agent = &operation.agent;
        let provider = agent.provider.as_deref().unwrap_or("heartbeat");
        let bundled = |kind: &str| {
            let arguments = ["agent", kind, &operation.task].map(OsString::from);
            Ok((self.site.program.clone(), arguments.to_vec()))
        };
        if self.site.stand_in && provider != BUNDLED_PROVIDER {
            return bundled(super::bundled::STAND_IN);
        }
        if provider == BUNDLED_PROVIDER {
            return bundled(&agent.kind);
        }
        // Names come from the configuration: they must not lead out of the agents' folder.
        let plain = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        if !plain(provider) || !plain(&agent.kind) {
            return Err(Outcome::not_installed(format!(
                "'{agent}' is not the name of an agent"
            )));
        }
        let path = self
            .site
            .ocf_root
            .join("resource.d")
            .join(provider)
            .join(&agent.kind);
        if process::is_program(&path) {
            Ok((path, vec![OsString::from(&operation.task)]))
        } else {
            Err(Outcome::not_installed(format!(
                "no executable agent at {}",
                path.display()
            )))
        }
    }

    /// How the agent is called for an operation.
    pub(super) fn invocation(
        &self,
        operation: &Operation,
        order: &str,
    ) -> Result<Invocation, Outcome> {
        let (program, arguments) = self.program(operation)?;
        Ok(Invocation {
            program,
            arguments,
            environment: self.environment(operation, order),
            input: Vec::new(),
            timeout: timeout(operation),
            keep: None,
        })
    }

    /// What the agent of an operation can do about changed parameters. Bundled ones can do nothing.
    async fn reload(&self, operation: &Operation) -> Reload {
        let provider = operation.agent.provider.as_deref();
        if self.site.stand_in || provider == Some(BUNDLED_PROVIDER) {
            return Reload::default();
        }
        let asked = Operation::alone(operation.agent.clone(), "meta-data");
        match self.invocation(&asked, "") {
            Ok(invocation) => self.reloads.of_agent(invocation).await,
            Err(_) => Reload::default(),
        }
    }

    fn environment(&self, operation: &Operation, order: &str) -> Vec<(OsString, OsString)> {
        let site = &self.site;
        let agent = &operation.agent;
        let mut all = common_environment(site, order);
        let mut set = |name: &str, value: &OsStr| all.push((name.into(), value.into()));
        for (name, value) in OCF_ENVIRONMENT {
            set(name, value.as_ref());
        }
        set("OCF_ROOT", site.ocf_root.as_os_str());
        set("OCF_RESOURCE_INSTANCE", operation.resource.as_ref());
        set("OCF_RESOURCE_TYPE", agent.kind.as_ref());
        if let Some(provider) = &agent.provider {
            set("OCF_RESOURCE_PROVIDER", provider.as_ref());
        }
        for (name, value) in &operation.parameters {
            // A name with these cannot be in an environment.
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                continue;
            }
            match name.as_str() {
                "OCF_CHECK_LEVEL" => set(name, value.as_ref()),
                _ => set(&format!("OCF_RESKEY_{name}"), value.as_ref()),
            }
        }
        all
    }
}

/// What agents of every standard find in their environment on a site.
pub(super) fn common_environment(site: &Site, order: &str) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = Vec::with_capacity(48);
    let mut set = |name: &str, value: &OsStr| all.push((name.into(), value.into()));
    for (name, value) in COMMON_ENVIRONMENT {
        set(name, value.as_ref());
    }
    set("PATH", &search_path(site));
    if let Some(Callbacks { tools, socket }) = &site.callbacks {
        // Agents call some tools by this folder.
        set("HA_SBIN_DIR", tools.as_os_str());
        set("LOCKSTEP_SOCKET", socket.as_os_str());
    }
    // Ours: which order this run belongs to, so that an agent's own log can name it.
    set("LOCKSTEP_NODE", site.node.as_ref());
    set("LOCKSTEP_ORDER", order.as_ref());
    set("LOCKSTEP_STATE_DIR", site.bundled_state_dir.as_os_str());
    if let Some(witness) = &site.witness {
        set("LOCKSTEP_WITNESS", witness.as_os_str());
    }
    all
}

/// Where agents find programs: what asks the cluster first of all.
fn search_path(site: &Site) -> OsString {
    let mut path = OsString::new();
    if let Some(Callbacks { tools, .. }) = &site.callbacks {
        path.push(tools);
        path.push(":");
    }
    path.push(SEARCH_PATH);
    path
}

impl Agent for Ocf {
    fn run(self: Arc<Self>, mut operation: Operation, run: Run) -> Pending<Outcome> {
        Box::pin(async move {
            if operation.task == "reload-agent" && self.reload(&operation).await.is_legacy {
                "reload".clone_into(&mut operation.task);
            }
            let invocation = match self.invocation(&operation, &run.order) {
                Ok(invocation) => invocation,
                Err(outcome) => return outcome,
            };
            let finished = process::run(invocation, run.started).await;
            let mut outcome = read_result(&operation, finished);
            if reload::is_compared(&operation, &outcome) {
                outcome.restart_for = self.reload(&operation).await.restart_for;
            }
            outcome
        })
    }
}

/// The operation's deadline, if it has one.
pub(super) fn timeout(operation: &Operation) -> Option<Duration> {
    (operation.timeout_ms > 0).then(|| Duration::from_millis(operation.timeout_ms))
}

/// What the end of an agent's process means.
pub fn read_result(operation: &Operation, finished: Finished) -> Outcome {
    let agent = &operation.agent;
    let outcome = match finished.ended {
        Ended::Exited(status) => match status.code() {
            // Also "not installed" and "not implemented": the engine reads those from the code.
            Some(code) => Outcome::new(
                ResultCode(code),
                Status::Done,
                exit_reason(&finished.stderr),
            ),
            None => Outcome::error(format!("'{agent}' was ended by a signal: {status}")),
        },
        Ended::TimedOut => {
            let reason = format!(
                "{} did not complete within {} ms",
                operation.task, operation.timeout_ms
            );
            Outcome::new(ResultCode::UNKNOWN_ERROR, Status::Timeout, reason)
        }
        Ended::NotStarted(error) => Outcome::error(format!("'{agent}' cannot be run: {error}")),
    };
    match outcome.code {
        ResultCode::OK | ResultCode::NOT_RUNNING | ResultCode::RUNNING_PROMOTED => outcome,
        _ => outcome.with_output(&finished.stderr),
    }
}
