//! `lockstep node attribute`: what is said about nodes, for rules and agents to read.

use serde::Serialize;

use super::super::live::Live;
use super::super::{Failure, Outcome, Target, output};
use super::Lifetime;
use crate::cluster::status;
use crate::exit::Exit;
use crate::http::types::AttributeRequest;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    lockstep node attribute list n1\n  \
    lockstep node attribute set n1 rack 7\n  \
    lockstep node attribute set n1 probed yes --lifetime reboot\n  \
    lockstep node attribute delete n1 rack")]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the attributes of a node, or of all
    #[command(after_help = "Example: lockstep node attribute list n2")]
    List {
        node: Option<String>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Print the value of an attribute
    #[command(after_help = "Example: lockstep node attribute get n2 rack")]
    Get {
        node: String,
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Set an attribute
    #[command(after_help = "Example: lockstep node attribute set n2 rack 7")]
    Set {
        node: String,
        name: String,
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// `forever`, or until the node leaves (`reboot`)
        #[arg(long, value_enum, default_value = "forever")]
        lifetime: Lifetime,
        #[command(flatten)]
        target: Target,
    },
    /// Remove an attribute
    #[command(after_help = "Example: lockstep node attribute delete n2 rack")]
    Delete {
        node: String,
        name: String,
        /// Where it is: `forever`, or until the node leaves (`reboot`)
        #[arg(long, value_enum, default_value = "forever")]
        lifetime: Lifetime,
        #[command(flatten)]
        target: Target,
    },
}

/// An attribute, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    node: String,
    name: String,
    value: String,
    lifetime: &'static str,
}

pub(in crate::cli) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::List { node, json, target } => {
            let rows = rows(&target, node.as_deref())?;
            if json {
                return output::json(&rows);
            }
            let lines = rows
                .into_iter()
                .map(|row| vec![row.node, row.name, row.value, row.lifetime.to_owned()]);
            output::print(&output::table(&lines.collect::<Vec<_>>()))
        }
        Command::Get { node, name, target } => {
            let found = rows(&target, Some(&node))?;
            match found.into_iter().find(|row| row.name == name) {
                Some(row) => output::print(&format!("{}\n", row.value)),
                None => Err(Failure::new(
                    Exit::NoSuch,
                    format!("node {node} has no attribute '{name}'"),
                )),
            }
        }
        Command::Set {
            node,
            name,
            value,
            lifetime,
            target,
        } => set(&target, node, name, Some(value), lifetime),
        Command::Delete {
            node,
            name,
            lifetime,
            target,
        } => set(&target, node, name, None, lifetime),
    }
}

fn set(
    target: &Target,
    node: String,
    name: String,
    value: Option<String>,
    lifetime: Lifetime,
) -> Outcome {
    let request = AttributeRequest {
        node,
        name,
        value,
        lifetime: lifetime.into(),
    };
    Live::new(target)?
        .apply("/v1/attribute", &request)
        .map(drop)
}

/// Attributes that are set now before those for good: they win.
fn rows(target: &Target, node: Option<&str>) -> Result<Vec<Row>, Failure> {
    let cib = Live::new(target)?.cib()?;
    let mut rows = Vec::new();
    let nodes = status::node_names(&cib);
    if let Some(node) = node
        && !nodes.iter().any(|name| name == node)
    {
        return Err(Failure::new(
            Exit::NoSuch,
            format!("there is no node '{node}'"),
        ));
    }
    for name in nodes
        .iter()
        .filter(|name| node.is_none_or(|node| node == *name))
    {
        let kinds = [
            ("reboot", status::transient_pairs(&cib, name)),
            ("forever", status::permanent_pairs(&cib, name)),
        ];
        for (lifetime, pairs) in kinds {
            rows.extend(pairs.into_iter().map(|(attribute, value)| Row {
                node: name.clone(),
                name: attribute.to_owned(),
                value: value.to_owned(),
                lifetime,
            }));
        }
    }
    Ok(rows)
}
