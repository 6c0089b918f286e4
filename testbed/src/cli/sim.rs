//! `sim`: do the safety rules hold in whole clusters in which everything goes wrong?

use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use lockstep_testbed::say;
use lockstep_testbed::sim::campaign::{Outcome, run_seeds};
use lockstep_testbed::sim::{BUGS, Bug, Report, Settings, Tracing, run as run_seed};

/// Run whole clusters in virtual time through faults, and check the safety rules
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Which seeds, as FIRST..END
    #[arg(long, value_name = "A..B", default_value = "0..500", value_parser = range)]
    seeds: Range<u64>,
    /// Only this seed
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    replay: Option<u64>,
    /// Print everything that happens
    #[arg(long, requires = "replay")]
    trace: bool,
    /// Stop at this second of virtual time
    #[arg(long, requires = "replay", value_name = "SECONDS")]
    until: Option<f64>,
    /// Write the CIB of the leader at the end to this file
    #[arg(long, requires = "replay", value_name = "FILE")]
    cib: Option<PathBuf>,
    /// Plant a known bug (`list` names them); it must be found
    #[arg(long, value_name = "BUG")]
    plant: Option<String>,
    /// Plant each known bug in turn and tell after how many seeds it is found
    #[arg(long, conflicts_with_all = ["plant", "replay"])]
    plants: bool,
    /// How many seeds at a time (default: as many as there are processors)
    #[arg(long)]
    jobs: Option<usize>,
    /// Stop after so many findings
    #[arg(long, default_value_t = 1)]
    findings: usize,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("'{text}' is no range: write 0..500");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let first = first.parse().map_err(|_| wrong())?;
    let end = end.parse().map_err(|_| wrong())?;
    if first < end {
        Ok(first..end)
    } else {
        Err(wrong())
    }
}

/// Runs the command.
///
/// # Errors
/// If no such bug can be planted.
pub(crate) fn run(args: Args) -> io::Result<ExitCode> {
    // A panic of a core is a finding, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = args.jobs.unwrap_or(processors);
    let bug = match args.plant.as_deref() {
        None => None,
        Some("list") => {
            list();
            return Ok(ExitCode::SUCCESS);
        }
        Some(name) => Some(Bug::by_name(name).ok_or_else(|| {
            let text =
                format!("no bug '{name}' can be planted; `--plant list` names those that can");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?),
    };
    if args.plants {
        return Ok(plant_all(&args, jobs));
    }
    if let Some(seed) = args.replay {
        let until_us = args.until.map(|seconds| (seconds * 1e6) as u64);
        let tracing = match args.trace {
            true => Tracing::Print,
            false => Tracing::Last,
        };
        let settings = Settings {
            bug,
            until_us,
            tracing,
            ..Settings::new(seed)
        };
        return replay(&settings, args.cib.as_deref());
    }
    let tell = |seeds: u64, found: usize| {
        if seeds.is_multiple_of(500) {
            say!("{seeds} seeds, {found} with findings");
        }
    };
    let outcome = run_seeds(args.seeds.clone(), bug, jobs, args.findings, &tell);
    say!("{}", told(&outcome));
    for report in &outcome.found {
        print_finding(report, bug);
    }
    Ok(exit_code(outcome.found.is_empty()))
}

fn list() {
    for (_, name, what) in BUGS {
        say!("{name:<26}{what}");
    }
}

fn replay(settings: &Settings, cib: Option<&Path>) -> io::Result<ExitCode> {
    let report = run_seed(settings);
    let seed = settings.seed;
    match &report.finding {
        Some(finding) if settings.tracing == Tracing::Print => {
            say!("\nrule {}: {}", finding.rule, finding.what)
        }
        Some(_) => print_finding(&report, settings.bug),
        None => say!("seed {seed}: no rule was broken; {:?}", report.summary),
    }
    say!("fingerprint {:016x}", report.fingerprint);
    if let Some((path, text)) = cib.zip(report.cib.as_deref()) {
        std::fs::write(path, text)?;
    }
    Ok(exit_code(report.finding.is_none()))
}

fn plant_all(args: &Args, jobs: usize) -> ExitCode {
    let mut missed = 0;
    for (bug, name, _) in BUGS {
        let outcome = run_seeds(args.seeds.clone(), Some(*bug), jobs, 1, &|_, _| {});
        match outcome.found.first() {
            Some(Report {
                seed,
                finding: Some(finding),
                ..
            }) => say!(
                "{name:<26}found after {:>4} seeds, by seed {seed}: rule {}: {}",
                outcome.seeds,
                finding.rule,
                finding.what
            ),
            _ => {
                missed += 1;
                say!("{name:<26}NOT FOUND in {} seeds", outcome.seeds);
            }
        }
    }
    exit_code(missed == 0)
}

fn told(outcome: &Outcome) -> String {
    let Outcome {
        seeds,
        total,
        found,
    } = outcome;
    format!(
        "{seeds} seeds, {} with findings: {:.1} h of virtual time, {} faults, {} operations, \
         {} elections, {} log entries, {} changes acknowledged, {} plans, {} agent runs, \
         {} fencings, {} resets by watchdogs, {} snapshots made and {} taken up, {} writes to full disks, \
         {} controllers removed, {} controllers upgraded and {} too old, {} configurations without rest",
        found.len(),
        total.time_us as f64 / 3.6e9,
        total.faults,
        total.operations,
        total.elections,
        total.entries,
        total.acknowledged,
        total.plans,
        total.runs,
        total.fencings,
        total.resets,
        total.snapshots,
        total.restores,
        total.full_disks,
        total.membership_changes,
        total.upgrades,
        total.too_old,
        total.restless,
    )
}

fn print_finding(report: &Report, bug: Option<Bug>) {
    let Some(finding) = &report.finding else {
        return;
    };
    say!(
        "\nseed {}: rule {} does NOT hold:",
        report.seed,
        finding.rule
    );
    say!("  {}", finding.what);
    say!("the last events:");
    for line in &report.trace {
        say!("  {line}");
    }
    let plant = bug.map_or(String::new(), |bug| format!(" --plant {}", bug.name()));
    say!(
        "again: cargo run --release -p lockstep-testbed -- sim --replay {}{plant} --trace",
        report.seed
    );
}

fn exit_code(holds: bool) -> ExitCode {
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
