//! How are many clusters tried? Several at a time, each compared, the ones that differ made small
//! and kept, and all of them counted by how they look.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema::{self, Version};

use super::case::{Bases, Case};
use super::compare::{Difference, Kind, Names, compare};
use super::coverage::Coverage;
use super::exceptions::{EXCEPTIONS, Exception, Found, exception};
use super::known::{self, Known};
use super::planner::{Answer, Engine, Outputs, Peer, Planner, Wanted};
use super::shrink::shrink;
use super::tree::Element;

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `crm_simulate`, or a folder with it.
    pub peer: PathBuf,
    /// Folder with CIBs to edit.
    pub cases: PathBuf,
    /// How many clusters.
    pub count: u64,
    /// The number of the first.
    pub first: u64,
    /// What everything follows from.
    pub seed: u64,
    /// How many at a time.
    pub jobs: usize,
    /// Where digests of the peer's answers are kept from run to run.
    pub known: Option<PathBuf>,
    /// Where differences are kept.
    pub save: Option<PathBuf>,
    /// How many of the differences that look alike are made small and kept.
    pub each: usize,
    /// How often the peer may be asked to make one case small.
    pub shrink_budget: usize,
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Clusters tried.
    pub tried: u64,
    /// Clusters that both refused.
    pub refused: u64,
    /// Differences in which the peer is wrong, by name.
    pub exceptions: BTreeMap<&'static str, Vec<u64>>,
    /// Other differences: numbers of the cases by how they look.
    pub differences: BTreeMap<String, Vec<u64>>,
    /// What the clusters had.
    pub coverage: Coverage,
}

impl Report {
    /// How many clusters differ without an excuse.
    #[must_use]
    pub fn differing(&self) -> usize {
        self.differences.values().map(Vec::len).sum()
    }

    /// For a person to read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for exception in EXCEPTIONS {
            if let Some(cases) = self.exceptions.get(exception.name) {
                let (count, cases) = (cases.len(), numbers(cases));
                let Exception { name, reason, .. } = exception;
                let _ = writeln!(text, "{count:5}  {name}: {reason}\n       cases {cases}");
            }
        }
        let mut differences: Vec<_> = self.differences.iter().collect();
        differences.sort_by_key(|(_, cases)| std::cmp::Reverse(cases.len()));
        for (signature, cases) in differences {
            let _ = writeln!(
                text,
                "{:5}  {signature}\n       cases {}",
                cases.len(),
                numbers(cases)
            );
        }
        text += &self.coverage.to_text(self.tried);
        let _ = writeln!(
            text,
            "{} clusters: {} differ, {} in ways in which the peer is wrong, {} refused by both",
            self.tried,
            self.differing(),
            self.excused(),
            self.refused
        );
        for warning in self.warnings() {
            let _ = writeln!(text, "warning: {warning}");
        }
        text
    }

    /// How many clusters differ in ways in which the peer is wrong.
    #[must_use]
    pub fn excused(&self) -> usize {
        self.exceptions.values().map(Vec::len).sum()
    }

    /// What makes the run worth less than it looks.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let few = u64::max(1, self.tried / 10);
        let excused = u64::try_from(self.excused()).unwrap_or(u64::MAX);
        let mut warnings = Vec::new();
        if excused > few {
            warnings.push(format!(
                "of {} clusters, {excused} say nothing: the peer is wrong there",
                self.tried
            ));
        }
        if self.refused > few {
            warnings.push(format!(
                "of {} clusters, {} say little: both refuse them",
                self.tried, self.refused
            ));
        }
        warnings
    }
}

fn numbers(cases: &[u64]) -> String {
    let shown: Vec<String> = cases.iter().take(12).map(u64::to_string).collect();
    let more = if cases.len() > 12 { " …" } else { "" };
    shown.join(" ") + more
}

