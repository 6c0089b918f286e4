//! `guide`: the operator's guide, typed as it is written.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::guide;
use lockstep_testbed::say;

/// Type the operator's guide on three hosts of their own, as it is written
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The guide
    #[arg(default_value = "docs/operate.md")]
    page: PathBuf,
    /// The `lockstep` that hosts run, if not this one's own
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the guide cannot be read, or the hosts cannot be made.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    let page = args.page.display();
    if let Some(why) = guide::missing() {
        say!("SKIPPED {page}: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{page}: {error}"));
    let text = std::fs::read_to_string(&args.page).map_err(named)?;
    let folder = tempfile::Builder::new()
        .prefix("lockstep-guide-")
        .tempdir()?;
    let done = guide::run(&text, folder.path(), args.program.as_deref(), &|line| {
        say!("{line}");
    })?;
    match done {
        Ok(commands) => {
            say!("{page}: {commands} commands, each as it says");
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => {
            say!("{page} is WRONG: {wrong}");
            say!("logs and all data: {}", folder.keep().display());
            Ok(ExitCode::FAILURE)
        }
    }
}
