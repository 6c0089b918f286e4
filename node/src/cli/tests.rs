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

/// Every command that does something shows how it is used, and what it shows is understood.
#[test]
fn every_command_shows_an_example_that_is_a_command() {
    fn visit(mut command: clap::Command, name: &str, missing: &mut Vec<String>) {
        if command.has_subcommands() {
            for inner in command
                .get_subcommands()
                .filter(|inner| inner.get_name() != "help")
            {
                visit(
                    inner.clone(),
                    &format!("{name} {}", inner.get_name()),
                    missing,
                );
            }
            return;
        }
        let help = command.render_help().to_string();
        let examples = help
            .lines()
            .filter_map(|line| Some(&line[line.find("lockstep ")?..]));
        let examples: Vec<&str> = examples.filter(|line| line.starts_with(name)).collect();
        // The first is the line about usage.
        if examples.len() < 2 {
            missing.push(name.to_owned());
        }
        for example in examples.iter().skip(1) {
            let words = example.split("  ").next().unwrap_or_default();
            let words = words.split([';', '|', '>']).next().unwrap_or_default();
            if let Err(error) = Cli::try_parse_from(words.split_whitespace()) {
                missing.push(format!("`{words}`: {error}"));
            }
        }
    }
    let mut command = Cli::command();
    command.build();
    let mut missing = Vec::new();
    visit(command, "lockstep", &mut missing);
    assert!(
        missing.is_empty(),
        "without an example, or not understood: {missing:#?}"
    );
}
