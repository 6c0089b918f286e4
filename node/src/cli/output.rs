//! How is something printed so that a closed pipe is no crash?

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{Failure, Outcome, cib_file};
use crate::exit::Exit;

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::new(Exit::Software, error))?;
    print(&(text + "\n"))
}

/// Rows with their columns aligned; no row has blanks at its end.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Prints to standard output. Whoever reads less than all (`| head`) ends the command: with code
/// 0, and without a word.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Ok, "")),
        Err(error) => Err(Failure::new(
            Exit::Io,
            format!("cannot write the output: {error}"),
        )),
    }
}

/// Writes an answer to a file, or prints it if there is none (or `-`).
pub(super) fn print_to(file: Option<&Path>, text: &str) -> Outcome {
    match file {
        Some(path) if path.as_os_str() != "-" => cib_file::write(path, text),
        _ => print(text),
    }
}

/// The command, as it was typed.
pub(super) fn request() -> String {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    arguments.join(" ")
}
