//! Do controllers agree, and is anything lost?
//!
//! Keeps what controllers ever told of states and graphs, and which changes were acknowledged.

use std::collections::BTreeMap;

use lockstep_engine::parse::Document;
use lockstep_node::cluster::status;

#[cfg(test)]
mod tests;

/// What contradicts a safety rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two controllers have different states after the same entries.
    #[error("rule 5: at index {index}, controllers {} and {} have different states", .controllers[0], .controllers[1])]
    States {
        /// After which entry.
        index: u64,
        /// Who.
        controllers: [u64; 2],
    },
    /// Two controllers have different graphs under one number.
    #[error("rule 5: plan {transition} is different on controllers {} and {}", .controllers[0], .controllers[1])]
    Graphs {
        /// Which plan.
        transition: u64,
        /// Who.
        controllers: [u64; 2],
    },
    /// The cluster itself says so.
    #[error("rule 5: controller {controller} has diverged: {how}")]
    Diverged {
        /// Who.
        controller: u64,
        /// In its own words.
        how: String,
    },
    /// An acknowledged change is not there.
    #[error("rule 3: the acknowledged {mark} is not on controller {controller}")]
    Lost {
        /// Where it is missing.
        controller: u64,
        /// Which change.
        mark: String,
    },
    /// A configuration is older than one that was acknowledged.
    #[error(
        "rule 3: controller {controller} has epoch {epoch}, and {acknowledged} was acknowledged"
    )]
    Older {
        /// Where.
        controller: u64,
        /// What it has.
        epoch: u64,
        /// What it must have at least.
        acknowledged: u64,
    },
}

/// A digest that must be the same, whoever tells it.
#[derive(Clone, Debug)]
struct Told {
    first: u64,
    digest: String,
    /// Whether a second controller told it as well: else nothing was compared.
    again: bool,
}

/// Everything that was told.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By index.
    states: BTreeMap<u64, Told>,
    /// By number of the plan.
    graphs: BTreeMap<u64, Told>,
    /// Node attributes that acknowledged changes have set.
    marks: Vec<String>,
    /// The highest epoch that was acknowledged.
    epoch: u64,
}

impl Ledger {
    /// A controller told the digest of its state.
    ///
    /// # Errors
    /// If another one told a different one for the same index.
    pub fn state(&mut self, controller: u64, index: u64, digest: &str) -> Result<(), Violation> {
        match first_other(&mut self.states, index, controller, digest) {
            None => Ok(()),
            Some(other) => Err(Violation::States {
                index,
                controllers: [other, controller],
            }),
        }
    }

    /// A controller told the digest of its graph.
    ///
    /// # Errors
    /// If another one told a different one for the same plan.
    pub fn graph(
        &mut self,
        controller: u64,
        transition: u64,
        digest: &str,
    ) -> Result<(), Violation> {
        match first_other(&mut self.graphs, transition, controller, digest) {
            None => Ok(()),
            Some(other) => Err(Violation::Graphs {
                transition,
                controllers: [other, controller],
            }),
        }
    }

    /// A change was acknowledged, together with the epoch that it made.
    pub fn acknowledged(&mut self, mark: String, epoch: u64) {
        self.marks.push(mark);
        self.epoch = self.epoch.max(epoch);
    }

    /// How many changes were acknowledged.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.marks.len()
    }

    /// Of how many states and graphs at least two controllers told the digest.
    #[must_use]
    pub fn compared(&self) -> (usize, usize) {
        let compared = |told: &BTreeMap<u64, Told>| told.values().filter(|t| t.again).count();
        (compared(&self.states), compared(&self.graphs))
    }

    /// A controller told its configuration, which must have all that was acknowledged.
    ///
    /// # Errors
    /// If it has not.
    pub fn nothing_lost(&self, controller: u64, cib: &Document) -> Result<(), Violation> {
        let epoch = status::number(cib, "epoch");
        if epoch < self.epoch {
            return Err(Violation::Older {
                controller,
                epoch,
                acknowledged: self.epoch,
            });
        }
        let pairs = cib
            .descendants(cib.root())
            .filter(|e| cib.name(*e) == "nvpair");
        let names: std::collections::BTreeSet<_> =
            pairs.filter_map(|e| cib.attr(e, "name")).collect();
        match self
            .marks
            .iter()
            .find(|mark| !names.contains(mark.as_str()))
        {
            None => Ok(()),
            Some(mark) => Err(Violation::Lost {
                controller,
                mark: mark.clone(),
            }),
        }
    }
}

/// Notes a digest; returns who told another one before.
fn first_other(
    all: &mut BTreeMap<u64, Told>,
    key: u64,
    controller: u64,
    digest: &str,
) -> Option<u64> {
    let told = all.entry(key).or_insert_with(|| Told {
        first: controller,
        digest: digest.to_owned(),
        again: false,
    });
    told.again |= told.first != controller;
    (told.digest != digest).then_some(told.first)
}
