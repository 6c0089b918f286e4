//! How is a fence agent called?
//!
//! By the fence agent API: `key=value` lines on standard input, `action=` among them, the exit code
//! is the result. A fence resource's `start` only makes its device known to this node and `stop`
//! forgets it; what proves that the device works is its `monitor`. Fencing itself is the task
//! [`FENCE`] with the parameters of the device, the `action` and the target (`nodename`); a
//! [`Fencing`] is several of them, one after the other, until the target is fenced.

pub mod device;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bincode::{Decode, Encode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metadata::Metadata;
use super::ocf::read_result;
use super::process::{self, Finished, Invocation};
use super::{Agent, AgentName, Operation, Outcome, Pending, ResultCode, Run, Site, Status};
use crate::clock::Clock;
use device::{Ask, Device, Reach, lists};

/// The task that fences: parameter `action` says what to do, `nodename` to whom.
pub const FENCE: &str = "fence";
/// The parameter that names the target as the cluster does.
pub const TARGET: &str = "nodename";

/// Where fence agents are installed.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];
/// What a device's `list` prints is not longer, in bytes.
const MAX_LIST: usize = 1 << 20;
/// How long a question to a device may take.
const QUESTION_MS: u64 = 20_000;
/// `status` of a plug that is off, by the fence agent API.
const IS_OFF: ResultCode = ResultCode(2);
/// Failed tries follow each other after this.
const PAUSE: Duration = Duration::from_millis(500);

/// How a node is to be fenced: levels are tried in turn until one succeeds, all of whose attempts
/// must.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fencing {
    /// Orders with one lane run one after the other; no resource is called so.
    pub lane: String,
    /// What is tried in turn; there is at least one attempt in each.
    pub levels: Vec<Vec<Attempt>>,
}

/// One device's part.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attempt {
    /// What it does.
    pub operation: Operation,
    /// Whether the level fails without it: giving power back need not work.
    pub required: bool,
}

impl Fencing {
    /// All attempts.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.levels.iter().flatten()
    }
}

/// Runs fence agents.
pub(super) struct Fence {
    site: Arc<Site>,
    devices: Mutex<BTreeMap<String, Registered>>,
    /// What agents say about themselves, by type.
    known: Mutex<BTreeMap<String, Arc<Metadata>>>,
}

