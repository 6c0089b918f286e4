//! How fast is the engine, and how much memory does it take, beside Pacemaker's scheduler?
//!
//! Both are run as whole processes, one at a time, on the same files: what an operator waits for,
//! from reading the file to the exit. A run gives three numbers: time on the wall, processor time
//! and peak memory; of several runs of one work the lowest of each counts, because everything else
//! on a machine only adds.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lockstep_engine::parse::{Document, Limits};

use super::families;
use super::process::{Cost, Run, measure};

mod cases;
mod program;
#[cfg(test)]
mod tests;

/// What is measured, and with what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pacemaker's `crm_simulate`.
    pub peer: PathBuf,
    /// The `lockstep` to measure; without it the one beside this program, or this one.
    pub program: Option<PathBuf>,
    /// Folder with further CIBs.
    pub cases: Option<PathBuf>,
    /// Less of everything, for a first look.
    pub quick: bool,
    /// Run the peer on the largest clusters as well.
    pub large: bool,
}

/// What the peer is given for clusters that take it minutes.
pub const LARGE_LIMIT: Duration = Duration::from_secs(600);
/// What it is given for each of the others.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The command that does the engine's side.
pub const SIMULATE: &str = "simulate";
/// With this command this program does the same, but for everything after reading the file.
pub const PARSE: &str = "parse";

/// Measures everything and prints tables as they grow.
///
/// # Errors
/// If something cannot be run or written; never because of what was measured.
pub fn run(settings: &Settings, print: &dyn Fn(&str)) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (program, what) = program::choose(settings.program.as_deref())?;
    let bench = Bench {
        settings,
        print,
        program: program::install(&program, &folder.path().join("lockstep"))?,
        this: program::install(
            &std::env::current_exe()?,
            &folder.path().join(env!("CARGO_PKG_NAME")),
        )?,
        peer: settings.peer.display().to_string(),
        cib: folder.path().join("cib.xml"),
    };
    bench.say(format!("Measured is {what}."));
    bench.works()?;
    bench.growth()?;
    if let Some(cases) = &settings.cases {
        cases::measure(&bench, cases)?;
    }
    Ok(())
}

/// Reads and parses a CIB, and no more: the other side of [`PARSE`].
///
/// # Errors
/// If the file cannot be read or is none.
pub fn parse_only(mut args: impl Iterator<Item = String>) -> io::Result<ExitCode> {
    let bytes = fs::read(args.next().unwrap_or_default())?;
    let document = Document::parse_owned(bytes, &Limits::default());
    // As the command that plans: it does not take a document apart at the end either.
    document.map(std::mem::forget).map_err(io::Error::other)?;
    Ok(ExitCode::SUCCESS)
}

struct Bench<'a> {
    settings: &'a Settings,
    print: &'a dyn Fn(&str),
    /// `lockstep`.
    program: String,
    /// This program, which reads and parses only.
    this: String,
    peer: String,
    /// The CIB that is planned for.
    cib: PathBuf,
}

