//! What is said about configurations that somebody got wrong: `testdata/verify/<case>.cib`.
//!
//! A case is a CIB whose first line, a comment, says what it shows, and then what verification
//! finds in it: each message with its line and column in the file. `LOCKSTEP_UPDATE=1` writes the
//! last part anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use lockstep_engine::Severity;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;
use lockstep_engine::verify::{Verification, verify};

/// What stands before the golden part.
const GOLDEN: &str = "--- findings\n";

/// 2026-01-01 00:00 UTC.
const NOW: i64 = 1_767_225_600;

#[expect(
    clippy::disallowed_methods,
    reason = "a test runner's switches come from the shell that runs it; no engine reads them"
)]
fn main() -> ExitCode {
    let update = std::env::var_os("LOCKSTEP_UPDATE").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/verify");
    let files = fs::read_dir(&root).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    files.sort();
    let mut trials = vec![Trial::test("there are cases", {
        let found = files.len();
        move || {
            if found < 40 {
                return Err(format!("only {found}").into());
            }
            Ok(())
        }
    })];
    trials.extend(files.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default();
        Trial::test(name.to_string_lossy().into_owned(), move || {
            Ok(run(&path, update)?)
        })
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(path: &Path, update: bool) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    if !text.starts_with("<!-- ") {
        return Err("the first line says, as a comment, what the case shows".to_owned());
    }
    let (cib, golden) = text.split_once(GOLDEN).unwrap_or((&text, ""));
    let parsed = Document::parse(cib.as_bytes(), &Limits::default());
    let mut document = parsed.map_err(|error| error.to_string())?;
    let actual = shown(&verify(&mut document, Timestamp::utc(NOW)));
    if update {
        let text = format!("{cib}{GOLDEN}{actual}");
        return fs::write(path, text).map_err(|error| error.to_string());
    }
    if actual == golden {
        return Ok(());
    }
    Err(format!(
        "the findings changed (LOCKSTEP_UPDATE=1 accepts that); expected:\n{golden}found:\n{actual}"
    ))
}

fn shown(result: &Verification) -> String {
    let mut text = String::new();
    for finding in &result.findings {
        if let Some(position) = finding.position {
            let _ = write!(text, "{}:{}: ", position.line, position.column);
        }
        let severity = match finding.severity {
            Some(Severity::Error) => "error: ",
            Some(Severity::Warning) => "warning: ",
            Some(Severity::Notice) => "notice: ",
            None => "",
        };
        let _ = writeln!(text, "{severity}{}", finding.message);
    }
    let verdict = match result {
        _ if result.is_fine() => "fine",
        Verification { errors: true, .. } => "invalid",
        Verification { no_cib: true, .. } => "no CIB",
        _ => "may need attention",
    };
    let _ = writeln!(text, "{verdict}");
    text
}
