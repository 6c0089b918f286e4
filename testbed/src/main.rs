//! The testbed: scenarios, faults and checkers that run Lockstep as its users do.

mod cli;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use lockstep_node::lab;
use lockstep_testbed::bench::{engine, process};
use lockstep_testbed::hosts::{init, power};
use lockstep_testbed::plants;

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
    Determinism(cli::determinism::Args),
    Differential(cli::differential::Args),
    Guide(cli::guide::Args),
    KillControllers(cli::kill_controllers::Args),
    Sim(cli::sim::Args),
    /// List all scenarios
    List,
    Plants(cli::scenario::PlantsArgs),
    Report(cli::scenario::ReportArgs),
    Run(cli::scenario::RunArgs),
    Soak(cli::scenario::SoakArgs),
}

fn main() -> ExitCode {
    // What is started is this program again: it is never of another build than what starts it.
    let mut args = std::env::args();
    let called = args.next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    if !name.to_string_lossy().starts_with(env!("CARGO_PKG_NAME")) {
        // `lockstep` on a host of the testbed, or one of the tools that agents call.
        return plants::main();
    }
    let command = args.next().unwrap_or_default();
    let done = match command.as_str() {
        engine::SIMULATE => return lockstep_node::cli::main(),
        engine::PARSE => engine::parse_only(args),
        process::COMMAND => process::run_measured(args),
        init::COMMAND => init::run(args),
        power::COMMAND => return power::agent(),
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
        Command::Determinism(args) => cli::determinism::run(&args),
        Command::Differential(args) => cli::differential::run(args),
        Command::Guide(args) => cli::guide::run(&args),
        Command::KillControllers(args) => cli::kill_controllers::run(args),
        Command::Sim(args) => cli::sim::run(args),
        Command::List => Ok(cli::scenario::list()),
        Command::Plants(args) => cli::scenario::plants(&args),
        Command::Report(args) => cli::scenario::report(&args),
        Command::Soak(args) => cli::scenario::soak(&args),
        Command::Run(args) => cli::scenario::run(&args),
    }
}
