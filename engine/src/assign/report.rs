//! What would `crm_simulate` show of scores and capacities?
//!
//! Facts are noted while resources are assigned, cheaply; lines are written when somebody wants to
//! read them.

use super::scratch::Assigner;
use crate::World;
use crate::id::{NodeId, ResourceId};
use crate::value::Score;

/// Scores and capacities in the order in which they were looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    notes: Vec<Note>,
    scores: Vec<(NodeId, Score)>,
    capacities: Vec<(String, i32)>,
}

#[derive(Clone, Debug)]
enum Note {
    /// A resource's scores: this many of the following ones.
    Scores {
        source: Source,
        resource: ResourceId,
        count: u32,
    },
    /// A promotion score, with the node where the instance will be active.
    Promotion {
        instance: ResourceId,
        node: Option<NodeId>,
        score: Score,
    },
    /// A resource takes its share of a node's capacity.
    Utilization { resource: ResourceId, node: NodeId },
    /// What a node has left: this many of the following capacities.
    Capacity {
        when: &'static str,
        node: NodeId,
        count: u32,
    },
}

/// Who shows scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Primitive,
    Group,
    Clone,
    Bundle,
}

impl Source {
    fn label(self) -> &'static str {
        match self {
            Source::Primitive => "pcmk__primitive_assign",
            Source::Group => "pcmk__group_assign",
            Source::Clone => "pcmk__clone_assign",
            Source::Bundle => "pcmk__bundle_assign",
        }
    }
}

impl Report {
    pub(super) fn promotion(&mut self, instance: ResourceId, node: Option<NodeId>, score: Score) {
        self.notes.push(Note::Promotion {
            instance,
            node,
            score,
        });
    }

    pub(super) fn utilization(&mut self, resource: ResourceId, node: NodeId) {
        self.notes.push(Note::Utilization { resource, node });
    }

    /// The lines, with scores (`crm_simulate -s`) or capacities (`-U`) or both.
    #[must_use]
    pub fn lines(&self, world: World<'_>, scores: bool, utilization: bool) -> Vec<String> {
        let state = world.state;
        let node_name = |node: NodeId| state.nodes[node].name.as_str();
        let mut lines = Vec::new();
        let mut next_scores = &self.scores[..];
        let mut next_capacities = &self.capacities[..];
        for note in &self.notes {
            match *note {
                Note::Scores {
                    source,
                    resource,
                    count,
                } => {
                    let (shown, rest) = next_scores.split_at(count as usize);
                    next_scores = rest;
                    if scores {
                        let (label, id) = (source.label(), &state.resources[resource].id);
                        lines.extend(shown.iter().map(|&(node, score)| {
                            let node = node_name(node);
                            format!("{label}: {id} allocation score on {node}: {score}")
                        }));
                    }
                }
                Note::Promotion {
                    instance,
                    node,
                    score,
                } if scores => {
                    let id = &state.resources[instance].id;
                    lines.push(match node.map(node_name) {
                        Some(node) => format!("{id} promotion score on {node}: {score}"),
                        None => format!("{id} promotion score (inactive): {score}"),
                    });
                }
                Note::Utilization { resource, node } if utilization => {
                    let resource = &state.resources[resource];
                    let (id, node) = (&resource.id, node_name(node));
                    let amounts = resource
                        .utilization
                        .iter()
                        .map(|(name, amount)| (&name[..], *amount));
                    let line = format!("pcmk__assign_resource: {id} utilization on {node}:");
                    lines.push(with_amounts(line, amounts));
                }
                Note::Capacity { when, node, count } => {
                    let (shown, rest) = next_capacities.split_at(count as usize);
                    next_capacities = rest;
                    if utilization {
                        let amounts = shown
                            .iter()
                            .map(|(name, amount)| (&name[..], i64::from(*amount)));
                        let line = format!("{when}: {} capacity:", node_name(node));
                        lines.push(with_amounts(line, amounts));
                    }
                }
                Note::Promotion { .. } | Note::Utilization { .. } => {}
            }
        }
        lines
    }
}

/// Appends amounts in the order of the peer's hash table.
fn with_amounts<'a>(mut line: String, amounts: impl Iterator<Item = (&'a str, i64)>) -> String {
    use super::hash_order::{iteration_order, string_hash};
    use std::fmt::Write;

    let amounts: Vec<(&str, i64)> = amounts.collect();
    let hashes: Vec<u32> = amounts.iter().map(|(name, _)| string_hash(name)).collect();
    for index in iteration_order(&hashes, 0) {
        let (name, amount) = amounts[index];
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}={amount}");
    }
    line
}

impl Assigner<'_> {
    /// Notes the scores of a resource and of all below it. Nobody is interested in those of removed
    /// ones.
    pub(super) fn show_scores(&mut self, source: Source, resource: ResourceId) {
        if self.config(resource).removed {
            return;
        }
        let table = &self.resources[resource].table;
        let by_name = self.world.state.nodes_by_name.iter();
        let before = self.report.scores.len();
        self.report
            .scores
            .extend(by_name.filter_map(|&node| Some((node, table.score(node)?))));
        let count = (self.report.scores.len() - before) as u32;
        self.report.notes.push(Note::Scores {
            source,
            resource,
            count,
        });
        for position in 0..self.resources[resource].children.len() {
            self.show_scores(source, self.resources[resource].children[position]);
        }
    }

    /// Notes what all nodes have left. (Bundle nodes have nothing to give.)
    pub(super) fn show_capacities(&mut self, when: &'static str) {
        for &node in &self.world.state.nodes_by_name {
            if self.nodes.get(node).in_bundle {
                continue;
            }
            let before = self.report.capacities.len();
            let left = self.capacity.listed(node);
            self.report
                .capacities
                .extend(left.map(|(name, amount)| (name.to_owned(), amount)));
            let count = (self.report.capacities.len() - before) as u32;
            self.report.notes.push(Note::Capacity { when, node, count });
        }
    }
}
