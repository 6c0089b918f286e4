//! `lockstep agent`: agents by hand, and the bundled ones, as executors call them.

mod installed;

use std::process::ExitCode;
use std::time::Duration;

use super::{ConfigFile, Failure, Outcome, output, runtime};
use crate::agent::bundled::{self, Context};
use crate::agent::process::{self, Ended};
use crate::agent::{
    AgentName, Agents, Callbacks, Metadata, MetadataError, Operation, ResultCode, Run, Services,
    Site, Status, power,
};
use crate::config::AgentSettings;
use crate::exit::Exit;

/// What is kept of each of an agent's outputs, in bytes.
const MAX_OUTPUT: usize = 16 << 20;

/// systemd is waited for so long when agents are listed.
const UNITS_TIME: Duration = Duration::from_secs(10);

/// Look at agents, and run them by hand: outside of any cluster, as root.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        lockstep agent list ocf:heartbeat\n  \
        lockstep agent metadata ocf:heartbeat:IPaddr2\n  \
        lockstep agent run ocf:heartbeat:IPaddr2 monitor ip=10.0.0.7 cidr_netmask=24\n  \
        lockstep agent run fence_ipmilan status ip=10.0.0.9 plug=n2"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bundled: Bundled,
}

/// How executors call the bundled agents.
#[derive(Debug, clap::Args)]
struct Bundled {
    /// Type of a bundled agent
    #[arg(hide = true)]
    kind: Option<String>,
    /// What it is to do
    #[arg(hide = true, default_value = "")]
    task: String,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the agents that are installed here
    #[command(after_help = "Example: lockstep agent list ocf:heartbeat")]
    List {
        /// Only those whose names begin so, as `ocf:heartbeat`
        #[arg(default_value = "")]
        prefix: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: OptionalConfig,
    },
    /// Show what an agent can be told and what it can do
    #[command(after_help = "Example: lockstep agent metadata ocf:heartbeat:IPaddr2")]
    Metadata {
        agent: AgentName,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// Print it as the agent does
        #[arg(long, conflicts_with = "json")]
        xml: bool,
        #[command(flatten)]
        file: OptionalConfig,
    },
    /// Run one action of an agent; ends with the agent's exit code
    ///
    /// The cluster knows nothing of it: what this starts, only you stop.
    #[command(after_help = "Example: lockstep agent run ocf:heartbeat:IPaddr2 monitor ip=10.0.0.9")]
    Run {
        agent: AgentName,
        /// `start`, `stop`, `monitor`, …
        action: String,
        /// Parameters of the agent
        #[arg(value_name = "NAME=VALUE")]
        parameters: Vec<String>,
        /// Give up after so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
        /// What the resource is called
        #[arg(long, value_name = "ID")]
        resource: Option<String>,
        #[command(flatten)]
        file: OptionalConfig,
    },
}

/// This node's configuration says where agents are; without it they are where systems have them.
#[derive(Debug, clap::Args)]
struct OptionalConfig {
    #[command(flatten)]
    file: ConfigFile,
}

impl OptionalConfig {
    fn site(&self) -> Result<Site, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(Exit::OsError, format!("cannot find myself: {error}")))?;
        let config = match self.file.config.exists() {
            true => Some(self.file.read()?),
            false => None,
        };
        let settings = config.as_ref().map(|config| config.agents.clone());
        let AgentSettings {
            ocf_root,
            state_dir,
            ..
        } = settings.unwrap_or_default();
        let folder = config.as_ref().map(|config| config.data_dir.join("agents"));
        let folder = state_dir.or(folder);
        let node = match &config {
            Some(config) => config.node.clone(),
            None => rustix::system::uname().nodename().to_string_lossy().into(),
        };
        Ok(Site {
            node,
            ocf_root,
            fence_folder: None,
            bundled_state_dir: folder.unwrap_or_else(|| "/run/lockstep/agents".into()),
            witness: None,
            stand_in: false,
            program,
            // Where a cluster runs here, the agent can ask it.
            callbacks: config.map(|config| Callbacks::below(&config.executor_dir())),
            services: Services::default(),
        })
    }
}

