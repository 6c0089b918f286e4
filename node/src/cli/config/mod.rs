//! `lockstep config`: the cluster's configuration.

mod diff;
mod edit;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use lockstep_engine::parse::Document;

use super::live::Live;
use super::{Failure, Outcome, Target, output};
use crate::edit::section;
use crate::exit::Exit;
use crate::http::types::NoteText;
use crate::policy::{self, NotAdmitted};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    lockstep config show > cib.xml                    keep a copy\n  \
    lockstep config show constraints                  one section only\n  \
    lockstep config edit                              change it in $EDITOR\n  \
    lockstep config verify cib.xml                    would it be taken?\n  \
    lockstep config replace cib.xml --expected 0.12   unless somebody changed it meanwhile\n  \
    lockstep config diff cib.xml                      what differs from what is in force?\n  \
    lockstep config diff old.xml new.xml | lockstep config patch -")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the CIB, or one section of the configuration (`resources`, …) or its `status`
    #[command(after_help = "Example: lockstep config show resources")]
    Show {
        section: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Change the configuration in $VISUAL or $EDITOR
    ///
    /// What the engine refuses comes back into the editor with the reason. Nothing changes unless
    /// it accepts it, and the configuration is still the one that was edited.
    #[command(after_help = "Example: EDITOR=vi lockstep config edit")]
    Edit {
        #[command(flatten)]
        target: Target,
    },
    /// Replace the configuration by that of a CIB; nothing changes unless the engine accepts it
    #[command(after_help = "Example: lockstep config replace cib.xml --expected 0.12")]
    Replace {
        /// A CIB in a file, or - for standard input
        file: PathBuf,
        /// Only if this epoch is still in force (ADMIN.EPOCH, as `status` shows it)
        #[arg(long, value_name = "EPOCH")]
        expected: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Change the configuration by a difference, as `config diff` and crm_diff write it
    ///
    /// The difference must be from the configuration that is in force, if it says from which one
    /// it is. Nothing changes unless all of it fits and the engine accepts the result.
    #[command(after_help = "Example: lockstep config patch change.xml")]
    Patch {
        /// A difference in a file, or - for standard input
        file: PathBuf,
        /// Whichever configuration it is from
        #[arg(long)]
        any_version: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Print what differs between two configurations, as Pacemaker's tools write XML differences (format 2)
    ///
    /// The exit code is 1 if something does, and 0 if nothing does.
    #[command(after_help = "Example: lockstep config diff old.xml new.xml")]
    Diff {
        /// A CIB in a file, or - for standard input
        old: PathBuf,
        /// Another; that of the cluster is the old one if only one file is given
        new: Option<PathBuf>,
        /// Also the status, which only the cluster can change
        #[arg(long)]
        status: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Look whether a CIB would be accepted, and for what it warns of; changes nothing
    #[command(after_help = "Example: lockstep config verify cib.xml")]
    Verify {
        /// A CIB in a file, or - for standard input; that of the cluster if not given
        file: Option<PathBuf>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::Show { section, target } => show(section.as_deref(), &target),
        Command::Edit { target } => edit::run(&target),
        Command::Replace {
            file,
            expected,
            target,
        } => replace(&file, expected.as_deref(), &target),
        Command::Patch {
            file,
            any_version,
            target,
        } => diff::patch(&file, any_version, &target),
        Command::Diff {
            old,
            new,
            status,
            target,
        } => diff::diff(&old, new.as_deref(), status, &target),
        Command::Verify { file, json, target } => verify(file.as_deref(), json, &target),
    }
}

fn show(wanted: Option<&str>, target: &Target) -> Outcome {
    let live = Live::new(target)?;
    let Some(wanted) = wanted else {
        return output::print(&live.text("/v1/cib")?);
    };
    let cib = live.cib()?;
    let found = match wanted {
        "configuration" | "status" => cib.child(cib.root(), wanted),
        _ => section(&cib, wanted),
    };
    let Some(found) = found else {
        let sections = sections(&cib).join(", ");
        let message = format!("there is no section '{wanted}', but {sections}");
        return Err(Failure::new(Exit::NoSuch, message));
    };
    let mut text = String::new();
    cib.write_xml(found, &mut text);
    output::print(&text)
}

fn sections(cib: &Document) -> Vec<&str> {
    let configuration = cib.child(cib.root(), "configuration");
    let sections = configuration.into_iter().flat_map(|e| cib.children(e));
    let all = ["configuration", "status"].into_iter();
    all.chain(sections.map(|e| cib.name(e))).collect()
}

fn replace(file: &Path, expected: Option<&str>, target: &Target) -> Outcome {
    let cib = read(file)?;
    if let Some(epoch) = expected.filter(|epoch| !is_epoch(epoch)) {
        let message = format!("--expected {epoch}: not ADMIN.EPOCH, as in 0.12");
        return Err(Failure::new(Exit::Usage, message));
    }
    let answer = Live::new(target)?.replace(expected, cib).map_err(|error| {
        let Failure { exit, message } = error.into();
        Failure::new(exit, format!("{}: {message}", file.display()))
    })?;
    tell(&file.display().to_string(), &answer.notes);
    output::print(&format!("configuration {} is in force\n", answer.epoch))
}

fn verify(file: Option<&Path>, json: bool, target: &Target) -> Outcome {
    let (name, cib) = match file {
        Some(file) => (file.display().to_string(), read(file)?),
        None => {
            let cib = Live::new(target)?.text("/v1/cib")?;
            ("the cluster's configuration".to_owned(), cib.into_bytes())
        }
    };
    let admitted = policy::admit(&cib, Live::now()).map_err(|error| not_admitted(&name, &error))?;
    let notes: Vec<NoteText> = admitted.notes.into_iter().map(Into::into).collect();
    if json {
        output::json(&notes)?;
    } else {
        notes
            .iter()
            .try_for_each(|note| output::print(&line(&name, note)))?;
    }
    // As `crm_verify`: what the engine calls an error is one, though it makes a plan all the same.
    match notes.iter().any(|note| note.severity == "error") {
        true => Err(Failure::new(Exit::Config, "")),
        false if json => Ok(()),
        false => output::print(&format!("{name}: valid\n")),
    }
}

/// Says why a CIB is not taken, and where.
fn not_admitted(name: &str, refused: &NotAdmitted) -> Failure {
    let exit = match refused.malformed {
        true => Exit::BadData,
        false => Exit::Config,
    };
    let hint = refused.hint.as_ref().map(|hint| format!("\n{hint}"));
    Failure::new(
        exit,
        format!("{name}: {refused}{}", hint.unwrap_or_default()),
    )
}

/// Says on standard error what should be known about a configuration that was taken.
pub(super) fn tell(name: &str, notes: &[NoteText]) {
    for note in notes.iter().filter(|note| note.severity != "notice") {
        eprint!("{}", line(name, note));
    }
}

fn line(name: &str, note: &NoteText) -> String {
    let place = match (note.line, note.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    format!("{name}{place}: {}: {}\n", note.severity, note.text)
}

fn is_epoch(text: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().is_ok();
    text.split_once('.')
        .is_some_and(|(admin, epoch)| number(admin) && number(epoch))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
        _ => std::fs::read(path).map(|read| bytes = read),
    };
    match read {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::new(
            Exit::NoInput,
            format!("{}: {error}", path.display()),
        )),
    }
}
