//! The everyday command lines of `simulate`, read without describing all its options first.
//!
//! `simulate` is started for each of thousands of files, and to make clap's description of 45 options
//! takes a tenth of the time of planning for a small cluster (`docs/performance.md`). What is not
//! written in the plain way that is understood here, or is wrong in any way, is clap's: a test holds
//! both against each other.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Args;
use crate::cli::Target;
use crate::cli::status::OutputAs;

/// Reads the arguments of the program, its name included. `None`: let clap read them.
pub(in crate::cli) fn plain(arguments: &[OsString]) -> Option<Args> {
    let [_, command, options @ ..] = arguments else {
        return None;
    };
    if command != "simulate" {
        return None;
    }
    let mut args = defaults();
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.to_str()? {
            "-x" | "--xml-file" => file(&mut args.xml_file, words.next())?,
            "-G" | "--save-graph" => file(&mut args.save_graph, words.next())?,
            "-D" | "--save-dotfile" => file(&mut args.save_dotfile, words.next())?,
            "-I" | "--save-input" => file(&mut args.save_input, words.next())?,
            "-O" | "--save-output" => file(&mut args.save_output, words.next())?,
            "--run" => once(&mut args.run)?,
            "--simulate" => once(&mut args.simulate)?,
            "--quiet" => once(&mut args.quiet)?,
            "--show-scores" => once(&mut args.show_scores)?,
            "--show-utilization" => once(&mut args.show_utilization)?,
            "--show-attrs" => once(&mut args.show_attrs)?,
            "--show-failcounts" => once(&mut args.show_failcounts)?,
            word => switches(&mut args, word.strip_prefix('-')?)?,
        }
    }
    Some(args)
}

/// One or more letters behind one `-`.
fn switches(args: &mut Args, letters: &str) -> Option<()> {
    for letter in letters.chars() {
        once(match letter {
            'R' => &mut args.run,
            'S' => &mut args.simulate,
            'Q' => &mut args.quiet,
            's' => &mut args.show_scores,
            'U' => &mut args.show_utilization,
            'A' => &mut args.show_attrs,
            'c' => &mut args.show_failcounts,
            _ => return None,
        })?;
    }
    (!letters.is_empty()).then_some(())
}

/// What is given twice is a mistake.
fn once(switch: &mut bool) -> Option<()> {
    (!std::mem::replace(switch, true)).then_some(())
}

fn file(option: &mut Option<PathBuf>, word: Option<&OsString>) -> Option<()> {
    let word = word.filter(|word| !word.is_empty() && !word.as_encoded_bytes().starts_with(b"-"));
    option.replace(word?.into()).is_none().then_some(())
}

/// Without any option.
fn defaults() -> Args {
    Args {
        xml_file: None,
        xml_pipe: false,
        live_check: false,
        target: Target::local(),
        run: false,
        simulate: false,
        in_place: false,
        output_as: OutputAs::Text,
        output_to: None,
        quiet: false,
        show_scores: false,
        show_utilization: false,
        show_attrs: false,
        show_failcounts: false,
        profile: None,
        repeat: 1,
        pending: false,
        all_actions: false,
        verbose: 0,
        set_datetime: None,
        save_graph: None,
        save_dotfile: None,
        save_input: None,
        save_output: None,
        node_up: Vec::new(),
        node_down: Vec::new(),
        node_fail: Vec::new(),
        op_inject: Vec::new(),
        op_fail: Vec::new(),
        quorum: None,
        watchdog: None,
        ticket_grant: Vec::new(),
        ticket_revoke: Vec::new(),
        ticket_standby: Vec::new(),
        ticket_activate: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The arguments of a command line as both readers understand it.
    fn read(words: &[&str]) -> (Option<Args>, Option<Args>) {
        let line = ["lockstep", "simulate"].iter().chain(words);
        let line: Vec<OsString> = line.map(OsString::from).collect();
        let clap = Cli::try_parse_from(&line)
            .ok()
            .map(|cli| match cli.command {
                Command::Simulate(args) => *args,
                other => panic!("{other:?}"),
            });
        (plain(&line), clap)
    }

    const OPTIONS: [&str; 24] = [
        "-x",
        "--xml-file",
        "-G",
        "--save-graph",
        "-D",
        "--save-dotfile",
        "-I",
        "--save-input",
        "-O",
        "--save-output",
        "-R",
        "--run",
        "-S",
        "--simulate",
        "-Q",
        "--quiet",
        "-s",
        "--show-scores",
        "-U",
        "--show-utilization",
        "-A",
        "--show-attrs",
        "-c",
        "--show-failcounts",
    ];

    #[test]
    fn a_plain_command_line_means_what_clap_says() {
        let strange = [
            "",
            "-",
            "--",
            "file",
            "-L",
            "--xml-file=a",
            "-xa",
            "-RQ",
            "-RR",
            "-t",
            "-ü",
        ];
        let words = OPTIONS.into_iter().chain(strange);
        let mut understood = 0;
        for (first, second) in words
            .clone()
            .flat_map(|a| words.clone().map(move |b| (a, b)))
        {
            for line in [
                &[first, second][..],
                &[first, "file", second],
                &[first, second, "file"],
            ] {
                let (plain, clap) = read(line);
                if plain.is_some() {
                    assert_eq!(plain, clap, "{line:?}");
                    understood += 1;
                }
            }
        }
        assert!(understood > 400, "{understood}");
    }

    #[test]
    fn everyday_command_lines_are_plain() {
        for line in [
            "-x cib.xml -R -Q",
            "-x cib.xml -S",
            "-x cib.xml -sSQ -G out.xml",
            "--xml-file cib.xml --simulate --save-graph g --save-dotfile d --save-output o",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let (plain, clap) = read(&words);
            assert!(plain.is_some(), "{line}");
            assert_eq!(plain, clap, "{line}");
        }
        for line in [
            "-h",
            "-L",
            "-x cib.xml -d node1",
            "-x cib.xml -t 2026-01-01",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(read(&words).0.is_none(), "{line}");
        }
    }
}
