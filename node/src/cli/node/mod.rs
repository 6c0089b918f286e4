//! `lockstep node`: the cluster's nodes, and, without a subcommand, this node's controller.

mod attribute;
pub(super) mod run;
mod shutdown;

use std::sync::Arc;

use lockstep_engine::parse::Document;
use serde::Serialize;

pub(super) use run::{exit_with_stdin, signals};

use super::live::{Live, Waiting};
use super::{Failure, Outcome, Target, output};
use crate::cluster::policy::Policy;
use crate::cluster::status;
use crate::edit;
use crate::exit::Exit;
use crate::http::types::{
    AppliedAnswer, AttributeRequest, ConfirmFencedRequest, LifetimeText, ResourceStatus,
};

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        lockstep node --config lockstep.toml        run this node's controller\n  \
        lockstep node list                          all nodes and what they are doing\n  \
        lockstep node standby n2 --wait             move everything off n2\n  \
        lockstep node online n2                     let n2 run resources again\n  \
        lockstep node maintenance n2                leave everything on n2 alone\n  \
        lockstep node fence n2 --wait               have n2 fenced and recovered\n  \
        lockstep node shutdown n2 --wait            move everything off n2 and end Lockstep there\n  \
        lockstep node attribute set n2 rack 7       give n2 an attribute for rules"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all nodes and their states
    #[command(after_help = "Example: lockstep node list --json")]
    List {
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Move everything off a node and keep it off
    #[command(after_help = "Example: lockstep node standby n2 --wait")]
    Standby {
        node: String,
        /// `forever`, or until the node leaves (`reboot`)
        #[arg(long, value_enum, default_value = "forever")]
        lifetime: Lifetime,
        #[command(flatten)]
        then: Then,
    },
    /// End standby
    #[command(after_help = "Example: lockstep node online n2")]
    Online {
        node: String,
        #[command(flatten)]
        then: Then,
    },
    /// Leave everything on a node as it is, whatever happens to it
    #[command(after_help = "Example: lockstep node maintenance n2")]
    Maintenance {
        node: String,
        #[command(flatten)]
        then: Then,
    },
    /// End maintenance
    #[command(after_help = "Example: lockstep node ready n2")]
    Ready {
        node: String,
        #[command(flatten)]
        then: Then,
    },
    /// Have a node leave in order: everything is moved off it, then Lockstep ends there
    ///
    /// It takes part again when its controller, or its executor, is started again.
    #[command(after_help = "Example: lockstep node shutdown n2 --wait")]
    Shutdown {
        node: String,
        #[command(flatten)]
        then: Then,
    },
    /// Have a node fenced, and what ran there recovered
    #[command(after_help = "Example: lockstep node fence n2 --wait")]
    Fence {
        node: String,
        #[command(flatten)]
        then: Then,
    },
    /// Tell the cluster that you made sure that a lost node is down
    ///
    /// The cluster then recovers what ran there without fencing it. If the node is not down, its
    /// services run twice, and their data may be destroyed.
    #[command(after_help = "Example: lockstep node confirm-down n2 --force")]
    ConfirmDown {
        node: String,
        /// Say that you know what this means
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        then: Then,
    },
    /// Show or change attributes of nodes
    Attribute(attribute::Args),
}

/// How long an attribute lives.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Lifetime {
    Forever,
    Reboot,
}

impl From<Lifetime> for LifetimeText {
    fn from(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Forever => Self::Forever,
            Lifetime::Reboot => Self::Reboot,
        }
    }
}

