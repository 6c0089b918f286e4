//! What do the agents of provider `ocf:lockstep` do?
//!
//! They play a service without running one: whether it "runs" is a file in a folder of their own.
//! They are a subcommand of this binary (`lockstep agent TYPE TASK`), so that a cluster can be
//! tried where no agents are installed, and they bear witness: with `LOCKSTEP_WITNESS` each run
//! appends one line of JSON to that file when it begins and one when it ends, from which a checker
//! can tell what was active when, and which order was run how often.
//!
//! | type | is |
//! |---|---|
//! | `Dummy` | a service that runs or not |
//! | `Stateful` | a service that can also be promoted |
//! | `StandIn` | as `Stateful`; ignores the parameters, which are another agent's |
//!
//! | parameter | means |
//! |---|---|
//! | `state` | file that says that the service runs |
//! | `op_sleep` | seconds (decimal) that `start`, `stop`, `promote` and `demote` take |
//! | `monitor_sleep` | seconds that `monitor` takes |
//! | `fail` | tasks that fail, separated by spaces: `start`, or `start@NODE` for one node only |

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::ResultCode;

/// The type that plays any other agent's resource.
pub const STAND_IN: &str = "StandIn";

/// How long a stand-in's changes take: long enough to watch.
const STAND_IN_TAKES: Duration = Duration::from_millis(250);

/// Whether a witness line was written before or after the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before: from here on the service may have changed.
    Begin,
    /// After: the result code is known.
    End,
}

/// One line of the witness file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Microseconds since the epoch by the clock of the machine.
    pub at_us: u64,
    /// On which node.
    pub node: String,
    /// Of which resource.
    pub resource: String,
    /// What was done.
    pub task: String,
    /// Begin or end.
    pub phase: Phase,
    /// Result code; only at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// `transition:action` of the order; empty for a repeated monitor.
    pub order: String,
    /// Process that did it.
    pub pid: u32,
}

/// What an agent is told, read from the environment once.
#[derive(Clone, Debug)]
pub struct Context {
    /// Name of the node.
    pub node: String,
    /// Name of the resource.
    pub resource: String,
    /// The order behind this run.
    pub order: String,
    /// File that says that the service runs.
    pub state: PathBuf,
    /// How long a change takes.
    pub op_sleep: Duration,
    /// How long a monitor takes.
    pub monitor_sleep: Duration,
    /// Tasks that are to fail.
    pub fail: String,
    /// Where to bear witness.
    pub witness: Option<PathBuf>,
}

impl Context {
    /// Reads the calling convention of resource agents.
    pub fn from_environment(kind: &str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an agent's parameters are its environment"
        )]
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let own = |name: &str| match kind {
            STAND_IN => None,
            _ => get(&format!("OCF_RESKEY_{name}")),
        };
        let resource = get("OCF_RESOURCE_INSTANCE").unwrap_or_else(|| "default".into());
        let folder = get("LOCKSTEP_STATE_DIR").unwrap_or_else(|| "/run/lockstep/agents".into());
        let state = Path::new(&folder).join(format!("{}.state", resource.replace('/', "_")));
        let seconds = |text: Option<String>| {
            let seconds = text
                .and_then(|text| text.trim().parse::<f64>().ok())
                .unwrap_or(0.0);
            // An hour is longer than any timeout makes sense for.
            Duration::try_from_secs_f64(seconds.min(3600.0)).unwrap_or_default()
        };
        Self {
            node: get("LOCKSTEP_NODE").unwrap_or_default(),
            resource,
            order: get("LOCKSTEP_ORDER").unwrap_or_default(),
            state: own("state").map_or(state, PathBuf::from),
            op_sleep: match kind {
                STAND_IN => STAND_IN_TAKES,
                _ => seconds(own("op_sleep")),
            },
            monitor_sleep: seconds(own("monitor_sleep")),
            fail: own("fail").unwrap_or_default(),
            witness: get("LOCKSTEP_WITNESS").map(PathBuf::from),
        }
    }

    fn is_to_fail(&self, task: &str) -> bool {
        self.fail
            .split_whitespace()
            .any(|entry| match entry.split_once('@') {
                Some((failing, node)) => failing == task && node == self.node,
                None => entry == task,
            })
    }

    /// Appends a line; one `write`, so that lines of many processes do not mix.
    fn testify(&self, task: &str, phase: Phase, code: Option<i32>) {
        let Some(witness) = &self.witness else { return };
        let testimony = Testimony {
            at_us: microseconds_now(),
            node: self.node.clone(),
            resource: self.resource.clone(),
            task: task.to_owned(),
            phase,
            code,
            order: self.order.clone(),
            pid: std::process::id(),
        };
        let line = serde_json::to_string(&testimony).unwrap_or_default() + "\n";
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(witness);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!(
                "cannot write to the witness file {}: {error}",
                witness.display()
            );
        }
    }
}