/// What is known about a device here.
#[derive(Clone, Default)]
struct Registered {
    /// Whether it was started on this node.
    started: bool,
    /// What it listed last.
    listed: Vec<u8>,
    /// How many actions may begin now.
    room: Option<(usize, Arc<Semaphore>)>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fence {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            devices: Mutex::default(),
            known: Mutex::default(),
        }
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
        let folders = self.site.fence_folder.iter().cloned();
        let folders = folders.chain(FOLDERS.map(PathBuf::from));
        match folders
            .map(|folder| folder.join(kind))
            .find(|path| path.is_file())
        {
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

    /// How a device's agent is asked for an action, as the agent calls it.
    pub(super) fn invocation(
        &self,
        operation: &Operation,
        action: &str,
        metadata: Option<&Metadata>,
        order: &str,
    ) -> Result<Invocation, Outcome> {
        let (program, arguments) = self.program(&operation.agent.kind)?;
        Ok(Invocation {
            program,
            arguments,
            environment: self.environment(order),
            input: standard_input(operation, action, metadata).into_bytes(),
            timeout: super::ocf::timeout(operation),
            keep: None,
        })
    }

    /// Asks the device once.
    async fn ask(
        &self,
        operation: &Operation,
        action: &str,
        keep: usize,
        run: &Run,
    ) -> Result<Finished, Outcome> {
        let metadata = self.metadata(&operation.agent).await;
        let mut invocation = self.invocation(operation, action, metadata.as_deref(), &run.order)?;
        invocation.keep = Some(keep);
        Ok(process::run(invocation, |group| (run.started)(group)).await)
    }

    /// What an agent says about itself, if it can be had.
    async fn metadata(&self, agent: &AgentName) -> Option<Arc<Metadata>> {
        if let Some(known) = locked(&self.known).get(&agent.kind) {
            return Some(known.clone());
        }
        let (program, arguments) = self.program(&agent.kind).ok()?;
        let told = Metadata::ask(Invocation {
            program,
            arguments,
            environment: self.environment(""),
            input: b"action=metadata\n".to_vec(),
            timeout: Some(Duration::from_millis(QUESTION_MS)),
            keep: None,
        });
        match told.await {
            Ok((_, metadata)) => {
                let metadata = Arc::new(metadata);
                locked(&self.known).insert(agent.kind.clone(), metadata.clone());
                Some(metadata)
            }
            Err(error) => {
                tracing::warn!(%agent, %error, "the agent does not describe itself");
                None
            }
        }
    }

    /// Waits until the device may begin one more action.
    async fn room(&self, device: &str, limit: Option<usize>) -> Option<OwnedSemaphorePermit> {
        let limit = limit?;
        let room = {
            let mut devices = locked(&self.devices);
            let registered = devices.entry(device.to_owned()).or_default();
            match &registered.room {
                Some((present, room)) if *present == limit => room.clone(),
                // A changed limit counts from here on.
                _ => {
                    let room = Arc::new(Semaphore::new(limit));
                    registered.room = Some((limit, room.clone()));
                    room
                }
            }
        };
        room.acquire_owned().await.ok()
    }

    /// Has an action done, tried again as the device's parameters say.
    async fn call(&self, operation: &Operation, action: &str, run: &Run) -> Outcome {
        let device = Device::new(&operation.parameters);
        let clock = Clock::start();
        let timeout_ms = device.timeout_ms(action).unwrap_or(operation.timeout_ms);
        let _room = self.room(&operation.resource, device.action_limit()).await;
        let begun_ms = clock.monotonic_ms();
        let mut outcome = Outcome::error("it was not tried");
        for attempt in 1..=device.tries(action) {
            let mut this = operation.clone();
            if timeout_ms > 0 {
                let spent_ms = clock.monotonic_ms().saturating_sub(begun_ms);
                let Some(left_ms) = timeout_ms.checked_sub(spent_ms).filter(|left| *left > 0)
                else {
                    return outcome;
                };
                this.timeout_ms = left_ms;
            } else {
                this.timeout_ms = 0;
            }
            outcome = match self
                .ask(&this, device.action(action), process::KEPT, run)
                .await
            {
                Ok(finished) => {
                    this.timeout_ms = timeout_ms;
                    read_result(&this, finished)
                }
                Err(outcome) => return outcome,
            };
            let answered = outcome.status == Status::Done;
            let is_state = action == "status" && outcome.code == IS_OFF;
            if outcome.code == ResultCode::OK || !answered || is_state {
                return outcome;
            }
            if attempt < device.tries(action) {
                tokio::time::sleep(PAUSE).await;
            }
        }
        outcome
    }

    /// Whether the device can fence a node; asks it if its parameters do not say.
    async fn can_reach(&self, operation: &Operation, target: &str, run: &Run) -> bool {
        let device = Device::new(&operation.parameters);
        let ask = match device.reach(target) {
            Reach::Yes => return true,
            Reach::No => return false,
            Reach::Ask(ask) => ask,
        };
        let metadata = self.metadata(&operation.agent).await;
        let has = |action| {
            metadata
                .as_ref()
                .is_some_and(|told| told.has_action(action))
        };
        match ask {
            Ask::List => self.is_listed(operation, target, run).await,
            Ask::Status => self.has_status(operation, run).await,
            Ask::Either if has("list") => self.is_listed(operation, target, run).await,
            Ask::Either if has("status") => self.has_status(operation, run).await,
            Ask::Either => true,
        }
    }

    async fn is_listed(&self, operation: &Operation, target: &str, run: &Run) -> bool {
        let plug = Device::new(&operation.parameters).plug(target);
        let known = locked(&self.devices)
            .get(&operation.resource)
            .is_some_and(|device| lists(&device.listed, plug));
        // What it listed before may be short of what is new.
        known || lists(&self.list(operation, run).await, plug)
    }

    async fn list(&self, operation: &Operation, run: &Run) -> Vec<u8> {
        let mut question = operation.clone();
        question.timeout_ms = QUESTION_MS;
        let action = Device::new(&operation.parameters).action("list");
        let listed = match self.ask(&question, action, MAX_LIST, run).await {
            Ok(finished) if finished.succeeded() => finished.stdout,
            _ => Vec::new(),
        };
        let mut devices = locked(&self.devices);
        let device = devices.entry(operation.resource.clone()).or_default();
        device.listed.clone_from(&listed);
        listed
    }

    async fn has_status(&self, operation: &Operation, run: &Run) -> bool {
        let mut question = operation.clone();
        question.timeout_ms = QUESTION_MS;
        let code = self.call(&question, "status", run).await.code;
        matches!(code, ResultCode::OK | IS_OFF)
    }

    /// Makes the device known to this node, once it works.
    async fn start(self: &Arc<Self>, operation: &Operation, run: &Run) -> Outcome {
        // A device that cannot be reached must not count as started.
        let outcome = self.call(operation, "monitor", run).await;
        if outcome.code == ResultCode::OK {
            let mut devices = locked(&self.devices);
            devices
                .entry(operation.resource.clone())
                .or_default()
                .started = true;
            tokio::spawn(self.clone().look_ahead(operation.clone()));
        }
        outcome
    }

    /// Finds out what would have to be asked when there is no time to lose.
    async fn look_ahead(self: Arc<Self>, operation: Operation) {
        let told = self.metadata(&operation.agent).await;
        let has_list = told.is_some_and(|told| told.has_action("list"));
        let nobody = "";
        let reach = Device::new(&operation.parameters).reach(nobody);
        if has_list && matches!(reach, Reach::Ask(Ask::List | Ask::Either)) {
            let quiet = Run {
                order: String::new(),
                started: Box::new(|_| ()),
            };
            self.list(&operation, &quiet).await;
        }
    }

    /// Fences with one device.
    async fn fence(&self, operation: &Operation, run: &Run) -> Outcome {
        let device = Device::new(&operation.parameters);
        let mut action = operation.parameter("action").unwrap_or("reboot");
        let target = operation.parameter(TARGET).unwrap_or_default();
        if !target.is_empty() && !self.can_reach(operation, target, run).await {
            let reason = format!("{} cannot fence {target}", operation.resource);
            return Outcome::new(ResultCode::UNKNOWN_ERROR, Status::NoFenceDevice, reason);
        }
        let metadata = self.metadata(&operation.agent).await;
        let lacks = |action| {
            metadata
                .as_ref()
                .is_some_and(|told| !told.has_action(action))
        };
        if action == "reboot" && device.get("pcmk_reboot_action").is_none() && lacks("reboot") {
            action = "off";
        }
        if matches!(action, "off" | "reboot") {
            let (base_ms, max_ms) = device.delay_ms(target);
            let delay_ms = base_ms + operation.start_delay_ms + random_below(max_ms - base_ms);
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        let mut outcome = self.call(operation, action, run).await;
        if outcome.code == ResultCode::OK {
            outcome.reason = format!("{action} of {target} by {}", operation.resource);
        }
        outcome
    }

    /// Fences with one device after the other.
    pub(super) async fn carry_out(&self, fencing: Fencing, run: Run) -> Outcome {
        let mut failures: Vec<String> = Vec::new();
        let mut last = Outcome::new(ResultCode::UNKNOWN_ERROR, Status::NoFenceDevice, "");
        for level in &fencing.levels {
            let mut done = Vec::new();
            let mut failed = false;
            for Attempt {
                operation,
                required,
            } in level
            {
                let outcome = self.fence(operation, &run).await;
                let succeeded = outcome.code == ResultCode::OK;
                done.push(outcome.reason.clone());
                if !succeeded {
                    let device = &operation.resource;
                    tracing::warn!(device, order = run.order, reason = outcome.reason, "failed");
                    failures.push(format!("{device}: {}", outcome.reason));
                    last = outcome;
                }
                failed = !succeeded && *required;
                if failed {
                    break;
                }
            }
            if !failed {
                return Outcome::new(ResultCode::OK, Status::Done, done.join(", "));
            }
        }
        let reason = failures.join("; ");
        Outcome::new(last.code, last.status, reason).with_output(last.output.as_bytes())
    }
}

/// A number below a bound, 0 for 0, so that two nodes do not draw the same.
fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    match filled {
        Ok(()) => u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0),
        // Without randomness the longest delay is as good as any.
        Err(_) => bound,
    }
}