impl Bench<'_> {
    fn say(&self, line: impl AsRef<str>) {
        (self.print)(line.as_ref().trim_end());
    }

    fn runs(&self, many: u32) -> NonZero<u32> {
        let few = if self.settings.quick {
            many.min(3)
        } else {
            many
        };
        NonZero::new(few).unwrap_or(NonZero::<u32>::MIN)
    }

    /// How the engine is run.
    fn planning<'a>(&'a self, cib: &'a str) -> [&'a str; 6] {
        [&self.program, SIMULATE, "-x", cib, "-R", "-Q"]
    }

    fn plan(&self, cib: &Path, runs: u32) -> io::Result<Run> {
        measure(&self.planning(&text(cib)), self.runs(runs), LIMIT)
    }

    /// As [`Bench::plan`], of a CIB that the engine has to plan for.
    fn engine(&self, cib: &Path, runs: u32) -> io::Result<Cost> {
        self.succeeds(&self.planning(&text(cib)), runs)
    }

    /// What the engine takes for the CIB, and what only parsing it takes, in turns.
    fn engine_and_parse(&self, runs: u32) -> io::Result<(Cost, Cost)> {
        let cib = text(&self.cib);
        let both = || {
            let parse = self.succeeds(&[&self.this, PARSE, &cib], 1)?;
            Ok::<_, io::Error>((self.engine(&self.cib, 1)?, parse))
        };
        let mut lowest = both()?;
        for _ in 1..self.runs(runs).get() {
            let now = both()?;
            lowest = (now.0.lowest(lowest.0), now.1.lowest(lowest.1));
        }
        Ok(lowest)
    }

    /// Runs a program that has to succeed.
    fn succeeds(&self, program: &[&str], runs: u32) -> io::Result<Cost> {
        match measure(program, self.runs(runs), LARGE_LIMIT)? {
            Run::Done(cost) => Ok(cost),
            other => {
                let line = format!("{}: {other:?}", program.join(" "));
                Err(io::Error::other(line))
            }
        }
    }

    fn peer(&self, cib: &Path, runs: u32, limit: Duration) -> io::Result<Run> {
        let cib = text(cib);
        let program = [self.peer.as_str(), "-x", &cib, "-R", "-Q"];
        measure(&program, self.runs(runs), limit)
    }

    // ---- Works

    /// The cluster that Pacemaker's own users fear, in three sizes; then each family.
    fn works(&self) -> io::Result<()> {
        self.say("Whole processes: `lockstep simulate -R -Q` beside `crm_simulate -R -Q`.");
        self.say(format!(
            "The lowest of several runs; the peer has {} s, the largest clusters {} s.\n",
            LIMIT.as_secs(),
            LARGE_LIMIT.as_secs()
        ));
        self.say(format!(
            "{:32}{:>9}{:>9}{:>9}  {:>9}{:>9}{:>9}  {:>8}{:>8}",
            "work", "wall", "CPU", "peak", "peer wall", "CPU", "peak", "ratio", "(CPU)"
        ));
        for (nodes, resources, large) in [(16, 500, false), (64, 2000, true), (100, 5000, true)] {
            if large && self.settings.quick {
                continue;
            }
            fs::write(&self.cib, families::lost_node(nodes, resources))?;
            let runs = if large { 5 } else { 15 };
            let (engine, parse) = self.engine_and_parse(runs)?;
            let peer = match (large, self.settings.large) {
                (false, _) => Some(self.peer(&self.cib, 5, LIMIT)?),
                (true, true) => Some(self.peer(&self.cib, 1, LARGE_LIMIT)?),
                (true, false) => None,
            };
            self.work(
                &format!("{nodes} × {resources}, one node lost"),
                engine,
                peer,
            );
            self.work("    only parsing the file", parse, None);
        }
        for family in families::ALL {
            fs::write(&self.cib, (family.make)(family.size))?;
            let engine = self.engine(&self.cib, 7)?;
            let peer = self.peer(&self.cib, 1, LIMIT)?;
            self.work(
                &format!("{}, {}", family.name, family.size),
                engine,
                Some(peer),
            );
        }
        Ok(())
    }

    fn work(&self, name: &str, engine: Cost, peer: Option<Run>) {
        let mut line = format!("{name:32}{}", columns(engine));
        line += &match peer {
            Some(Run::Done(peer)) => format!(
                "  {}  {:>7.0}×{:>7.0}×",
                columns(peer),
                ratio(peer.wall_us, engine.wall_us),
                ratio(peer.cpu_us, engine.cpu_us),
            ),
            Some(Run::TimedOut) => "  not in time".to_owned(),
            Some(Run::Failed) => "  failed".to_owned(),
            None => String::new(),
        };
        self.say(line);
    }

    // ---- Growth

    /// What doubling a family's size does to the engine.
    fn growth(&self) -> io::Result<()> {
        self.say("\nProcessor time of the engine as families grow.\n");
        self.say(format!(
            "{:14}{:>8}{:>11}{:>11}{:>11}{:>9}   {}",
            "family", "size", "1 ×", "2 ×", "4 ×", "growth", "the size counts"
        ));
        let doublings: &[usize] = if self.settings.quick {
            &[1, 2]
        } else {
            &[1, 2, 4]
        };
        let mut grown = Vec::new();
        for family in families::ALL {
            let mut sizes = Vec::new();
            for times in doublings {
                let file = self.cib.with_extension(format!("{}.{times}", family.name));
                fs::write(&file, (family.make)(family.size * times))?;
                sizes.push((file, u64::MAX));
            }
            grown.push((family, sizes));
        }
        // All take turns: a machine that is slower for a minute is so for each size of each family.
        for _ in 0..self.runs(20).get() {
            for (file, lowest) in grown.iter_mut().flat_map(|(_, sizes)| sizes) {
                *lowest = self.engine(file, 1)?.cpu_us.min(*lowest);
            }
        }
        for (family, sizes) in grown {
            let cpu: Vec<u64> = sizes.into_iter().map(|(_, lowest)| lowest).collect();
            let growth = cpu.windows(2).map(|pair| ratio(pair[1], pair[0]));
            let mut line = format!("{:14}{:>8}", family.name, family.size);
            for &cpu in &cpu {
                line += &format!("{:>11}", time(cpu));
            }
            line += &format!("{:>9.2}   {}", growth.fold(0.0, f64::max), family.about);
            self.say(line);
        }
        Ok(())
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn columns(cost: Cost) -> String {
    format!(
        "{:>9}{:>9}{:>9}",
        time(cost.wall_us),
        time(cost.cpu_us),
        format!("{:.0} MiB", cost.peak_kib as f64 / 1024.0),
    )
}

fn time(us: u64) -> String {
    match us as f64 / 1e6 {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}
