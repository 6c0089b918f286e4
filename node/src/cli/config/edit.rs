//! `lockstep config edit`: a round with the user's editor.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::Command;

use lockstep_engine::parse::Document;

use super::super::live::{Live, epoch};
use super::super::{Failure, Outcome, Target, output};
use super::{not_admitted, tell};
use crate::exit::Exit;
use crate::http::client::ClientError;
use crate::policy;

pub(super) fn run(target: &Target) -> Outcome {
    let live = Live::new(target)?;
    let mut cib = live.cib()?;
    let expected = epoch(&cib);
    // The status is what the cluster observes: nobody can edit it.
    let root = cib.root();
    while let Some(status) = cib.child(root, "status") {
        cib.remove(status);
    }
    let before = cib.to_xml();
    let failed = |error: std::io::Error| Failure::new(Exit::CannotCreate, error);
    let folder = tempfile::Builder::new().prefix("lockstep-").tempdir();
    let folder = folder.map_err(failed)?;
    let path = folder.path().join("cib.xml");
    std::fs::write(&path, &before).map_err(failed)?;
    loop {
        let text = edited(&path)?;
        if text == before.as_bytes() {
            return output::print("nothing was changed\n");
        }
        let refused = match policy::admit(&text, Live::now()) {
            Err(error) => not_admitted("the edited configuration", &error),
            Ok(_) if !has_changed(&before, &text) => {
                return output::print("nothing was changed\n");
            }
            Ok(_) => match live.replace(Some(&expected), text) {
                Ok(answer) => {
                    tell("the configuration", &answer.notes);
                    let text = format!("configuration {} is in force\n", answer.epoch);
                    return output::print(&text);
                }
                Err(error @ ClientError::Refused { .. }) => error.into(),
                Err(error) => return Err(keep(folder, error.into())),
            },
        };
        if !asks_again(&refused) {
            return Err(keep(folder, refused));
        }
    }
}

/// What the user's editor makes of a file.
fn edited(path: &Path) -> Result<Vec<u8>, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's editor is the environment's"
    )]
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let editor = variable("VISUAL").or_else(|| variable("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // By a shell, because people put options there.
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status();
    let failed = |error| Failure::new(Exit::OsError, format!("cannot run '{editor}': {error}"));
    let status = status.map_err(failed)?;
    if !status.success() {
        let message = format!("'{editor}' ended with {status}: nothing was changed");
        return Err(Failure::new(Exit::Error, message));
    }
    std::fs::read(path)
        .map_err(|error| Failure::new(Exit::NoInput, format!("{}: {error}", path.display())))
}

/// Whether more than blanks differs.
fn has_changed(before: &str, after: &[u8]) -> bool {
    let limits = lockstep_engine::parse::Limits::default();
    let xml = |text: &[u8]| Document::parse(text, &limits).map(|cib| cib.to_xml());
    !matches!((xml(before.as_bytes()), xml(after)), (Ok(a), Ok(b)) if a == b)
}

/// Asks whether the editor is to be opened again, if there is somebody to ask.
fn asks_again(refused: &Failure) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    eprintln!(
        "{}\nNothing was changed. Edit again? [Y/n]",
        refused.message
    );
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    matches!(read, Ok(count) if count > 0) && !answer.trim().eq_ignore_ascii_case("n")
}

/// Leaves the edited file where it is, and says where.
fn keep(folder: tempfile::TempDir, failure: Failure) -> Failure {
    let path = folder.keep().join("cib.xml");
    let message = format!("{}\nYour edit is in {}", failure.message, path.display());
    Failure::new(failure.exit, message)
}
