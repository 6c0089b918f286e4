//! `lockstep cluster`: which machines are the cluster, and how that changes.
//!
//! | file | question |
//! |---|---|
//! | `machine.rs` | how does this machine become a node: init, token, join, renew |
//! | `members.rs` | who are the controllers, and how is that changed: members, transfer, remove, leave |

mod machine;
mod members;

use clap::Subcommand;

use super::Outcome;

/// Make a cluster, let machines in, and change which ones are controllers.
///
/// Each command works on any controller, unless it says otherwise.
#[derive(Debug, clap::Args)]
#[command(long_about = None)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(machine::Init),
    Token(machine::TokenArgs),
    Replace(machine::Replace),
    Join(machine::Join),
    Renew(machine::Renew),
    Members(members::List),
    Transfer(members::Transfer),
    Remove(members::Remove),
    Leave(members::Leave),
}

pub(super) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::Init(arguments) => machine::init(&arguments),
        Command::Token(arguments) => machine::token(&arguments),
        Command::Replace(arguments) => machine::replace(&arguments),
        Command::Join(arguments) => machine::join(&arguments),
        Command::Renew(arguments) => machine::renew(&arguments),
        Command::Members(arguments) => members::list(&arguments),
        Command::Transfer(arguments) => members::transfer(&arguments),
        Command::Remove(arguments) => members::remove(&arguments),
        Command::Leave(arguments) => members::leave(&arguments),
    }
}
