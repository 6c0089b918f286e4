//! The command line itself.

use clap::{CommandFactory, Parser};

use super::Cli;

#[test]
fn no_command_contradicts_itself() {
    Cli::command().debug_assert();
}

/// Commands in a page: lines of shell blocks, and what stands between backquotes.
fn commands(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let line = line.split(" #").next().unwrap_or_default();
            found.push(line.split('>').next().unwrap_or_default());
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found.retain(|text| text.starts_with("lockstep "));
    found
}

#[test]
fn commands_of_the_guide_are_commands() {
    let found = commands(include_str!("../../../docs/operate.md"));
    assert!(found.len() > 50, "{found:?}");
    for command in found {
        // Where an option wants a value that only the reader knows, the guide names the option.
        if command == "lockstep simulate -x" {
            continue;
        }
        if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
            panic!("`{command}`: {error}");
        }
    }
}
