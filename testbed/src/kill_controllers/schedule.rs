//! What is done, and when? Follows from the seed alone.

use std::fmt;

use crate::differential::random::Random;

#[cfg(test)]
mod tests;

/// Nodes of the built-in cluster.
pub const NODES: [&str; 3] = ["n1", "n2", "n3"];
/// Its resources, all of agent `ocf:lockstep:Dummy`.
pub const RESOURCES: [&str; 8] = [
    "disk", "database", "address", "backend", "frontend", "web", "metrics", "logs",
];

/// The latest moments of a kill after its change was sent: about as long as it takes to have the
/// change acknowledged, to plan and to restart one resource, to move all resources of a node.
const KILL_WITHIN_MS: [u64; 3] = [30, 700, 2_500];
/// The longest that a controller stays down.
const DOWN_WITHIN_MS: u64 = 3_000;
/// How long a restarted resource's agent takes from then on, at least and at most.
const TAKES_MS: std::ops::Range<u64> = 150..600;

/// All rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// In their order.
    pub rounds: Vec<Round>,
}

/// One change and the kills that interrupt it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// From 1.
    pub number: usize,
    /// What the change is.
    pub work: Work,
    /// Place of the controller that is asked for it.
    pub through: usize,
    /// When controllers are killed, after the change was sent.
    pub kill_after_ms: u64,
    /// Who is killed.
    pub victims: Vec<Victim>,
    /// Whether another change is made by who is left, if that is a majority.
    pub write_while_down: bool,
}

/// A change that gives the cluster something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A node's resources move away.
    Standby {
        /// Which node.
        node: &'static str,
    },
    /// A node in standby takes part again.
    Active {
        /// Which node.
        node: &'static str,
    },
    /// A parameter of a resource changes, so that it restarts, with all that depend on it.
    Restart {
        /// Which resource.
        resource: &'static str,
        /// How long its agent takes from then on.
        takes_ms: u64,
    },
}

/// A controller that is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Who.
    pub who: Who,
    /// How long it stays down.
    pub down_ms: u64,
}

/// Which controller, as far as can be said before it is known who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The one that leads.
    Leader,
    /// One that does not, by its place among those.
    Follower(usize),
}

impl Schedule {
    /// The schedule of a seed.
    #[must_use]
    pub fn new(seed: u64, rounds: usize) -> Self {
        let mut random = Random::new(seed);
        let mut standby = None;
        let rounds = (1..=rounds).map(|number| Round::new(number, &mut standby, &mut random));
        Self {
            rounds: rounds.collect(),
        }
    }
}

impl Round {
    /// At most one node is in standby at a time, so that every resource can run.
    fn new(number: usize, standby: &mut Option<&'static str>, random: &mut Random) -> Self {
        let work = match *standby {
            _ if random.chance(40) => Work::Restart {
                resource: random.word(&RESOURCES),
                takes_ms: TAKES_MS.start + milliseconds(random, TAKES_MS.end - TAKES_MS.start),
            },
            Some(node) => {
                *standby = None;
                Work::Active { node }
            }
            None => {
                let node = random.word(&NODES);
                *standby = Some(node);
                Work::Standby { node }
            }
        };
        let one = usize::from(random.chance(50));
        let victims: &[Who] = match random.below(100) {
            0..50 => &[Who::Leader],
            50..70 => &[Who::Follower(one)],
            70..90 => &[Who::Leader, Who::Follower(one)],
            _ => &[Who::Follower(0), Who::Follower(1)],
        };
        let victims = victims.iter().map(|who| Victim {
            who: *who,
            down_ms: milliseconds(random, DOWN_WITHIN_MS),
        });
        let victims = victims.collect();
        let latest_ms = random.pick(&KILL_WITHIN_MS).copied().unwrap_or(1);
        Self {
            number,
            work,
            victims,
            through: random.below(NODES.len()),
            kill_after_ms: milliseconds(random, latest_ms),
            write_while_down: random.chance(50),
        }
    }

    /// Whether who is left is a majority.
    #[must_use]
    pub fn keeps_quorum(&self) -> bool {
        2 * self.victims.len() < NODES.len()
    }
}

fn milliseconds(random: &mut Random, below: u64) -> u64 {
    random.next() % below
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}: ", self.number)?;
        match &self.work {
            Work::Standby { node } => write!(f, "{node} goes to standby")?,
            Work::Active { node } => write!(f, "{node} takes part again")?,
            Work::Restart { resource, takes_ms } => {
                write!(f, "{resource} restarts (its agent takes {takes_ms} ms)")?;
            }
        }
        let through = NODES.get(self.through).copied().unwrap_or_default();
        write!(f, ", asked of {through}; {} ms later", self.kill_after_ms)?;
        for (at, Victim { who, down_ms }) in self.victims.iter().enumerate() {
            let joint = if at == 0 { " kill" } else { " and" };
            match who {
                Who::Leader => write!(f, "{joint} the leader")?,
                Who::Follower(which) => write!(f, "{joint} follower {}", which + 1)?,
            }
            write!(f, " for {down_ms} ms")?;
        }
        match self.write_while_down && self.keeps_quorum() {
            true => write!(f, "; another change meanwhile"),
            false => Ok(()),
        }
    }
}
