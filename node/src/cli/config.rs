//! `lockstep config`: the cluster's configuration.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Failure, Outcome, Target, output, runtime};
use crate::exit::Exit;
use crate::http::types::ConfigAnswer;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the CIB: configuration and status
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// Replace the configuration by that of a CIB; nothing changes unless the engine accepts it
    Replace {
        /// A CIB in a file, or - for standard input
        file: PathBuf,
        /// Only if this epoch is still in force (ADMIN.EPOCH, as `status` shows it)
        #[arg(long, value_name = "EPOCH")]
        expected: Option<String>,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::Show { target } => {
            let cib = runtime(1)?.block_on(target.client().get_text("/v1/cib"))?;
            output::print(&cib)
        }
        Command::Replace {
            file,
            expected,
            target,
        } => {
            let cib = read(&file)?;
            let path = match expected {
                Some(epoch) if !is_epoch(&epoch) => {
                    let message = format!("--expected {epoch}: not ADMIN.EPOCH, as in 0.12");
                    return Err(Failure::new(Exit::Usage, message));
                }
                Some(epoch) => format!("/v1/config?expected={epoch}"),
                None => "/v1/config".to_owned(),
            };
            let answer = runtime(1)?.block_on(target.client().post::<ConfigAnswer>(&path, cib));
            let answer = answer.map_err(|error| {
                let Failure { exit, message } = error.into();
                Failure::new(exit, format!("{}: {message}", file.display()))
            })?;
            output::print(&format!("configuration {} is in force\n", answer.epoch))
        }
    }
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
