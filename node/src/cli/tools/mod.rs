//! What do agents find by the names of Pacemaker's tools?
//!
//! Links to this program: the name by which it is called says which tool it is. Options, output and
//! exit codes are those that agents written for Pacemaker use and read; what only people would use
//! is not here, because people have `lockstep` itself. Tools ask where `LOCKSTEP_SOCKET` says, which
//! the executor sets for its agents, or a controller of this host.
//!
//! | file | tools |
//! |---|---|
//! | `attribute.rs` | `crm_attribute` |
//! | `score.rs` | `crm_master`, `crm_standby`, `crm_failcount` |
//! | `updater.rs` | `attrd_updater` |
//! | `node.rs` | `crm_node` |
//! | `resource.rs` | `crm_resource` |
//! | `cib.rs` | `cibadmin`, `crm_mon` |
//! | `pairs.rs`, `xpath.rs` | name-value pairs of the configuration, and paths into a CIB |

mod attribute;
mod cib;
mod node;
mod pairs;
mod resource;
mod score;
#[cfg(test)]
mod tests;
mod updater;
mod xpath;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use lockstep_engine::parse::Document;

use super::live::Live;
use super::{Failure, Outcome};
use crate::cluster::status;
use crate::exit::Exit;
use crate::http::client::Client;
use crate::http::types::{AppliedAnswer, AttributeRequest, LifetimeText};

/// How a tool is run with its arguments, its name first.
type Tool = fn(Vec<OsString>) -> Outcome;

/// All tools. The executor makes a link for each ([`crate::agent::TOOLS`]).
const TABLE: [(&str, Tool); 9] = [
    ("attrd_updater", |a| updater::run(parse(a)?)),
    ("cibadmin", |a| cib::query(parse(a)?)),
    ("crm_attribute", |a| attribute::run(parse(a)?)),
    ("crm_failcount", |a| score::fail_count(parse(a)?)),
    ("crm_master", |a| score::promotion(parse(a)?)),
    ("crm_mon", |a| cib::monitor(parse(a)?)),
    ("crm_node", |a| node::run(parse(a)?)),
    ("crm_resource", |a| resource::run(parse(a)?)),
    ("crm_standby", |a| score::standby(parse(a)?)),
];

/// Runs the tool whose name the program was called by, if it is one.
pub(super) fn run_as(arguments: &[OsString]) -> Option<ExitCode> {
    let name = Path::new(arguments.first()?).file_name()?;
    let (name, tool) = TABLE.iter().find(|(tool, _)| name == OsStr::new(tool))?;
    Some(match tool(arguments.to_vec()) {
        Ok(()) => Exit::Ok.into(),
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                eprintln!("{name}: {message}");
            }
            exit.into()
        }
    })
}

/// Reads arguments; asked-for help is printed and no error.
fn parse<P: Parser>(arguments: Vec<OsString>) -> Result<P, Failure> {
    P::try_parse_from(arguments).map_err(|error| {
        let exit = match error.use_stderr() {
            true => Exit::Usage,
            false => Exit::Ok,
        };
        let _ = error.print();
        Failure::new(exit, "")
    })
}

/// Where a tool asks, and what it is told about where it runs.
#[derive(Clone, Debug, clap::Args)]
struct Place {
    #[arg(long, env = "LOCKSTEP_SOCKET", hide = true)]
    socket: Option<PathBuf>,
    #[arg(
        long,
        env = "LOCKSTEP_API",
        default_value = "127.0.0.1:4747",
        hide = true
    )]
    api: SocketAddr,
    #[arg(long, env = "OCF_RESKEY_CRM_meta_on_node", hide = true)]
    on_node: Option<String>,
    #[arg(long, env = "OCF_RESKEY_CRM_meta_physical_host", hide = true)]
    physical_host: Option<String>,
    #[arg(
        long,
        env = "OCF_RESKEY_CRM_meta_container_attribute_target",
        hide = true
    )]
    attribute_target: Option<String>,
    #[arg(long, env = "OCF_RESOURCE_INSTANCE", hide = true)]
    instance: Option<String>,
    /// More detail (ignored)
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

impl Place {
    fn live(&self) -> Result<Live, Failure> {
        Live::of(match &self.socket {
            Some(socket) => Client::new(socket.clone()),
            None => Client::new(self.api),
        })
    }

    /// The node that attributes are about if none is named: for a container, where it says so, that
    /// of its host.
    fn attribute_node(&self, live: &Live, named: Option<&str>) -> Result<String, Failure> {
        match named {
            Some(name) if name != "auto" && name != "localhost" => return Ok(name.to_owned()),
            _ => {}
        }
        let of_host = self.attribute_target.as_deref() == Some("host");
        match &self.physical_host {
            Some(host) if of_host => Ok(host.clone()),
            _ => self.own_node(live),
        }
    }

    /// The node that this runs on, as the cluster calls it.
    fn own_node(&self, live: &Live) -> Result<String, Failure> {
        match &self.on_node {
            Some(node) => Ok(node.clone()),
            // Somebody calls the tool by hand: at a controller, which knows.
            None => Ok(live.status()?.controller.node),
        }
    }
}

/// "There is nothing by that name", in the words of Pacemaker's tools.
fn no_such() -> Failure {
    let message = "Error performing operation: No such device or address";
    Failure::new(Exit::NoSuch, message)
}

/// Sets or removes an attribute of a node.
fn set_attribute(
    live: &Live,
    node: &str,
    name: &str,
    value: Option<&str>,
    lifetime: LifetimeText,
) -> Outcome {
    let request = AttributeRequest {
        node: node.to_owned(),
        name: name.to_owned(),
        value: value.map(str::to_owned),
        lifetime,
    };
    let _: AppliedAnswer = live.apply("/v1/attribute", &request)?;
    Ok(())
}

/// The value of an attribute that ends with a node's present life.
fn transient(cib: &Document, node: &str, name: &str) -> Option<String> {
    status::transient(cib, node, name).map(str::to_owned)
}

/// What `name++`, `name+=5` (or `value` for the name) make of a value; other texts are values.
fn expand(present: Option<&str>, name: &str, text: &str) -> String {
    let rest = text.strip_prefix(name).or(text.strip_prefix("value"));
    let step = match rest {
        Some("++") => Some(1),
        Some(rest) => rest.strip_prefix("+=").and_then(score),
        None => None,
    };
    let Some(step) = step else {
        return text.to_owned();
    };
    let sum = present.and_then(score).unwrap_or(0).saturating_add(step);
    match sum {
        INFINITY.. => "INFINITY".to_owned(),
        ..=MINUS_INFINITY => "-INFINITY".to_owned(),
        sum => sum.to_string(),
    }
}

/// Scores end here.
const INFINITY: i64 = 1_000_000;
const MINUS_INFINITY: i64 = -INFINITY;

fn score(text: &str) -> Option<i64> {
    match text {
        "INFINITY" | "+INFINITY" => Some(INFINITY),
        "-INFINITY" => Some(-INFINITY),
        number => number.parse().ok(),
    }
}
