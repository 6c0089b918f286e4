//! `lockstep resource`: resources, and what operators do with them. One file a kind of task.

mod place;
mod restart;
mod role;
mod show;
mod upkeep;

use std::collections::BTreeSet;

use lockstep_engine::parse::{Document, ElementId};

use super::live::{Changed, Live, Waiting};
use super::{Failure, Outcome, Target, config, explain, output, simulate};
use crate::cluster::view::{self, Role};
use crate::edit;
use crate::exit::Exit;
use crate::http::types::Status;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    lockstep resource list                        what there is, and where it runs\n  \
    lockstep resource move db n2 --wait           run db on n2 from now on\n  \
    lockstep resource move db n2 --lifetime PT1H  … for an hour\n  \
    lockstep resource clear db                    let the cluster choose again\n  \
    lockstep resource disable web --wait          stop web\n  \
    lockstep resource cleanup db                  forget db's failures and try again\n  \
    lockstep resource wait                        until the cluster has nothing left to do")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all resources and where they run
    #[command(after_help = "Example: lockstep resource list --json")]
    List(show::ListArgs),
    /// Show one resource: where it runs, its failures, constraints and definition
    #[command(after_help = "Example: lockstep resource show db")]
    Show(show::ShowArgs),
    /// Have a resource run on another node: a preference, until it is cleared
    ///
    /// Without a node, the resource is banned from where it runs now.
    #[command(after_help = "Example: lockstep resource move db n2 --wait")]
    Move(place::MoveArgs),
    /// Keep a resource away from a node, until the ban is cleared
    #[command(after_help = "Example: lockstep resource ban db n1")]
    Ban(place::BanArgs),
    /// Remove what move and ban made
    #[command(after_help = "Example: lockstep resource clear db")]
    Clear(place::ClearArgs),
    /// Let a disabled resource run again (removes its `target-role`)
    #[command(after_help = "Example: lockstep resource enable web --wait")]
    Enable(role::Args),
    /// Stop a resource and keep it stopped (sets its `target-role`)
    #[command(after_help = "Example: lockstep resource disable web --wait")]
    Disable(role::Args),
    /// Let the cluster manage a resource again (removes `is-managed`)
    #[command(after_help = "Example: lockstep resource manage db")]
    Manage(role::Args),
    /// Leave a resource as it is, whatever happens to it (sets `is-managed`)
    #[command(after_help = "Example: lockstep resource unmanage db")]
    Unmanage(role::Args),
    /// Forget failures of a resource, or of all, and probe what failed
    #[command(after_help = "Example: lockstep resource cleanup db --wait")]
    Cleanup(upkeep::CleanupArgs),
    /// Forget all that is known about a resource, or about all, and probe
    #[command(after_help = "Example: lockstep resource refresh db")]
    Refresh(upkeep::CleanupArgs),
    /// Stop a resource and what depends on it, and start all of that again
    #[command(after_help = "Example: lockstep resource restart db")]
    Restart(restart::Args),
    /// Say why a resource is where it is, and not elsewhere
    #[command(after_help = "Example: lockstep resource explain db")]
    Explain(Explain),
    /// Wait until the cluster has nothing left to do
    #[command(after_help = "Example: lockstep resource wait --timeout 300")]
    Wait(upkeep::WaitArgs),
}

#[derive(Debug, clap::Args)]
struct Explain {
    #[command(flatten)]
    question: explain::Question,
    #[command(flatten)]
    target: Target,
}

/// What follows a change.
#[derive(Debug, clap::Args)]
struct Then {
    #[command(flatten)]
    waiting: Waiting,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::List(arguments) => show::list(&arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Move(arguments) => place::move_to(&arguments),
        Command::Ban(arguments) => place::ban(&arguments),
        Command::Clear(arguments) => place::clear(&arguments),
        Command::Enable(arguments) => role::run(&arguments, role::Change::Enable),
        Command::Disable(arguments) => role::run(&arguments, role::Change::Disable),
        Command::Manage(arguments) => role::run(&arguments, role::Change::Manage),
        Command::Unmanage(arguments) => role::run(&arguments, role::Change::Unmanage),
        Command::Cleanup(arguments) => upkeep::cleanup(arguments, false),
        Command::Refresh(arguments) => upkeep::cleanup(arguments, true),
        Command::Restart(arguments) => restart::run(&arguments),
        Command::Explain(Explain { question, target }) => {
            let (name, cib) = simulate::read_live(&target)?;
            explain::about(&question, &name, &cib, Live::now())
        }
        Command::Wait(arguments) => upkeep::wait(&arguments),
    }
}

/// A configured resource, or why there is none.
fn find(cib: &Document, id: &str) -> Result<ElementId, Failure> {
    edit::resource(cib, id).ok_or_else(|| {
        let message = format!("there is no resource '{id}' (`lockstep resource list` shows all)");
        Failure::new(Exit::NoSuch, message)
    })
}

/// Whether a node is configured.
fn check_node(cib: &Document, node: &str) -> Outcome {
    let configured = crate::cluster::status::node_id(cib, node).is_some();
    // A remote node may be known by its state only.
    if configured || crate::cluster::status::find_state(cib, node).is_some() {
        return Ok(());
    }
    let message = format!("there is no node '{node}' (`lockstep node list` shows all)");
    Err(Failure::new(Exit::NoSuch, message))
}

/// Nodes on which something of a resource runs, and those where it is promoted.
#[derive(Debug, Default)]
struct Whereabouts {
    active: BTreeSet<String>,
    promoted: BTreeSet<String>,
}

fn whereabouts(cib: &Document, resource: ElementId) -> Whereabouts {
    let inside = edit::primitives(cib, resource);
    let mut found = Whereabouts::default();
    for primitive in view::resources(cib) {
        if !inside.contains(primitive.id.as_str()) {
            continue;
        }
        for activity in primitive.active {
            if activity.role == Role::Promoted {
                found.promoted.insert(activity.node.clone());
            }
            if activity.role != Role::Stopped {
                found.active.insert(activity.node);
            }
        }
    }
    found
}

/// Says what a change did, and waits for what follows if that is wanted.
fn finish(live: &Live, then: &Then, told: &str, changed: &Changed<()>) -> Result<(), Failure> {
    config::tell("the configuration", &changed.notes);
    if !then.json {
        let already = if changed.index.is_none() {
            " already"
        } else {
            ""
        };
        output::print(&format!("{told}{already}\n"))?;
    }
    let status: Option<Status> = match then.waiting.wait {
        true => {
            let index = changed.index.unwrap_or(0);
            Some(live.settle(index, &then.waiting.patience, then.json)?)
        }
        false => None,
    };
    if then.json {
        let resources = status.as_ref().map(|status| &status.resources);
        return output::json(&serde_json::json!({
            "changed": changed.index.is_some(),
            "index": changed.index,
            "resources": resources,
        }));
    }
    Ok(())
}
