//! How far is a graph carried out?

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::graph::{Graph, GraphAction};
use lockstep_engine::time::Timestamp;

use super::policy::Digest;

/// Pacemaker's "infinite" priority: such a synapse also follows a failed input.
const INFINITY: i32 = 1_000_000;

/// Where one synapse stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Progress {
    /// Its inputs are not confirmed, or it is under way.
    Waiting,
    /// Its action had the expected result.
    Done,
    /// Its action had another result, or will have none.
    Failed,
}

/// A graph with its progress.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Number, counted over the life of the cluster.
    pub number: u64,
    /// Log index of its Plan.
    pub index: u64,
    /// The time that the engine was given.
    pub now: Timestamp,
    /// Digest of the graph as computed here.
    pub digest: Digest,
    /// The graph.
    pub graph: Graph,
    /// Why nothing new of it is carried out, if so.
    pub aborted: Option<String>,
    progress: Vec<Progress>,
    /// Inputs of each synapse that are not met.
    unmet: Vec<u32>,
    /// Synapses that wait for each synapse.
    followers: Vec<Vec<u32>>,
    /// Waiting synapses whose inputs are met.
    ready: BTreeSet<u32>,
    /// Action number to synapse.
    by_action: BTreeMap<u32, u32>,
}

impl Transition {
    /// A transition of which nothing is done, not even what needs nobody.
    pub fn new(number: u64, index: u64, now: Timestamp, graph: Graph, digest: Digest) -> Self {
        let count = graph.synapses.len();
        let mut followers = vec![Vec::new(); count];
        let mut unmet = vec![0; count];
        let mut by_action = BTreeMap::new();
        for (at, synapse) in (0u32..).zip(&graph.synapses) {
            by_action.insert(synapse.action.id, at);
            // An input outside of the graph is never met.
            unmet[at as usize] = u32::try_from(synapse.inputs.len() + synapse.missing_inputs.len())
                .unwrap_or(u32::MAX);
            for &input in &synapse.inputs {
                if let Some(list) = followers.get_mut(input as usize) {
                    list.push(at);
                }
            }
        }
        let ready = (0u32..)
            .zip(&unmet)
            .filter(|(_, unmet)| **unmet == 0)
            .map(|(at, _)| at);
        Self {
            number,
            index,
            now,
            digest,
            aborted: None,
            progress: vec![Progress::Waiting; count],
            ready: ready.collect(),
            unmet,
            followers,
            by_action,
            graph,
        }
    }

    /// The synapse of an action number.
    pub fn synapse_of(&self, action: u32) -> Option<u32> {
        self.by_action.get(&action).copied()
    }

    /// The action of a synapse.
    pub fn action(&self, synapse: u32) -> &GraphAction {
        &self.graph.synapses[synapse as usize].action
    }

    /// Where a synapse stands.
    pub fn progress(&self, synapse: u32) -> Progress {
        self.progress[synapse as usize]
    }

    /// All progress, in synapse order.
    pub fn all_progress(&self) -> &[Progress] {
        &self.progress
    }

    /// How many synapses stand so.
    pub fn count(&self, progress: Progress) -> usize {
        self.progress.iter().filter(|p| **p == progress).count()
    }

    /// Synapses that are to be carried out now or are under way, in ascending order.
    pub fn ready(&self) -> impl Iterator<Item = u32> + '_ {
        self.ready.iter().copied()
    }

    /// Whether nothing of it is to be done any more (though something may be under way if it was
    /// aborted: only the leader knows).
    pub fn is_over(&self) -> bool {
        self.aborted.is_some() || self.ready.is_empty()
    }

    /// Notes how a synapse ended and readies what waited for it. Returns whether that is news.
    pub fn confirm(&mut self, synapse: u32, success: bool) -> bool {
        if self.progress(synapse) != Progress::Waiting {
            return false;
        }
        self.progress[synapse as usize] = if success {
            Progress::Done
        } else {
            Progress::Failed
        };
        self.ready.remove(&synapse);
        for &follower in &self.followers[synapse as usize] {
            let at = follower as usize;
            if success || self.graph.synapses[at].priority >= INFINITY {
                self.unmet[at] -= 1;
                if self.unmet[at] == 0 && self.progress[at] == Progress::Waiting {
                    self.ready.insert(follower);
                }
            }
        }
        true
    }

    /// Stops dispatching. The first reason stays.
    pub fn abort(&mut self, reason: impl Into<String>) {
        self.aborted.get_or_insert_with(|| reason.into());
    }

    /// Takes over progress from a snapshot; `false` if it is not of this graph.
    pub fn restore_progress(&mut self, progress: &[Progress]) -> bool {
        if progress.len() != self.progress.len() {
            return false;
        }
        for (at, state) in (0u32..).zip(progress) {
            if *state != Progress::Waiting {
                self.confirm(at, *state == Progress::Done);
            }
        }
        true
    }
}
