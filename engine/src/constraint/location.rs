//! `rsc_location`: where a resource would rather run, or not.

use std::cell::OnceCell;

use super::pattern::{Groups, Match, Pattern};
use super::set::{Set, Shape, Side};
use super::{Ignored, Location, Reader};
use crate::Diagnostic;
use crate::config::{Attributes, NodeKind, Role};
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::rule::{self, Facts, Rule, Submatches};
use crate::score::ProbeMode;
use crate::value::{BAD_INPUT, Score};

/// What a constraint says about one resource.
struct Wish<'w> {
    element: ElementId,
    id: &'w str,
    resource: ResourceId,
    /// Role of the set that the resource is in, if that has one.
    role: Option<&'w str>,
    /// Score of that set, if it has one.
    score: Option<&'w str>,
    /// How the constraint's pattern matched the resource's name.
    groups: Option<Groups>,
}

pub(super) fn read(reader: &mut Reader<'_>, element: ElementId, id: &str) {
    let sides = [Side {
        name: names::RSC,
        detail: names::ROLE,
    }];
    match reader.shape(element, id, &sides) {
        None => {}
        Some(Shape::Simple) => read_simple(reader, element, id),
        Some(Shape::Sets(sets)) => {
            for set in &sets {
                if read_set(reader, element, id, set).is_err() {
                    return;
                }
            }
        }
    }
}

fn read_set(
    reader: &mut Reader<'_>,
    element: ElementId,
    id: &str,
    set: &Set<'_>,
) -> Result<(), Ignored> {
    if set.id.is_none() {
        reader.error(
            element,
            format!("Ignoring resource_set without id in constraint '{id}'"),
        );
        return Err(Ignored);
    }
    let score = set.element.and_then(|set| reader.text(set, names::SCORE));
    for name in &set.members {
        let resource = reader.member(element, set, name).ok_or(Ignored)?;
        reader.locate(Wish {
            element,
            id,
            resource,
            role: set.role,
            score,
            groups: None,
        });
    }
    Ok(())
}

fn read_simple(reader: &mut Reader<'_>, element: ElementId, id: &str) {
    let wish = |resource, groups| Wish {
        element,
        id,
        resource,
        role: None,
        score: None,
        groups,
    };
    if let Some(name) = reader.text(element, names::RSC) {
        match reader.lookup.resource(name) {
            Some(resource) => reader.locate(wish(resource, None)),
            None => reader.warning(
                element,
                format!("Ignoring constraint '{id}' because resource '{name}' does not exist"),
            ),
        }
    }
    let Some(text) = reader.text(element, names::RSC_PATTERN) else {
        return;
    };
    let Some(pattern) = Pattern::parse(text) else {
        let message =
            format!("Ignoring constraint '{id}' because rsc-pattern has invalid value '{text}'");
        reader.error_at(element, names::RSC_PATTERN, message);
        return;
    };
    let state = reader.state;
    for &resource in &state.top {
        match pattern.matches(&state.resources[resource].id) {
            Some(Match::Direct(groups)) => reader.locate(wish(resource, Some(groups))),
            Some(Match::Inverted) => reader.locate(wish(resource, None)),
            None => {}
        }
    }
}