/// The task of the line that says that a node lost its power; `node` is that node.
pub const FENCED: &str = "fenced";

/// Bears witness that all that ran on a node has ended.
pub(super) fn testify_fenced(node: &str) {
    let device = Context {
        node: node.to_owned(),
        ..Context::from_environment(STAND_IN)
    };
    device.testify(FENCED, Phase::End, Some(ResultCode::OK.0));
}

fn microseconds_now() -> u64 {
    #[expect(
        clippy::disallowed_types,
        reason = "an agent is outside of the deterministic cores"
    )]
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Carries out one task, bearing witness around it.
pub fn act(kind: &str, task: &str, context: &Context) -> ResultCode {
    let promotable = match kind {
        "Dummy" => false,
        "Stateful" | STAND_IN => true,
        _ => {
            eprintln!("ocf-exit-reason:there is no agent ocf:lockstep:{kind}");
            return ResultCode::NOT_INSTALLED;
        }
    };
    if task == "meta-data" {
        println!("{}", meta_data(kind));
        return ResultCode::OK;
    }
    context.testify(task, Phase::Begin, None);
    let code = perform(promotable, task, context);
    context.testify(task, Phase::End, Some(code.0));
    code
}

fn perform(promotable: bool, task: &str, context: &Context) -> ResultCode {
    #[expect(
        clippy::disallowed_methods,
        reason = "taking its time is what is asked of it"
    )]
    let take = |time: Duration| std::thread::sleep(time);
    match task {
        "monitor" => take(context.monitor_sleep),
        "start" | "stop" | "promote" | "demote" => take(context.op_sleep),
        _ => {}
    }
    if context.is_to_fail(task) {
        eprintln!("ocf-exit-reason:asked to fail {task} on {}", context.node);
        return ResultCode::UNKNOWN_ERROR;
    }
    let running = |content: &str| match write_state(&context.state, content) {
        Ok(()) => ResultCode::OK,
        Err(error) => {
            eprintln!(
                "ocf-exit-reason:cannot write {}: {error}",
                context.state.display()
            );
            ResultCode::UNKNOWN_ERROR
        }
    };
    let current = std::fs::read_to_string(&context.state).ok();
    match task {
        // Starting what runs, promoted or not, changes nothing.
        "start" if current.is_some() => ResultCode::OK,
        "start" | "migrate_from" => running("started"),
        "stop" | "migrate_to" => match std::fs::remove_file(&context.state) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                eprintln!(
                    "ocf-exit-reason:cannot remove {}: {error}",
                    context.state.display()
                );
                ResultCode::UNKNOWN_ERROR
            }
            _ => ResultCode::OK,
        },
        "monitor" => match current.as_deref().map(str::trim) {
            None => ResultCode::NOT_RUNNING,
            Some("promoted") => ResultCode::RUNNING_PROMOTED,
            Some(_) => ResultCode::OK,
        },
        "promote" | "demote" if !promotable => ResultCode::UNIMPLEMENTED,
        "promote" | "demote" if current.is_none() => ResultCode::NOT_RUNNING,
        "promote" => running("promoted"),
        "demote" => running("started"),
        "notify" | "validate-all" | "reload" | "reload-agent" => ResultCode::OK,
        _ => ResultCode::UNIMPLEMENTED,
    }
}

fn write_state(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)
}

fn meta_data(kind: &str) -> String {
    let tasks = [
        "start",
        "stop",
        "monitor",
        "promote",
        "demote",
        "notify",
        "meta-data",
    ];
    let tasks: Vec<_> = tasks
        .iter()
        .map(|task| format!("    <action name=\"{task}\" timeout=\"20s\"/>"))
        .collect();
    let parameter = |name: &str, text: &str| {
        format!(
            "    <parameter name=\"{name}\" unique=\"0\"><shortdesc lang=\"en\">{text}</shortdesc>\
             <content type=\"string\"/></parameter>"
        )
    };
    let parameters = [
        parameter("state", "file that says that the service runs"),
        parameter("op_sleep", "seconds that a change takes"),
        parameter("monitor_sleep", "seconds that a monitor takes"),
        parameter("fail", "tasks that fail, as TASK or TASK@NODE"),
    ];
    format!(
        "<?xml version=\"1.0\"?>\n<resource-agent name=\"{kind}\" version=\"1.0\">\n  \
         <version>1.1</version>\n  <longdesc lang=\"en\">Plays a service without running one.\
         </longdesc>\n  <shortdesc lang=\"en\">Plays a service</shortdesc>\n  <parameters>\n{}\n  \
         </parameters>\n  <actions>\n{}\n  </actions>\n</resource-agent>",
        parameters.join("\n"),
        tasks.join("\n")
    )
}