/// Tries clusters; `progress` is told of each that differs.
///
/// # Errors
/// If files cannot be read or written, or the peer cannot be run.
pub fn run(settings: &Settings, progress: &(dyn Fn(&str) + Sync)) -> io::Result<Report> {
    let bases = Bases::of(&settings.cases)?;
    let known = match &settings.known {
        Some(path) => Known::of(path)?,
        None => Known::default(),
    };
    let next = AtomicU64::new(settings.first);
    let report = Mutex::new(Report::default());
    let worker = || -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let trial = Trial {
            settings,
            peer: Peer::new(&settings.peer, scratch.path())?,
            engine: Engine,
            known: &known,
        };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= settings.first + settings.count {
                return Ok(());
            }
            let case = Case::make(&bases, settings.seed, index)?;
            trial.run(&case, &report, progress)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.jobs.max(1))
            .map(|_| scope.spawn(worker))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
        })
    })?;
    let mut report = report
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let lists = report
        .exceptions
        .values_mut()
        .chain(report.differences.values_mut());
    lists.for_each(|cases| cases.sort_unstable());
    Ok(report)
}

/// Compares again what an earlier run kept in a folder; gives the folders that still differ.
///
/// # Errors
/// If files cannot be read or the peer cannot be run.
pub fn recheck(settings: &Settings, kept: &Path) -> io::Result<(usize, Vec<(PathBuf, String)>)> {
    let mut folders: Vec<PathBuf> = fs::read_dir(kept)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    folders.retain(|folder| folder.join("cib.xml").is_file());
    folders.sort();
    let scratch = tempfile::tempdir()?;
    let peer = Peer::new(&settings.peer, scratch.path())?;
    let mut differing = Vec::new();
    for folder in &folders {
        let text = fs::read_to_string(folder.join("cib.xml"))?;
        let date = fs::read_to_string(folder.join("date"))?;
        let cib = read(&text)?;
        let answers = ask(&peer, &Engine, &text, date.trim(), Wanted::ALL)?;
        if let Some(difference) = compare(&answers[0], &answers[1]) {
            keep_outputs(folder, &answers)?;
            differing.push((folder.clone(), difference.signature(&cib)));
        }
    }
    Ok((folders.len(), differing))
}

fn read(text: &str) -> io::Result<Element> {
    let document = Document::parse(text.as_bytes(), &Limits::default())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    Ok(Element::of(&document, document.root()))
}

fn ask(
    peer: &impl Planner,
    engine: &impl Planner,
    cib: &str,
    date: &str,
    wanted: Wanted,
) -> io::Result<[Answer; 2]> {
    Ok([
        peer.plan(cib, date, wanted)?,
        engine.plan(cib, date, wanted)?,
    ])
}

/// Whether a CIB follows the latest schema, whatever it says of itself. What is made small keeps to
/// that: what is not a CIB at all differs for reasons of its own.
fn is_valid(cib: &Element) -> bool {
    let mut cib = cib.clone();
    cib.set("validate-with", Version::LATEST.name());
    Document::parse(cib.to_xml().as_bytes(), &Limits::default())
        .is_ok_and(|document| schema::validate(&document, Version::LATEST).is_ok())
}

/// What one worker works with.
pub(super) struct Trial<'a, P, E> {
    pub(super) settings: &'a Settings,
    pub(super) peer: P,
    pub(super) engine: E,
    pub(super) known: &'a Known,
}