/// What follows a change.
#[derive(Debug, clap::Args)]
struct Then {
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(arguments: Args, policy: Arc<dyn Policy>) -> Outcome {
    let Some(command) = arguments.command else {
        return run::run(arguments.run, policy);
    };
    match command {
        Command::List { json, target } => list(&target, json),
        Command::Standby {
            node,
            lifetime,
            then,
        } => {
            let value = Some("on".to_owned());
            let changes = [("standby", value, lifetime.into())];
            change(
                &node,
                &changes,
                &then,
                "is standby: everything moves off it",
            )
        }
        Command::Online { node, then } => {
            let changes = [
                ("standby", None, LifetimeText::Forever),
                ("standby", None, LifetimeText::Reboot),
            ];
            change(&node, &changes, &then, "may run resources")
        }
        Command::Maintenance { node, then } => {
            let value = Some("true".to_owned());
            let changes = [("maintenance", value, LifetimeText::Forever)];
            change(&node, &changes, &then, "is in maintenance: left as it is")
        }
        Command::Ready { node, then } => {
            let changes = [("maintenance", None, LifetimeText::Forever)];
            change(&node, &changes, &then, "is managed")
        }
        Command::Fence { node, then } => {
            // The engine fences what has this attribute, with the orderings that belong to that.
            let value = Some("true".to_owned());
            let changes = [("terminate", value, LifetimeText::Reboot)];
            change(&node, &changes, &then, "will be fenced")
        }
        Command::Shutdown { node, then } => shutdown::run(node, &then),
        Command::ConfirmDown { node, force, then } => confirm_down(node, force, &then),
        Command::Attribute(arguments) => attribute::run(arguments),
    }
}

/// Sets or removes attributes of a node, and says what that means.
fn change(
    node: &str,
    changes: &[(&str, Option<String>, LifetimeText)],
    then: &Then,
    means: &str,
) -> Outcome {
    let live = Live::new(&then.target)?;
    let mut index = None;
    for (name, value, lifetime) in changes {
        let request = AttributeRequest {
            node: node.to_owned(),
            name: (*name).to_owned(),
            value: value.clone(),
            lifetime: *lifetime,
        };
        let answer: AppliedAnswer = live.apply("/v1/attribute", &request)?;
        if !answer.events.is_empty() {
            index = Some(answer.index);
        }
    }
    let already = if index.is_none() { " already" } else { "" };
    output::print(&format!("node {node} {means}{already}\n"))?;
    wait(&live, index, then)
}

fn wait(live: &Live, index: Option<u64>, then: &Then) -> Outcome {
    if then.waiting.wait {
        live.settle(index.unwrap_or(0), &then.waiting.patience, false)?;
    }
    Ok(())
}

fn confirm_down(node: String, force: bool, then: &Then) -> Outcome {
    if !force {
        let message = format!(
            "if {node} is not down, its services will run twice, and their data may be destroyed\n\
             Make sure that it is (switch it off), and say so with --force."
        );
        return Err(Failure::new(Exit::NotSafe, message));
    }
    let live = Live::new(&then.target)?;
    let request = ConfirmFencedRequest { node: node.clone() };
    let answer = live.apply("/v1/confirm-fenced", &request)?;
    output::print(&format!("node {node} is taken to be down\n"))?;
    wait(&live, Some(answer.index), then)
}

/// A node, as `node list --json` prints it.
#[derive(Debug, Serialize)]
struct NodeRow {
    name: String,
    id: String,
    online: bool,
    connected: bool,
    standby: bool,
    maintenance: bool,
    resources: usize,
}

fn list(target: &Target, json: bool) -> Outcome {
    let live = Live::new(target)?;
    let told = live.status()?;
    let cib = live.cib()?;
    let here = |name: &str| told.nodes.iter().find(|node| node.name == name);
    let rows = status::node_names(&cib).into_iter().map(|name| NodeRow {
        id: status::node_id(&cib, &name).unwrap_or_default(),
        online: here(&name).is_some_and(|node| node.online),
        connected: here(&name).is_some_and(|node| node.connected),
        standby: is_set(&cib, &name, "standby"),
        maintenance: is_set(&cib, &name, "maintenance"),
        resources: told.resources.iter().filter(|r| runs_on(r, &name)).count(),
        name,
    });
    let rows: Vec<_> = rows.collect();
    if json {
        return output::json(&rows);
    }
    let lines: Vec<_> = rows.iter().map(line).collect();
    output::print(&output::table(&lines))
}

fn line(row: &NodeRow) -> Vec<String> {
    let mut state = match (row.online, row.connected) {
        (true, true) => "online",
        (true, false) => "online, not connected here",
        (false, true) => "offline, coming up",
        (false, false) => "OFFLINE",
    }
    .to_owned();
    for (is, what) in [(row.standby, "standby"), (row.maintenance, "maintenance")] {
        if is {
            state = format!("{state}, {what}");
        }
    }
    let count = match row.resources {
        1 => "1 resource".to_owned(),
        count => format!("{count} resources"),
    };
    vec![row.name.clone(), state, count]
}

fn runs_on(resource: &ResourceStatus, node: &str) -> bool {
    let mut active = resource.active.iter();
    active.any(|active| active.node == node && active.role != "stopped")
}

/// Whether an attribute of a node says yes, for now or for good.
fn is_set(cib: &Document, node: &str, name: &str) -> bool {
    let values = [
        status::transient(cib, node, name),
        status::permanent(cib, node, name),
    ];
    values.into_iter().flatten().any(edit::is_true)
}
