//! The testbed: scenarios, faults and checkers that run Lockstep as its users do.

mod cli;

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// Scenarios, faults and checkers for Lockstep.
#[derive(Debug, Parser)]
#[command(name = "lockstep-testbed", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Differential(cli::differential::Args),
}

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("lockstep-testbed: {error}");
        ExitCode::from(2)
    })
}

fn run(cli: Cli) -> io::Result<ExitCode> {
    match cli.command {
        Command::Differential(args) => cli::differential::run(args),
    }
}
