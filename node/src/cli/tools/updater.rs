//! `attrd_updater`: attributes of a node's present life.

use clap::Parser;
use regex::Regex;

use super::super::{Failure, Outcome, output};
use super::{Place, expand, set_attribute, transient};
use crate::cluster::status;
use crate::exit::Exit;
use crate::http::types::LifetimeText;

/// Query and update node attributes
///
/// A value is replicated at once: there is nothing to refresh, and a delay makes no difference.
#[derive(Debug, Parser)]
#[command(name = "attrd_updater", version, disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Attribute
    #[arg(short, long)]
    name: Option<String>,
    /// All attributes that match a regular expression
    #[arg(short = 'P', long, conflicts_with = "name")]
    pattern: Option<String>,
    /// Set it
    #[arg(short = 'U', short_alias = 'v', long, allow_hyphen_values = true)]
    update: Option<String>,
    /// Set it, and the delay
    #[arg(short = 'B', long, allow_hyphen_values = true)]
    update_both: Option<String>,
    /// Set the delay (ignored)
    #[arg(short = 'Y', long)]
    update_delay: bool,
    /// Print its value (the default)
    #[arg(short = 'Q', long)]
    query: bool,
    /// Delete it
    #[arg(short = 'D', long)]
    delete: bool,
    /// Write all values again (ignored)
    #[arg(short = 'R', long)]
    refresh: bool,
    /// How long to wait for further changes (ignored)
    #[arg(short = 'd', long, allow_hyphen_values = true)]
    delay: Option<String>,
    /// Set of the attribute (ignored)
    #[arg(short, long)]
    set: Option<String>,
    /// Of which node
    #[arg(short = 'N', long)]
    node: Option<String>,
    /// Print the values on all nodes
    #[arg(short = 'A', long)]
    all: bool,
    /// Ignored, as by Pacemaker
    #[arg(short, long, short_alias = 'S', alias = "section")]
    lifetime: Option<String>,
    /// Keep it out of the status (ignored: it is in the status)
    #[arg(short, long)]
    private: bool,
    /// What to wait for (always: until a query gives the new value)
    #[arg(short = 'W', long)]
    wait: Option<String>,
    /// Of a node's capacity (ignored)
    #[arg(short = 'z', long)]
    utilization: bool,
    /// Ignored
    #[arg(short, long, hide = true)]
    quiet: bool,
}

pub(super) fn run(arguments: Args) -> Outcome {
    if arguments.refresh || arguments.update_delay {
        return Ok(());
    }
    let value = arguments
        .update
        .as_deref()
        .or(arguments.update_both.as_deref());
    let live = arguments.place.live()?;
    let node = arguments
        .place
        .attribute_node(&live, arguments.node.as_deref())?;
    let cib = live.cib()?;
    let names = match (&arguments.name, &arguments.pattern) {
        (Some(name), _) => vec![name.clone()],
        (None, Some(pattern)) => {
            let pattern = Regex::new(pattern).map_err(|error| {
                Failure::new(Exit::Usage, format!("--pattern {pattern}: {error}"))
            })?;
            let mut names = status::transient_names(&cib, &node);
            names.retain(|name| pattern.is_match(name));
            names
        }
        (None, None) => {
            let message = "Command requires --name or --pattern argument";
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    if value.is_none() && !arguments.delete {
        let nodes = match arguments.all {
            true => status::node_names(&cib),
            false => vec![node],
        };
        let mut text = String::new();
        for name in &names {
            for node in &nodes {
                if let Some(value) = transient(&cib, node, name) {
                    text += &format!("name=\"{name}\" host=\"{node}\" value=\"{value}\"\n");
                }
            }
        }
        if text.is_empty() {
            let name = names.join(" ");
            let message = format!("Could not query value of {name}: attribute does not exist");
            return Err(Failure::new(Exit::NoSuch, message));
        }
        return output::print(&text);
    }
    names.iter().try_for_each(|name| {
        let before = transient(&cib, &node, name);
        let value = value.map(|value| expand(before.as_deref(), name, value));
        set_attribute(&live, &node, name, value.as_deref(), LifetimeText::Reboot)
    })
}
