//! How are many seeds run? On several threads, each seed in one; the first findings in order.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Bug, Report, Settings, Summary, run};

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many were run.
    pub seeds: u64,
    /// All of their summaries together.
    pub total: Summary,
    /// Those in which something was found, by seed.
    pub found: Vec<Report>,
}

/// Runs seeds until so many have findings. `tell` hears how many are done, from time to time.
pub fn run_seeds(
    seeds: Range<u64>,
    bug: Option<Bug>,
    jobs: usize,
    enough: usize,
    tell: &(dyn Fn(u64, usize) + Sync),
) -> Outcome {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new(Outcome::default());
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return;
        }
        let report = run(&Settings {
            bug,
            ..Settings::new(seed)
        });
        let Ok(mut outcome) = outcome.lock() else {
            return;
        };
        outcome.seeds += 1;
        outcome.total.add(&report.summary);
        if report.finding.is_some() {
            outcome.found.push(report);
        }
        if outcome.found.len() >= enough {
            next.store(seeds.end, Ordering::Relaxed);
        }
        tell(outcome.seeds, outcome.found.len());
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    let mut outcome = outcome.into_inner().unwrap_or_default();
    outcome.found.sort_by_key(|report| report.seed);
    outcome
}

impl Summary {
    fn add(&mut self, other: &Summary) {
        self.time_us += other.time_us;
        self.faults += other.faults;
        self.operations += other.operations;
        self.elections += other.elections;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.snapshots += other.snapshots;
        self.restores += other.restores;
        self.plans += other.plans;
        self.runs += other.runs;
        self.fencings += other.fencings;
        self.resets += other.resets;
        self.membership_changes += other.membership_changes;
        self.full_disks += other.full_disks;
        self.upgrades += other.upgrades;
        self.too_old += other.too_old;
        self.restless += other.restless;
    }
}
