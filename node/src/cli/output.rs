//! How is something printed so that a closed pipe is no crash?

use std::io::{self, Write};

use super::Failure;
use crate::exit::Exit;

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
