//! `differential`: does the engine decide what Pacemaker decides, for clusters made at random?

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use lockstep_testbed::differential::run::{self, Settings};
use lockstep_testbed::say;

/// Compare the engine with Pacemaker on clusters made at random
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Pacemaker's `crm_simulate`, or the folder with it
    #[arg(long, value_name = "PATH")]
    peer: PathBuf,
    /// Folder with CIBs to edit
    #[arg(long, value_name = "FOLDER", required_unless_present = "recheck")]
    cases: Option<PathBuf>,
    /// How many clusters
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// Number of the first cluster: a single one is repeated with `--first N --count 1`
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// What everything follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many clusters at a time (default: as many as there are processors)
    #[arg(long)]
    jobs: Option<usize>,
    /// Note in FILE, as digests, what the peer answers, and ask it only where the engine says
    /// something else than what is noted there
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Make differences small and keep them here
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// How many of the differences that look alike are kept
    #[arg(long, default_value_t = 2)]
    each: usize,
    /// How often both may plan to make one case small
    #[arg(long, default_value_t = 2500)]
    shrink: usize,
    /// Only compare again what an earlier run kept in FOLDER
    #[arg(long, value_name = "FOLDER")]
    recheck: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If files cannot be read or written, or the peer cannot be run.
pub(crate) fn run(args: Args) -> io::Result<ExitCode> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let settings = Settings {
        peer: args.peer,
        cases: args.cases.unwrap_or_default(),
        count: args.count,
        first: args.first,
        seed: args.seed,
        jobs: args.jobs.unwrap_or(processors),
        known: args.known,
        save: args.save,
        each: args.each,
        shrink_budget: args.shrink,
    };
    if let Some(kept) = args.recheck {
        let (all, differing) = run::recheck(&settings, &kept)?;
        for (folder, signature) in &differing {
            say!("{}: {signature}", folder.display());
        }
        say!("{} of {all} still differ", differing.len());
        return Ok(exit_code(differing.is_empty()));
    }
    say!(
        "seed {}, clusters {}..{}",
        settings.seed,
        settings.first,
        settings.first + settings.count
    );
    // Panics of the engine are findings: they are reported as such, not printed by the hook.
    std::panic::set_hook(Box::new(|_| {}));
    let report = run::run(&settings, &|line| say!("{line}"))?;
    print!("\n{}", report.to_text());
    Ok(exit_code(report.differing() == 0))
}

fn exit_code(agrees: bool) -> ExitCode {
    if agrees {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
