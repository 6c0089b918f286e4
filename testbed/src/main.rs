//! The testbed: scenarios, faults and checkers that run Lockstep as its users do.

mod cli;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use lockstep_node::lab;
use lockstep_testbed::bench::{engine, process};

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
    Sim(cli::sim::Args),
}

fn main() -> ExitCode {
    // What is started is this program again: it is never of another build than what starts it.
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let done = match command.as_str() {
        engine::SIMULATE => return lockstep_node::cli::main(),
        engine::PARSE => engine::parse_only(args),
        process::COMMAND => process::run_measured(args),
        command if lab::COMMANDS.contains(&command) => return lockstep_node::cli::main(),
        _ => run(Cli::parse()),
    };
    done.unwrap_or_else(|error| {
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
        Command::Sim(args) => cli::sim::run(args),
    }
}
