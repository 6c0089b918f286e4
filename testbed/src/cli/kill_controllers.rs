//! `kill-controllers`: do the safety rules hold when controllers die at random moments?

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::kill_controllers::{Settings, run as run_scenario};
use lockstep_testbed::say;

/// Kill controllers of a real cluster at random moments and check the safety rules
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// What the whole schedule follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often controllers are killed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Keep everything in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the folder cannot be used.
pub(crate) fn run(args: Args) -> io::Result<ExitCode> {
    let (folder, temporary) = folder(args.dir)?;
    let settings = Settings {
        seed: args.seed,
        rounds: args.rounds,
        folder: folder.clone(),
    };
    let Err(broken) = run_scenario(&settings, &|line| say!("{line}")) else {
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(temporary) = temporary {
        // What went wrong can be looked at.
        let _ = temporary.keep();
    }
    say!("\nIt does NOT hold: {broken}");
    say!("logs and all data  {}", folder.display());
    say!(
        "again              cargo run --release -p lockstep-testbed -- kill-controllers --seed {} \
         --rounds {}",
        args.seed,
        args.rounds
    );
    Ok(ExitCode::FAILURE)
}

/// Where everything is kept; a temporary folder goes when it is dropped.
fn folder(given: Option<PathBuf>) -> io::Result<(PathBuf, Option<tempfile::TempDir>)> {
    let Some(folder) = given else {
        let made = tempfile::Builder::new()
            .prefix("lockstep-kill-")
            .tempdir()?;
        return Ok((made.path().to_owned(), Some(made)));
    };
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(named)?;
    if std::fs::read_dir(&folder).map_err(named)?.next().is_some() {
        let text = format!("{} is not empty: give --dir a new folder", folder.display());
        return Err(io::Error::other(text));
    }
    Ok((std::path::absolute(&folder).map_err(named)?, None))
}