impl<P: Planner, E: Planner> Trial<'_, P, E> {
    pub(super) fn run(
        &self,
        case: &Case,
        report: &Mutex<Report>,
        progress: &(dyn Fn(&str) + Sync),
    ) -> io::Result<()> {
        let cib = case.cib.clone();
        let text = cib.to_xml();
        let engine = self.engine.plan(&text, &case.date, Wanted::ALL)?;
        let question = known::question(self.peer.version(), &text, &case.date);
        let peer = if self.known.is(question, &engine) {
            engine.clone()
        } else {
            let peer = self.peer.plan(&text, &case.date, Wanted::ALL)?;
            self.known.note(question, &peer)?;
            peer
        };
        let difference = compare(&peer, &engine);
        let mut lock = report
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        lock.tried += 1;
        lock.coverage.add(&cib);
        let Some(difference) = difference else {
            lock.refused += u64::from(matches!(peer, Answer::Refused(_)));
            return Ok(());
        };
        let signature = difference.signature(&cib);
        let alike = match exception(&Found {
            difference: &difference,
            peer: &peer,
            engine: &engine,
        }) {
            Some(exception) => lock.exceptions.entry(exception.name).or_default(),
            None => lock.differences.entry(signature.clone()).or_default(),
        };
        alike.push(case.index);
        let keep = alike.len() <= self.settings.each;
        drop(lock);
        progress(&format!("case {}: {signature}", case.index));
        match &self.settings.save {
            Some(folder) if keep => self.keep(case, cib, &difference, folder),
            _ => Ok(()),
        }
    }

    /// Makes a case small and keeps it with both outputs.
    fn keep(
        &self,
        case: &Case,
        cib: Element,
        difference: &Difference,
        folder: &Path,
    ) -> io::Result<()> {
        let first = difference.first();
        let names = Names::of(&cib);
        let look = difference.look(&names);
        let whole = cib.to_xml();
        let valid = is_valid(&cib);
        let small = shrink(cib, self.settings.shrink_budget, |candidate| {
            (!valid || is_valid(candidate))
                && self
                    .difference(candidate, &case.date, first)
                    .is_some_and(|difference| difference.look(&names).is_subset(&look))
        });
        let answers = ask(
            &self.peer,
            &self.engine,
            &small.to_xml(),
            &case.date,
            Wanted::ALL,
        )?;
        let name = format!("{first}-{}-{}", case.seed, case.index);
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("cib.xml"), small.to_xml())?;
        fs::write(folder.join("whole.xml"), whole)?;
        fs::write(folder.join("date"), &case.date)?;
        fs::write(folder.join("story"), self.story(case, difference))?;
        keep_outputs(&folder, &answers)
    }

    /// How the two differ in a kind of output.
    fn difference(&self, cib: &Element, date: &str, kind: Kind) -> Option<Difference> {
        let answers = ask(&self.peer, &self.engine, &cib.to_xml(), date, kind.wanted());
        let [peer, engine] = answers.ok()?;
        compare(&peer, &engine)
    }

    fn story(&self, case: &Case, difference: &Difference) -> String {
        let settings = self.settings;
        let mut text = case.story.join("\n") + "\n\n";
        for (who, lines) in ["peer", "engine"].iter().zip(&difference.only) {
            for line in lines.iter().take(8) {
                let _ = writeln!(text, "only {who}: {line}");
            }
        }
        let _ = writeln!(
            text,
            "\nThe whole case again:\n  cargo run --release -p lockstep-testbed -- differential --peer {} \
             --cases {} --seed {} --first {} --count 1\nThe small one:\n  crm_simulate -x cib.xml -t '{}' \
             -S\n  crm_simulate -x cib.xml -t '{}' -sSQ -D peer.dot -G peer.graph",
            settings.peer.display(),
            settings.cases.display(),
            case.seed,
            case.index,
            case.date,
            case.date,
        );
        text
    }
}

fn keep_outputs(folder: &Path, answers: &[Answer; 2]) -> io::Result<()> {
    for (who, answer) in ["peer", "engine"].iter().zip(answers) {
        let other;
        let outputs = match answer {
            Answer::Planned(outputs) => outputs,
            Answer::Refused(why) | Answer::Broken(why) => {
                other = Outputs {
                    errors: why.clone(),
                    ..Outputs::default()
                };
                &other
            }
        };
        let texts = [
            ("summary", &outputs.summary),
            ("scores", &outputs.scores),
            ("graph", &outputs.graph),
            ("dot", &outputs.dot),
            ("errors", &outputs.errors),
        ];
        for (kind, text) in texts {
            fs::write(folder.join(format!("{who}.{kind}")), text)?;
        }
    }
    Ok(())
}
