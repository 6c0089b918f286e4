//! `bench`: how fast is it?

use std::io;
use std::process::ExitCode;

use super::bench_cluster;

/// Measure beside the peers
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    Cluster(bench_cluster::Args),
}

/// Runs the command.
///
/// # Errors
/// If something cannot be run or written.
pub(crate) fn run(args: Args) -> io::Result<ExitCode> {
    match args.what {
        What::Cluster(args) => bench_cluster::run(&args),
    }
}
