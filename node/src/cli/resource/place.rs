//! `resource move`, `ban` and `clear`.

use std::collections::BTreeSet;

use lockstep_engine::parse::Document;

use super::super::live::{Live, until};
use super::super::{Failure, Outcome, config, output};
use super::{Then, check_node, find, finish, whereabouts};
use crate::edit::{self, place};
use crate::exit::Exit;

/// What move and ban share.
#[derive(Debug, clap::Args)]
struct Limits {
    /// Only about being promoted there
    #[arg(long)]
    promoted: bool,
    /// For so long: an ISO 8601 duration, as PT30M or P1D
    #[arg(long, value_name = "DURATION")]
    lifetime: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct MoveArgs {
    resource: String,
    /// Where to; if not given, away from where it runs now
    node: Option<String>,
    #[command(flatten)]
    limits: Limits,
    /// Also ban it from where it runs now, and prefer a node where it runs already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    then: Then,
}

#[derive(Debug, clap::Args)]
pub(super) struct BanArgs {
    resource: String,
    /// From which node; if not given, the one where it runs now
    node: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    then: Then,
}

#[derive(Debug, clap::Args)]
pub(super) struct ClearArgs {
    /// Of which resource
    #[arg(required_unless_present = "expired")]
    resource: Option<String>,
    /// About which node only
    node: Option<String>,
    /// Only what has outlived its lifetime; of all resources if none is given
    #[arg(long)]
    expired: bool,
    #[command(flatten)]
    then: Then,
}

/// The constraint that was made, if one was, and the node that it is about.
type Made = (Option<String>, String);

pub(super) fn move_to(arguments: &MoveArgs) -> Outcome {
    let MoveArgs {
        resource,
        node,
        limits,
        force,
        then,
    } = arguments;
    let Some(node) = node else {
        return constrain(resource, None, limits, then, |cib, wish| {
            Some(place::ban(cib, wish))
        });
    };
    constrain(resource, Some(node), limits, then, |cib, wish| {
        let found = edit::resource(cib, resource).map(|e| whereabouts(cib, e));
        let now = found.unwrap_or_default();
        let only = match wish.promoted || !now.promoted.is_empty() {
            true => &now.promoted,
            false => &now.active,
        };
        // Where it is now, if that is one place.
        let current = only.iter().next().filter(|_| only.len() == 1);
        if current == Some(node) && !force {
            return None;
        }
        let made = place::move_to(cib, wish);
        if let Some(current) = current.filter(|current| *force && *current != node) {
            let away = place::Wish {
                node: current,
                ..*wish
            };
            place::ban(cib, &away);
        }
        Some(made)
    })
}

pub(super) fn ban(arguments: &BanArgs) -> Outcome {
    let BanArgs {
        resource,
        node,
        limits,
        then,
    } = arguments;
    constrain(resource, node.as_deref(), limits, then, |cib, wish| {
        Some(place::ban(cib, wish))
    })
}

/// Makes a constraint about a node, or about the one where the resource runs now.
fn constrain(
    resource: &str,
    node: Option<&str>,
    limits: &Limits,
    then: &Then,
    mut make: impl FnMut(&mut Document, &place::Wish<'_>) -> Option<String>,
) -> Outcome {
    let until = until(limits.lifetime.as_deref())?;
    let live = Live::new(&then.target)?;
    let changed = live.change(|cib| -> Result<Made, Failure> {
        let element = find(cib, resource)?;
        let promoted = limits.promoted;
        if promoted && !edit::is_promotable(cib, element) {
            let message = format!("{resource} cannot be promoted: leave out --promoted");
            return Err(Failure::new(Exit::Usage, message));
        }
        let node = match node {
            Some(node) => node.to_owned(),
            None => only_node(cib, resource)?,
        };
        check_node(cib, &node)?;
        let wish = place::Wish {
            resource,
            node: &node,
            promoted,
            until,
        };
        Ok((make(cib, &wish), node))
    })?;
    let (id, node) = &changed.result;
    let told = match id {
        None => format!("{resource} runs on {node}"),
        Some(id) => {
            let what = match id.starts_with("cli-ban-") {
                true => format!("{resource} is kept away from {node}"),
                false => format!("{resource} prefers {node}"),
            };
            let how_long = match until {
                Some(until) => until.to_string(),
                None => format!("`lockstep resource clear {resource}`"),
            };
            format!("{what} until {how_long} (constraint {id})")
        }
    };
    let changed = super::Changed {
        result: (),
        index: changed.index,
        notes: changed.notes,
    };
    finish(&live, then, &told, &changed)
}

/// The one node on which a resource runs, or else the one where it is promoted.
fn only_node(cib: &Document, resource: &str) -> Result<String, Failure> {
    let found = whereabouts(cib, find(cib, resource)?);
    let one = |nodes: &BTreeSet<String>| match nodes.len() {
        1 => nodes.first().cloned(),
        _ => None,
    };
    one(&found.active)
        .or_else(|| one(&found.promoted))
        .ok_or_else(|| {
            let message = format!(
                "{resource} is active on {} nodes (promoted on {}): say which node is meant",
                found.active.len(),
                found.promoted.len()
            );
            Failure::new(Exit::Usage, message)
        })
}

pub(super) fn clear(arguments: &ClearArgs) -> Outcome {
    let ClearArgs {
        resource,
        node,
        expired,
        then,
    } = arguments;
    let live = Live::new(&then.target)?;
    let changed = live.change(|cib| {
        if let Some(resource) = resource {
            find(cib, resource)?;
        }
        let (resource, node) = (resource.as_deref(), node.as_deref());
        Ok(match (expired, resource) {
            (false, Some(resource)) => place::clear(cib, resource, node),
            _ => place::clear_expired(cib, resource, node, Live::now()),
        })
    })?;
    config::tell("the configuration", &changed.notes);
    if !then.json {
        for id in &changed.result {
            output::print(&format!("removed {id}\n"))?;
        }
        if changed.result.is_empty() {
            output::print("there was nothing to clear\n")?;
        }
    }
    if then.waiting.wait {
        let index = changed.index.unwrap_or(0);
        live.settle(index, &then.waiting.patience, then.json)?;
    }
    match then.json {
        true => output::json(&serde_json::json!({ "removed": changed.result })),
        false => Ok(()),
    }
}