pub(super) fn run(arguments: Args) -> ExitCode {
    let ended = match arguments.command {
        None => return run_bundled(&arguments.bundled),
        Some(Command::List { prefix, json, file }) => list(&prefix, json, &file),
        Some(Command::Metadata {
            agent,
            json,
            xml,
            file,
        }) => metadata(&agent, json, xml, &file),
        Some(Command::Run {
            agent,
            action,
            parameters,
            timeout,
            resource,
            file,
        }) => {
            let operation = operation(agent, &action, &parameters, resource);
            let timeout = Duration::from_secs(timeout);
            match operation.and_then(|operation| by_hand(operation, timeout, &file)) {
                Ok(code) => return exit_code(code),
                Err(failure) => Err(failure),
            }
        }
    };
    match ended {
        Ok(()) => Exit::Ok.into(),
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                eprintln!("lockstep: {message}");
            }
            exit.into()
        }
    }
}

fn run_bundled(arguments: &Bundled) -> ExitCode {
    let kind = arguments.kind.as_deref().unwrap_or_default();
    if kind == power::NAME {
        return exit_code(power::act(std::io::stdin()));
    }
    let context = Context::from_environment(kind);
    exit_code(bundled::act(kind, &arguments.task, &context))
}

fn exit_code(code: ResultCode) -> ExitCode {
    ExitCode::from(u8::try_from(code.0).unwrap_or(1))
}

fn list(prefix: &str, json: bool, file: &OptionalConfig) -> Outcome {
    let site = file.site()?;
    let units = async { Agents::new(site.clone()).units().await };
    let units = async { tokio::time::timeout(UNITS_TIME, units).await };
    let units = runtime(1)?.block_on(units).unwrap_or_default();
    let all = installed::all(&site, units);
    let names: Vec<String> = all.iter().map(AgentName::to_string).collect();
    let names: Vec<&String> = names
        .iter()
        .filter(|name| name.starts_with(prefix))
        .collect();
    if json {
        return output::json(&names);
    }
    let lines = names.into_iter().map(|name| format!("{name}\n"));
    output::print(&lines.collect::<String>())
}

fn metadata(agent: &AgentName, json: bool, xml: bool, file: &OptionalConfig) -> Outcome {
    let agents = Agents::new(file.site()?);
    let asked = runtime(1)?.block_on(agents.metadata(agent));
    let (text, told) = asked.map_err(|error| {
        let exit = match error {
            MetadataError::NotGiven(_) => Exit::Unavailable,
            _ => Exit::BadData,
        };
        Failure::new(exit, format!("{agent}: {error}"))
    })?;
    match (xml, json) {
        (true, _) => output::print(&text),
        (_, true) => output::json(&told),
        _ => output::print(&for_people(agent, &told)),
    }
}

fn for_people(agent: &AgentName, told: &Metadata) -> String {
    let mut text = format!("{agent} {}\n\nParameters\n", told.version);
    let parameters = told.parameters.iter().map(|parameter| {
        let marks = [
            (parameter.required, "required"),
            (parameter.unique, "unique"),
            (parameter.reloadable, "reloadable"),
            (parameter.deprecated, "deprecated"),
        ];
        let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
        let default = parameter.default.as_deref().filter(|text| !text.is_empty());
        vec![
            format!("  {}", parameter.name),
            default.map_or_else(String::new, |text| format!("[{text}]")),
            marks.collect::<Vec<_>>().join(", "),
        ]
    });
    text += &output::table(&parameters.collect::<Vec<_>>());
    text += "\nActions\n";
    let actions = told.actions.iter().map(|action| {
        let said = |what: &str, value: &Option<String>| {
            let value = value.as_deref();
            value.map_or_else(String::new, |value| format!("{what} {value}"))
        };
        vec![
            format!("  {}", action.name),
            said("timeout", &action.timeout),
            said("every", &action.interval),
            said("depth", &action.depth),
            said("role", &action.role),
        ]
    });
    text + &output::table(&actions.collect::<Vec<_>>())
}

