//! What would `crm_simulate` show of scores and capacities?
//!
//! Facts are noted while resources are assigned, cheaply; lines are written when somebody wants to
//! read them.

use super::scratch::Assigner;
use crate::World;
use crate::id::{NodeId, ResourceId, Table};
use crate::value::Score;

/// Scores and capacities in the order in which they were looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    notes: Vec<Note>,
    /// Of each note, by id of the node.
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
        let entries = self.entries(world, scores, utilization);
        entries.iter().map(Entry::text).collect()
    }

    /// What the lines say, one entry a line.
    #[must_use]
    pub fn entries(&self, world: World<'_>, scores: bool, utilization: bool) -> Vec<Entry> {
        let state = world.state;
        let node_name = |node: NodeId| state.nodes[node].name.clone();
        let mut ranks = Table::filled(0, state.nodes.len());
        for (rank, &node) in state.nodes_by_name.iter().enumerate() {
            ranks[node] = rank;
        }
        let mut entries = Vec::new();
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
                        let mut shown = shown.to_vec();
                        shown.sort_unstable_by_key(|(node, _)| ranks[*node]);
                        entries.extend(shown.into_iter().map(|(node, score)| Entry {
                            name: "node_weight",
                            values: vec![
                                ("function", label.to_owned()),
                                ("node", node_name(node)),
                                ("score", score.to_string()),
                                ("id", id.clone()),
                            ],
                            amounts: Vec::new(),
                        }));
                    }
                }
                Note::Promotion {
                    instance,
                    node,
                    score,
                } if scores => {
                    let id = state.resources[instance].id.clone();
                    let mut values = vec![("id", id), ("score", score.to_string())];
                    values.extend(node.map(|node| ("node", node_name(node))));
                    entries.push(Entry {
                        name: "promotion_score",
                        values,
                        amounts: Vec::new(),
                    });
                }
                Note::Utilization { resource, node } if utilization => {
                    let resource = &state.resources[resource];
                    let amounts = resource.utilization.iter();
                    entries.push(Entry {
                        name: "utilization",
                        values: vec![
                            ("resource", resource.id.clone()),
                            ("node", node_name(node)),
                            ("function", "pcmk__assign_resource".to_owned()),
                        ],
                        amounts: in_order(amounts.map(|(name, amount)| (name.clone(), *amount))),
                    });
                }
                Note::Capacity { when, node, count } => {
                    let (shown, rest) = next_capacities.split_at(count as usize);
                    next_capacities = rest;
                    if utilization {
                        let amounts = shown.iter();
                        let amounts =
                            amounts.map(|(name, amount)| (name.clone(), i64::from(*amount)));
                        entries.push(Entry {
                            name: "capacity",
                            values: vec![("node", node_name(node)), ("comment", when.to_owned())],
                            amounts: in_order(amounts),
                        });
                    }
                }
                Note::Promotion { .. } | Note::Utilization { .. } => {}
            }
        }
        entries
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What kind of line it is: how the peer calls it where programs read it.
    pub name: &'static str,
    values: Vec<(&'static str, String)>,
    /// Amounts of utilization, in the order of the peer's hash table.
    amounts: Vec<(String, i64)>,
}

impl Entry {
    /// The line for people.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write;

        let value = |name: &str| {
            let mut values = self.values.iter();
            values
                .find(|value| value.0 == name)
                .map(|value| &value.1[..])
        };
        let told = |name| value(name).unwrap_or_default();
        let (node, score, id) = (told("node"), told("score"), told("id"));
        let mut text = match self.name {
            "node_weight" => {
                format!(
                    "{}: {id} allocation score on {node}: {score}",
                    told("function")
                )
            }
            "promotion_score" if value("node").is_none() => {
                format!("{id} promotion score (inactive): {score}")
            }
            "promotion_score" => format!("{id} promotion score on {node}: {score}"),
            "capacity" => format!("{}: {node} capacity:", told("comment")),
            _ => {
                let (function, resource) = (told("function"), told("resource"));
                format!("{function}: {resource} utilization on {node}:")
            }
        };
        for (name, amount) in &self.amounts {
            // Writing to a string cannot fail.
            let _ = write!(text, " {name}={amount}");
        }
        text
    }

    /// What programs are told: names and values.
    #[must_use]
    pub fn values(&self) -> Vec<(&str, &str)> {
        let values = self.values.iter();
        values.map(|(name, value)| (*name, &value[..])).collect()
    }

    /// And amounts of utilization by name.
    #[must_use]
    pub fn amounts(&self) -> Vec<(String, String)> {
        let amounts = self.amounts.iter();
        amounts
            .map(|(name, amount)| (name.clone(), amount.to_string()))
            .collect()
    }
}

/// Amounts in the order of the peer's hash table.
fn in_order(amounts: impl Iterator<Item = (String, i64)>) -> Vec<(String, i64)> {
    use super::hash_order::{iteration_order, string_hash};

    let amounts: Vec<(String, i64)> = amounts.collect();
    let hashes: Vec<u32> = amounts.iter().map(|(name, _)| string_hash(name)).collect();
    let order = iteration_order(&hashes, 0).into_iter();
    order.map(|index| amounts[index].clone()).collect()
}

impl Assigner<'_> {
    /// Notes the scores of a resource and of all below it. Nobody is interested in those of removed
    /// ones.
    pub(super) fn show_scores(&mut self, source: Source, resource: ResourceId) {
        if self.config(resource).removed {
            return;
        }
        let table = &self.resources[resource].table;
        let before = self.report.scores.len();
        let scores = table.iter().map(|(node, entry)| (node, entry.score));
        self.report.scores.extend(scores);
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
