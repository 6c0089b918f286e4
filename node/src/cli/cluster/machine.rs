//! How does this machine become a node?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::super::{ConfigFile, Failure, Outcome, Target, output, runtime};
use crate::clock::Clock;
use crate::config::{AgentSettings, Config, ControllerAddress, Timers, is_name};
use crate::daemon::{IdentityError, claim_new};
use crate::exit::Exit;
use crate::http::types::MembersAnswer;
use crate::security::files::{self, Files};
use crate::security::join::{self, JoinError};
use crate::security::token::{self, Admits, Token};
use crate::security::{SecurityError, renew as renewal};

/// What a machine needs to be told, whether it begins a cluster or joins one.
#[derive(Debug, clap::Args)]
struct Machine {
    /// Name of this node, as resources' rules and constraints will call it; the host's name if not
    /// given
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Where the cluster's other nodes reach this one
    #[arg(long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// Where to listen, if not there (a host behind address translation, say)
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Where everything durable is kept
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/lockstep")]
    data_dir: PathBuf,
    /// Where the local API listens, on loopback
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:4747")]
    api: SocketAddr,
    #[command(flatten)]
    file: ConfigFile,
}

impl Machine {
    fn node(&self) -> Result<String, Failure> {
        let name = match &self.node {
            Some(name) => name.clone(),
            None => rustix::system::uname().nodename().to_string_lossy().into(),
        };
        if is_name(&name) {
            return Ok(name);
        }
        let message = format!("'{name}' is no name for a node: give --node one without spaces");
        Err(Failure::new(Exit::Usage, message))
    }

    /// Fails before anything is changed.
    fn ensure_new(&self) -> Result<(), Failure> {
        let path = &self.file.config;
        if path.symlink_metadata().is_ok() {
            let message = format!(
                "{} is there already: this machine is configured. Give --config another file, or \
                 move that one away",
                path.display()
            );
            return Err(Failure::new(Exit::Exists, message));
        }
        let address = self.address;
        if address.port() == 0 || address.ip().is_unspecified() {
            let message = format!("--address {address}: others cannot connect to that");
            return Err(Failure::new(Exit::Usage, message));
        }
        if !self.api.ip().is_loopback() {
            let message = format!("--api {}: it must be on loopback", self.api);
            return Err(Failure::new(Exit::Usage, message));
        }
        Files::of(&self.data_dir).ensure_new().map_err(security)?;
        // A token must not be used up for a machine that cannot keep what it gets.
        self.write("")
    }

    /// Writes the configuration file beside its place; an empty one only to see that it can be.
    fn write(&self, text: &str) -> Result<(), Failure> {
        let path = &self.file.config;
        let new = path.with_extension("new");
        let attempt = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&new, text)?;
            match text {
                "" => std::fs::remove_file(&new),
                _ => std::fs::rename(&new, path),
            }
        };
        attempt().map_err(|error: std::io::Error| {
            Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()))
        })
    }

    /// Writes the configuration file.
    fn configure(
        &self,
        cluster: &str,
        node: &str,
        controllers: Vec<ControllerAddress>,
        timers: Timers,
    ) -> Result<(), Failure> {
        let path = &self.file.config;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()))
        };
        let data_dir = std::path::absolute(&self.data_dir).map_err(|error| failed(&error))?;
        let config = Config {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            data_dir,
            api: self.api,
            executor: true,
            first_cib: None,
            watchdog: None,
            listen: self.listen,
            controllers,
            agents: AgentSettings::default(),
            timers,
        };
        let text = toml::to_string(&config).map_err(|error| failed(&error))?;
        self.write(&text)
    }
}

fn security(error: SecurityError) -> Failure {
    Failure::new(error.exit(), error)
}

fn identity(error: IdentityError) -> Failure {
    Failure::new(Exit::CannotCreate, error)
}

/// Make a new cluster, with this machine as its first controller
///
/// Makes the cluster's certificate authority, this node's certificate and its configuration file.
/// Nothing is started.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster init --name web --address 10.0.0.1:4748")]
pub(super) struct Init {
    /// Name of the cluster
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    machine: Machine,
}

pub(super) fn init(arguments: &Init) -> Outcome {
    let Init { name, machine } = arguments;
    if !is_name(name) {
        let message = format!("--name {name}: 1 to 128 characters and no spaces");
        return Err(Failure::new(Exit::Usage, message));
    }
    let node = machine.node()?;
    machine.ensure_new()?;
    let now = Clock::start().unix_s();
    let authority = files::found(name, now).map_err(security)?;
    let me = ControllerAddress {
        id: 1,
        node: node.clone(),
        address: machine.address,
    };
    machine.configure(name, &node, vec![me], Timers::default())?;
    let files = Files::of(&machine.data_dir);
    files
        .admit_by(&authority, &node, Some(1), now)
        .map_err(security)?;
    let config = machine.file.config.display();
    output::print(&format!(
        "Cluster '{name}' begins here, on node '{node}'.\n\
         \n\
         Start it:            lockstep node --config {config}\n\
         Let a machine in:    lockstep cluster token --config {config}\n"
    ))
}

/// Print a join token: what lets one machine into the cluster, once and for a limited time
///
/// Who has it can become a controller, which may do anything: carry it as you would a password. The
/// machine that joins talks to this controller, which must run then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster token --minutes 10")]
pub(super) struct TokenArgs {
    /// Let the machine in as a worker: it runs resources, and has no say
    #[arg(long)]
    worker: bool,
    #[command(flatten)]
    life: Life,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, clap::Args)]
