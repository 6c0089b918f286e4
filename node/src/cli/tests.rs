//! The command line itself.

use clap::CommandFactory;

use super::Cli;

#[test]
fn no_command_contradicts_itself() {
    Cli::command().debug_assert();
}
