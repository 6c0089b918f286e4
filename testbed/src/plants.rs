//! Which of the simulator's bugs can be planted on real hosts, and how?
//!
//! No build of Lockstep has any of them. What hosts run is the testbed's own program by another name
//! ([`main`]), and `/testbed/planted` says what is wrong with it: a policy around the engine, or
//! something that it does to its host. Disks that lie and clocks that differ are the library in front of the
//! C library (`hosts/levers.c`); a fence agent that does not say what it knows is `hosts/power.rs`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockstep_engine::graph::GraphAction;
use lockstep_engine::parse::Document;
use lockstep_engine::time::{Date, Timestamp};
use lockstep_node::cli;
use lockstep_node::clock::Clock;
use lockstep_node::cluster::policy::{ActionResult, Planned, Policy};
use lockstep_node::policy::Engine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::hosts::levers::Levers;
use crate::sim::policy::{self, SharedClock};
use crate::sim::{BUGS, Bug};

#[cfg(test)]
mod tests;

/// Names what is planted, where hosts see it.
const PLANTED: &str = "/testbed/planted";
/// The host whose controller skips entries.
const SKIPS: &str = "n2";
/// So many results are taken in before one is skipped.
const SKIPS_EACH: u64 = 7;
/// The clocks of two hosts differ by so much: certificates allow for less than an hour in all.
const APART_MS: i64 = 15 * 60_000;
/// What counts as synced is so much later.
const LATE_MS: i64 = 2_000;
/// How often an executor that should not care looks whether its controller is there.
const LOOKS_EACH: Duration = Duration::from_millis(200);

/// A bug that hosts can have, and a scenario that finds it.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// Which.
    pub bug: Bug,
    /// What finds it, often at the first seed.
    pub scenario: &'static str,
    /// Whether it takes the library that only a C compiler makes.
    pub needs_levers: bool,
}

const fn plant(bug: Bug, scenario: &'static str, needs_levers: bool) -> Plant {
    Plant {
        bug,
        scenario,
        needs_levers,
    }
}

/// All that can be planted. The others take a core that is wrong, in a moment that hosts rarely meet: a vote
/// between two elections, an order of a leader that is deposed as it says it.
pub const PLANTS: &[Plant] = &[
    plant(Bug::SkipFsync, "load-blackout", true),
    plant(Bug::AckBeforeWrite, "load-blackout", true),
    plant(Bug::LocalClock, "stop", true),
    plant(Bug::StartBeforeFencing, "split-brain", false),
    plant(Bug::TrustFencing, "load-fencing-fails", false),
    plant(Bug::StopWithoutControllers, "reattach", false),
    plant(Bug::UnstablePlan, "stop", false),
    plant(Bug::SkipEntry, "stop", false),
];

impl Plant {
    /// The one of that name.
    ///
    /// # Errors
    /// If there is none: says whether it is one of the simulator's.
    pub fn by_name(name: &str) -> io::Result<Self> {
        let bug = Bug::by_name(name);
        let plant = PLANTS.iter().find(|plant| Some(plant.bug) == bug);
        plant.copied().ok_or_else(|| {
            let names: Vec<_> = PLANTS.iter().map(|plant| plant.bug.name()).collect();
            let why = match bug {
                Some(_) => "can only be planted in the simulator",
                None => "is not known",
            };
            io::Error::other(format!("'{name}' {why}; hosts have {}", names.join(", ")))
        })
    }

    /// What it is.
    #[must_use]
    pub fn about(&self) -> &'static str {
        let mut all = BUGS.iter();
        all.find(|(bug, ..)| *bug == self.bug)
            .map_or("", |(.., about)| about)
    }

    /// When the database is to move, if it is: by some of the hosts' clocks now, by others' not yet.
    #[must_use]
    pub fn date(&self, now_s: i64) -> Option<Date> {
        let at = Timestamp {
            seconds: now_s + APART_MS / 2_000,
            offset: 0,
        };
        (self.bug == Bug::LocalClock).then(|| Date::new(at))
    }

    /// What is wrong with a host's disk and clock all the time.
    #[must_use]
    pub fn levers(&self, host: usize) -> Levers {
        let mut levers = Levers::default();
        match self.bug {
            Bug::SkipFsync => levers.lies = true,
            Bug::AckBeforeWrite => levers.late_ms = LATE_MS,
            Bug::LocalClock => {
                let others = i64::try_from(host).unwrap_or_default() - 1;
                levers.clock_ms = others * APART_MS;
            }
            _ => {}
        }
        levers
    }
}

/// What is planted on this host, if it is one.
#[must_use]
pub fn here() -> Option<Bug> {
    Bug::by_name(std::fs::read_to_string(PLANTED).ok()?.trim())
}

/// `lockstep` on a host of the testbed, with what is planted there.
#[must_use]
pub fn main() -> ExitCode {
    let Some(bug) = here() else {
        return cli::main();
    };
    let is_executor = std::env::args().nth(1).as_deref() == Some("executor");
    if bug == Bug::StopWithoutControllers && is_executor {
        std::thread::spawn(stop_without_controllers);
    }
    cli::main_with(policy_of(bug, &name()))
}

fn name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What a host's controller asks instead of the engine.
fn policy_of(bug: Bug, host: &str) -> Arc<dyn Policy> {
    if bug == Bug::SkipEntry && host == SKIPS {
        return Arc::new(Forgetful::default());
    }
    let number: usize = host.trim_start_matches('n').parse().unwrap_or(1);
    let date = SharedClock::default();
    Arc::new(OnHost {
        policy: policy::of(Some(bug), number.saturating_sub(1), &date),
        clock: Clock::start(),
        date,
    })
}

/// One of the simulator's policies, with this host's date.
struct OnHost {
    policy: Box<dyn Policy>,
    clock: Clock,
    date: SharedClock,
}

impl Policy for OnHost {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        self.date.set(self.clock.unix_s());
        self.policy.plan(cib, transition, now, level)
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        self.policy.record(cib, action, result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        self.policy.record_fencing(cib, node, operation);
    }
}

/// Takes in all results but one in a few.
#[derive(Default)]
struct Forgetful {
    results: AtomicU64,
}

impl Policy for Forgetful {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        Engine.plan(cib, transition, now, level)
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        if self.results.fetch_add(1, Ordering::Relaxed) % SKIPS_EACH != SKIPS_EACH - 1 {
            Engine.record(cib, action, result);
        }
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        Engine.record_fencing(cib, node, operation);
    }
}

/// Kills the services of this host whenever its controller, once seen, answers no more.
fn stop_without_controllers() {
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, 4747));
    let mut was_there = false;
    loop {
        let is_there = TcpStream::connect_timeout(&api, LOOKS_EACH).is_ok();
        if was_there && !is_there {
            stop_services(Path::new("/run"));
        }
        was_there = is_there;
        std::thread::park_timeout(LOOKS_EACH);
    }
}

/// Kills the processes that the agents noted in files of this folder.
fn stop_services(noted: &Path) {
    for entry in std::fs::read_dir(noted).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with("testbed-") && name.ends_with(".pid")) {
            continue;
        }
        let pid = std::fs::read_to_string(entry.path()).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
