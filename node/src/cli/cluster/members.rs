//! Who are the controllers, and how is that changed?

use std::fmt::Write;
use std::time::Duration;

use super::super::{ConfigFile, Failure, Outcome, Target, output, runtime};
use super::machine::is_node;
use crate::exit::Exit;
use crate::http::client::ClientError;
use crate::http::types::{MemberAnswer, MemberText, MembersAnswer};

/// How often a node that leaves is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// List the controllers, with their roles and how far they are
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster members --json | jq '.members[].node'")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn list(arguments: &List) -> Outcome {
    let client = arguments.target.client();
    let answer: MembersAnswer = runtime(1)?.block_on(client.get("/v1/members"))?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&answer);
        let text = text.map_err(|error| Failure::new(Exit::Software, error))?;
        return output::print(&(text + "\n"));
    }
    output::print(&text(&answer))
}

fn text(answer: &MembersAnswer) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut out, answer);
    out
}

fn write_text(out: &mut String, answer: &MembersAnswer) -> std::fmt::Result {
    let width = |text: fn(&MemberText) -> usize| answer.members.iter().map(text).max();
    let node = width(|member| member.node.len()).unwrap_or(0).max(4);
    let address = width(|member| member.address.len()).unwrap_or(0).max(7);
    writeln!(
        out,
        "{:>4}  {:node$}  {:address$}  {:8} STATE",
        "ID", "NODE", "ADDRESS", "ROLE"
    )?;
    for member in &answer.members {
        let MemberText {
            id,
            node: name,
            address: at,
            role,
            ..
        } = member;
        let state = state(member);
        writeln!(
            out,
            "{id:>4}  {name:node$}  {at:address$}  {role:8} {state}"
        )?;
    }
    if answer.changing {
        writeln!(out, "A change of the members is under way.")?;
    }
    if answer.leader.is_none() {
        writeln!(out, "Nobody leads.")?;
    }
    if answer.disk_full {
        writeln!(out, "The disk of controller {} is full.", answer.controller)?;
    }
    Ok(())
}

fn state(member: &MemberText) -> String {
    let mut parts = Vec::new();
    match (member.connected, &member.refused) {
        (None, _) => parts.push("answers this".to_owned()),
        (Some(true), _) => parts.push("connected".to_owned()),
        (Some(false), None) => parts.push("not connected".to_owned()),
        (Some(false), Some(why)) => parts.push(format!("not connected: {why}")),
    }
    if let Some(snapshot) = member.snapshot {
        let percent = (100 * snapshot.sent).checked_div(snapshot.bytes);
        parts.push(match percent {
            Some(percent) => format!(
                "is sent a snapshot: {percent} % of {} bytes",
                snapshot.bytes
            ),
            None => "waits for a snapshot".to_owned(),
        });
    } else if let Some(behind) = member.behind.filter(|behind| *behind > 0) {
        parts.push(format!("{behind} entries behind"));
    }
    parts.join(", ")
}

/// Have another controller lead
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster transfer n2")]
pub(super) struct Transfer {
    /// The controller: the name of its node, or its number; the one that is furthest along if not
    /// given
    to: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(super) fn transfer(arguments: &Transfer) -> Outcome {
    let path = match &arguments.to {
        Some(to) => format!("/v1/members/transfer?to={}", escape(to)),
        None => "/v1/members/transfer".to_owned(),
    };
    let client = arguments.target.client();
    let answer: MemberAnswer = runtime(1)?.block_on(client.post(&path, Vec::new()))?;
    output::print(&format!("controller {} leads\n", answer.controller))
}

/// Remove a controller that is gone for good
///
/// One that is there leaves by itself: `lockstep cluster leave`. What ran on its node is not looked
/// at; fence it first, if it may still run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster remove n3")]
pub(super) struct Remove {
    /// The controller: the name of its node, or its number
    who: String,
    #[command(flatten)]
    target: Target,
}

pub(super) fn remove(arguments: &Remove) -> Outcome {
    let path = format!("/v1/members/remove?who={}", escape(&arguments.who));
    let client = arguments.target.client();
    let answer: MemberAnswer = runtime(1)?.block_on(client.post(&path, Vec::new()))?;
    let id = answer.controller;
    output::print(&format!("controller {id} is no member any more\n"))
}

/// Take this machine out of the cluster for good
///
/// What runs here is moved to other nodes first; then the controller stops being a member, forgets its
/// keys, and ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: lockstep cluster leave")]
pub(super) struct Leave {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn leave(arguments: &Leave) -> Outcome {
    let config = arguments.file.read()?;
    let client = Target { api: config.api }.client();
    runtime(1)?.block_on(async {
        let path = "/v1/members/leave";
        let answer: MemberAnswer = client.post(path, Vec::new()).await?;
        output::print("leaving: what runs here is moved to other nodes\n")?;
        // The daemon bounds how long it takes.
        loop {
            match client.get::<MembersAnswer>("/v1/members").await {
                Err(ClientError::Unreachable { .. }) => break,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        if is_node(&config.data_dir) {
            let message = "the controller stopped, and is still a member: see its log";
            return Err(Failure::new(Exit::Error, message));
        }
        let id = answer.controller;
        output::print(&format!("controller {id} is no member any more\n"))
    })
}

/// A text as part of a query.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
