//! `resource cleanup`, `refresh` and `wait`.

use super::super::live::{Live, Patience};
use super::super::status::whereabouts;
use super::super::{Failure, Outcome, Target, output};
use super::{Then, find};
use crate::edit;
use crate::exit::Exit;
use crate::http::types::CleanupRequest;

#[derive(Debug, clap::Args)]
pub(super) struct CleanupArgs {
    /// Which; all if not given
    resource: Option<String>,
    /// On which node only
    #[arg(long)]
    node: Option<String>,
    /// Only if this operation failed (`start`, `monitor`, …)
    #[arg(long, value_name = "TASK")]
    operation: Option<String>,
    /// How often that operation is repeated, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "operation")]
    interval: u64,
    #[command(flatten)]
    then: Then,
}

#[derive(Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// And say where this resource is then (exit code 1 if it should run and does not)
    resource: Option<String>,
    /// Tell nothing meanwhile
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    target: Target,
}

/// Forgets failures, or (`everything`) all that is known.
pub(super) fn cleanup(arguments: CleanupArgs, everything: bool) -> Outcome {
    let then = arguments.then;
    let live = Live::new(&then.target)?;
    let request = CleanupRequest {
        resource: arguments.resource,
        node: arguments.node,
        task: arguments.operation,
        interval_ms: arguments.interval,
        everything,
    };
    let answer = live.apply("/v1/cleanup", &request)?;
    if !then.json {
        let cleaned = answer.events.iter().filter(|event| event.kind == "cleaned");
        let lines: String = cleaned.map(|event| format!("{}\n", event.text)).collect();
        let nothing = "there was nothing to clean up\n".to_owned();
        output::print(if lines.is_empty() { &nothing } else { &lines })?;
    }
    if then.waiting.wait {
        live.settle(answer.index, &then.waiting.patience, then.json)?;
    }
    match then.json {
        true => output::json(&answer),
        false => Ok(()),
    }
}

pub(super) fn wait(arguments: &WaitArgs) -> Outcome {
    let live = Live::new(&arguments.target)?;
    let wanted = match &arguments.resource {
        Some(id) => {
            let cib = live.cib()?;
            let resource = find(&cib, id)?;
            let inside = edit::primitives(&cib, resource).into_iter();
            inside.map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    let status = live.settle(0, &arguments.patience, arguments.quiet)?;
    let mut stopped = Vec::new();
    for resource in &status.resources {
        if !wanted.contains(&resource.id) {
            continue;
        }
        output::print(&format!("{}: {}\n", resource.id, whereabouts(resource)))?;
        if !resource.active.iter().any(|on| on.role != "stopped") {
            stopped.push(resource.id.as_str());
        }
    }
    match stopped.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Error,
            format!("{} does not run", stopped.join(", ")),
        )),
    }
}
