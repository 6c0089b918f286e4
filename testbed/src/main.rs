//! The testbed: scenarios, faults and checkers that run Lockstep as its users do.

mod cli;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use lockstep_node::lab;

/// Scenarios, faults and checkers for Lockstep.
#[derive(Debug, Parser)]
#[command(name = "lockstep-testbed", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Audit(cli::audit::Args),
    Bench(cli::bench::Args),
    #[command(hide = true)]
    BenchMember(cli::bench_cluster::MemberArgs),
    Differential(cli::differential::Args),
    KillControllers(cli::kill_controllers::Args),
}

fn main() -> ExitCode {
    // What a lab starts is this program again: it is never of another build than the scenario.
    let first = std::env::args().nth(1);
    if first.is_some_and(|command| lab::COMMANDS.contains(&command.as_str())) {
        return lockstep_node::cli::main();
    }
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("lockstep-testbed: {error}");
        ExitCode::from(2)
    })
}

fn run(cli: Cli) -> io::Result<ExitCode> {
    match cli.command {
        Command::Audit(args) => cli::audit::run(&args),
        Command::Bench(args) => cli::bench::run(args),
        Command::BenchMember(args) => cli::bench_cluster::run_member(args),
        Command::Differential(args) => cli::differential::run(args),
        Command::KillControllers(args) => cli::kill_controllers::run(args),
    }
}
