//! `lockstep status`: what a controller knows.

use std::fmt::Write;

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::simulate::{Asked, Fenced, Sections, status_text, status_xml};
use lockstep_engine::time::{Date, Zone};

use super::{Failure, Outcome, Target, output, runtime};
use crate::clock::{self, Clock};
use crate::exit::Exit;
use crate::http::client::Client;
use crate::http::types::{Events, FencingText, PlanStatus, ResourceStatus, Status};

/// Show what a controller knows: nodes, resources, leader, plan.
///
/// Works on any controller; one that does not lead may be a moment behind.
#[derive(Debug, clap::Args)]
#[command(long_about = None, after_help = "Examples:\n  \
    lockstep status                    who leads, what runs where, what is being done\n  \
    lockstep status --watch            … again whenever something happened\n  \
    lockstep status --output-as=text   as crm_mon tells it\n  \
    lockstep status --output-as=xml    as crm_mon tells programs")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Print as `crm_mon` does, for people or programs
    #[arg(long, value_enum, conflicts_with = "json")]
    output_as: Option<OutputAs>,
    /// Print it again whenever something happened, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// In whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputAs {
    Text,
    Xml,
}

/// So many of the latest fencings are shown to people.
const FENCINGS_SHOWN: usize = 5;
/// How long one answer about news is waited for.
const WAIT_MS: u64 = 10_000;

pub(super) fn run(arguments: Args) -> Outcome {
    let client = arguments.target.client();
    runtime(1)?.block_on(async {
        let mut shown: Option<String> = None;
        let mut after = 0;
        loop {
            let status: Status = client.get("/v1/status").await?;
            after = after.max(status.controller.applied);
            let text = match arguments.output_as {
                Some(form) => {
                    let cib = cib(&client).await?;
                    as_crm_mon(&cib, &status, form)?
                }
                None => shape(&status, arguments.json)?,
            };
            // What only the controller itself sees may change without news.
            if shown.as_ref() != Some(&text) {
                output::print(&text)?;
                shown = Some(text);
            }
            if !arguments.watch {
                return Ok(());
            }
            let path = format!("/v1/events?after={after}&wait_ms={WAIT_MS}");
            let news: Events = client.get(&path).await?;
            after = after.max(news.next);
        }
    })
}

async fn cib(client: &Client) -> Result<Document, Failure> {
    let cib = client.get_text("/v1/cib").await?;
    Document::parse(cib.as_bytes(), &Limits::default())
        .map_err(|error| Failure::new(Exit::Protocol, format!("the controller's CIB: {error}")))
}

/// What `crm_mon` would print; the leader is its DC.
pub(super) fn as_crm_mon(
    cib: &Document,
    status: &Status,
    form: OutputAs,
) -> Result<String, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let leader = status.controller.leader_node.as_deref();
    let fenced: Vec<_> = status.fencing.iter().rev().map(fenced).collect();
    let asked = Asked {
        request: "crm_mon -1 --output-as=xml",
        fenced: &fenced,
        stack: "lockstep",
        leader: leader.map(|name| (name, version)),
        at: Clock::start().unix_s(),
        zone: &Zone::new(jiff::tz::TimeZone::system()),
    };
    let sections = Sections {
        failures: false,
        attributes: false,
        pending: true,
    };
    match form {
        OutputAs::Text => status_text(cib, &asked, sections),
        OutputAs::Xml => status_xml(cib, &asked).map(|document| document.to_xml()),
    }
    .map_err(|error| Failure::new(Exit::Config, error))
}

/// A fencing as `crm_mon` tells it: whoever leads wants it.
fn fenced(record: &FencingText) -> Fenced {
    let FencingText {
        at,
        target,
        action,
        by,
        succeeded,
        detail,
    } = record;
    Fenced {
        action: action.clone(),
        target: target.clone(),
        client: "lockstep".to_owned(),
        origin: by.clone().unwrap_or_default(),
        delegate: by.clone(),
        completed: *at,
        failure: (!succeeded).then(|| detail.clone()),
    }
}

fn shape(status: &Status, json: bool) -> Result<String, Failure> {
    if !json {
        return Ok(text(status));
    }
    let text = serde_json::to_string_pretty(status);
    text.map(|text| text + "\n")
        .map_err(|error| Failure::new(Exit::Software, error))
}