struct Life {
    /// How long it is good
    #[arg(long, value_name = "MINUTES", default_value_t = 30,
          value_parser = clap::value_parser!(u16).range(1..=10_080))]
    minutes: u16,
}

pub(super) fn token(arguments: &TokenArgs) -> Outcome {
    let admits = if arguments.worker {
        Admits::Worker
    } else {
        Admits::Controller
    };
    let config = arguments.file.read()?;
    give_out(&config, admits, None, &arguments.life)
}

fn give_out(config: &Config, admits: Admits, replaces: Option<u64>, life: &Life) -> Outcome {
    let files = Files::of_config(config);
    // A worker has no address to be reached at; what it lacks first is the authority's key.
    files.authority(&config.cluster).map_err(security)?;
    let Some(me) = config.controller() else {
        let message = format!("node '{}' has no controller: ask one", config.node);
        return Err(Failure::new(Exit::Config, message));
    };
    let now = Clock::start().unix_s();
    let life = 60 * i64::from(life.minutes);
    let (cluster, address) = (&config.cluster, me.address);
    let token = token::give_out(&files, cluster, address, admits, replaces, (now, life));
    output::print(&format!("{}\n", token.map_err(security)?))
}

/// Print a join token for a machine that takes the place of a controller whose data is lost
///
/// When the machine joins, the old controller is removed in the same step. The new one gets a number
/// of its own; its node may have the name of the old one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster replace n2")]
pub(super) struct Replace {
    /// The controller: the name of its node, or its number
    who: String,
    #[command(flatten)]
    life: Life,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn replace(arguments: &Replace) -> Outcome {
    let config = arguments.file.read()?;
    let target = Target { api: config.api };
    let answer: MembersAnswer = runtime(1)?.block_on(target.client().get("/v1/members"))?;
    let who = &arguments.who;
    let found = answer
        .members
        .iter()
        .find(|member| member.node == *who || member.id.to_string() == *who);
    let Some(old) = found else {
        let message = format!("'{who}' is no controller: `lockstep cluster members` lists them");
        return Err(Failure::new(Exit::Usage, message));
    };
    if old.id == answer.controller || old.connected == Some(true) {
        let message = format!(
            "controller {} ({}) is there and well: `lockstep cluster remove` removes it",
            old.id, old.node
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    give_out(&config, Admits::Controller, Some(old.id), &arguments.life)
}

/// Make this machine a node of an existing cluster, with a token that a controller printed
///
/// Gets a certificate and writes the configuration file. Nothing is started; a new controller is a
/// learner until it has caught up, and votes from then on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: lockstep cluster join lockstep1/10.0.0.1:4748/… --address 10.0.0.2:4748"
)]
pub(super) struct Join {
    /// The token; - to read it from standard input, where no other process of this host sees it
    token: String,
    #[command(flatten)]
    machine: Machine,
}

pub(super) fn join(arguments: &Join) -> Outcome {
    let Join { token, machine } = arguments;
    let token = read_token(token)?;
    let node = machine.node()?;
    machine.ensure_new()?;
    let files = Files::of(&machine.data_dir);
    let joined = runtime(1)?.block_on(join::join(&token, &node, machine.address, &files));
    let joined = joined.map_err(|error: JoinError| Failure::new(error.exit(), error))?;
    if let Some(id) = joined.id {
        claim_new(&machine.data_dir, &joined.cluster, &node, id).map_err(identity)?;
    }
    machine.configure(&joined.cluster, &node, joined.controllers, joined.timers)?;
    let (config, cluster) = (machine.file.config.display(), joined.cluster);
    let (what, command) = match joined.id {
        Some(id) => (format!("controller {id}"), "node"),
        None => ("a worker".to_owned(), "executor"),
    };
    output::print(&format!(
        "Node '{node}' belongs to cluster '{cluster}', as {what}.\n\
         \n\
         Start it:            lockstep {command} --config {config}\n\
         Look at it:          lockstep cluster members\n"
    ))
}

fn read_token(text: &str) -> Result<Token, Failure> {
    let mut line = String::new();
    let text = if text == "-" {
        let read = std::io::stdin().read_line(&mut line);
        read.map_err(|error| Failure::new(Exit::NoInput, error))?;
        &line
    } else {
        text
    };
    text.parse()
        .map_err(|error| Failure::new(Exit::Usage, error))
}

/// Renew this controller's certificate now; it is renewed by itself when a third of its life is left
///
/// The daemon shows the new one within a minute.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster renew")]
pub(super) struct Renew {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn renew(arguments: &Renew) -> Outcome {
    let config = arguments.file.read()?;
    let files = Files::of_config(&config);
    files.authority(&config.cluster).map_err(security)?;
    let Some(me) = config.controller() else {
        let message = format!("node '{}' has no controller", config.node);
        return Err(Failure::new(Exit::Config, message));
    };
    let now = Clock::start().unix_s();
    let renewed = renewal::renew(&files, &config.cluster, &config.node, me.id, now);
    let days = (renewed.map_err(security)? - now) / (24 * 3_600);
    output::print(&format!("the certificate is good for {days} days\n"))
}

/// Whether the machine whose data folder this is belongs to a cluster.
pub(super) fn is_node(data_dir: &Path) -> bool {
    Files::of(data_dir).ensure_new().is_err()
}
