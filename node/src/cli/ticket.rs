//! `lockstep ticket`: what a site of several may run.

use lockstep_engine::parse::Document;
use serde::Serialize;

use super::live::{Live, Waiting};
use super::{Failure, Outcome, Target, output};
use crate::edit;
use crate::exit::Exit;
use crate::http::types::{TicketChangeText, TicketRequest};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    lockstep ticket list\n  \
    lockstep ticket standby site-a --wait      demote and stop what depends on it, in order\n  \
    lockstep ticket grant site-a --force       only if no other site has it")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all tickets
    #[command(after_help = "Example: lockstep ticket list")]
    List {
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Give this site a ticket
    #[command(after_help = "Example: lockstep ticket grant site-a --force")]
    Grant {
        ticket: String,
        /// Say that no other site has it
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        then: Then,
    },
    /// Take a ticket from this site; what depends on it is treated by its `loss-policy`
    #[command(after_help = "Example: lockstep ticket revoke site-a --force")]
    Revoke {
        ticket: String,
        /// Say that you want the loss policy carried out
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        then: Then,
    },
    /// Have what depends on a ticket stopped or demoted in order, before it is revoked
    #[command(after_help = "Example: lockstep ticket standby site-a --wait")]
    Standby {
        ticket: String,
        #[command(flatten)]
        then: Then,
    },
    /// End standby
    #[command(after_help = "Example: lockstep ticket activate site-a")]
    Activate {
        ticket: String,
        #[command(flatten)]
        then: Then,
    },
    /// Set an attribute of a ticket
    #[command(after_help = "Example: lockstep ticket set site-a owner ops")]
    Set {
        ticket: String,
        name: String,
        value: String,
        #[command(flatten)]
        then: Then,
    },
    /// Remove an attribute of a ticket
    #[command(after_help = "Example: lockstep ticket unset site-a owner")]
    Unset {
        ticket: String,
        name: String,
        #[command(flatten)]
        then: Then,
    },
    /// Forget a ticket
    #[command(after_help = "Example: lockstep ticket remove site-a")]
    Remove {
        ticket: String,
        #[command(flatten)]
        then: Then,
    },
}

#[derive(Debug, clap::Args)]
struct Then {
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(arguments: Args) -> Outcome {
    use TicketChangeText as Change;
    let (ticket, change, then) = match arguments.command {
        Command::List { json, target } => return list(&target, json),
        Command::Grant {
            ticket,
            force,
            then,
        } => {
            let danger = "if another site has this ticket, what depends on it will run twice\n\
                          Make sure that none has, and say so with --force.";
            dangerous(force, danger)?;
            (ticket, Change::Grant, then)
        }
        Command::Revoke {
            ticket,
            force,
            then,
        } => {
            let danger = "what depends on this ticket will be treated by its loss-policy at once: \
                          it may be fenced\n`lockstep ticket standby` stops it in order; or say so \
                          with --force.";
            dangerous(force, danger)?;
            (ticket, Change::Revoke, then)
        }
        Command::Standby { ticket, then } => (ticket, Change::Standby, then),
        Command::Activate { ticket, then } => (ticket, Change::Activate, then),
        Command::Set {
            ticket,
            name,
            value,
            then,
        } => {
            let value = Some(value);
            (ticket, Change::Attribute { name, value }, then)
        }
        Command::Unset { ticket, name, then } => {
            let value = None;
            (ticket, Change::Attribute { name, value }, then)
        }
        Command::Remove { ticket, then } => (ticket, Change::Remove, then),
    };
    let live = Live::new(&then.target)?;
    let request = TicketRequest { ticket, change };
    let answer = live.apply("/v1/ticket", &request)?;
    let told = answer.events.first().map_or_else(
        || format!("ticket {} is so already", request.ticket),
        |event| event.text.clone(),
    );
    output::print(&(told + "\n"))?;
    if then.waiting.wait {
        live.settle(answer.index, &then.waiting.patience, false)?;
    }
    Ok(())
}

fn dangerous(force: bool, danger: &str) -> Outcome {
    match force {
        true => Ok(()),
        false => Err(Failure::new(Exit::NotSafe, danger)),
    }
}

/// A ticket, as `ticket list --json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    ticket: String,
    granted: bool,
    standby: bool,
    attributes: Vec<(String, String)>,
    /// Constraints that depend on it.
    constraints: Vec<String>,
}

fn list(target: &Target, json: bool) -> Outcome {
    let rows = rows(&Live::new(target)?.cib()?);
    if json {
        return output::json(&rows);
    }
    let lines = rows.into_iter().map(|row| {
        let state = match (row.granted, row.standby) {
            (true, false) => "granted",
            (true, true) => "granted, standby",
            (false, _) => "revoked",
        };
        let others = row.attributes.iter();
        let others = others.filter(|(name, _)| !["granted", "standby"].contains(&name.as_str()));
        let others: Vec<_> = others
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let constraints = row.constraints.join(" ");
        vec![row.ticket, state.to_owned(), others.join(" "), constraints]
    });
    output::print(&output::table(&lines.collect::<Vec<_>>()))
}

/// All tickets of the status, and those that only constraints name.
fn rows(cib: &Document) -> Vec<Row> {
    let status = cib.child(cib.root(), "status");
    let states = status.and_then(|status| cib.child(status, "tickets"));
    let states = states
        .into_iter()
        .flat_map(|tickets| cib.children_named(tickets, "ticket_state"));
    let mut rows: Vec<Row> = states
        .map(|state| {
            let is = |name| cib.attr(state, name).is_some_and(edit::is_true);
            let attributes = cib.attrs(state).filter(|(name, _)| *name != "id");
            Row {
                ticket: cib.id(state).unwrap_or_default().to_owned(),
                granted: is("granted"),
                standby: is("standby"),
                attributes: attributes
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                constraints: Vec::new(),
            }
        })
        .collect();
    let constraints = edit::section(cib, "constraints");
    let constraints = constraints
        .into_iter()
        .flat_map(|section| cib.children_named(section, "rsc_ticket"));
    for constraint in constraints {
        let Some(ticket) = cib.attr(constraint, "ticket") else {
            continue;
        };
        let at = rows.iter().position(|row| row.ticket == ticket);
        let at = at.unwrap_or_else(|| {
            rows.push(Row {
                ticket: ticket.to_owned(),
                granted: false,
                standby: false,
                attributes: Vec::new(),
                constraints: Vec::new(),
            });
            rows.len() - 1
        });
        let id = cib.id(constraint).unwrap_or_default();
        rows[at].constraints.push(id.to_owned());
    }
    rows
}
