//! audit: is a finished plan safe and complete?
//!
//! An independent checker. It reads the observed state and the finished graph, and shares no code
//! with the passes that made it: what it knows about a plan it works out from the graph alone.
//!
//! What it checks are the promises that an operator relies on:
//! - every action waits only for actions that are there, or that cannot run and so hold it back (a
//!   node whose resource cannot be stopped does not leave), and nothing waits for itself;
//! - what the configuration orders is done in that order, but for what cannot be: nothing in a
//!   guest comes before what makes the guest;
//! - a primitive is not started while it may still be active elsewhere: whatever might be active
//!   is stopped first, or the node that it is on is fenced;
//! - what needs fencing before recovery is not recovered before that fencing;
//! - a node that has to be fenced is fenced.

mod ordering;
mod reach;
mod required;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Cluster;
use crate::config::{NodeKind, Requires, Role, Variant};
use crate::graph::{Graph, GraphAction, GraphActionKind};
use crate::id::{NodeId, ResourceId};
use crate::parse::Document;
use reach::Reach;

/// Something that a plan must not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum Finding {
    /// An action waits for one that could be carried out and is not: the graph never completes.
    WaitsForNothing { action: String, missing: String },
    /// Actions wait for each other.
    Loop { actions: Vec<String> },
    /// Two actions have one number, or one key on one node.
    Twice { action: String },
    /// A primitive is started in two places.
    StartedTwice {
        resource: String,
        nodes: Vec<String>,
    },
    /// A primitive is started although it may still be active elsewhere.
    StillActive {
        resource: String,
        started_on: String,
        active_on: String,
    },
    /// What an ordering puts first does not come first.
    Unordered {
        order: String,
        first: String,
        then: String,
    },
    /// Something has to be done, and is not.
    Missing { action: String, reason: String },
    /// A primitive is recovered from a node before that node is fenced.
    NotFenced {
        resource: String,
        started_on: String,
        lost: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::WaitsForNothing { action, missing } => {
                write!(f, "{action} waits for {missing}, which is not carried out")
            }
            Finding::Loop { actions } => {
                write!(f, "these wait for each other: {}", actions.join(", "))
            }
            Finding::Twice { action } => write!(f, "{action} is there twice"),
            Finding::StartedTwice { resource, nodes } => {
                write!(f, "{resource} is started on {}", nodes.join(" and "))
            }
            Finding::StillActive {
                resource,
                started_on,
                active_on,
            } => {
                write!(
                    f,
                    "{resource} is started on {started_on} while active on {active_on}"
                )
            }
            Finding::Unordered { order, first, then } => {
                write!(f, "{then} does not wait for {first}, as {order} asks")
            }
            Finding::Missing { action, reason } => {
                write!(f, "{action} is not there, although {reason}")
            }
            Finding::NotFenced {
                resource,
                started_on,
                lost,
            } => {
                write!(
                    f,
                    "{resource} is recovered on {started_on} before {lost} is fenced"
                )
            }
        }
    }
}

/// Checks a plan against the document and the state that it was made for.
#[must_use]
pub fn audit(cib: &Document, cluster: &Cluster, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_structure(graph, &mut findings);
    if findings.is_empty() {
        Auditor::new(cluster, graph).check(cib, &mut findings);
    }
    findings
}

fn describe(action: &GraphAction) -> String {
    match &action.node {
        Some(node) => format!("{} on {} ({})", action.key, node.name, action.id),
        None => format!("{} ({})", action.key, action.id),
    }
}

fn check_structure(graph: &Graph, findings: &mut Vec<Finding>) {
    let mut ids = BTreeSet::new();
    for synapse in &graph.synapses {
        let action = &synapse.action;
        if !ids.insert(action.id) {
            findings.push(Finding::Twice {
                action: describe(action),
            });
        }
        let forgotten = synapse.missing_inputs.iter();
        for missing in forgotten.filter(|missing| !missing.blocked) {
            let (action, missing) = (describe(action), describe(&missing.action));
            findings.push(Finding::WaitsForNothing { action, missing });
        }
    }
    let waiting = reach::never_ready(graph);
    if !waiting.is_empty() && findings.is_empty() {
        let actions = waiting
            .iter()
            .map(|&index| describe(&graph.synapses[index].action));
        findings.push(Finding::Loop {
            actions: actions.collect(),
        });
    }
}

