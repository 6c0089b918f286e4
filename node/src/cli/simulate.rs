//! `lockstep simulate`: what would the cluster do? Takes `crm_simulate`'s options.

mod plain;

use std::path::{Path, PathBuf};

use lockstep_engine::parse::Document;
use lockstep_engine::schema;
use lockstep_engine::simulate::{self, Injections, Settings, SimulateError};
use lockstep_engine::time::{Date, Timestamp};

use super::cib_file::{self, Source};
use super::live::Live;
use super::status::OutputAs;
use super::{Failure, Outcome, Target, output, profile};
use crate::clock::{self, Clock};
use crate::exit::Exit;

pub(super) use plain::plain;

/// Show what the cluster would do, as crm_simulate does
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = "Examples:\n  \
        lockstep simulate -x cib.xml -S               what would happen, and how it would end\n  \
        lockstep simulate -x cib.xml -S -d node2      … if node2 were shut down\n  \
        lockstep simulate -x cib.xml -sSQ -G out.xml  scores and transition graph for scripts\n  \
        lockstep simulate -L -S -f node2              … if node2 of the running cluster failed")]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Args {
    /// Read the CIB from FILE (plain or .bz2)
    #[arg(short = 'x', long, value_name = "FILE")]
    xml_file: Option<PathBuf>,
    /// Read the CIB from standard input (the default)
    #[arg(short = 'p', long)]
    xml_pipe: bool,
    /// Read the CIB from the running cluster, and leave that as it is
    #[arg(short = 'L', long, conflicts_with_all = ["xml_file", "xml_pipe", "in_place"])]
    live_check: bool,
    #[command(flatten)]
    target: Target,
    /// Plan: show what would be done
    #[arg(short = 'R', long)]
    run: bool,
    /// Plan, then pretend that everything is done, and show the result
    #[arg(short = 'S', long)]
    simulate: bool,
    /// As -S, and write the result into the input file
    #[arg(short = 'X', long)]
    in_place: bool,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output_as: OutputAs,
    /// Write the answer to FILE (or "-" for standard output)
    #[arg(long, value_name = "FILE")]
    output_to: Option<PathBuf>,
    /// Show nothing but what is asked for
    #[arg(short = 'Q', long)]
    quiet: bool,
    /// Show every score (implies -R)
    #[arg(short = 's', long)]
    show_scores: bool,
    /// Show utilization (implies -R)
    #[arg(short = 'U', long)]
    show_utilization: bool,
    /// Show node attributes
    #[arg(short = 'A', long)]
    show_attrs: bool,
    /// Show fail counts, and what failed
    #[arg(short = 'c', long)]
    show_failcounts: bool,
    /// Time planning for every CIB in the directory DIR
    #[arg(short = 'P', long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// With -P, plan N times for each
    #[arg(short = 'N', long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Show actions in progress (always so)
    #[arg(short = 'j', long, hide = true)]
    pending: bool,
    /// Draw all actions, also those that need no doing
    #[arg(short = 'a', long)]
    all_actions: bool,
    /// Number the actions that are drawn
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Take DATETIME (ISO 8601) for the current time
    #[arg(short = 't', long, value_name = "DATETIME")]
    set_datetime: Option<String>,
    /// Write the transition graph to FILE (implies -R)
    #[arg(short = 'G', long, value_name = "FILE")]
    save_graph: Option<PathBuf>,
    /// Draw the transition graph into FILE for Graphviz (implies -R)
    #[arg(short = 'D', long, value_name = "FILE")]
    save_dotfile: Option<PathBuf>,
    /// Write the CIB, with injections, to FILE
    #[arg(short = 'I', long, value_name = "FILE")]
    save_input: Option<PathBuf>,
    /// Write the CIB that results to FILE
    #[arg(short = 'O', long, value_name = "FILE")]
    save_output: Option<PathBuf>,
    /// Bring NODE online
    #[arg(short = 'u', long, value_name = "NODE")]
    node_up: Vec<String>,
    /// Shut NODE down
    #[arg(short = 'd', long, value_name = "NODE")]
    node_down: Vec<String>,
    /// Fail NODE
    #[arg(short = 'f', long, value_name = "NODE")]
    node_fail: Vec<String>,
    /// Put RSC_TASK_INTERVAL@NODE=RC into history before planning
    #[arg(short = 'i', long, value_name = "OPSPEC")]
    op_inject: Vec<String>,
    /// Let RSC_TASK_INTERVAL@NODE=RC happen while pretending (implies -S)
    #[arg(short = 'F', long, value_name = "OPSPEC")]
    op_fail: Vec<String>,
    /// Set whether there is quorum
    #[arg(short = 'q', long, value_name = "QUORUM")]
    quorum: Option<String>,
    /// Set whether there is a watchdog
    #[arg(short = 'w', long, value_name = "DEVICE")]
    watchdog: Option<String>,
    /// Grant TICKET
    #[arg(short = 'g', long, value_name = "TICKET")]
    ticket_grant: Vec<String>,
    /// Revoke TICKET
    #[arg(short = 'r', long, value_name = "TICKET")]
    ticket_revoke: Vec<String>,
    /// Make TICKET standby
    #[arg(short = 'b', long, value_name = "TICKET")]
    ticket_standby: Vec<String>,
    /// Activate TICKET
    #[arg(short = 'e', long, value_name = "TICKET")]
    ticket_activate: Vec<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Outcome {
    execute(args).map_err(|Failure { exit, message }| match message.is_empty() {
        true => Failure { exit, message },
        false => Failure::new(exit, format!("simulate: {message}")),
    })
}

fn execute(args: &Args) -> Outcome {
    if let Some(directory) = &args.profile {
        return profile::run(directory, args.repeat);
    }
    let (name, mut cib) = match args.live_check {
        true => read_live(&args.target)?,
        false => read(args.xml_file.as_deref())?,
    };
    let settings = settings(args);
    let now = effective_time(args.set_datetime.as_deref(), &cib);
    let result = simulate::run(&mut cib, now, &settings).map_err(|error| {
        let code = match error {
            SimulateError::Plan(_) => Exit::Config,
            SimulateError::Inject(_) => Exit::Config,
        };
        Failure::new(code, format!("{name}: {error}"))
    })?;

    output::print_to(args.output_to.as_deref(), &result.output)?;
    // Programs have been told in the answer.
    let people = args.output_as == OutputAs::Text;
    for line in result.errors.iter().filter(|_| people) {
        eprintln!("{line}");
    }
    let outputs = [
        (&args.save_input, result.input.map(|cib| cib.to_xml())),
        (&args.save_graph, result.graph),
        (&args.save_dotfile, result.dot),
    ];
    for (path, text) in outputs {
        if let (Some(path), Some(text)) = (path, text) {
            cib_file::write(path, &text)?;
        }
    }
    let result_to = match args.in_place {
        true => &args.xml_file,
        false => &args.save_output,
    };
    if let Some(path) = result_to {
        cib_file::write(path, &cib.to_xml())?;
    }
    // The process ends: giving back memory piece by piece would only take time.
    std::mem::forget((cib, result.decided));
    // What there is to say about it has been said.
    if result.incomplete {
        Err(Failure {
            exit: Exit::Error,
            message: String::new(),
        })
    } else {
        Ok(())
    }
}

/// Reads a CIB from a file, or from standard input, and brings it to the newest schema. The name
/// is for messages.
pub(super) fn read(file: Option<&Path>) -> Result<(String, Document), Failure> {
    let source = file.map_or(Source::StandardInput, Source::file);
    let name = source.to_string();
    let mut cib = cib_file::read(&source).map_err(|error| {
        Failure::new(Exit::BadData, format!("Could not read input XML: {error}"))
    })?;
    upgrade(&mut cib, &name)?;
    Ok((name, cib))
}

/// The running cluster's CIB, with a name for messages.
pub(super) fn read_live(target: &Target) -> Result<(String, Document), Failure> {
    let cib = Live::new(target)?.cib()?;
    Ok(("the cluster's CIB".to_owned(), cib))
}

/// Brings the CIB to the newest schema, or says why it is not valid.
fn upgrade(cib: &mut Document, name: &str) -> Result<(), Failure> {
    let upgraded = schema::upgrade(cib).map_err(|error| {
        let place = match error.position() {
            Some(position) => format!("{name}:{}:{}", position.line, position.column),
            None => name.to_owned(),
        };
        let violation = match error.violation() {
            Some(violation) => format!(": {violation}"),
            None => String::new(),
        };
        Failure::new(
            Exit::Config,
            format!("{place}: {error}{violation} ({})", error.hint()),
        )
    })?;
    for note in upgraded.notes {
        eprintln!("{note}");
    }
    Ok(())
}

fn settings(args: &Args) -> Settings {
    let execute = args.simulate || args.in_place || !args.op_fail.is_empty();
    let schedule = args.run
        || args.show_scores
        || args.show_utilization
        || args.save_graph.is_some()
        || args.save_dotfile.is_some();
    Settings {
        schedule,
        execute,
        request: (args.output_as == OutputAs::Xml).then(output::request),
        quiet: args.quiet,
        scores: args.show_scores,
        utilization: args.show_utilization,
        attributes: args.show_attrs,
        failures_shown: args.show_failcounts,
        all_actions: args.all_actions,
        verbose: args.verbose > 0,
        date: args.set_datetime.clone(),
        injections: Injections {
            quorum: args.quorum.clone(),
            watchdog: args.watchdog.clone(),
            node_up: args.node_up.clone(),
            node_down: args.node_down.clone(),
            node_fail: args.node_fail.clone(),
            ticket_grant: args.ticket_grant.clone(),
            ticket_revoke: args.ticket_revoke.clone(),
            ticket_standby: args.ticket_standby.clone(),
            ticket_activate: args.ticket_activate.clone(),
            operations: args.op_inject.clone(),
        },
        failures: args.op_fail.clone(),
        wall_clock: Clock::start().unix_s(),
        keep_input: args.save_input.is_some(),
        graph: args.save_graph.is_some(),
        dot: args.save_dotfile.is_some(),
    }
}

/// `-t`, else the date at which the input was saved, else the clock.
pub(super) fn effective_time(date: Option<&str>, cib: &Document) -> Timestamp {
    let now = Clock::start().local();
    let asked = date.and_then(|text| Date::parse(text, now).ok());
    if let Some(date) = asked {
        return date.timestamp();
    }
    let saved = cib
        .attr(cib.root(), "execution-date")
        .and_then(lockstep_engine::value::integer)
        .filter(|_| date.is_none());
    saved.map_or(now, clock::local)
}
