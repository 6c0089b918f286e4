//! What can be asked of the program? One file a command; this is their table.

mod agent;
mod cib_file;
mod cluster;
mod config;
mod demo;
mod executor;
mod explain;
mod history;
mod live;
mod node;
mod output;
mod profile;
mod resource;
mod simulate;
mod status;
#[cfg(test)]
mod tests;
mod ticket;
mod tools;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::cluster::policy::Policy;
use crate::exit::Exit;
use crate::http::client::{Client, ClientError};
use crate::lab::LabError;
use crate::policy::Engine;

/// A high-availability cluster manager whose controllers all compute the same plan.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// One command's arguments are described only when it is asked for: there are many, and `simulate`
// is started for each of thousands of files.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Run a whole cluster on this host, to see how it works
    Demo(demo::Args),
    /// Make a cluster, let machines in, and change which ones are controllers
    Cluster(cluster::Args),
    /// Show what a controller knows: nodes, resources, leader, plan
    Status(status::Args),
    /// Show, edit, check, compare or replace the cluster's configuration
    Config(config::Args),
    /// Show, move, stop, start or clean up resources
    Resource(resource::Args),
    /// Show or change nodes; without a subcommand: run this node's controller
    Node(node::Args),
    /// Show or change tickets, which say what a site may run
    Ticket(ticket::Args),
    /// Show what was planned and why, and plan it again
    History(history::Args),
    /// Run this node's executor only
    Executor(executor::Args),
    /// Show what the cluster would do, as crm_simulate does
    Simulate(Box<simulate::Args>),
    /// Say why a resource is where it is, why not elsewhere, why an action happens or not
    Explain(explain::Args),
    /// Check a configuration for errors, as crm_verify does
    Verify(verify::Args),
    /// Look at agents, and run them by hand: outside of any cluster, as root
    Agent(agent::Args),
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to tell the user; empty if everything is told already.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let hint = match error {
            ClientError::Unreachable { .. } => {
                "\nIs it running? `--api` takes the address that `api` in its configuration names."
            }
            _ => "",
        };
        Self::new(error.exit(), format!("{error}{hint}"))
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        Self::new(error.exit, error.message)
    }
}

/// What every command answers.
pub(crate) type Outcome = Result<(), Failure>;

/// Which controller to ask.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
struct Target {
    /// Address of the controller's API
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "LOCKSTEP_API",
        default_value_t = Target::local().api
    )]
    api: SocketAddr,
}

impl Target {
    /// The controller of this machine, where its API is by default.
    fn local() -> Self {
        Self {
            api: SocketAddr::from(([127, 0, 0, 1], 4747)),
        }
    }

    fn client(&self) -> Client {
        Client::new(self.api)
    }
}

/// How to log.
#[derive(Clone, Debug, clap::Args)]
struct Logging {
    /// What to log: a level, or levels by module
    #[arg(
        long,
        value_name = "FILTER",
        env = "LOCKSTEP_LOG",
        default_value = "info"
    )]
    log: String,
    /// Log as one JSON object a line
    #[arg(long)]
    log_json: bool,
}

impl Logging {
    fn start(&self) -> Outcome {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::new(Exit::Usage, format!("--log {}: {error}", self.log)))?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false);
        let started = if self.log_json {
            logs.json().try_init()
        } else {
            logs.try_init()
        };
        started.map_err(|error| Failure::new(Exit::Software, error))
    }
}

/// The arguments that say which configuration file to use.
#[derive(Clone, Debug, clap::Args)]
struct ConfigFile {
    /// This node's configuration file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/lockstep/lockstep.toml"
    )]
    config: PathBuf,
}

impl ConfigFile {
    fn read(&self) -> Result<crate::config::Config, Failure> {
        crate::config::Config::read(&self.config).map_err(|error| Failure::new(error.exit(), error))
    }
}

/// A runtime for a command that waits for others most of the time.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::OsError, format!("cannot start threads: {error}")))
}

/// Whether these are the program's name and arguments that it understands; carries out nothing.
///
/// # Errors
/// Says what is wrong; asked-for help also comes as an error.
pub fn check<A>(arguments: impl IntoIterator<Item = A>) -> Result<(), clap::Error>
where
    A: Into<std::ffi::OsString> + Clone,
{
    Cli::try_parse_from(arguments).map(drop)
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    main_with(Arc::new(Engine))
}

/// The same, and a controller that it runs asks this policy: whoever tests whole clusters may put
/// something around the engine.
pub fn main_with(policy: Arc<dyn Policy>) -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(ended) = tools::run_as(&arguments) {
        return ended;
    }
    let command = match simulate::plain(&arguments) {
        Some(arguments) => Command::Simulate(Box::new(arguments)),
        None => match Cli::try_parse_from(arguments) {
            Ok(cli) => cli.command,
            Err(error) => {
                // Asked-for help is no error.
                let _ = error.print();
                return if error.use_stderr() {
                    Exit::Usage.into()
                } else {
                    Exit::Ok.into()
                };
            }
        },
    };
    let outcome = match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Cluster(arguments) => cluster::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Resource(arguments) => resource::run(arguments),
        Command::Node(arguments) => node::run(arguments, policy),
        Command::Ticket(arguments) => ticket::run(arguments),
        Command::History(arguments) => history::run(arguments),
        Command::Executor(arguments) => executor::run(arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Agent(arguments) => return agent::run(arguments),
    };
    match outcome {
        Ok(()) => Exit::Ok.into(),
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                eprintln!("lockstep: {message}");
            }
            exit.into()
        }
    }
}
