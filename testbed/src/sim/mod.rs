//! Whole clusters in one thread, with virtual time and a world that means harm; all of it from a seed.
//!
//! ```text
//!                     ┌──────────── one machine ─────────────┐
//!   other controllers │ group ─── controller      executor   │   what really runs
//!  ◀──── messages ────┼─▶ │           │  ▲            │  ▲   │
//!                     │ log disk      └──┼─ links ────┘  │   │
//!                     │                  ▼        agents ┼───┼──▶ services, fencing
//!                     └──────────────────────────────────────┘
//! ```
//!
//! The cores are the real thing: `consensus::group` on `LogStore`, `node::controller` on
//! `node::cluster` with the real engine, `node::executor` on its journal. The simulator is what the
//! shells are in a running cluster: clocks, disks, connections, processes, agents.
//!
//! | file | question |
//! |---|---|
//! | `world.rs` | machines, time, the order of events |
//! | `controller.rs`, `executor.rs` | how are the cores wired? |
//! | `members.rs` | who are the controllers? |
//! | `upgrade.rs` | which version of the program runs where? |
//! | `watchdog.rs` | what becomes of a node without quorum? |
//! | `network.rs`, `disk.rs`, `agents.rs` | what lies between and below them? |
//! | `scenario.rs`, `cib.rs` | what does a seed stand for? |
//! | `faults.rs`, `operations.rs` | what goes wrong, and what do operators do? (tables) |
//! | `overtaken.rs` | when is a leader overtaken while it is at work? |
//! | `check/` | what must hold? |
//! | `bugs.rs`, `policy.rs` | which bugs can be planted, to see that the checks find them? |
//! | `campaign.rs` | how are many seeds run? |

mod agents;
mod bugs;
pub mod campaign;
mod check;
mod cib;
mod controller;
mod disk;
mod executor;
mod faults;
mod members;
mod network;
mod operations;
mod overtaken;
pub(crate) mod policy;
mod scenario;
mod trace;
mod upgrade;
mod watchdog;
mod world;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use bugs::{BUGS, Bug};
pub use scenario::Profile;
pub use trace::Tracing;

use world::World;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything follows from it.
    pub seed: u64,
    /// A bug to plant.
    pub bug: Option<Bug>,
    /// What the run is about; of the seed's choice if not given.
    pub profile: Option<Profile>,
    /// When to stop and look, in virtual microseconds.
    pub until_us: Option<u64>,
    /// What becomes of the lines of the trace.
    pub tracing: Tracing,
}

impl Settings {
    /// A run of the seed's choice.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            bug: None,
            profile: None,
            until_us: None,
            tracing: Tracing::Last,
        }
    }
}

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Length in virtual microseconds.
    pub time_us: u64,
    /// Faults that struck.
    pub faults: u64,
    /// What operators did.
    pub operations: u64,
    /// Elections won.
    pub elections: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Changes that were acknowledged.
    pub acknowledged: u64,
    /// Snapshots made.
    pub snapshots: u64,
    /// Snapshots taken up.
    pub restores: u64,
    /// Plans made.
    pub plans: u64,
    /// Runs of agents.
    pub runs: u64,
    /// Nodes fenced.
    pub fencings: u64,
    /// Nodes that fenced themselves.
    pub resets: u64,
    /// Controllers that joined or were removed.
    pub membership_changes: u64,
    /// Writes that found a disk full.
    pub full_disks: u64,
    /// Controllers that were upgraded,
    pub upgrades: u64,
    /// or that stopped because they were too old.
    pub too_old: u64,
    /// Configurations under which the engine alone never comes to rest.
    pub restless: u64,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which: its number and a few words.
    pub rule: &'static str,
    /// How.
    pub what: String,
}

/// A run and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub summary: Summary,
    /// What was found, if anything.
    pub finding: Option<Finding>,
    /// The last lines of the trace, or all.
    pub trace: Vec<String>,
    /// The CIB at the end, as the leader has it.
    pub cib: Option<String>,
    /// Of the whole trace, and of every event's time: equal runs have equal ones.
    pub fingerprint: u64,
}

/// Runs one seed. A panic of a core is a finding.
pub fn run(settings: &Settings) -> Report {
    let mut world = World::new(settings);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let finding = match outcome {
        Ok(outcome) => outcome.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Some(Finding {
                rule: "robustness",
                what: format!("panic: {}", text.unwrap_or_default()),
            })
        }
    };
    let cib = world.leaders_cib();
    let (summary, trace) = world.into_parts();
    let (trace, fingerprint) = trace.into_parts();
    Report {
        seed: settings.seed,
        summary,
        finding,
        trace,
        cib,
        fingerprint,
    }
}
