//! `rsc_colocation`: which resources run together, or apart.

use super::set::{Set, Shape, Side};
use super::{Colocation, Reader};
use crate::Diagnostic;
use crate::action::Task;
use crate::config::Role;
use crate::id::ResourceId;
use crate::parse::{ElementId, names};
use crate::relate::{Cause, Effects, End, Ordering};
use crate::value::{self, Score};

/// The attribute whose values are compared if nothing else is said.
pub(super) const NODE_NAME: &str = "#uname";

/// What is common to all that one constraint says.
#[derive(Clone, Copy)]
struct Terms<'t> {
    element: ElementId,
    id: &'t str,
    score: Score,
    /// As it is written.
    influence: Option<&'t str>,
}

/// Two resources, each perhaps only in a role.
struct Pair<'p> {
    dependent: ResourceId,
    primary: ResourceId,
    dependent_role: Option<&'p str>,
    primary_role: Option<&'p str>,
}

pub(super) fn read(reader: &mut Reader<'_>, element: ElementId, id: &str) {
    let sides = [
        Side {
            name: names::RSC,
            detail: names::RSC_ROLE,
        },
        Side {
            name: names::WITH_RSC,
            detail: names::WITH_RSC_ROLE,
        },
    ];
    let Some(shape) = reader.shape(element, id, &sides) else {
        return;
    };
    let score = match reader
        .text(element, names::SCORE)
        .map(|text| (text, reader.score(text)))
    {
        None => Score::ZERO,
        Some((_, Some(score))) => score,
        Some((text, None)) => {
            let message = format!("Ignoring colocation {id} because '{text}' is not a valid score");
            reader.error_at(element, names::SCORE, message);
            return;
        }
    };
    let influence = reader.text(element, names::INFLUENCE);
    let terms = Terms {
        element,
        id,
        score,
        influence,
    };
    match shape {
        Shape::Simple => reader.simple_colocation(terms),
        Shape::Sets(sets) => {
            let between_tags = sets.iter().all(|set| set.element.is_none())
                && sets.iter().all(|set| set.sequential == Some(false));
            if between_tags {
                reader.error(
                    element,
                    format!(
                        "Ignoring constraint '{id}' because two templates or tags cannot be \
                         colocated"
                    ),
                );
                return;
            }
            for (position, set) in sets.iter().enumerate() {
                reader.colocate_within(terms, set);
                if position > 0 {
                    reader.colocate_sets(terms, &sets[position - 1], set);
                }
            }
        }
    }
}

