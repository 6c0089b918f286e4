//! How is one operation of one resource carried out on this node?
//!
//! An [`Operation`] names a resource, its agent and a task; an [`Agent`] carries it out and says
//! how it went as an [`Outcome`]. There is one trait and one table of standards; a standard that is
//! not in the table gives a typed "not supported" outcome, so the cluster sees an honest failure.
//!
//! | file | standard |
//! |---|---|
//! | `ocf.rs` | `ocf`: resource agents, by their standard calling convention |
//! | `systemd/` | `systemd`: units, over D-Bus |
//! | `lsb.rs` | `lsb`: init scripts |
//! | `fence.rs` | `stonith`: fence agents, by their standard input protocol |
//! | `bundled.rs` | the agents of provider `ocf:lockstep`, which are part of this binary |
//! | `power.rs` | the fence agent that is part of this binary |
//! | `metadata.rs` | what agents say about themselves |
//! | `reload.rs` | which changed parameters take no restart |
//! | `process.rs` | what both kinds of program need: a group, a deadline, bounded output |

pub mod bundled;
pub mod fence;
mod lsb;
pub mod metadata;
mod ocf;
mod outcome;
pub mod power;
pub mod process;
mod reload;
mod systemd;
#[cfg(test)]
pub(crate) mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bincode::{Decode, Encode};

pub use lockstep_engine::graph::FEATURE_SET;

pub use fence::device::{Device, lists};
pub use fence::{Attempt, FENCE, Fencing, standard_input};
pub use metadata::{Metadata, MetadataError};
pub use ocf::read_result;
pub use outcome::{Outcome, ResultCode, Status};

/// Which program implements a resource: `class:provider:kind`, as in a CIB's `primitive`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentName {
    /// The standard: `ocf`, `stonith`, `systemd`.
    pub class: String,
    /// Whose agent it is, where the standard has providers (`ocf`).
    pub provider: Option<String>,
    /// `type` in the CIB.
    pub kind: String,
}

/// A text that names no agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no agent: one is named as ocf:heartbeat:IPaddr2 or stonith:fence_ipmilan")]
pub struct NoAgentName(String);

impl std::str::FromStr for AgentName {
    type Err = NoAgentName;

    fn from_str(text: &str) -> Result<Self, NoAgentName> {
        let parts: Vec<_> = text.split(':').collect();
        let (class, provider, kind) = match parts.as_slice() {
            ["ocf", provider, kind] => ("ocf", Some(*provider), *kind),
            ["ocf", kind] => ("ocf", Some("heartbeat"), *kind),
            [class, kind] => (*class, None, *kind),
            [kind] if kind.starts_with("fence_") => ("stonith", None, *kind),
            _ => return Err(NoAgentName(text.to_owned())),
        };
        if [class, kind].contains(&"") || provider == Some("") {
            return Err(NoAgentName(text.to_owned()));
        }
        Ok(Self {
            class: class.to_owned(),
            provider: provider.map(str::to_owned),
            kind: kind.to_owned(),
        })
    }
}

impl std::fmt::Display for AgentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{provider}:{}", self.class, self.kind),
            None => write!(f, "{}:{}", self.class, self.kind),
        }
    }
}

/// One thing to do with one resource on this node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Operation {
    /// The resource as the node knows it: the `id` of the graph's `primitive`.
    pub resource: String,
    /// Who implements it.
    pub agent: AgentName,
    /// `start`, `stop`, `monitor`, …
    pub task: String,
    /// 0: once. Otherwise the operation is repeated this long after it ended, in milliseconds.
    pub interval_ms: u64,
    /// When to give up, in milliseconds; 0 means never.
    pub timeout_ms: u64,
    /// How long to wait before the first run, in milliseconds.
    pub start_delay_ms: u64,
    /// What the agent gets: instance attributes by their names, meta attributes as `CRM_meta_*`.
    pub parameters: Vec<(String, String)>,
}

impl Operation {
    /// An operation of no resource of a cluster.
    pub fn alone(agent: AgentName, task: &str) -> Self {
        Self {
            resource: agent.kind.clone(),
            agent,
            task: task.to_owned(),
            interval_ms: 0,
            timeout_ms: 0,
            start_delay_ms: 0,
            parameters: Vec::new(),
        }
    }

