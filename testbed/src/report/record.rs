//! What is kept of a run, so that its page can be made again?

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chronicle::Entry;
use super::graph::PlanGraph;
use crate::witness::{Testimony, Witness};

/// Its file, in the folder of the run.
const FILE: &str = "run.json";

/// A run that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Name of the scenario.
    pub scenario: String,
    /// What happens in it.
    pub about: String,
    /// What chance followed from.
    pub seed: u64,
    /// The bug that was planted, if any.
    #[serde(default)]
    pub plant: Option<String>,
    /// How many hosts there were.
    pub nodes: usize,
    /// What was wrong, if anything.
    pub broken: Option<String>,
    /// How much of what was seen.
    pub figures: Vec<(String, usize)>,
    /// When it began, in microseconds since the epoch.
    pub began_us: u64,
    /// What the testbed saw.
    pub entries: Vec<Entry>,
    /// The latest plans.
    #[serde(default)]
    pub plans: Vec<PlanGraph>,
    /// What was witnessed; kept in a file of its own.
    #[serde(skip)]
    pub witnessed: Vec<Testimony>,
}

impl Record {
    /// Reads what is in a run's folder.
    ///
    /// # Errors
    /// If it is no such folder.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(named)?;
        let mut record: Self = serde_json::from_str(&text).map_err(|error| named(error.into()))?;
        record.witnessed = Witness::in_folder(&folder.join("shared")).read()?;
        Ok(record)
    }

    /// Writes it into the run's folder.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join(FILE), serde_json::to_string_pretty(self)?)
    }

    /// How one runs it again.
    #[must_use]
    pub fn command(&self) -> String {
        let plant = self.plant.iter().map(|plant| format!(" --plant {plant}"));
        format!(
            "cargo run --release -p lockstep-testbed -- run {} --seed {} --nodes {}{}",
            self.scenario,
            self.seed,
            self.nodes,
            plant.collect::<String>()
        )
    }

    /// The run in a few lines.
    #[must_use]
    pub fn summary(&self) -> String {
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        let figures = figures.join(", ");
        match &self.broken {
            None => format!("PASSED {} --seed {}: {figures}", self.scenario, self.seed),
            Some(broken) => format!(
                "FAILED {} --seed {}: {broken}\nseen               {figures}\nagain              {}",
                self.scenario,
                self.seed,
                self.command()
            ),
        }
    }
}
