//! Do the safety rules hold when controllers die at random moments?
//!
//! A cluster of three controllers and three executors, as real processes. Each round changes the
//! configuration, so that resources restart or move, and kills one or two controllers with SIGKILL
//! at a moment that the seed decides; then they come back. After each round, and from what the
//! processes themselves left behind:
//!
//! | rule | holds if | read from |
//! |---|---|---|
//! | 1 | no primitive was ever active on two nodes | the agents' witness |
//! | 3 | every acknowledged change is there, on every controller | the controllers' CIBs |
//! | 5 | states and graphs are equal at equal indices | the controllers' digests, all the time |
//! | – | nothing was run twice | the executors' journals, the witness |
//!
//! The schedule follows from the seed alone; what a schedule meets also follows from how fast the
//! processes are, so that the same seed finds the same thing often, not always.
//!
//! | file | question |
//! |---|---|
//! | `schedule.rs` | what is done, and when? |
//! | `change.rs` | how does a change get into the configuration, and was it acknowledged? |
//! | `ledger.rs` | do controllers agree, and is anything lost? |
//! | `story.rs` | how does a schedule go? |

mod change;
pub mod ledger;
pub mod schedule;
mod story;

use std::path::PathBuf;

use lockstep_node::config::Timers;
use lockstep_node::http::client::ClientError;
use lockstep_node::lab::{Lab, LabError, cluster};

use ledger::Violation;
use schedule::Schedule;
use story::Story;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the schedule follows from.
    pub seed: u64,
    /// How many rounds.
    pub rounds: usize,
    /// Where everything is kept: an empty folder.
    pub folder: PathBuf,
}

/// Why it does not hold, or could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Controllers differ, or lost something.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// What agents and executors left behind contradicts a rule.
    #[error("{rule}: {how}")]
    Evidence {
        /// Which rule.
        rule: &'static str,
        /// What was found.
        how: String,
    },
    /// Something that must happen did not.
    #[error("waited {seconds} s in vain until {what}\n{standing}")]
    InVain {
        /// How long.
        seconds: u64,
        /// For what.
        what: String,
        /// Where every controller stands.
        standing: String,
    },
    /// A controller ended that nobody killed.
    #[error("the controller of {node}: {how}\n{log}")]
    Ended {
        /// Whose.
        node: String,
        /// In which way.
        how: String,
        /// End of its log.
        log: String,
    },
    /// A controller refused a change that is right.
    #[error("a change was refused: {0}")]
    Refused(ClientError),
    /// A controller told something that cannot be read.
    #[error("the controller of {node} told nonsense: {how}")]
    Nonsense {
        /// Whose.
        node: String,
        /// What is wrong with it.
        how: String,
    },
    /// The cluster could not be started.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// There are no threads to be had.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
}

/// Runs the scenario, telling what happens line by line.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(settings: &Settings, tell: &dyn Fn(&str)) -> Result<(), Broken> {
    let mut cluster = cluster::built_in();
    cluster.name = "kill-controllers".to_owned();
    // Executors are never killed here, and without fencing a node that is wrongly taken for lost
    // would run its resources beside those that replace them: a busy machine must not look dead.
    cluster.timers = Timers {
        silence_ms: 5_000,
        node_lost_ms: 30_000,
        ..Timers::default()
    };
    let schedule = Schedule::new(settings.seed, settings.rounds);
    tell(&format!("seed {}", settings.seed));
    for round in &schedule.rounds {
        tell(&format!("  {round}"));
    }
    let runtime = crate::runtime::runtime(2).map_err(Broken::Threads)?;
    runtime.block_on(async {
        let lab = Lab::start(&settings.folder, &cluster)?;
        let mut story = Story::new(lab, tell);
        let ended = story.tell_all(&schedule).await;
        story.stop().await;
        ended
    })
}
