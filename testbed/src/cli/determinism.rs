//! `determinism`: do two processes plan the same, to the byte?

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::bench::engine;
use lockstep_testbed::determinism::Program;
use lockstep_testbed::differential::case::{Bases, Case};
use lockstep_testbed::say;

/// Plan twice for each cluster, in two processes, and compare every byte of what they say: for CIBs of a
/// folder, and for clusters made at random
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with CIBs: they are planned for, and edited at random
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
    /// How many clusters to make at random
    #[arg(long, default_value_t = 0)]
    count: u64,
    /// What they follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program that plans (default: this one, which has the engine in it)
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If files cannot be read or written, or the program cannot be run.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    let bases = match &args.cases {
        Some(folder) => Bases::of(folder)?,
        None => Bases::default(),
    };
    let program = match &args.program {
        Some(path) => Program::new(path, "simulate")?,
        None => Program::new(&std::env::current_exe()?, engine::SIMULATE)?,
    };
    let all = bases.len() as u64 + args.count;
    let mut differing = 0_u64;
    for case in Case::all(&bases, args.count, args.seed) {
        let case = case?;
        let difference = program.first_difference(&case.cib.to_xml(), &case.date)?;
        if let Some(part) = difference {
            say!("{}: {part} differs between two processes", case.name());
            differing += 1;
        }
    }
    say!(
        "{} of {all} clusters byte-equal in two processes",
        all - differing
    );
    Ok(if differing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
