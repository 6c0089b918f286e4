//! Who plans? The peer as a process, the engine as a function: both behind one interface, so that
//! what compares and shrinks them can be tried on planners made for the test.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema;
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::{Date, Timestamp};

/// A run of the peer that takes longer has failed.
const PEER_TIMEOUT_S: u32 = 30;

/// Which of the two runs are wanted: shrinking needs only the one that differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// What `-S` prints.
    pub summary: bool,
    /// What `-sSQ -D -G` prints and writes.
    pub graph: bool,
}

impl Wanted {
    /// Both runs.
    pub const ALL: Wanted = Wanted {
        summary: true,
        graph: true,
    };
}

/// What a planner made of a CIB. What was not wanted is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outputs {
    /// What `-S` prints.
    pub summary: String,
    /// What `-sSQ` prints.
    pub scores: String,
    /// The transition graph as XML.
    pub graph: String,
    /// The transition graph as a drawing.
    pub dot: String,
    /// Complaints, without the name of the program.
    pub errors: String,
}

/// A planner's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It planned.
    Planned(Outputs),
    /// It said that the input is wrong.
    Refused(String),
    /// It crashed or did not come to an end.
    Broken(String),
}

/// Plans for a CIB at a time.
pub trait Planner {
    /// The plan for a CIB at a time (`-t`, ISO 8601).
    ///
    /// # Errors
    /// If the planner cannot be run at all.
    fn plan(&self, cib: &str, date: &str, wanted: Wanted) -> io::Result<Answer>;

    /// Its name and version: the same ones give the same answers.
    fn version(&self) -> &str;
}

/// A released `crm_simulate`.
#[derive(Clone, Debug)]
pub struct Peer {
    program: PathBuf,
    scratch: PathBuf,
    /// What it says of itself.
    version: String,
}

impl Peer {
    /// The peer's `crm_simulate`, or the one in a folder of programs, working with files in a
    /// folder of its own.
    ///
    /// # Errors
    /// If there is no such program, or it does not run.
    pub fn new(path: &Path, scratch: &Path) -> io::Result<Self> {
        let program = if path.is_dir() {
            path.join("crm_simulate")
        } else {
            path.to_owned()
        };
        let mut peer = Peer {
            program,
            scratch: scratch.to_owned(),
            version: String::new(),
        };
        let cannot = |why: &dyn std::fmt::Display| {
            let program = peer.program.display();
            io::Error::other(format!("the peer cannot be run: {program}: {why}"))
        };
        let mut command = peer.command();
        let answer = command.arg("--version").output().map_err(|e| cannot(&e))?;
        let says = lossy(&answer.stdout);
        if !answer.status.success() || !says.starts_with("Pacemaker ") {
            let heard = [says, lossy(&answer.stderr)].concat();
            let heard = heard.lines().next().unwrap_or("no answer").to_owned();
            return Err(cannot(&format!("{heard} ({})", answer.status)));
        }
        peer.version = says;
        Ok(peer)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("timeout");
        command
            .arg(PEER_TIMEOUT_S.to_string())
            .arg(&self.program)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("CIB_shadow_dir", &self.scratch)
            .stdin(Stdio::null());
        command
    }
}

impl Planner for Peer {
    fn version(&self) -> &str {
        &self.version
    }

