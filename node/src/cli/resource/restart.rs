//! `resource restart`: stop and start again, with all that depends on it.
//!
//! As `crm_resource --restart`: the resource is disabled until everything has stopped that must,
//! and then what was written before is put back. Instances of a collective on one node are banned
//! from that node instead. However this ends, what was written before is put back.

use lockstep_engine::parse::{Document, ElementId};

use super::super::live::{Changed, Live, Patience};
use super::super::{Failure, Outcome, Target, output};
use super::{check_node, find, whereabouts};
use crate::edit::{self, meta, place};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    resource: String,
    /// Only the instance on this node
    node: Option<String>,
    /// Tell nothing meanwhile
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    target: Target,
}

/// What was changed to stop the resource.
enum Stop {
    /// Its `target-role`, which was this.
    Role(Option<String>),
    /// This was banned from a node.
    Ban { resource: String, node: String },
}

pub(super) fn run(arguments: &Args) -> Outcome {
    let id = arguments.resource.as_str();
    let live = Live::new(&arguments.target)?;
    let stopping = live.change(|cib| stop(cib, id, arguments.node.as_deref()))?;
    let (stop, before) = &stopping.result;
    let settle = |changed: Option<u64>| {
        live.settle(changed.unwrap_or(0), &arguments.patience, arguments.quiet)
    };
    let stopped = settle(stopping.index);
    let starting: Changed<()> = live.change(|cib| put_back(cib, id, stop))?;
    stopped.map_err(|Failure { exit, message }| {
        Failure::new(
            exit,
            format!("{id} did not stop, and is let run on: {message}"),
        )
    })?;
    settle(starting.index)?;
    let cib = live.cib()?;
    let after = whereabouts(&cib, find(&cib, id)?).active;
    if after.len() < *before {
        let message = format!(
            "{id} was active on {before} nodes, and is on {}",
            after.len()
        );
        return Err(Failure::new(Exit::Error, message));
    }
    let nodes: Vec<_> = after.into_iter().collect();
    output::print(&format!(
        "{id} was restarted: it runs on {}\n",
        nodes.join(", ")
    ))
}

/// Has a resource stopped; returns how, and on how many nodes it was active.
fn stop(cib: &mut Document, id: &str, node: Option<&str>) -> Result<(Stop, usize), Failure> {
    let resource = find(cib, id)?;
    let active = whereabouts(cib, resource).active;
    let runs = node.map_or(!active.is_empty(), |node| active.contains(node));
    if let Some(node) = node {
        check_node(cib, node)?;
    }
    if !runs {
        let place = node.map_or("anywhere".to_owned(), |node| format!("on {node}"));
        let message = format!("{id} is not running {place} and so cannot be restarted");
        return Err(Failure::new(Exit::NoSuch, message));
    }
    if !is_managed(cib, resource) {
        let message = format!("{id} is not managed and so cannot be restarted");
        return Err(Failure::new(Exit::TryLater, message));
    }
    let outermost = with_instances(cib, resource);
    let stop = match node.zip(outermost) {
        Some((node, resource)) => {
            let wish = place::Wish {
                resource: &resource,
                node,
                promoted: false,
                until: None,
            };
            place::ban(cib, &wish);
            let node = node.to_owned();
            Stop::Ban { resource, node }
        }
        None => {
            let before = meta::get(cib, resource, "target-role").map(str::to_owned);
            meta::set(cib, resource, "target-role", "Stopped");
            Stop::Role(before)
        }
    };
    Ok((stop, active.len()))
}

fn put_back(cib: &mut Document, id: &str, stop: &Stop) -> Result<(), Failure> {
    let resource = find(cib, id)?;
    match stop {
        Stop::Role(Some(before)) => meta::set(cib, resource, "target-role", before),
        Stop::Role(None) => drop(meta::remove(cib, resource, "target-role")),
        Stop::Ban { resource, node } => drop(place::clear(cib, resource, Some(node))),
    }
    Ok(())
}

fn is_managed(cib: &Document, resource: ElementId) -> bool {
    let mut above = std::iter::successors(Some(resource), |e| edit::parent(cib, *e));
    !above.any(|e| meta::get(cib, e, "is-managed").is_some_and(|text| !edit::is_true(text)))
}

/// The resource, or what it is part of, that may have instances on several nodes.
fn with_instances(cib: &Document, resource: ElementId) -> Option<String> {
    let mut above = std::iter::successors(Some(resource), |e| edit::parent(cib, *e));
    let found = above.find(|e| matches!(cib.name(*e), "clone" | "master" | "bundle"))?;
    cib.id(found).map(str::to_owned)
}
