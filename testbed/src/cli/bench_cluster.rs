//! `bench cluster`: how fast is a cluster of real processes? And `bench-member`, one of them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::bench::cluster::{commit, member, recovery};
use lockstep_testbed::hosts::system;
use lockstep_testbed::say;

/// Measure a cluster of real processes beside its peers
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Keep everything in this folder: its disk is the one that is measured
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Measure only this
    #[arg(long, value_name = "WHAT")]
    what: Option<What>,
    /// Fail if a target is missed
    #[arg(long)]
    strict: bool,
}

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// How fast changes are committed
    Commit,
    /// How soon a lost leader or node is replaced, on hosts out of namespaces: needs root
    Recovery,
}

/// Runs the command.
///
/// # Errors
/// If the cluster cannot be run.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    // Not in memory, as /tmp may be: what is measured is a disk.
    let home = std::env::current_dir()?;
    let made = tempfile::Builder::new()
        .prefix(".lockstep-bench-")
        .tempdir_in(args.dir.as_ref().unwrap_or(&home))?;
    let print = |line: &str| say!("{line}");
    let mut figures = Vec::new();
    if args.what != Some(What::Recovery) {
        figures.extend(commit::run(made.path(), args.runs, &print)?);
    }
    if args.what != Some(What::Commit) {
        match system::missing() {
            Some(why) => say!("SKIPPED recovery: {why}"),
            None => match recovery::run(made.path(), args.runs, &print) {
                Ok(measured) => figures.extend(measured),
                Err(error) => {
                    // Logs, disks and what was witnessed say why.
                    eprintln!("everything is kept in {}", made.keep().display());
                    return Err(error);
                }
            },
        }
    }
    say!("");
    for figure in &figures {
        say!("{}", figure.to_text());
    }
    let all_reached = figures.iter().all(|figure| figure.is_reached());
    Ok(if all_reached || !args.strict {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One process of a group that is measured
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MemberArgs {
    #[arg(long)]
    id: u64,
    #[arg(long)]
    folder: PathBuf,
    /// ID=ADDRESS
    #[arg(long = "member", value_parser = member)]
    members: Vec<(u64, SocketAddr)>,
    #[arg(long)]
    clients: SocketAddr,
}

fn member(text: &str) -> Result<(u64, SocketAddr), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(id, address)| Some((id.parse().ok()?, address.parse().ok()?)));
    parsed.ok_or_else(|| format!("{text} is not ID=ADDRESS"))
}

/// Runs until it is killed.
///
/// # Errors
/// If it cannot start, or cannot go on.
pub(crate) fn run_member(args: MemberArgs) -> io::Result<ExitCode> {
    let settings = member::Settings {
        id: args.id,
        folder: args.folder,
        members: args.members.into_iter().collect(),
        clients: args.clients,
    };
    member::run(&settings).map(|()| ExitCode::SUCCESS)
}