fn operation(
    agent: AgentName,
    action: &str,
    parameters: &[String],
    resource: Option<String>,
) -> Result<Operation, Failure> {
    let mut operation = Operation::alone(agent, action);
    if let Some(resource) = resource {
        operation.resource = resource;
    }
    for text in parameters {
        let Some((name, value)) = text.split_once('=') else {
            let message = format!("'{text}' is no parameter: NAME=VALUE is expected");
            return Err(Failure::new(Exit::Usage, message));
        };
        operation
            .parameters
            .push((name.to_owned(), value.to_owned()));
    }
    Ok(operation)
}

/// Runs one action, and shows all that the agent says.
fn by_hand(
    mut operation: Operation,
    timeout: Duration,
    file: &OptionalConfig,
) -> Result<ResultCode, Failure> {
    let site = file.site()?;
    operation.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    if operation.agent.class == "ocf" {
        let own = [
            ("CRM_meta_timeout", operation.timeout_ms.to_string()),
            ("CRM_meta_on_node", site.node.clone()),
            ("crm_feature_set", crate::agent::FEATURE_SET.to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        operation.parameters.extend(own);
    }
    let agents = Agents::new(site);
    if ["systemd", "service"].contains(&operation.agent.class.as_str()) {
        return without_program(&agents, operation);
    }
    let invocation = agents.invocation(&operation);
    let mut invocation =
        invocation.map_err(|outcome| Failure::new(Exit::Unavailable, outcome.reason))?;
    invocation.keep = Some(MAX_OUTPUT);
    let finished = runtime(1)?.block_on(process::run(invocation, |_| ()));
    eprint!("{}", String::from_utf8_lossy(&finished.stderr));
    output::print(&String::from_utf8_lossy(&finished.stdout))?;
    let (agent, action) = (&operation.agent, &operation.task);
    match finished.ended {
        Ended::Exited(status) => match status.code() {
            Some(code) => {
                let meaning = match agent.class.as_str() {
                    "ocf" => lockstep_engine::value::exit_text(code),
                    "lsb" => "by the Linux Standard Base",
                    _ => "by the fence agent API",
                };
                eprintln!("{agent} {action}: {code} ({meaning})");
                Ok(ResultCode(code))
            }
            None => Err(Failure::new(
                Exit::Error,
                format!("{agent} {action}: {status}"),
            )),
        },
        Ended::TimedOut => {
            let message = format!("{agent} {action}: killed after {} s", timeout.as_secs());
            Err(Failure::new(Exit::Timeout, message))
        }
        Ended::NotStarted(error) => {
            let message = format!("{agent} cannot be run: {error}");
            Err(Failure::new(Exit::Unavailable, message))
        }
    }
}

/// Runs one action of a service that is no program of its own, or may not be one.
fn without_program(agents: &Agents, operation: Operation) -> Result<ResultCode, Failure> {
    let (agent, action) = (operation.agent.clone(), operation.task.clone());
    let run = agents.run(operation, Run::by_hand());
    let outcome = runtime(1)?.block_on(run);
    if !outcome.output.is_empty() {
        output::print(&format!("{}\n", outcome.output))?;
    }
    let code = outcome.code;
    let meaning = lockstep_engine::value::exit_text(code.0);
    let reason = match outcome.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    eprintln!("{agent} {action}: {} ({meaning}){reason}", code.0);
    match outcome.status {
        Status::Timeout => Err(Failure::new(Exit::Timeout, String::new())),
        _ => Ok(code),
    }
}
