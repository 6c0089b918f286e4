//! Our own regression cases: `engine/testdata/<feature>/<case>.case`, one test a file.
//!
//! A case says in its first line what it shows, then what the cluster is, then what the engine
//! makes of it. `LOCKSTEP_UPDATE=1` writes the last part anew; `engine/testdata/README.md` has
//! the rest.

mod cib;
mod constraints;
mod explain;
mod fixture;
mod golden;
mod history;
mod shuffle;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use golden::Outcome;
use libtest_mimic::{Arguments, Failed, Trial};

/// What the person at the terminal asks for besides the verdicts.
#[derive(Clone)]
struct Wishes {
    /// Write golden parts anew.
    update: bool,
    /// Write CIBs and outputs below this directory.
    render: Option<PathBuf>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test runner's switches come from the shell that runs it; no engine reads them"
)]
fn main() -> ExitCode {
    let wishes = Wishes {
        update: std::env::var_os("LOCKSTEP_UPDATE").is_some(),
        render: std::env::var_os("LOCKSTEP_RENDER").map(PathBuf::from),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut trials = vec![Trial::test("there are cases of every feature", {
        let root = root.clone();
        move || check_inventory(&root)
    })];
    let update = wishes.update;
    trials.push(Trial::test("digests are the same on every machine", {
        let root = root.clone();
        move || check_digests(&root, update)
    }));
    for (name, path) in cases(&root) {
        let wishes = wishes.clone();
        trials.push(Trial::test(name.clone(), move || {
            run(&name, &path, &wishes).map_err(Failed::from)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Cases by name, sorted.
fn cases(root: &Path) -> Vec<(String, PathBuf)> {
    let entries = |directory: &Path| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let features = entries(root).into_iter();
    let files = features.flat_map(|feature| entries(&feature));
    let mut cases: Vec<(String, PathBuf)> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "case")
        })
        .filter_map(|path| {
            let name = path.strip_prefix(root).ok()?.with_extension("");
            Some((name.to_str()?.to_owned(), path))
        })
        .collect();
    cases.sort();
    cases
}

fn check_inventory(root: &Path) -> Result<(), Failed> {
    let found = cases(root).len();
    if found < 200 {
        return Err(format!("only {found} cases below {}", root.display()).into());
    }
    Ok(())
}

fn run(name: &str, path: &Path, wishes: &Wishes) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    if !text.starts_with("# ") {
        return Err("the first line says, after \"# \", what the case shows".to_owned());
    }
    let (input, golden) = match text.find("--- ") {
        Some(position) => text.split_at(position),
        None => (text.as_str(), ""),
    };
    let fixture = fixture::read(input)?;
    let outcome = Outcome::of(&fixture)?;
    if let Some(directory) = &wishes.render {
        render(&directory.join(name), &fixture, &outcome).map_err(|error| error.to_string())?;
    }
    check_determinism(&fixture, &outcome)?;
    outcome.check(&fixture)?;
    let actual = outcome.golden(&fixture);
    if wishes.update {
        let input = input.trim_end();
        let text = format!("{input}\n{actual}");
        return fs::write(path, text).map_err(|error| error.to_string());
    }
    if actual == golden {
        return Ok(());
    }
    Err(format!(
        "the outcome changed (LOCKSTEP_UPDATE=1 accepts it):\n{}",
        differences(golden, &actual)
    ))
}

/// The same again gives the same bytes, and so does what means the same.
fn check_determinism(fixture: &fixture::Fixture, outcome: &Outcome) -> Result<(), String> {
    if Outcome::of(fixture)? != *outcome {
        return Err("two runs differ".to_owned());
    }
    for seed in [0x5eed, 0xf00d] {
        let shuffled = fixture::Fixture {
            cib: shuffle::neutral(&fixture.cib, seed)?,
            ..fixture.clone()
        };
        if !Outcome::of(&shuffled)?.decides_like(outcome) {
            return Err(format!(
                "another order of attributes and sections (seed {seed:#x}) changes decisions"
            ));
        }
    }
    Ok(())
}

/// Digests of everything that the engine says, one line a case: every machine has these.
fn check_digests(root: &Path, update: bool) -> Result<(), Failed> {
    let mut digests = String::new();
    for (name, path) in cases(root) {
        let text = fs::read_to_string(path)?;
        let input = text.split("--- ").next().unwrap_or_default();
        let outcome = Outcome::of(&fixture::read(input)?)?;
        digests += &format!("{} {name}\n", outcome.digest());
    }
    let path = root.join("digests");
    if update {
        return Ok(fs::write(path, digests)?);
    }
    let known = fs::read_to_string(&path)?;
    let changed = differences(&known, &digests);
    match changed.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("digests changed (LOCKSTEP_UPDATE=1 accepts that):\n{changed}").into())
        }
    }
}

/// Lines that are only in one of two texts.
fn differences(golden: &str, actual: &str) -> String {
    let only = |sign: char, one: &str, other: &str| {
        let lines = one
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        lines
            .map(|line| format!("{sign} {line}\n"))
            .collect::<String>()
    };
    only('-', golden, actual) + &only('+', actual, golden)
}

/// Writes what crm_simulate takes and what it would give.
fn render(stem: &Path, fixture: &fixture::Fixture, outcome: &Outcome) -> std::io::Result<()> {
    if let Some(directory) = stem.parent() {
        fs::create_dir_all(directory)?;
    }
    let files = [
        ("xml", &outcome.cib),
        ("date", &fixture.date),
        ("summary", &outcome.story),
        ("scores", &outcome.scores),
        ("exp", &outcome.xml),
        ("dot", &outcome.dot),
    ];
    for (extension, text) in files {
        fs::write(stem.with_extension(extension), text)?;
    }
    Ok(())
}
