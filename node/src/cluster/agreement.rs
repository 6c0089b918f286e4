//! Did all controllers compute the same graph?
//!
//! Every controller reports the digest of each graph that it computed. What a majority computed is
//! right; whoever computed something else has diverged: a bug, bad memory, or an engine that was changed
//! without a level of its own ([`super::versions`]). Such a controller must not lead until it was started again and agrees.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::command::ControllerId;
use super::policy::Digest;

/// Digests of this many transitions are kept.
const KEPT: usize = 64;

/// What was reported, and who has diverged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Agreement {
    reports: BTreeMap<u64, BTreeMap<ControllerId, Reported>>,
    diverged: BTreeMap<ControllerId, Divergence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Reported {
    incarnation: u64,
    digest: Digest,
}

/// A controller that computed something else than the majority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Divergence {
    /// From which transition.
    pub transition: u64,
    /// Which process of that controller.
    pub incarnation: u64,
    /// What it computed.
    pub digest: Digest,
    /// What the majority computed.
    pub majority: Digest,
}

impl Agreement {
    /// Notes a report; returns who has diverged because of it.
    pub fn report(
        &mut self,
        transition: u64,
        controller: ControllerId,
        incarnation: u64,
        digest: Digest,
        voters: usize,
    ) -> Vec<ControllerId> {
        let reports = self.reports.entry(transition).or_default();
        reports.insert(
            controller,
            Reported {
                incarnation,
                digest,
            },
        );
        let Some(majority) = majority_of(reports, voters) else {
            self.trim();
            return Vec::new();
        };
        let mut news = Vec::new();
        for (&controller, reported) in reports.iter() {
            let known = self.diverged.get(&controller);
            if reported.digest == majority {
                // Only a new process may prove itself again.
                if known.is_some_and(|known| known.incarnation != reported.incarnation) {
                    self.diverged.remove(&controller);
                }
            } else if known.is_none() {
                let Reported {
                    incarnation,
                    digest,
                } = *reported;
                let divergence = Divergence {
                    transition,
                    incarnation,
                    digest,
                    majority,
                };
                self.diverged.insert(controller, divergence);
                news.push(controller);
            }
        }
        self.trim();
        news
    }

    fn trim(&mut self) {
        while self.reports.len() > KEPT {
            self.reports.pop_first();
        }
    }

    /// Who has diverged.
    pub fn diverged(&self) -> &BTreeMap<ControllerId, Divergence> {
        &self.diverged
    }

    /// What was reported for a transition.
    pub fn digests(&self, transition: u64) -> impl Iterator<Item = (ControllerId, Digest)> + '_ {
        let reports = self.reports.get(&transition).into_iter().flatten();
        reports.map(|(controller, reported)| (*controller, reported.digest))
    }

    /// Whether a controller's process reported on a transition.
    pub fn has_reported(&self, transition: u64, who: ControllerId, incarnation: u64) -> bool {
        let report = self
            .reports
            .get(&transition)
            .and_then(|reports| reports.get(&who));
        report.is_some_and(|report| report.incarnation == incarnation)
    }
}

/// The digest that more than half of all voters computed.
fn majority_of(reports: &BTreeMap<ControllerId, Reported>, voters: usize) -> Option<Digest> {
    let mut counts: BTreeMap<Digest, usize> = BTreeMap::new();
    for reported in reports.values() {
        *counts.entry(reported.digest).or_default() += 1;
    }
    counts
        .into_iter()
        .find(|(_, count)| 2 * count > voters)
        .map(|(digest, _)| digest)
}
