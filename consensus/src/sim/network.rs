//! What becomes of a message on its way.

use std::collections::BTreeSet;

use crate::random::Random;
use crate::types::NodeId;

/// How unkind the world is. Probabilities are per thousand.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// A message is lost.
    pub loss: u64,
    /// A message arrives twice.
    pub duplication: u64,
    /// A message takes up to half a second instead of milliseconds.
    pub delay: u64,
    /// Mean time between two disturbances (crash, partition, full disk, pause), in microseconds;
    /// 0 for none.
    pub disturbance_us: u64,
    /// Mean time between two membership changes, in microseconds; 0 for none.
    pub membership_us: u64,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Faults = Faults {
        loss: 0,
        duplication: 0,
        delay: 0,
        disturbance_us: 0,
        membership_us: 0,
    };

    /// Faults of all kinds, in a mix of the seed's choice.
    pub fn some(random: &mut Random) -> Faults {
        Faults {
            loss: random.below(100),
            duplication: random.below(50),
            delay: random.below(50),
            disturbance_us: 200_000 + random.below(1_200_000),
            membership_us: if random.chance(500) {
                500_000 + random.below(2_000_000)
            } else {
                0
            },
        }
    }
}

/// The network between the nodes.
#[derive(Debug)]
pub struct Network {
    faults: Faults,
    /// Directions in which nothing gets through.
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    /// A network with the given faults, and no link cut.
    pub fn new(faults: Faults) -> Self {
        Network {
            faults,
            cut: BTreeSet::new(),
        }
    }

    /// Cuts one direction.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    /// Mends all links, and keeps the other faults.
    pub fn join(&mut self) {
        self.cut.clear();
    }

    /// Everything works from now on.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.faults = Faults::NONE;
    }

    /// After how many microseconds a message arrives: never, once, or more often.
    pub fn deliveries(&self, from: NodeId, to: NodeId, random: &mut Random) -> Vec<u64> {
        if self.cut.contains(&(from, to)) || random.chance(self.faults.loss) {
            return Vec::new();
        }
        let copies = 1 + u64::from(random.chance(self.faults.duplication));
        (0..copies)
            .map(|_| {
                let late = random.chance(self.faults.delay);
                100 + random.below(if late { 500_000 } else { 2_000 })
            })
            .collect()
    }
}