/// What the agent reads: the action, the target, and the device's parameters, without what is only
/// ours.
pub fn standard_input(operation: &Operation, action: &str, metadata: Option<&Metadata>) -> String {
    let mut input = format!("action={action}\n");
    let device = Device::new(&operation.parameters);
    let of_agent = match metadata {
        Some(told) if !told.has_parameter("plug") && told.has_parameter("port") => "port",
        _ => "plug",
    };
    // What names the node to the agent.
    let argument = device.plug_parameter().unwrap_or(of_agent);
    let one_line = |name: &str, value: &str| {
        !value.contains(['\n', '\0']) && !name.contains(['=', '\n', '\0'])
    };
    for (name, value) in &operation.parameters {
        let ours = ["CRM_meta_", "pcmk_", "crm_feature_set", "lockstep_"]
            .iter()
            .any(|p| name.starts_with(p));
        let other_plug = name == "plug" && argument != "plug";
        if !ours && !other_plug && name != "action" && one_line(name, value) {
            let _ = writeln!(input, "{name}={value}");
        }
    }
    let Some(target) = operation.parameter(TARGET) else {
        return input;
    };
    let plug = device.plug(target);
    // A device for one node only has its plug among its parameters.
    let given = operation.parameter(argument).is_some();
    if argument != "none" && !given && one_line(argument, plug) {
        let _ = writeln!(input, "{argument}={plug}");
    }
    input
}

impl Agent for Fence {
    fn run(self: Arc<Self>, operation: Operation, run: Run) -> Pending<Outcome> {
        Box::pin(async move {
            let done = |code| Outcome::new(code, Status::Done, "");
            let started = || {
                let devices = locked(&self.devices);
                devices
                    .get(&operation.resource)
                    .is_some_and(|device| device.started)
            };
            match operation.task.as_str() {
                "start" => self.start(&operation, &run).await,
                "stop" => {
                    locked(&self.devices).remove(&operation.resource);
                    done(ResultCode::OK)
                }
                "monitor" if !started() => done(ResultCode::NOT_RUNNING),
                "monitor" | "validate-all" => self.call(&operation, &operation.task, &run).await,
                FENCE => self.fence(&operation, &run).await,
                task => Outcome::not_supported(format!("fence devices have no task '{task}'")),
            }
        })
    }
}
