//! `lockstep verify`: is this CIB fit to be run? Takes `crm_verify`'s options.

use std::path::PathBuf;

use lockstep_engine::Severity;
use lockstep_engine::verify::{self, Finding, Importance, Verification};

use super::cib_file::{self, Source};
use super::clock;
use super::{Failure, Outcome};
use crate::exit::Exit;

/// Options of `lockstep verify`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    about = "Check a configuration for errors, as crm_verify does",
    after_help = "Examples:\n  \
        lockstep verify -x cib.xml       is it fit to be run?\n  \
        lockstep verify -x cib.xml -V    … and if not, what is wrong, and where?\n\n\
        Exit codes: 0 fit, 78 something is wrong or needs attention"
)]
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
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Outcome {
    // As in the peer, which takes one from the other.
    let verbosity = args.verbose.saturating_sub(u8::from(args.quiet));
    let source = source(args)?;
    let refused = |error: cib_file::Unreadable| {
        let message = format!("verify: Verification failed: Unable to parse CIB XML\n{error}");
        Failure::new(Exit::Config, message)
    };
    let mut cib = cib_file::read(&source).map_err(refused)?;
    if let Some(path) = &args.save_xml {
        cib_file::write(path, &cib.to_xml())?;
    }
    let now = clock::local(clock::wall_clock());
    let result = verify::verify(&mut cib, now);
    report(&result, &source, verbosity);
    if result.is_fine() {
        return Ok(());
    }
    if !args.quiet {
        eprintln!("{}", verdict(&result, verbosity));
    }
    Err(Failure::new(Exit::Config, ""))
}

/// The one place that was given; of several the peer's first choice.
fn source(args: &Args) -> Result<Source, Failure> {
    if let Some(path) = &args.xml_file {
        return Ok(Source::file(path));
    }
    if let Some(text) = &args.xml_text {
        // The peer takes a name here as well.
        let is_text = text.trim_start().starts_with('<');
        return Ok(if is_text {
            Source::Text(text.clone())
        } else {
            Source::file(text.as_ref())
        });
    }
    if args.xml_pipe {
        return Ok(Source::StandardInput);
    }
    if args.live_check {
        let message = "verify: --live-check needs a running Pacemaker, and there is none here: \
                       give a file with -x";
        return Err(Failure::new(Exit::Usage, message));
    }
    Err(Failure::new(Exit::Error, "verify: No input specified"))
}

/// Everything for standard error, each message with its place.
fn report(result: &Verification, source: &Source, verbosity: u8) {
    let asked = match verbosity {
        0 => Importance::Always,
        1 => Importance::Reason,
        _ => Importance::Detail,
    };
    for finding in result.findings.iter() {
        if finding.importance <= asked {
            eprintln!("{}", line(finding, source));
        }
    }
}

fn line(finding: &Finding, source: &Source) -> String {
    let place = match finding.position {
        Some(position) => format!("{source}:{}:{}", position.line, position.column),
        None => source.to_string(),
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