    fn plan(&self, cib: &str, date: &str, wanted: Wanted) -> io::Result<Answer> {
        let [input, graph, dot] =
            ["cib.xml", "graph.xml", "graph.dot"].map(|n| self.scratch.join(n));
        fs::write(&input, cib)?;
        let mut outputs = Outputs::default();
        if wanted.summary {
            let mut run = self.command();
            run.arg("-x").arg(&input).args(["-S", "-t", date]);
            match run_to_end(run)? {
                Ok((text, errors)) => (outputs.summary, outputs.errors) = (text, errors),
                Err(answer) => return Ok(answer),
            }
        }
        if wanted.graph {
            for old in [&graph, &dot] {
                if let Err(error) = fs::remove_file(old)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    return Err(error);
                }
            }
            let mut run = self.command();
            run.arg("-x")
                .arg(&input)
                .arg("-D")
                .arg(&dot)
                .arg("-G")
                .arg(&graph);
            run.args(["-sSQ", "-t", date]);
            match run_to_end(run)? {
                Ok((text, _)) => outputs.scores = text,
                Err(answer) => return Ok(answer),
            }
            outputs.graph = lossy(&fs::read(&graph).unwrap_or_default());
            outputs.dot = lossy(&fs::read(&dot).unwrap_or_default());
        }
        Ok(Answer::Planned(outputs))
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output and complaints of a run that ended as it should; else the answer that it is.
fn run_to_end(mut command: Command) -> io::Result<Result<(String, String), Answer>> {
    let done = command.output()?;
    let errors = without_program(&lossy(&done.stderr));
    Ok(match done.status.code() {
        // An invalid transition is a result, too.
        Some(0 | 1) => Ok((lossy(&done.stdout), errors)),
        Some(124) => Err(Answer::Broken(format!("no answer in {PEER_TIMEOUT_S} s"))),
        // What `timeout` says if it cannot run the program at all.
        Some(code @ 125..=127) => {
            let message = format!("the peer cannot be run: exit status {code}: {errors}");
            return Err(io::Error::other(message));
        }
        Some(code @ 128..) => Err(Answer::Broken(format!("exit status {code}: {errors}"))),
        Some(code) => Err(Answer::Refused(format!("exit status {code}: {errors}"))),
        None => Err(Answer::Broken(format!("ended by a signal: {errors}"))),
    })
}

/// Complaints without the name of the program and without levels. What is left out: that it does
/// not validate (validation is switched off where only decisions are compared), and how upgrading
/// goes where that is only of interest to who writes stylesheets.
fn without_program(errors: &str) -> String {
    errors
        .lines()
        .filter(|line| !line.starts_with("Schema validation of configuration is disabled"))
        .map(|line| line.strip_prefix("crm_simulate: ").unwrap_or(line))
        .map(|line| line.strip_prefix("WARNING: ").unwrap_or(line))
        .map(|line| match line.strip_prefix("INFO: ") {
            Some(dropped) if dropped.starts_with("Dropping ") => dropped,
            _ => line,
        })
        .filter(|line| !line.starts_with("INFO: ") && !line.starts_with("DEBUG: "))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The engine of this workspace, in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine;

impl Planner for Engine {
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn plan(&self, cib: &str, date: &str, wanted: Wanted) -> io::Result<Answer> {
        let answer = catch_unwind(AssertUnwindSafe(|| plan(cib, date, wanted)));
        Ok(match answer {
            Ok(Ok(outputs)) => Answer::Planned(outputs),
            Ok(Err(message)) => Answer::Refused(message),
            Err(panic) => Answer::Broken(format!("panic: {}", panic_message(&*panic))),
        })
    }
}

fn plan(text: &str, date: &str, wanted: Wanted) -> Result<Outputs, String> {
    let mut cib =
        Document::parse(text.as_bytes(), &Limits::default()).map_err(|e| e.to_string())?;
    let upgrade = schema::upgrade(&mut cib).map_err(|e| e.to_string())?;
    let now = Date::parse(date, Timestamp::utc(0))
        .map_err(|e| e.to_string())?
        .timestamp();
    let settings = Settings {
        schedule: true,
        execute: true,
        date: Some(date.to_owned()),
        wall_clock: wall_clock(),
        ..Settings::default()
    };
    let mut outputs = Outputs::default();
    if wanted.summary {
        let result = simulate::run(&mut cib.clone(), now, &settings).map_err(|e| e.to_string())?;
        outputs.summary = result.output;
        let errors = upgrade.notes.iter().chain(&result.errors);
        outputs.errors =
            without_program(&errors.map(|line| format!("{line}\n")).collect::<String>());
    }
    if wanted.graph {
        let settings = Settings {
            quiet: true,
            scores: true,
            graph: true,
            dot: true,
            ..settings
        };
        let result = simulate::run(&mut cib.clone(), now, &settings).map_err(|e| e.to_string())?;
        outputs.scores = result.output;
        outputs.graph = result.graph.unwrap_or_default();
        outputs.dot = result.dot.unwrap_or_default();
    }
    Ok(outputs)
}

/// What is carried out happens now, for the peer: its results are newer than those in any CIB, even
/// if that is dated earlier.
fn wall_clock() -> i64 {
    #[expect(clippy::disallowed_types, reason = "the peer looks at the clock, too")]
    let now = std::time::SystemTime::now();
    #[expect(clippy::disallowed_types, reason = "the epoch of the same clock")]
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    let since = now.duration_since(epoch).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
