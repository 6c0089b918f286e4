//! `lockstep node shutdown`: everything is moved off a node, then Lockstep ends there.

use super::Then;
use crate::cli::live::Live;
use crate::cli::{Failure, Outcome, output};
use crate::cluster::status::SHUTDOWN;
use crate::exit::Exit;
use crate::http::types::{AttributeRequest, LifetimeText, Status};

pub(super) fn run(node: String, then: &Then) -> Outcome {
    let live = Live::new(&then.target)?;
    let before = live.status()?;
    let Some(known) = before.nodes.iter().find(|known| known.name == node) else {
        return Err(Failure::new(
            Exit::NoSuch,
            format!("there is no node '{node}'"),
        ));
    };
    if !known.online {
        return output::print(&format!("node {node} is not online already\n"));
    }
    let request = AttributeRequest {
        node: node.clone(),
        name: SHUTDOWN.to_owned(),
        value: Some(Live::now().seconds.to_string()),
        lifetime: LifetimeText::Reboot,
    };
    let index = live.apply("/v1/attribute", &request)?.index;
    output::print(&format!(
        "node {node} shuts down: everything moves off it, then Lockstep ends there\n"
    ))?;
    if !then.waiting.wait {
        return Ok(());
    }
    // What is asked may be on that node, and go with it.
    let mut left = running_on(&before, &node);
    let ended = live.until(index, &then.waiting.patience, false, |status| {
        left = running_on(status, &node);
        !is_online(status, &node)
    });
    match ended {
        Ok(_) => {}
        Err(_) if before.controller.node == node && is_gone(&live) && left == 0 => {}
        Err(failure) => return Err(failure),
    }
    output::print(&format!("node {node} is shut down\n"))
}

fn is_online(status: &Status, node: &str) -> bool {
    status
        .nodes
        .iter()
        .any(|known| known.name == node && known.online)
}

fn running_on(status: &Status, node: &str) -> usize {
    let runs = status
        .resources
        .iter()
        .filter(|resource| super::runs_on(resource, node));
    runs.count()
}

fn is_gone(live: &Live) -> bool {
    live.status()
        .is_err_and(|failure| failure.exit == Exit::Unavailable)
}
