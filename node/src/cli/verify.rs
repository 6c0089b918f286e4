//! `lockstep verify`: is this CIB fit to be run? Takes `crm_verify`'s options.

use std::path::PathBuf;

use lockstep_engine::Severity;
use lockstep_engine::parse::Document;
use lockstep_engine::simulate::answer_to_program;
use lockstep_engine::verify::{self, Finding, Importance, Verification};

use super::cib_file::{self, Source};
use super::status::OutputAs;
use super::{Failure, Outcome, Target, output, simulate};
use crate::clock::Clock;
use crate::exit::Exit;

/// Check a configuration for errors, as crm_verify does
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        lockstep verify -x cib.xml       is it fit to be run?\n  \
        lockstep verify -x cib.xml -V    … and if not, what is wrong, and where?\n\n\
        Exit codes: 0 fit, 78 something is wrong or needs attention")]
pub(super) struct Args {
    /// Check the cluster that is running
    #[arg(short = 'L', long)]
    live_check: bool,
    /// Check the configuration in FILE (plain or .bz2)
    #[arg(short = 'x', long, value_name = "FILE")]
    xml_file: Option<PathBuf>,
    /// Check the configuration from standard input
    #[arg(short = 'p', long)]
    xml_pipe: bool,
    /// Check the configuration in the text XML
    #[arg(short = 'X', long, value_name = "XML")]
    xml_text: Option<String>,
    /// Write the configuration to FILE
    #[arg(short = 'S', long, value_name = "FILE")]
    save_xml: Option<PathBuf>,
    /// Say what is wrong; twice: also what is going on
    #[arg(short = 'V', long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say nothing about the result
    #[arg(short = 'q', long)]
    quiet: bool,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output_as: OutputAs,
    /// Write the answer as XML to FILE (or "-" for standard output)
    #[arg(long, value_name = "FILE")]
    output_to: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Outcome {
    match args.output_as {
        OutputAs::Text => {
            // As in the peer, which takes one from the other.
            let verbosity = args.verbose.saturating_sub(u8::from(args.quiet));
            let checked = check(args, verbosity)?;
            for line in &checked.lines {
                eprintln!("{line}");
            }
            checked.exit
        }
        OutputAs::Xml => {
            // Programs are always told the reasons.
            let (outcome, lines) = match check(args, 1) {
                Ok(checked) => (checked.exit, checked.lines),
                Err(Failure { exit, message }) => (Err(Failure::new(exit, "")), vec![message]),
            };
            let code = outcome
                .as_ref()
                .map_or_else(|failure| failure.exit, |()| Exit::Ok);
            let answer = answer_to_program(&output::request(), code as i32, &lines);
            output::print_to(args.output_to.as_deref(), &answer)?;
            outcome
        }
    }
}

/// What was found.
struct Checked {
    /// Each message with its place, then the verdict.
    lines: Vec<String>,
    /// How the command ends.
    exit: Outcome,
}

fn check(args: &Args, verbosity: u8) -> Result<Checked, Failure> {
    let (name, mut cib) = read(args)?;
    if let Some(path) = &args.save_xml {
        cib_file::write(path, &cib.to_xml())?;
    }
    let now = Clock::start().local();
    let result = verify::verify(&mut cib, now);
    let mut lines = messages(&result, &name, verbosity);
    if result.is_fine() {
        return Ok(Checked {
            lines,
            exit: Ok(()),
        });
    }
    if !args.quiet {
        lines.push(verdict(&result, verbosity));
    }
    let exit = Err(Failure::new(Exit::Config, ""));
    Ok(Checked { lines, exit })
}

/// The document, with a name for messages. Of several places the peer's first choice counts.
fn read(args: &Args) -> Result<(String, Document), Failure> {
    let source = match (&args.xml_file, &args.xml_text) {
        (Some(path), _) => Source::file(path),
        // The peer takes a name here as well.
        (None, Some(text)) if !text.trim_start().starts_with('<') => Source::file(text.as_ref()),
        (None, Some(text)) => Source::Text(text.clone()),
        (None, None) if args.xml_pipe => Source::StandardInput,
        (None, None) if args.live_check => return simulate::read_live(&args.target),
        (None, None) => return Err(Failure::new(Exit::Error, "verify: No input specified")),
    };
    let cib = cib_file::read(&source).map_err(|error| {
        let message = format!("verify: Verification failed: Unable to parse CIB XML\n{error}");
        Failure::new(Exit::Config, message)
    })?;
    Ok((source.to_string(), cib))
}

/// What is worth saying, each message with its place.
fn messages(result: &Verification, name: &str, verbosity: u8) -> Vec<String> {
    let asked = match verbosity {
        0 => Importance::Always,
        1 => Importance::Reason,
        _ => Importance::Detail,
    };
    let found = result.findings.iter();
    found
        .filter(|finding| finding.importance <= asked)
        .map(|finding| line(finding, name))
        .collect()
}

fn line(finding: &Finding, name: &str) -> String {
    let place = match finding.position {
        Some(position) => format!("{name}:{}:{}", position.line, position.column),
        None => name.to_owned(),
    };
    let severity = match finding.severity {
        Some(Severity::Error) => " error:",
        Some(Severity::Warning) => " warning:",
        Some(Severity::Notice) => " notice:",
        None => "",
    };
    format!("{place}:{severity} {}", finding.message)
}

fn verdict(result: &Verification, verbosity: u8) -> String {
    let what = if result.errors {
        "invalid"
    } else if result.warnings {
        "may need attention"
    } else {
        ""
    };
    let hint = match verbosity {
        0 => " (-V may provide more detail)",
        _ => "",
    };
    format!("Configuration {what}{hint}")
}