/// What the graph does to one primitive.
#[derive(Default)]
struct Deeds {
    /// Synapses that make it active, with the node's name.
    starts: Vec<(usize, String)>,
    /// Synapses that stop it, with the node's name.
    stops: Vec<(usize, String)>,
    /// Stops that are not run, because the node is fenced or a migration moved the resource.
    pseudo_stops: Vec<usize>,
    /// Synapses that move it away, with the name of the source.
    migrations: Vec<(usize, String)>,
}

struct Auditor<'a> {
    cluster: &'a Cluster,
    graph: &'a Graph,
    /// Synapses that really carry out a task of a primitive, by the names of both.
    done: BTreeMap<(&'a str, &'a str), Vec<usize>>,
    deeds: BTreeMap<ResourceId, Deeds>,
    /// Synapses that fence a node, by its name.
    fencing: BTreeMap<&'a str, Vec<usize>>,
    reach: Reach<'a>,
}

impl<'a> Auditor<'a> {
    fn new(cluster: &'a Cluster, graph: &'a Graph) -> Self {
        let roster = cluster.state.resources.enumerate();
        let primitives: BTreeMap<&str, ResourceId> = roster
            .filter(|(_, resource)| matches!(resource.variant, Variant::Primitive(_)))
            .map(|(id, resource)| (resource.id.as_str(), id))
            .collect();
        let mut deeds: BTreeMap<ResourceId, Deeds> = BTreeMap::new();
        let mut fencing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut done: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, synapse) in graph.synapses.iter().enumerate() {
            let action = &synapse.action;
            if action.task == "stonith" {
                if let Some(node) = &action.node {
                    fencing.entry(&node.name).or_default().push(index);
                }
                continue;
            }
            let Some(name) = subject(action) else {
                continue;
            };
            let Some(&resource) = primitives.get(name) else {
                continue;
            };
            let deeds = deeds.entry(resource).or_default();
            let pseudo = action.kind == GraphActionKind::Pseudo;
            if !pseudo {
                let task = (name, action.task.as_str());
                done.entry(task).or_default().push(index);
            }
            let node = action.node.as_ref().map(|node| node.name.clone());
            match (action.task.as_str(), node) {
                ("start" | "migrate_from", Some(node)) if !pseudo => {
                    deeds.starts.push((index, node));
                }
                ("stop", Some(node)) if !pseudo => deeds.stops.push((index, node)),
                ("migrate_to", Some(node)) => deeds.migrations.push((index, node)),
                ("stop", _) => deeds.pseudo_stops.push(index),
                _ => {}
            }
        }
        Auditor {
            cluster,
            graph,
            done,
            deeds,
            fencing,
            reach: Reach::new(graph),
        }
    }

    fn check(mut self, cib: &Document, findings: &mut Vec<Finding>) {
        self.check_orders(cib, findings);
        required::check(&self, findings);
        for (resource, deeds) in std::mem::take(&mut self.deeds) {
            let nodes: BTreeSet<&String> = deeds.starts.iter().map(|(_, node)| node).collect();
            if nodes.len() > 1 {
                findings.push(Finding::StartedTwice {
                    resource: self.cluster.state.resources[resource].id.clone(),
                    nodes: nodes.into_iter().cloned().collect(),
                });
            }
            for (start, node) in &deeds.starts {
                self.check_start(resource, &deeds, *start, node, findings);
            }
        }
    }

    /// Both ends of an ordering are carried out: the first comes first. What migrates is moved by
    /// other actions than those that the ordering names.
    fn check_orders(&mut self, cib: &Document, findings: &mut Vec<Finding>) {
        for order in ordering::orders(cib) {
            for (first, then) in order.pairs() {
                let of = |end: ordering::End<'_>| {
                    let done = self.done.get(&(end.resource, end.task));
                    done.cloned().unwrap_or_default()
                };
                let (firsts, thens) = (of(first), of(then));
                let moves =
                    |end: ordering::End<'_>| self.done.contains_key(&(end.resource, "migrate_to"));
                if moves(first) || moves(then) {
                    continue;
                }
                for &after in &thens {
                    for &before in &firsts {
                        if before != after
                            && !self.is_in_guest_of(before, then.resource)
                            && !self.reach.any_before(&[before], after)
                        {
                            findings.push(Finding::Unordered {
                                order: order.id.to_owned(),
                                first: describe(&self.graph.synapses[before].action),
                                then: describe(&self.graph.synapses[after].action),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Whether an action is done on the guest node that `launcher` makes.
    fn is_in_guest_of(&self, synapse: usize, launcher: &str) -> bool {
        let state = &self.cluster.state;
        let node = self.graph.synapses[synapse].action.node.as_ref();
        let node = node.and_then(|named| state.nodes.iter().find(|node| node.name == named.name));
        let connection = node.and_then(|node| node.connection);
        let made_by = connection.and_then(|connection| state.resources[connection].launcher);
        made_by.is_some_and(|resource| state.resources[resource].id == launcher)
    }

    /// Everything that may be active elsewhere has to be gone before this start.
    fn check_start(
        &mut self,
        resource: ResourceId,
        deeds: &Deeds,
        start: usize,
        node: &str,
        findings: &mut Vec<Finding>,
    ) {
        let state = &self.cluster.state;
        let name = || state.resources[resource].id.clone();
        if state.resource[resource].role == Role::Stopped {
            return;
        }
        for &elsewhere in &state.resource[resource].active_on {
            let other = state.nodes[elsewhere].name.as_str();
            if other == node || self.may_stay(resource, elsewhere) {
                continue;
            }
            // A migration that had half happened is completed.
            let migrating = state.resource[resource].partial_migration;
            let completes = self.graph.synapses[start].action.task == "migrate_from"
                && migrating
                    .is_some_and(|(from, to)| from == elsewhere && state.nodes[to].name == node);
            if completes {
                continue;
            }
            let fenced = self.is_fenced_before(elsewhere, start);
            let started_on = node.to_owned();
            if self.needs_fencing(resource, elsewhere) {
                if !fenced {
                    let (resource, lost) = (name(), other.to_owned());
                    findings.push(Finding::NotFenced {
                        resource,
                        started_on,
                        lost,
                    });
                }
                continue;
            }
            let left = deeds.stops.iter().chain(&deeds.migrations);
            let gone: Vec<usize> = left
                .filter(|(_, from)| from == other)
                .map(|(index, _)| *index)
                .chain(deeds.pseudo_stops.iter().copied())
                .collect();
            if !fenced && !self.reach.any_before(&gone, start) {
                let (resource, active_on) = (name(), other.to_owned());
                findings.push(Finding::StillActive {
                    resource,
                    started_on,
                    active_on,
                });
            }
        }
    }

    /// A node that is out of the cluster, and not to be fenced, is taken to run nothing.
    fn may_stay(&self, resource: ResourceId, node: NodeId) -> bool {
        let condition = &self.cluster.state.node[node];
        let fencing = self.cluster.config.options.fencing_enabled;
        let lost = !condition.online && (!fencing || !condition.unclean);
        lost && !self.needs_fencing(resource, node)
    }

    fn needs_fencing(&self, resource: ResourceId, node: NodeId) -> bool {
        self.cluster.config.options.fencing_enabled
            && self.cluster.state.node[node].unclean
            && self.cluster.state.resource[resource].requires >= Requires::Fencing
    }

    /// Whether the node, or the host of the guest that it is, is fenced before.
    fn is_fenced_before(&mut self, node: NodeId, synapse: usize) -> bool {
        let state = &self.cluster.state;
        let mut names = vec![state.nodes[node].name.as_str()];
        if state.nodes[node].kind == NodeKind::Guest
            && let Some(connection) = state.nodes[node].connection
            && let Some(launcher) = state.resources[connection].launcher
        {
            let hosts = &state.resource[launcher].active_on;
            names.extend(hosts.iter().map(|&host| state.nodes[host].name.as_str()));
        }
        let fencing: Vec<usize> = names
            .iter()
            .filter_map(|name| self.fencing.get(name))
            .flatten()
            .copied()
            .collect();
        self.reach.any_before(&fencing, synapse)
    }
}

/// The name of the resource instance that an action is about: what its key begins with.
fn subject(action: &GraphAction) -> Option<&str> {
    let key = action.internal_key.as_deref().unwrap_or(&action.key);
    key.strip_suffix(&format!("_{}_0", action.task))
}
