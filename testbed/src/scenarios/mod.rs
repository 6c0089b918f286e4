//! Scenarios: a cluster on hosts, something that happens to it, and what has to be true of that.
//!
//! Every scenario begins with a cluster in which all runs, and ends with everything mended, the cluster
//! converged, and all safety rules checked on what was witnessed outside of it.
//!
//! | file | has |
//! |---|---|
//! | `everyday.rs` | the tests of the peer's own lab |
//! | `members.rs` | workers, machines that come and go, upgrades |
//! | `levers.rs` | whether the testbed does what it says |
//! | `load.rs` | faults while clients change the configuration |
//! | `workload.rs` | what these clients ask |
//! | `story.rs` | what scenarios can do and ask |
//! | `founding.rs` | how hosts become a cluster |
//! | `observer.rs` | what controllers say all the time |
//! | `plans.rs` | which plans were made |
//! | `cib.rs` | the configuration |

pub mod cib;
mod everyday;
mod founding;
mod levers;
mod load;
mod members;
pub mod observer;
mod plans;
pub mod story;
mod workload;

use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::faults::Which;
use crate::plants::Plant;
use crate::report::chronicle::{Chronicle, Kind};
use crate::report::graph::PlanGraph;
use story::{Broken, Story, Told};

/// How a scenario goes.
type Going<'s> = Pin<Box<dyn Future<Output = Told> + 's>>;

/// How a scenario goes.
#[derive(Clone, Copy)]
enum Play {
    /// As it is written.
    Written(for<'s> fn(&'s mut Story) -> Going<'s>),
    /// As it is written, and nothing after it: rules are broken on purpose.
    Canary(for<'s> fn(&'s mut Story) -> Going<'s>),
    /// A fault of a kind strikes while clients are at work.
    Under(Which),
}

/// A scenario.
#[derive(Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What happens, in one line.
    pub about: String,
    play: Play,
    /// How many hosts it needs that are no part of the cluster in the beginning.
    spare: usize,
}

/// A written scenario: its name, what happens, and how.
macro_rules! written {
    ($($name:literal, $about:literal, $play:path;)*) => {
        vec![$(Scenario {
            name: $name.to_owned(),
            about: $about.to_owned(),
            play: Play::Written(|story| Box::pin($play(story))),
            spare: 0,
        }),*]
    };
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let mut all = written! {
        "levers", "hosts and links: do they lose what they should, and only that?", levers::levers;
        "start", "all hosts lose their power, and come back at once", everyday::start;
        "stop", "a controller is asked to stop: what runs there moves, and it comes back", everyday::stop;
        "simultaneous", "all are asked to stop at once, and started at once", everyday::simultaneous;
        "start-one-by-one", "all are asked to stop, and started one after the other", everyday::start_one_by_one;
        "stop-one-by-one", "they are asked to stop one after the other", everyday::stop_one_by_one;
        "restart-one-by-one", "all are restarted, one after the other", everyday::restart_one_by_one;
        "partial-start", "a controller is asked to stop while it starts", everyday::partial_start;
        "near-quorum", "controllers stop and start around the loss of the quorum", everyday::near_quorum;
        "standby", "a node is put into standby, and back", everyday::standby;
        "maintenance", "a service dies on a node in maintenance", everyday::maintenance;
        "move", "a resource is moved by hand, and let go again", everyday::moving;
        "component-failure", "the process of a service is killed: it is recovered", everyday::component_failure;
        "fencing", "an operator has a node fenced", everyday::fencing;
        "power-cut", "a host loses its power and what it had not synced: fenced, then recovered", everyday::power_cut;
        "split-brain", "the host of a service is cut off: fencing decides", everyday::split_brain;
        "no-quorum", "no host hears any other: all stop what they run", everyday::no_quorum;
        "reattach", "all controllers die: services do not care", everyday::reattach;
        "resynchronise", "a controller misses changes of the configuration", everyday::resynchronise;
        "hasty", "all are asked to stop and started, and asked again within the second", members::hasty;
        "rolling-upgrade", "hosts are upgraded one by one, from --program to this one", members::rolling_upgrade;
        "mixture", "faults of any kind, while clients change the configuration", load::mixture;
    };
    let with_one_more = written! {
        "worker-start", "a machine joins as a worker, and its executor is restarted", members::worker_start;
        "worker-move", "a resource is moved to a worker, and back", members::worker_move;
        "worker-failure", "a service dies on a worker: it is recovered", members::worker_failure;
        "worker-fencing", "a worker loses its power: fenced, then recovered", members::worker_fencing;
        "join-leave", "controllers join and leave, while clients change the configuration", load::join_and_leave;
    };
    all.extend(with_one_more.into_iter().map(|scenario| Scenario {
        spare: 1,
        ..scenario
    }));
    all.push(Scenario {
        name: "canary".to_owned(),
        about: "the power switch lies: the checkers must find what follows".to_owned(),
        play: Play::Canary(|story| Box::pin(levers::canary(story))),
        spare: 0,
    });
    all.extend(Which::ALL.iter().map(|&which| Scenario {
        name: format!("load-{}", which.name()),
        about: format!("{}, while clients change the configuration", which.about()),
        play: Play::Under(which),
        spare: 0,
    }));
    all
}

/// The scenario of a name.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What everything that is left to chance follows from.
    pub seed: u64,
    /// How many hosts.
    pub nodes: usize,
    /// Where everything is kept; must be new or empty.
    pub folder: PathBuf,
    /// The `lockstep` that hosts run; this program's own if not given.
    pub program: Option<PathBuf>,
    /// A bug that hosts have, which is to be found.
    pub plant: Option<Plant>,
    /// Whether every event is printed.
    pub aloud: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// What was wrong, if anything.
    pub broken: Option<Broken>,
    /// What happened.
    pub chronicle: Chronicle,
    /// How much of what was seen.
    pub figures: Vec<(&'static str, usize)>,
    /// The latest plans.
    pub plans: Vec<PlanGraph>,
}

impl Scenario {
    /// Runs it to its end, and cleans up.
    ///
    /// # Errors
    /// If there is no runtime for it.
    pub fn run(&self, settings: &Settings) -> std::io::Result<Run> {
        let runtime = crate::runtime::runtime(2)?;
        let chronicle = Chronicle::begin(settings.aloud);
        let (mut figures, mut plans) = (Vec::new(), Vec::new());
        let ended = runtime.block_on(async {
            let mut story = Story::begin(settings, self.spare, chronicle.clone())?;
            let ended = self.tell(&mut story).await;
            let (made, wrong) = story.plans().await;
            figures.extend(story.figures());
            figures.push(("plans made again", made.len()));
            plans = made;
            let ended = ended.and_then(|()| story::ensure(wrong.is_empty(), wrong.join("\n")));
            ended.map_err(|broken| story.broken_by(broken))
        });
        if let Err(broken) = &ended {
            chronicle.note(Kind::Violation, None, broken.to_string());
        }
        Ok(Run {
            broken: ended.err(),
            chronicle,
            figures,
            plans,
        })
    }

    async fn tell(&self, story: &mut Story) -> Told {
        story.found().await?;
        story.step(format!("scenario {}: {}", self.name, self.about));
        match self.play {
            Play::Written(play) => play(story).await?,
            Play::Canary(play) => return play(story).await,
            Play::Under(which) => load::under(story, which).await?,
        }
        story.conclude().await
    }
}

/// Removes what only matters after a failure.
///
/// # Errors
/// If it cannot be removed.
pub fn tidy(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != "shared" {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    std::fs::remove_dir_all(folder.join("shared/bin"))
}
