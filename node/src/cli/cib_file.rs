//! Where does a command's CIB come from, and where does one go? Files, compressed files, standard
//! input, an argument.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lockstep_engine::parse::{Document, Limits, ParseError};

use super::Failure;
use crate::exit::Exit;

/// Where a CIB is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    StandardInput,
    /// The text itself, an argument.
    Text(String),
}

impl Source {
    /// A file; `-` stands for standard input.
    pub(super) fn file(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            Self::StandardInput
        } else {
            Self::File(path.to_owned())
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::StandardInput => f.write_str("standard input"),
            Self::Text(_) => f.write_str("argument"),
        }
    }
}

/// Why there is no document. Shown as `PLACE: error: REASON`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{name}: error: {error}")]
    Io { name: String, error: io::Error },
    #[error(
        "{name}:{}:{}: error: {} ({})",
        error.line(), error.column(), error.message(), error.hint()
    )]
    NotXml { name: String, error: ParseError },
}

/// Reads a document.
pub(super) fn read(source: &Source) -> Result<Document, Unreadable> {
    let bytes = bytes(source).map_err(|error| Unreadable::Io {
        name: source.to_string(),
        error,
    })?;
    Document::parse_owned(bytes, &Limits::default()).map_err(|error| Unreadable::NotXml {
        name: source.to_string(),
        error,
    })
}

fn bytes(source: &Source) -> io::Result<Vec<u8>> {
    // One byte more than the parser takes, so that it says that there is too much.
    let limit = Limits::default().bytes as u64 + 1;
    let mut bytes = Vec::new();
    match source {
        Source::File(path) => {
            let file = fs::File::open(path)?;
            let size = file.metadata()?.len().min(limit);
            bytes.reserve(usize::try_from(size).unwrap_or_default());
            file.take(limit).read_to_end(&mut bytes)?;
        }
        Source::StandardInput => {
            io::stdin().take(limit).read_to_end(&mut bytes)?;
        }
        Source::Text(text) => bytes.extend_from_slice(text.as_bytes()),
    }
    if !bytes.starts_with(b"BZh") {
        return Ok(bytes);
    }
    // Pacemaker keeps its scheduler's inputs compressed.
    let mut plain = Vec::new();
    bzip2::read::MultiBzDecoder::new(bytes.as_slice())
        .take(limit)
        .read_to_end(&mut plain)?;
    Ok(plain)
}

/// Writes a text to a file, which it replaces.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::new(Exit::Io, format!("{}: {error}", path.display())))
}
