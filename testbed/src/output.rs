//! How is something said so that a closed pipe is no crash?

use std::fmt::Arguments;
use std::io::{self, Write as _};

/// Prints a line, as `println!` does. When nobody reads any more (`| head`), it is said to nobody, and
/// what is under way goes on to its end: clusters are taken down, and the exit code stays what it is.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}

/// See [`say!`].
///
/// # Panics
/// As `println!`: if the line cannot be written for another reason.
pub fn line(text: Arguments<'_>) {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("cannot write the output: {error}")
        }
        _ => {}
    }
}