/// A status for people.
pub(super) fn text(status: &Status) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_text(&mut text, status);
    text
}

fn write_text(out: &mut String, status: &Status) -> std::fmt::Result {
    let controller = &status.controller;
    let leader = match (&controller.leader_node, controller.leader) {
        (Some(node), Some(id)) => format!("{node} (controller {id})"),
        (_, Some(id)) => format!("controller {id}"),
        _ => "nobody".to_owned(),
    };
    writeln!(
        out,
        "Cluster {}: {leader} leads in term {}, configuration {}",
        status.cluster, controller.term, status.epoch
    )?;
    writeln!(
        out,
        "This is controller {} on {}: {}, index {} of {}",
        controller.id, controller.node, controller.role, controller.applied, controller.commit
    )?;
    if controller.disk_full {
        writeln!(
            out,
            "The disk is FULL: nothing is acknowledged until there is room"
        )?;
    }
    if !status.configured {
        writeln!(
            out,
            "There is no configuration yet: give one with `lockstep config replace FILE`"
        )?;
    }
    for (controller, why) in &status.diverged {
        writeln!(
            out,
            "Controller {controller} has DIVERGED and cannot lead: {why}"
        )?;
    }
    writeln!(out, "\nNodes")?;
    for node in &status.nodes {
        let state = match (node.online, node.connected) {
            (true, true) => "online",
            (true, false) => "online, not connected here",
            (false, true) => "offline, coming up",
            (false, false) => "OFFLINE",
        };
        writeln!(out, "  {:20} {state}", node.name)?;
    }
    writeln!(out, "\nResources")?;
    for resource in &status.resources {
        writeln!(
            out,
            "  {:20} {:28} {}",
            resource.id,
            resource.agent,
            whereabouts(resource)
        )?;
    }
    write_fencing(out, &status.fencing)?;
    writeln!(out)?;
    match &status.plan {
        Some(plan) => write_plan(out, plan)?,
        None => writeln!(out, "There is no plan yet")?,
    }
    if let Some(reason) = &status.wanted {
        writeln!(out, "A new plan is wanted: {reason}")?;
    }
    Ok(())
}

/// The latest fencings, the newest first.
fn write_fencing(out: &mut String, fencing: &[FencingText]) -> std::fmt::Result {
    if fencing.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFencing")?;
    for record in fencing.iter().rev().take(FENCINGS_SHOWN) {
        let date = clock::local(record.at);
        let by = record.by.as_deref();
        let by = by.map_or_else(String::new, |by| format!(" from {by}"));
        let how = if record.succeeded { "done" } else { "FAILED" };
        let FencingText {
            target,
            action,
            detail,
            ..
        } = record;
        let (hour, minute, second) = Date::new(date).hour_minute_second();
        writeln!(
            out,
            "  {hour:02}:{minute:02}:{second:02}  {action} of {target}{by}: {how}  {detail}"
        )?;
    }
    Ok(())
}

/// Where a resource is, in one line.
pub(super) fn whereabouts(resource: &ResourceStatus) -> String {
    let described = resource.active.iter().map(|active| {
        let failed = if active.failed { " FAILED" } else { "" };
        format!("{} on {}{failed}", active.role, active.node)
    });
    let all: Vec<_> = described.collect();
    if all.is_empty() {
        "stopped".to_owned()
    } else {
        all.join(", ")
    }
}

fn write_plan(out: &mut String, plan: &PlanStatus) -> std::fmt::Result {
    let count = |progress: &str| {
        plan.actions
            .iter()
            .filter(|a| a.progress == progress)
            .count()
    };
    writeln!(
        out,
        "Plan {} [{}] is {}: {} of {} actions done, {} failed; equal on {} of {} controllers",
        plan.transition,
        plan.digest.get(..8).unwrap_or_default(),
        plan.state,
        count("done"),
        plan.actions.len(),
        count("failed"),
        plan.equal.len(),
        plan.voters
    )?;
    if let Some(reason) = &plan.abandoned {
        writeln!(out, "  abandoned: {reason}")?;
    }
    if plan.state == "running" {
        for action in plan
            .actions
            .iter()
            .filter(|a| ["ready", "sent"].contains(&&*a.progress))
        {
            let node = action.node.as_deref().unwrap_or("-");
            writeln!(out, "  {:10} {:32} on {node}", action.order, action.key)?;
        }
    }
    Ok(())
}