impl Reader<'_> {
    fn simple_colocation(&mut self, terms: Terms<'_>) {
        let Terms { element, id, .. } = terms;
        let mut named = |attribute| {
            let name = self.text(element, attribute).unwrap_or("(null)");
            let found = self.lookup.resource(name);
            if found.is_none() {
                let message =
                    format!("Ignoring constraint '{id}' because resource '{name}' does not exist");
                self.error_at(element, attribute, message);
            }
            found
        };
        let Some(dependent) = named(names::RSC) else {
            return;
        };
        let Some(primary) = named(names::WITH_RSC) else {
            return;
        };
        if value::is_true(self.text(element, names::SYMMETRICAL)) {
            self.warning(
                element,
                "The colocation constraint 'symmetrical' attribute has been removed",
            );
        }
        let pair = Pair {
            dependent,
            primary,
            dependent_role: self.text(element, names::RSC_ROLE),
            primary_role: self.text(element, names::WITH_RSC_ROLE),
        };
        let attribute = self
            .text(element, names::NODE_ATTRIBUTE)
            .unwrap_or(NODE_NAME)
            .to_owned();
        let influence = self.influence(terms, dependent);
        self.colocate(terms, id, &pair, &attribute, influence);
    }

    /// What is colocated within one set: each with its predecessor, or apart from all earlier.
    fn colocate_within(&mut self, terms: Terms<'_>, set: &Set<'_>) {
        let set_id = set.id.unwrap_or(terms.id);
        let attribute = |name| set.element.and_then(|set| self.text(set, name));
        let ordering = attribute(names::ORDERING);
        let mut score = terms.score;
        if let Some(text) = attribute(names::SCORE) {
            let Some(own) = self.score(text) else {
                let message = format!(
                    "Ignoring colocation '{}' for set '{set_id}' because '{text}' is not a valid \
                     score",
                    terms.id
                );
                self.error_at(set.element.unwrap_or(terms.element), names::SCORE, message);
                return;
            };
            score = own;
        }
        if score == Score::ZERO {
            return;
        }
        // An obsolete attribute can turn the direction around.
        let with_previous = ordering.is_none_or(|text| text.eq_ignore_ascii_case("group"));
        if !with_previous {
            let message = format!(
                "Support for 'ordering' other than 'group' in resource_set (such as {set_id}) is \
                 deprecated and will be removed in a future release"
            );
            let message = Diagnostic::warning(set.element, message).at(names::ORDERING);
            self.evaluation.messages.push(message.once("ordering"));
        }
        if set.sequential == Some(false) {
            return;
        }
        let terms = Terms { score, ..terms };
        let pair = |dependent, primary| Pair {
            dependent,
            primary,
            dependent_role: set.role,
            primary_role: set.role,
        };
        let state = self.state;
        let mut previous = None;
        for name in &set.members {
            let Some(resource) = self.lookup.resource(name) else {
                let place = self.place_of_member(terms.element, set, name);
                let message = format!(
                    "Ignoring {name} and later resources in set {set_id}: No such resource"
                );
                self.error(place, message);
                return;
            };
            // The later member says whether the constraint has influence.
            let influence = if previous.is_some() || score.is_negative() {
                self.influence(terms, resource)
            } else {
                true
            };
            if score.is_negative() {
                let id = state.resources[resource].id.as_str();
                for other in set.members.iter().take_while(|other| **other != id) {
                    if let Some(other) = self.lookup.resource(other) {
                        self.colocate(terms, set_id, &pair(resource, other), NODE_NAME, influence);
                    }
                }
            } else if let Some(previous) = previous {
                let pair = if with_previous {
                    pair(resource, previous)
                } else {
                    pair(previous, resource)
                };
                self.colocate(terms, set_id, &pair, NODE_NAME, influence);
            }
            previous = Some(resource);
        }
    }

    /// The first of one set with the last of the other; of sets that are not sequential, all.
    fn colocate_sets(&mut self, terms: Terms<'_>, dependents: &Set<'_>, primaries: &Set<'_>) {
        if terms.score == Score::ZERO {
            return;
        }
        let ends = |set: &Set<'_>, end: Option<&&str>| match (set.sequential, end) {
            (Some(false), _) | (_, None) => None,
            (_, Some(name)) => Some((*name).to_owned()),
        };
        let first = ends(dependents, dependents.members.first());
        let last = ends(primaries, primaries.members.last());
        // Of a sequential set only the end counts; if that does not exist, nothing does.
        let one = |name: String| vec![name];
        let all = |set: &Set<'_>| set.members.iter().map(|&name| name.to_owned()).collect();
        let is_end = (first.is_some(), last.is_some());
        let dependent_names: Vec<String> = first.map_or_else(|| all(dependents), one);
        let primary_names: Vec<String> = last.map_or_else(|| all(primaries), one);
        let mut found = Vec::new();
        for (name, set, is_end, which) in dependent_names
            .iter()
            .map(|name| (name, dependents, is_end.0, "first"))
            .chain(
                primary_names
                    .iter()
                    .map(|name| (name, primaries, is_end.1, "last")),
            )
        {
            let resource = self.lookup.resource(name);
            if resource.is_none() {
                let ids = [dependents, primaries].map(|set| set.id.unwrap_or_default());
                let [from, to] = ids;
                let message = if is_end {
                    format!(
                        "Ignoring colocation of set {from} with set {to} because {which} resource \
                         {name} not found"
                    )
                } else if which == "first" {
                    format!(
                        "Ignoring colocation of set {from} resource {name} with set {to}: No such \
                         resource"
                    )
                } else {
                    format!(
                        "Ignoring set {from} colocation with resource {name} in set {to}: No such \
                         resource"
                    )
                };
                self.error(self.place_of_member(terms.element, set, name), message);
                if is_end {
                    return;
                }
            }
            found.push(resource);
        }
        let (dependent_ids, primary_ids) = found.split_at(dependent_names.len());
        for &dependent in dependent_ids.iter().flatten() {
            let influence = self.influence(terms, dependent);
            for &primary in primary_ids.iter().flatten() {
                let pair = Pair {
                    dependent,
                    primary,
                    dependent_role: dependents.role,
                    primary_role: primaries.role,
                };
                self.colocate(terms, terms.id, &pair, NODE_NAME, influence);
            }
        }
    }

    /// Whether wishes of the dependent count for the primary: as said, else if it is critical.
    fn influence(&mut self, terms: Terms<'_>, resource: ResourceId) -> bool {
        let said = terms.influence.map(value::boolean);
        if said == Some(None) {
            let message = format!(
                "Constraint '{}' has invalid value for influence (using default)",
                terms.id
            );
            self.error_at(terms.element, names::INFLUENCE, message);
        }
        said.flatten()
            .unwrap_or(self.state.resources[resource].meta.critical)
    }

    fn colocate(
        &mut self,
        terms: Terms<'_>,
        id: &str,
        pair: &Pair<'_>,
        node_attribute: &str,
        influence: bool,
    ) {
        let (Ok(dependent_role), Ok(primary_role)) = (
            self.role(terms.element, id, pair.dependent_role),
            self.role(terms.element, id, pair.primary_role),
        ) else {
            return;
        };
        if terms.score == Score::ZERO {
            return;
        }
        let &Pair {
            dependent, primary, ..
        } = pair;
        self.made.colocations.push(Colocation {
            id: id.to_owned(),
            dependent,
            primary,
            dependent_role,
            primary_role,
            score: terms.score,
            node_attribute: node_attribute.to_owned(),
            explicit: true,
            influence,
        });
        if terms.score.is_minus_infinite() {
            self.keep_apart(id, (dependent, dependent_role), (primary, primary_role));
            self.keep_apart(id, (primary, primary_role), (dependent, dependent_role));
        }
    }

    /// What may not be together has to leave a node before the other comes there.
    fn keep_apart(
        &mut self,
        id: &str,
        first: (ResourceId, Option<Role>),
        then: (ResourceId, Option<Role>),
    ) {
        let leaving = match first.1 {
            Some(Role::Promoted) => &[Task::Demote][..],
            Some(Role::Unpromoted) => &[Task::Stop, Task::Promote],
            _ => &[Task::Stop],
        };
        let coming = match then.1 {
            Some(Role::Promoted) => &[Task::Promote][..],
            Some(Role::Unpromoted) => &[Task::Start, Task::Demote],
            _ => &[Task::Start],
        };
        let cause = Cause::constraint(id);
        for leave in leaving {
            for come in coming {
                self.made.orderings.push(Ordering {
                    first: End::task(first.0, leave.clone()),
                    then: End::task(then.0, come.clone()),
                    effects: Effects::REQUIRED_SAME_NODE,
                    cause: cause.clone(),
                });
            }
        }
    }
}
