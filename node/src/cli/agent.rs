//! `lockstep agent`: the bundled agents, as executors call them.

use std::process::ExitCode;

use crate::agent::bundled::{self, Context};
use crate::agent::{ResultCode, power};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Type of the agent
    kind: String,
    /// What to do
    #[arg(default_value = "")]
    task: String,
}

pub(super) fn run(arguments: &Args) -> ExitCode {
    if arguments.kind == power::NAME {
        return exit_code(power::act(std::io::stdin()));
    }
    let context = Context::from_environment(&arguments.kind);
    exit_code(bundled::act(&arguments.kind, &arguments.task, &context))
}

fn exit_code(code: ResultCode) -> ExitCode {
    ExitCode::from(u8::try_from(code.0).unwrap_or(1))
}
