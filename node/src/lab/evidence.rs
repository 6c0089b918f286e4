//! What do the agents' witness and the executors' journals say?
//!
//! Neither is written by a controller: the witness by the agents themselves, the journals by the
//! executors before they run anything.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lab, LabError};
use crate::agent::bundled::{FENCED, Phase, Testimony};
use crate::executor::journal::Journal;
use crate::executor::{Record, Work, shell};
use crate::exit::Exit;
use crate::http::types::PlanStatus;

#[cfg(test)]
mod tests;

/// What was found.
#[derive(Debug, Default)]
pub struct Evidence {
    /// All that the agents wrote, by time.
    pub testimonies: Vec<Testimony>,
    /// Orders that executors accepted, with their nodes and whether an agent was run for them.
    orders: BTreeMap<String, Vec<(String, bool)>>,
}

impl Evidence {
    /// Reads everything there is now.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what it should be.
    pub fn read(lab: &Lab) -> Result<Self, LabError> {
        let mut evidence = Self::default();
        let path = lab.witness();
        let failed =
            |error: String| LabError::new(Exit::Io, format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        for line in text.lines() {
            let testimony =
                serde_json::from_str(line).map_err(|error| failed(error.to_string()))?;
            evidence.testimonies.push(testimony);
        }
        evidence
            .testimonies
            .sort_by_key(|testimony| testimony.at_us);
        for node in &lab.nodes {
            let path = shell::journal_path(&lab.executor_folder(node));
            let records =
                Journal::read(&path).map_err(|error| LabError::new(Exit::BadData, error))?;
            for record in records {
                if let Record::Began(order) = record {
                    // Fence devices bear witness of what they do to others only.
                    let runs_agent = matches!(
                        &order.work,
                        Work::Operate(operation) if operation.agent.class != "stonith"
                    );
                    let began = evidence.orders.entry(order.key.to_string()).or_default();
                    began.push((node.clone(), runs_agent));
                }
            }
        }
        Ok(evidence)
    }

    /// Every action of the plan was run exactly once, and nothing else of it was.
    pub fn exactly_once(&self, plan: &PlanStatus) -> Result<(), String> {
        let runs = self.runs();
        for action in &plan.actions {
            let accepted = self.orders.get(&action.order);
            let count = accepted.map_or(0, Vec::len);
            if count != 1 {
                return Err(format!(
                    "{} ({}) was accepted by {count} executors",
                    action.order, action.key
                ));
            }
            let ran = runs.get(action.order.as_str()).copied().unwrap_or(0);
            let expected = usize::from(accepted.is_some_and(|all| all.iter().all(|(_, run)| *run)));
            if ran != expected {
                return Err(format!(
                    "{} ({}) was run {ran} times",
                    action.order, action.key
                ));
            }
        }
        let planned: BTreeSet<_> = plan.actions.iter().map(|action| &action.order).collect();
        let prefix = format!("{}:", plan.transition);
        let extra = self
            .orders
            .keys()
            .find(|k| k.starts_with(&prefix) && !planned.contains(k));
        match extra {
            Some(order) => Err(format!("{order} was run and is not in the plan")),
            None => Ok(()),
        }
    }

    /// Nothing of any plan was run twice: neither accepted by two executors, nor begun twice by
    /// agents.
    pub fn nothing_twice(&self) -> Result<(), String> {
        if let Some((order, nodes)) = self.orders.iter().find(|(_, nodes)| nodes.len() != 1) {
            return Err(format!("{order} was accepted {} times", nodes.len()));
        }
        match self.runs().into_iter().find(|(_, count)| *count != 1) {
            Some((order, count)) => Err(format!("{order} was run {count} times")),
            None => Ok(()),
        }
    }

    /// How often agents were run for each order.
    fn runs(&self) -> BTreeMap<&str, usize> {
        let mut runs = BTreeMap::new();
        for line in &self.testimonies {
            // Repeated monitors have no order.
            if line.phase == Phase::Begin && !line.order.is_empty() {
                *runs.entry(line.order.as_str()).or_default() += 1;
            }
        }
        runs
    }

    /// No resource was active on two nodes at a time, those in `several` apart. It counts as active
    /// from the moment its start begins until its stop has ended well, or its node was fenced.
    pub fn never_on_two_nodes(&self, several: &BTreeSet<String>) -> Result<(), String> {
        let mut active: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for line in &self.testimonies {
            if line.task == FENCED {
                for nodes in active.values_mut() {
                    nodes.remove(line.node.as_str());
                }
                continue;
            }
            if several.contains(&line.resource) {
                continue;
            }
            let nodes = active.entry(&line.resource).or_default();
            match (line.task.as_str(), line.phase, line.code) {
                ("start" | "migrate_from", Phase::Begin, _) => {
                    nodes.insert(&line.node);
                    if nodes.len() > 1 {
                        return Err(format!(
                            "{} was active on {nodes:?} at a time",
                            line.resource
                        ));
                    }
                }
                ("stop" | "migrate_to", Phase::End, Some(0)) => {
                    nodes.remove(line.node.as_str());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many orders of a plan began in a span of time, in microseconds since the epoch.
    pub fn begun_between(&self, transition: u64, from_us: u64, to_us: u64) -> usize {
        let prefix = format!("{transition}:");
        let lines = self
            .testimonies
            .iter()
            .filter(|line| line.order.starts_with(&prefix));
        let begins = lines.filter(|line| line.phase == Phase::Begin);
        begins
            .filter(|line| (from_us..to_us).contains(&line.at_us))
            .count()
    }

    /// How many orders of a plan had begun and not ended at a moment.
    pub fn under_way_at(&self, transition: u64, at_us: u64) -> usize {
        let prefix = format!("{transition}:");
        let mut open = BTreeSet::new();
        let lines = self.testimonies.iter().filter(|line| line.at_us < at_us);
        for line in lines.filter(|line| line.order.starts_with(&prefix)) {
            match line.phase {
                Phase::Begin => open.insert(&line.order),
                Phase::End => open.remove(&line.order),
            };
        }
        open.len()
    }

    /// When a node was fenced first after a moment, in microseconds since the epoch.
    pub fn fenced_after(&self, node: &str, at_us: u64) -> Option<u64> {
        let mut lines = self.testimonies.iter().filter(|line| line.at_us >= at_us);
        lines
            .find(|line| line.task == FENCED && line.node == node)
            .map(|line| line.at_us)
    }

    /// Nothing that was active on a node when it was lost was begun elsewhere before it was fenced.
    pub fn recovered_only_after_fencing(&self, node: &str, lost_us: u64) -> Result<(), String> {
        let Some(fenced_us) = self.fenced_after(node, lost_us) else {
            return Err(format!("{node} was never fenced"));
        };
        let mut active: BTreeSet<&str> = BTreeSet::new();
        for line in &self.testimonies {
            let (here, lost) = (line.node == node, line.at_us >= lost_us);
            match (line.task.as_str(), line.phase, line.code) {
                ("start", Phase::Begin, _) if here && !lost => {
                    active.insert(&line.resource);
                }
                ("stop", Phase::End, Some(0)) if here && !lost => {
                    active.remove(line.resource.as_str());
                }
                ("start", Phase::Begin, _)
                    if lost
                        && !here
                        && line.at_us < fenced_us
                        && active.contains(line.resource.as_str()) =>
                {
                    let early_ms = (fenced_us - line.at_us) / 1000;
                    let (resource, on) = (&line.resource, &line.node);
                    return Err(format!("{resource} began on {on} {early_ms} ms before it"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
