//! `lockstep demo`: a whole cluster on this host.
//!
//! Three controllers and the executors of their nodes, as real processes on loopback, with all that
//! they keep in one folder. Its resources are played by the bundled agents: nothing real is
//! started. Everything ends with this process, in whatever way it ends.
//!
//! | file | question |
//! |---|---|
//! | `live.rs` | what is shown while it runs |
//! | `check.rs` | does the next leader finish the same graph? |
//!
//! The cluster itself is a [`Lab`].

mod check;
mod live;

use std::path::PathBuf;

use super::{Failure, Outcome, runtime};
use crate::exit::Exit;
use crate::lab::{Lab, cluster};

/// Run a whole cluster on this host, to see how it works.
///
/// With --check: start, converge, kill the leader while a plan is half done, see the next leader
/// finish the same plan, bring the killed controller back; exits with 0 only if all of it held.
#[derive(Debug, clap::Args)]
#[command(long_about = None, after_help = "Example: lockstep demo --check")]
pub(super) struct Args {
    /// Play this CIB instead of the built-in cluster; its own agents are not run
    #[arg(long, value_name = "FILE")]
    cib: Option<PathBuf>,
    /// Keep everything in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Do the whole story unattended and say whether it held
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: Args) -> Outcome {
    let cluster = match &arguments.cib {
        Some(path) => cluster::from_file(path)?,
        None => cluster::built_in(),
    };
    let (folder, temporary) = folder(arguments.dir)?;
    let runtime = runtime(2)?;
    let outcome = runtime.block_on(async {
        let lab = Lab::start(&folder, &cluster)?;
        if arguments.check {
            check::run(lab).await
        } else {
            live::run(lab).await
        }
    });
    match (&outcome, temporary) {
        // What went wrong can be looked at.
        (Err(failure), Some(temporary)) if failure.exit != Exit::Ok => {
            eprintln!("everything is kept in {}", temporary.keep().display());
        }
        (_, temporary) => drop(temporary),
    }
    outcome
}

/// Where everything is kept; a temporary folder goes when it is dropped.
fn folder(given: Option<PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    let failed = |error| Failure::new(Exit::CannotCreate, error);
    let Some(folder) = given else {
        let made = tempfile::Builder::new().prefix("lockstep-demo-").tempdir();
        let made = made.map_err(|error| failed(format!("cannot make a folder: {error}")))?;
        return Ok((made.path().to_owned(), Some(made)));
    };
    let named = |error: std::io::Error| failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(named)?;
    if std::fs::read_dir(&folder).map_err(named)?.next().is_some() {
        let message = format!("{} is not empty: give --dir a new folder", folder.display());
        return Err(Failure::new(Exit::Exists, message));
    }
    let folder = std::path::absolute(&folder).map_err(named)?;
    Ok((folder, None))
}
