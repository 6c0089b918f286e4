//! `bench`: how fast is it?

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::bench::engine::{self, Settings};
use lockstep_testbed::bench::families;
use lockstep_testbed::say;

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
    Engine(EngineArgs),
    Family(FamilyArgs),
}

/// Measure the engine beside Pacemaker's scheduler, as whole processes
#[derive(Clone, Debug, clap::Args)]
struct EngineArgs {
    /// Pacemaker's `crm_simulate`
    #[arg(long, value_name = "FILE")]
    peer: PathBuf,
    /// The `lockstep` to measure, if not the one beside this program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Folder with further CIBs, each of which is planned for once
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
    /// Less of everything, for a first look
    #[arg(long)]
    quick: bool,
    /// Also let Pacemaker plan for the largest clusters, for up to ten minutes each
    #[arg(long)]
    large: bool,
}

/// Print a CIB of one of the families that `bench engine` measures
#[derive(Clone, Debug, clap::Args)]
struct FamilyArgs {
    /// Its name, such as "lost node"
    name: String,
    /// How large: what grows is the family's own matter
    size: usize,
}

/// Runs the command.
///
/// # Errors
/// If something cannot be run or written.
pub(crate) fn run(args: Args) -> io::Result<ExitCode> {
    let args = match args.what {
        What::Cluster(args) => return bench_cluster::run(&args),
        What::Engine(args) => args,
        What::Family(args) => return print_family(&args),
    };
    let settings = Settings {
        peer: args.peer,
        program: args.program,
        cases: args.cases,
        quick: args.quick,
        large: args.large,
    };
    engine::run(&settings, &|line| say!("{line}"))?;
    Ok(ExitCode::SUCCESS)
}

fn print_family(args: &FamilyArgs) -> io::Result<ExitCode> {
    let mut all = families::ALL.iter();
    let Some(family) = all.find(|family| family.name == args.name) else {
        let names: Vec<_> = families::ALL.iter().map(|family| family.name).collect();
        eprintln!("no family {:?}: there are {names:?}", args.name);
        return Ok(ExitCode::FAILURE);
    };
    print!("{}", (family.make)(args.size));
    Ok(ExitCode::SUCCESS)
}
