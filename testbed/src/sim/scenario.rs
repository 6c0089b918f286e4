//! What does a seed stand for? How large its cluster is, and how unkind its world.

use lockstep_consensus::random::Random;

use lockstep_node::controller::Patience;

use super::faults::FAULTS;
use super::operations::OPERATIONS;

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Anything may go wrong, operators are at work.
    Mixed,
    /// Nothing goes wrong, operators are at work.
    Calm,
    /// A settled cluster; only controllers, and the network between them, are in trouble: nothing
    /// that runs may end.
    ControlPlane,
    /// As `Mixed`, with hundreds of nodes.
    Large,
}

/// Everything that follows from a seed before time begins.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) profile: Profile,
    /// Machines that have a controller at first.
    pub(super) voters: usize,
    /// Machines that may have one: the first ones.
    pub(super) controllers: usize,
    pub(super) workers: usize,
    /// How long there are faults, in virtual microseconds.
    pub(super) trouble_us: u64,
    /// How long the cluster may take to converge once they are over, in virtual microseconds.
    pub(super) settle_us: u64,
    /// Mean time between two faults, in virtual microseconds.
    pub(super) fault_us: u64,
    /// Which faults there are: places in [`FAULTS`].
    pub(super) faults: Vec<usize>,
    /// Mean time between two operations, in virtual microseconds.
    pub(super) operation_us: u64,
    /// Which operations there are: places in [`OPERATIONS`].
    pub(super) operations: Vec<usize>,
    /// Of a thousand messages between controllers so many are lost,
    pub(super) loss: u64,
    /// doubled,
    pub(super) duplication: u64,
    /// or very late.
    pub(super) delay: u64,
    /// Of a thousand runs of agents so many go wrong.
    pub(super) agents: u64,
    /// Of a thousand calls of a fence device so many go wrong.
    pub(super) fencing: u64,
    /// Clocks are wrong by up to so many parts in a million,
    pub(super) drift_ppm: u64,
    /// and at first by up to so many seconds.
    pub(super) clock_offset_s: u64,
    /// A snapshot is made after so many entries.
    pub(super) snapshot_entries: u64,
    /// An executor that is away for so long is lost, in milliseconds.
    pub(super) node_lost_ms: u64,
    /// How long a controller waits without a quorum.
    pub(super) without_quorum: Patience,
    /// The whole state is compared each so many entries.
    pub(super) compare_every: u64,
}

impl Scenario {
    pub(super) fn of(random: &mut Random) -> Self {
        let profile = match random.below(400) {
            0 => Profile::Large,
            1..16 => Profile::Calm,
            16..76 => Profile::ControlPlane,
            _ => Profile::Mixed,
        };
        let voters = match random.below(20) {
            0 => 7,
            1..4 => 5,
            _ => 3,
        };
        let workers = match profile {
            Profile::Large => 50 + random.below(151) as usize,
            _ => random.below(4) as usize,
        };
        let spares = match profile {
            Profile::Mixed | Profile::Calm if random.chance(300) => 1 + random.below(2) as usize,
            _ => 0,
        };
        let mixed = matches!(profile, Profile::Mixed | Profile::Large);
        let quiet = profile == Profile::ControlPlane;
        let rarely = |random: &mut Random, yes: bool, most: u64| {
            if yes && random.chance(500) {
                random.below(most)
            } else {
                0
            }
        };
        // Each seed has its own choice of faults: some need to be left alone to do harm.
        let candidates: Vec<usize> = (0..FAULTS.len())
            .filter(|&at| mixed || (quiet && FAULTS[at].spares_services))
            .collect();
        let faults: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|_| random.chance(600))
            .collect();
        // A node that leaves while nothing is managed leaves its services running, and who ends
        // maintenance then starts them elsewhere: as in Pacemaker, operators must know.
        let not = ["leave", "maintenance mode"][random.below(2) as usize];
        let operations: Vec<usize> = (0..OPERATIONS.len())
            .filter(|at| !quiet && random.chance(700) && OPERATIONS[*at].name != not)
            .collect();
        let large = profile == Profile::Large;
        Self {
            profile,
            voters,
            controllers: voters + spares,
            workers,
            trouble_us: (if large { 10 } else { 15 } + random.below(25)) * 1_000_000,
            settle_us: 300_000_000,
            fault_us: 300_000 + random.below(4_000_000),
            faults,
            operation_us: 500_000 + random.below(5_000_000),
            operations,
            loss: rarely(random, mixed || quiet, 80),
            duplication: rarely(random, mixed || quiet, 50),
            delay: rarely(random, mixed || quiet, 30),
            agents: rarely(random, mixed, 60),
            fencing: rarely(random, mixed, 500),
            drift_ppm: rarely(random, mixed || quiet, 20_000),
            clock_offset_s: rarely(random, true, 30),
            // What there is to copy and compare grows with the cluster.
            snapshot_entries: if large { 500 } else { 20 } + random.below(400),
            node_lost_ms: 900 + random.below(1_500),
            without_quorum: Patience {
                lost_ms: 500 + random.below(3_000),
                stop_ms: 2_000 + random.below(8_000),
            },
            compare_every: match random.chance(100) {
                _ if large => 100,
                true => 1,
                false => 16,
            },
        }
    }
}
