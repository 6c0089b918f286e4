//! Which known bugs can be planted, to see that the checks find them?
//!
//! Each is a switch in the simulator's own wiring: a disk that lies, a shell that forgets or does
//! things in the wrong order, a policy around the engine that decides otherwise. The cores are never
//! touched, so no build of Lockstep has any of this.

/// A bug to plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The controllers' disks say that they synced, and did not.
    SkipFsync,
    /// The group is told that a write is durable before it is written.
    AckBeforeWrite,
    /// A controller that starts forgets whom it voted for.
    ForgetVote,
    /// Executors believe that whoever orders leads.
    SkipTermCheck,
    /// Controllers plan with their own clocks instead of the entry's time.
    LocalClock,
    /// What waits for fencing does not wait.
    StartBeforeFencing,
    /// A fence agent's failure is reported as success.
    TrustFencing,
    /// Executors forget what they did when a new leader comes.
    ForgetJournal,
    /// An executor that has no controller left stops what runs on its node.
    StopWithoutControllers,
    /// One controller's engine decides in another order.
    UnstablePlan,
    /// The core is not told of proposals that did not get into the log.
    LoseRefusals,
    /// A controller now and then skips an entry of the log.
    SkipEntry,
    /// What not all controllers understand yet is said nevertheless.
    IgnoreLevel,
    /// An upgraded controller decides as the newer program before all are upgraded.
    DecideEarly,
}

/// All of them, with the names by which they are called and what they stand for.
pub const BUGS: &[(Bug, &str, &str)] = &[
    (
        Bug::SkipFsync,
        "skip-fsync",
        "a controller's disk says that it synced, and did not",
    ),
    (
        Bug::AckBeforeWrite,
        "ack-before-write",
        "the group is told that entries are durable before they are written",
    ),
    (
        Bug::ForgetVote,
        "forget-vote",
        "a controller that starts forgets its vote",
    ),
    (
        Bug::SkipTermCheck,
        "skip-term-check",
        "executors obey a leader that was deposed",
    ),
    (
        Bug::LocalClock,
        "local-clock",
        "each controller plans with its own clock",
    ),
    (
        Bug::StartBeforeFencing,
        "start-before-fencing",
        "recovery does not wait for fencing",
    ),
    (
        Bug::TrustFencing,
        "trust-fencing",
        "fencing that failed counts as done",
    ),
    (
        Bug::ForgetJournal,
        "forget-journal",
        "an executor forgets what it ran when the leader changes",
    ),
    (
        Bug::StopWithoutControllers,
        "stop-without-controllers",
        "an executor without controllers stops its services",
    ),
    (
        Bug::UnstablePlan,
        "unstable-plan",
        "one controller's engine orders actions otherwise",
    ),
    (
        Bug::LoseRefusals,
        "lose-refusals",
        "a leader never hears that its proposal was lost",
    ),
    (
        Bug::SkipEntry,
        "skip-entry",
        "a controller now and then skips an entry of the log",
    ),
    (
        Bug::IgnoreLevel,
        "ignore-level",
        "newer entries are written before the last controller is upgraded",
    ),
    (
        Bug::DecideEarly,
        "decide-early",
        "an upgraded controller's engine decides otherwise before the last one is upgraded",
    ),
];

impl Bug {
    /// The bug of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        BUGS.iter()
            .find(|(_, known, _)| *known == name)
            .map(|(bug, _, _)| *bug)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        BUGS.iter()
            .find(|(bug, _, _)| *bug == self)
            .map_or("", |(_, name, _)| name)
    }
}