    /// Whether it may change what the resource does, and so ends what was observed before.
    pub fn changes_state(&self) -> bool {
        const OBSERVING: [&str; 5] = ["monitor", "notify", "meta-data", "validate-all", FENCE];
        self.interval_ms == 0 && !OBSERVING.contains(&self.task.as_str())
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What agents are told about the node that they run on.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of this node.
    pub node: String,
    /// Where OCF agents are installed: `resource.d/PROVIDER/TYPE` is below it.
    pub ocf_root: PathBuf,
    /// Where fence agents are looked for first, before where systems have them.
    pub fence_folder: Option<PathBuf>,
    /// Where the bundled agents keep whether "their service" runs.
    pub bundled_state_dir: PathBuf,
    /// Where the bundled agents append what they do, if anywhere.
    pub witness: Option<PathBuf>,
    /// Whether every resource is played by a bundled agent, whatever its own agent is: to show a
    /// cluster's decisions on a machine that must not run its services.
    pub stand_in: bool,
    /// The program whose `agent` subcommand the bundled agents are.
    pub program: PathBuf,
    /// How agents ask the cluster, if they can.
    pub callbacks: Option<Callbacks>,
    /// Where the machine's own services are.
    pub services: Services,
}

/// Where a machine's own services are: systemd's units and init scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// How to reach systemd.
    pub bus: Bus,
    /// Where units get what does not survive a boot.
    pub unit_folder: PathBuf,
    /// Where init scripts are.
    pub init_folder: PathBuf,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            bus: Bus::System,
            unit_folder: "/run/systemd/system".into(),
            init_folder: "/etc/init.d".into(),
        }
    }
}

/// How to reach systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// On the system's message bus.
    System,
    /// At a socket of its own, without a bus, as systemd has one in `/run/systemd/private`.
    Manager(PathBuf),
}

/// What agents call to ask the cluster: names of this program.
pub const TOOLS: [&str; 9] = [
    "attrd_updater",
    "cibadmin",
    "crm_attribute",
    "crm_failcount",
    "crm_master",
    "crm_mon",
    "crm_node",
    "crm_resource",
    "crm_standby",
];

/// How agents ask the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callbacks {
    /// Folder with the tools that agents call; first on their path.
    pub tools: PathBuf,
    /// Where those ask.
    pub socket: PathBuf,
}

impl Callbacks {
    /// Those of an executor, below its folder.
    pub fn below(folder: &std::path::Path) -> Self {
        Self {
            tools: folder.join("tools"),
            socket: folder.join("agents.sock"),
        }
    }
}

/// What is told about a run besides the operation itself.
pub struct Run {
    /// `transition:action` of the order behind it; empty for a repeated monitor.
    pub order: String,
    /// Is called with the process group as soon as there is one; of several programs that run one
    /// after the other, with that of each.
    pub started: Box<dyn Fn(u32) + Send + Sync>,
}

impl Run {
    /// A run that no order is behind, and that nobody has to clean up after.
    pub fn by_hand() -> Self {
        Self {
            order: String::new(),
            started: Box::new(|_| ()),
        }
    }
}

/// A future on the heap, because agents are chosen at run time.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something that carries out operations of one standard.
pub trait Agent: Send + Sync {
    /// Carries out `operation`; always ends (an agent that does not is ended at its timeout).
    fn run(self: Arc<Self>, operation: Operation, run: Run) -> Pending<Outcome>;
}

/// All standards that this node knows.
#[derive(Clone)]
pub struct Agents {
    ocf: Arc<ocf::Ocf>,
    fence: Arc<fence::Fence>,
    systemd: Arc<systemd::Systemd>,
    lsb: Arc<lsb::Lsb>,
    unsupported: Arc<Unsupported>,
}

impl Agents {
    /// The standards, for a node.
    pub fn new(site: Site) -> Self {
        let site = Arc::new(site);
        Self {
            ocf: Arc::new(ocf::Ocf::new(Arc::clone(&site))),
            systemd: Arc::new(systemd::Systemd::new(&site.services)),
            lsb: Arc::new(lsb::Lsb::new(Arc::clone(&site))),
            fence: Arc::new(fence::Fence::new(site)),
            unsupported: Arc::new(Unsupported),
        }
    }