impl Reader<'_> {
    fn locate(&mut self, wish: Wish<'_>) {
        let node = self.text(wish.element, names::NODE);
        let score = wish.score.or_else(|| self.text(wish.element, names::SCORE));
        match (node, score) {
            (Some(node), Some(score)) => self.locate_on(wish, node, score),
            _ => self.locate_by_rule(wish),
        }
    }

    fn locate_on(&mut self, wish: Wish<'_>, node: &str, score: &str) {
        let Wish { element, id, .. } = wish;
        // Nodes may come and go, so an unknown one is no mistake.
        let Some(node) = self.lookup.node(node) else {
            return;
        };
        let Some(score) = self.score(score) else {
            let message =
                format!("Ignoring location constraint {id} because '{score}' is not a valid score");
            self.error_at(element, names::SCORE, message);
            return;
        };
        let role = wish.role.or_else(|| self.text(element, names::ROLE));
        let Ok(role) = self.location_role(element, id, role) else {
            return;
        };
        let nodes = vec![(node, score)];
        self.add_location(id, &wish, role, nodes);
    }

    fn add_location(
        &mut self,
        id: &str,
        wish: &Wish<'_>,
        role: Option<Role>,
        nodes: Vec<(NodeId, Score)>,
    ) {
        let discovery = self.discovery(wish.element);
        self.made.locations.push(Location {
            id: id.to_owned(),
            resource: wish.resource,
            role,
            nodes,
            discovery,
        });
    }

    /// `resource-discovery`.
    fn discovery(&mut self, element: ElementId) -> ProbeMode {
        let Some(text) = self.text(element, names::RESOURCE_DISCOVERY) else {
            return ProbeMode::Always;
        };
        match text.to_ascii_lowercase().as_str() {
            "always" => ProbeMode::Always,
            "never" => ProbeMode::Never,
            "exclusive" => ProbeMode::Exclusive,
            _ => {
                let message =
                    format!("Invalid resource-discovery value {text} in location constraint");
                self.error_at(element, names::RESOURCE_DISCOVERY, message);
                ProbeMode::Always
            }
        }
    }

    /// An instance is unpromoted before it is promoted, so what holds for started or unpromoted
    /// ones holds for all.
    fn location_role(
        &mut self,
        element: ElementId,
        id: &str,
        text: Option<&str>,
    ) -> Result<Option<Role>, Ignored> {
        let role = self.role(element, id, text)?;
        Ok(role.filter(|&role| role != Role::Unpromoted))
    }

    fn locate_by_rule(&mut self, wish: Wish<'_>) {
        let Wish { element, id, .. } = wish;
        let Some(written) = self.document.child_by(element, names::RULE) else {
            return;
        };
        let Some(rule_element) = self.config.ids.resolve(self.document, written) else {
            self.dangling_reference(written);
            return;
        };
        let rule = match Rule::read(self.document, &self.config.ids, rule_element) {
            Ok(rule) => rule,
            Err(fault) => {
                let message = fault.diagnostic(self.document);
                self.evaluation.messages.push(message);
                return;
            }
        };
        for fault in rule.faults() {
            let message = fault.diagnostic(self.document);
            self.evaluation.messages.push(message);
        }
        let Some(rule_id) = self.document.id(rule_element) else {
            return;
        };
        let role = self.text(rule_element, names::ROLE);
        if let Some(text) = role
            && Role::parse(text).is_none()
        {
            let message = format!(
                "Ignoring location constraint '{id}' because rule '{rule_id}' has invalid role \
                 '{text}'"
            );
            self.error_at(rule_element, names::ROLE, message);
            return;
        }
        let Ok(role) = self.location_role(rule_element, id, role) else {
            return;
        };
        let Some(source) = self.score_source(rule_element) else {
            return;
        };
        let nodes = self.matching_nodes(&wish, &rule, &source);
        self.add_location(rule_id, &wish, role, nodes);
    }

    /// Where a rule's score comes from. None, with a message, if it has none.
    fn score_source(&mut self, rule: ElementId) -> Option<ScoreSource> {
        if let Some(attribute) = self.text(rule, names::SCORE_ATTRIBUTE) {
            return Some(ScoreSource::Attribute(attribute.to_owned()));
        }
        let id = self.document.id(rule).unwrap_or_default();
        let Some(text) = self.text(rule, names::SCORE) else {
            let message = format!(
                "Ignoring location constraint rule {id} because neither score nor score-attribute \
                 was specified"
            );
            self.error(rule, message);
            return None;
        };
        let score = self.score(text);
        if score.is_none() {
            let message = format!(
                "Ignoring location constraint rule {id} because '{text}' is not a valid score: \
                 {BAD_INPUT}"
            );
            self.error_at(rule, names::SCORE, message);
        }
        score.map(ScoreSource::Fixed)
    }

    /// The nodes for which a rule holds, with its score there.
    fn matching_nodes(
        &mut self,
        wish: &Wish<'_>,
        rule: &Rule,
        source: &ScoreSource,
    ) -> Vec<(NodeId, Score)> {
        let state = self.state;
        let resource = &state.resources[wish.resource];
        let parts = wish.groups.as_ref().map(|groups| Submatches {
            text: &resource.id,
            groups,
        });
        let same_everywhere = OnceCell::new();
        let varies = resource.parameters.depends_on_node();
        let mut nodes = Vec::new();
        for &node in &state.nodes_by_name {
            let attributes = &*state.node[node].attributes;
            let here: Attributes;
            let parameters = if varies {
                here = resource.parameters_on(&mut self.evaluation, Some(attributes));
                &here
            } else {
                let evaluation = &mut self.evaluation;
                same_everywhere.get_or_init(|| resource.parameters_on(evaluation, None))
            };
            let facts = Facts {
                node: Some(attributes as &dyn rule::Lookup),
                parameters: Some(parameters as &dyn rule::Lookup),
                meta: Some(&resource.meta_text as &dyn rule::Lookup),
                submatches: parts,
                ..Facts::at(self.evaluation.now())
            };
            if !rule.holds(&facts, &mut self.evaluation.recheck_by) {
                continue;
            }
            let score = match source {
                ScoreSource::Fixed(score) => Some(*score),
                ScoreSource::Attribute(name) => {
                    let name = match parts {
                        Some(parts) => parts.expand(name),
                        None => name.into(),
                    };
                    self.attribute_score(wish, node, &name)
                }
            };
            nodes.extend(score.map(|score| (node, score)));
        }
        nodes
    }

    /// A score out of a node attribute. Where a resource's attributes are those of the container's
    /// host, that one's counts.
    fn attribute_score(&mut self, wish: &Wish<'_>, node: NodeId, name: &str) -> Option<Score> {
        let state = self.state;
        let meta = &state.resources[wish.resource].meta_text;
        let of_host = meta
            .get("container-attribute-target")
            .is_some_and(|target| target.eq_ignore_ascii_case("host"));
        let node = if of_host && state.nodes[node].kind == NodeKind::Guest {
            let connection = state.nodes[node].connection?;
            let launcher = state.resources[connection].launcher?;
            *state.resource[launcher].active_on.first()?
        } else {
            node
        };
        let text = state.node[node]
            .attributes
            .get(name)
            .filter(|text| !text.is_empty())?;
        let score = self.score(text);
        if score.is_none() {
            let node = &state.nodes[node].name;
            let message = format!(
                "Ignoring rule score-attribute {name} of {} on {node}: no score",
                wish.id
            );
            let message = Diagnostic::warning(wish.element, message).event();
            self.evaluation.messages.push(message);
        }
        score
    }
}

/// Where a rule's score comes from.
enum ScoreSource {
    Fixed(Score),
    /// The value of a node attribute; `%0` to `%9` stand for parts of the resource's name.
    Attribute(String),
}
