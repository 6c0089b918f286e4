//! `run`, `list`, `soak`, `plants`, `report`: scenarios on hosts out of namespaces.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lockstep_node::clock::Clock;
use lockstep_testbed::differential::random::Random;
use lockstep_testbed::hosts::system;
use lockstep_testbed::plants::{PLANTS, Plant};
use lockstep_testbed::report::page::page;
use lockstep_testbed::report::record::Record;
use lockstep_testbed::say;
use lockstep_testbed::scenarios::story::Broken;
use lockstep_testbed::scenarios::{Scenario, Settings, all, find, tidy};

/// Run a scenario on hosts of their own: real processes, agents, disks, and faults
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Which, one or several: `list` tells their names
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Plant a known bug, which must be found: `plants` tries all that hosts can have
    #[arg(long, value_name = "BUG")]
    plant: Option<String>,
    #[command(flatten)]
    how: How,
}

/// How scenarios are run
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct How {
    /// What everything that is left to chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many hosts: 3, 5 or 7
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    nodes: u8,
    /// Keep everything in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The `lockstep` that hosts run, if not this one's own
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only tell how it ended, and keep nothing of what is as it should be
    #[arg(long)]
    quiet: bool,
}

/// Runs scenarios, one after the other.
///
/// # Errors
/// If the folder cannot be used.
pub(crate) fn run(args: &RunArgs) -> io::Result<ExitCode> {
    let mut scenarios = Vec::new();
    for name in &args.scenarios {
        let unknown = || io::Error::other(format!("there is no scenario '{name}': see `list`"));
        scenarios.push(find(name).ok_or_else(unknown)?);
    }
    if let Some(why) = system::missing() {
        say!("SKIPPED {}: {why}", args.scenarios.join(", "));
        return Ok(ExitCode::SUCCESS);
    }
    let plant = args.plant.as_deref().map(Plant::by_name).transpose()?;
    let mut as_expected = true;
    for scenario in &scenarios {
        as_expected &= match plant {
            Some(plant) => is_found(scenario, &args.how, args.how.seed, plant)?,
            None => run_one(scenario, &args.how, args.how.seed, None)?.is_none(),
        };
    }
    Ok(if as_expected {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lists all scenarios.
pub(crate) fn list() -> ExitCode {
    for scenario in all() {
        say!("{:24} {}", scenario.name, scenario.about);
    }
    ExitCode::SUCCESS
}

/// Runs a scenario once, and tells how it ended; returns what was wrong, if anything.
fn run_one(
    scenario: &Scenario,
    how: &How,
    seed: u64,
    plant: Option<Plant>,
) -> io::Result<Option<Broken>> {
    let folder = folder(how.dir.as_deref(), &scenario.name, seed)?;
    let settings = Settings {
        seed,
        nodes: how.nodes.into(),
        folder: folder.clone(),
        program: how.program.clone(),
        plant,
        aloud: !how.quiet,
    };
    let run = scenario.run(&settings)?;
    let clean = run.broken.is_none();
    let record = Record {
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        seed,
        plant: plant.map(|plant| plant.bug.name().to_owned()),
        nodes: settings.nodes,
        broken: run.broken.as_ref().map(ToString::to_string),
        figures: run
            .figures
            .iter()
            .map(|(what, count)| ((*what).to_owned(), *count))
            .collect(),
        began_us: run.chronicle.began_us(),
        entries: run.chronicle.entries(),
        plans: run.plans,
        witnessed: Vec::new(),
    };
    record.write(&folder)?;
    if clean {
        tidy(&folder)?;
    }
    say!("{}", record.summary());
    write_page(&folder)?;
    if clean && how.dir.is_none() && how.quiet {
        std::fs::remove_dir_all(&folder)?;
    } else {
        say!("report             {}", folder.join(PAGE).display());
    }
    Ok(run.broken)
}

/// The page of a run, in its folder.
const PAGE: &str = "report.html";

fn write_page(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(PAGE), page(&Record::read(folder)?))
}

/// Make the report of a run again, from what is kept in its folder
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The folder of the run
    folder: PathBuf,
}

/// Makes a report.
///
/// # Errors
/// If it is no folder of a run.
pub(crate) fn report(args: &ReportArgs) -> io::Result<ExitCode> {
    write_page(&args.folder)?;
    let record = Record::read(&args.folder)?;
    say!("{}", record.summary());
    say!("report             {}", args.folder.join(PAGE).display());
    Ok(if record.broken.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Run scenarios at random until time is over
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// For how long
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    minutes: u64,
    #[command(flatten)]
    how: How,
}

/// Runs scenarios in random order, each with a seed of its own, until time is over.
///
/// # Errors
/// If a folder cannot be used.
pub(crate) fn soak(args: &SoakArgs) -> io::Result<ExitCode> {
    if let Some(why) = system::missing() {
        say!("SKIPPED soak: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    let clock = Clock::start();
    let mut random = Random::new(args.how.seed);
    let (mut runs, mut failed) = (0, Vec::new());
    let mut left = Vec::new();
    while clock.monotonic_ms() < args.minutes * 60_000 {
        if left.is_empty() {
            // Each once before any comes again.
            left = random.sample(&all(), usize::MAX);
        }
        let Some(scenario) = left.pop() else { break };
        let seed = random.next() % 1_000_000;
        let mut how = args.how.clone();
        how.dir = args
            .how
            .dir
            .as_ref()
            .map(|dir| dir.join(format!("{}-{seed}", scenario.name)));
        runs += 1;
        if run_one(&scenario, &how, seed, None)?.is_some() {
            failed.push(format!("{} --seed {seed}", scenario.name));
        }
    }
    let seconds = clock.monotonic_ms() / 1000;
    say!(
        "\n{runs} runs in {} min {} s, {} failed",
        seconds / 60,
        seconds % 60,
        failed.len()
    );
    for run in &failed {
        say!("  {run}");
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Plant each bug that hosts can have in turn, and tell which scenario and seed finds it
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlantsArgs {
    /// Only these
    bugs: Vec<String>,
    /// Try so many seeds, from `--seed` on
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    #[command(flatten)]
    how: How,
}

/// Plants bugs, each until it is found.
///
/// # Errors
/// If a folder cannot be used, or there is no such bug.
pub(crate) fn plants(args: &PlantsArgs) -> io::Result<ExitCode> {
    let named = args.bugs.iter().map(|name| Plant::by_name(name));
    let mut plants = named.collect::<io::Result<Vec<_>>>()?;
    if plants.is_empty() {
        plants = PLANTS.to_vec();
    }
    if let Some(why) = system::missing() {
        say!("SKIPPED plants: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut missed = false;
    for plant in plants {
        let name = plant.scenario;
        let scenario = find(name).ok_or_else(|| io::Error::other(format!("no scenario {name}")))?;
        let mut seeds = args.how.seed..args.how.seed + args.seeds;
        let mut found = false;
        while let Some(seed) = seeds.next().filter(|_| !found) {
            found = is_found(&scenario, &args.how, seed, plant)?;
        }
        missed |= !found;
    }
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs a scenario with a planted bug; tells whether it was found, and returns that. What the testbed
/// itself could not do finds nothing.
fn is_found(scenario: &Scenario, how: &How, seed: u64, plant: Plant) -> io::Result<bool> {
    let (bug, about, name) = (plant.bug.name(), plant.about(), &scenario.name);
    if plant.needs_levers && system::find("cc").is_none() {
        say!("SKIPPED {bug}: there is no C compiler");
        return Ok(true);
    }
    let broken = run_one(scenario, how, seed, Some(plant))?;
    let found = matches!(&broken, Some(Broken::Wrong(_) | Broken::InVain { .. }));
    let (verdict, preposition) = match found {
        true => ("FOUND", "by"),
        false => ("MISSED", "in"),
    };
    say!("{verdict} {bug} ({about}) {preposition} {name} --seed {seed}");
    Ok(found)
}

/// A new folder for a run.
fn folder(given: Option<&Path>, name: &str, seed: u64) -> io::Result<PathBuf> {
    let Some(folder) = given else {
        // Short: sockets are in it, whose names have little room.
        let prefix = format!("lockstep-{name}-{seed}-");
        let made = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        return Ok(made.keep());
    };
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        let text = format!("{} is not empty: give --dir a new folder", folder.display());
        return Err(io::Error::other(text));
    }
    std::path::absolute(folder)
}