    /// Carries out an operation with the agent of its standard.
    pub fn run(&self, mut operation: Operation, run: Run) -> Pending<Outcome> {
        if operation.agent.class != "service" || self.ocf.stands_in() {
            return self.of_class(&operation.agent.class).run(operation, run);
        }
        let agents = self.clone();
        Box::pin(async move {
            let kind = operation.agent.kind.clone();
            let found = agents.class_of_service(&kind);
            let class = match ocf::timeout(&operation) {
                Some(limit) => tokio::time::timeout(limit, found).await,
                None => Ok(found.await),
            };
            let Ok(class) = class else {
                let reason = format!("systemd did not say in time whether it has {kind}");
                return Outcome::new(ResultCode::UNKNOWN_ERROR, Status::Timeout, reason);
            };
            operation.agent.class = class.to_owned();
            agents.of_class(class).run(operation, run).await
        })
    }

    /// Fences a node.
    pub fn fence(&self, fencing: Fencing, run: Run) -> Pending<Outcome> {
        let fence = self.fence.clone();
        Box::pin(async move { fence.carry_out(fencing, run).await })
    }

    /// What an agent says about itself, as it is and as it is understood.
    ///
    /// # Errors
    /// If it says nothing that can be used.
    pub async fn metadata(&self, agent: &AgentName) -> Result<(String, Metadata), MetadataError> {
        let kind = agent.kind.as_str();
        let class = match agent.class.as_str() {
            "service" => self.class_of_service(kind).await,
            class => class,
        };
        let text = match class {
            "systemd" => Ok(self.systemd.metadata(kind).await),
            "lsb" => self.lsb.metadata(kind),
            "stonith" => return self.ask_for_metadata(agent, "metadata").await,
            _ => return self.ask_for_metadata(agent, "meta-data").await,
        };
        let text = text.map_err(|outcome| MetadataError::NotGiven(outcome.reason))?;
        let metadata = Metadata::parse(text.as_bytes())?;
        Ok((text, metadata))
    }

    async fn ask_for_metadata(
        &self,
        agent: &AgentName,
        task: &str,
    ) -> Result<(String, Metadata), MetadataError> {
        let operation = Operation::alone(agent.clone(), task);
        match self.invocation(&operation) {
            Ok(invocation) => Metadata::ask(invocation).await,
            Err(outcome) => Err(MetadataError::NotGiven(outcome.reason)),
        }
    }

    /// Names of the units that can be resources; none without systemd.
    pub async fn units(&self) -> Vec<String> {
        self.systemd.kinds().await
    }

    /// How an agent's program is called for an operation, for whoever wants to see all that it
    /// prints.
    ///
    /// # Errors
    /// If it cannot be called, or is no program; says why.
    pub fn invocation(&self, operation: &Operation) -> Result<process::Invocation, Outcome> {
        match operation.agent.class.as_str() {
            "ocf" => self.ocf.invocation(operation, ""),
            "stonith" => self.fence.invocation(operation, &operation.task, None, ""),
            "lsb" => self.lsb.invocation(operation, ""),
            class => Err(Outcome::not_supported(format!(
                "agents of class '{class}' are not programs"
            ))),
        }
    }

    fn of_class(&self, class: &str) -> Arc<dyn Agent> {
        match class {
            "ocf" => self.ocf.clone(),
            // A stand-in plays every resource, whatever its class.
            _ if self.ocf.stands_in() => self.ocf.clone(),
            "stonith" => self.fence.clone(),
            "systemd" => self.systemd.clone(),
            "lsb" => self.lsb.clone(),
            _ => self.unsupported.clone(),
        }
    }

    /// What `service` means for a name here, as Pacemaker decides it: an init script, or else a
    /// unit, or else an init script that is not installed.
    async fn class_of_service(&self, kind: &str) -> &'static str {
        let is_unit = !self.lsb.has(kind) && self.systemd.has(kind).await;
        if is_unit { "systemd" } else { "lsb" }
    }
}

/// Answers for standards that are not implemented.
struct Unsupported;

impl Agent for Unsupported {
    fn run(self: Arc<Self>, operation: Operation, _run: Run) -> Pending<Outcome> {
        let reason = format!(
            "agents of class '{}' are not supported",
            operation.agent.class
        );
        Box::pin(std::future::ready(Outcome::not_supported(reason)))
    }
}
