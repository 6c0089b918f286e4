//! Constraints: one rule for each location, no lifetimes, and no ping nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::references::Copies;
use super::{PREFIX, all, id, parent_name};
use crate::parse::{Document, ElementId, names};

/// A location with several rules becomes several locations.
pub(super) fn split_by_rule(document: &mut Document) {
    let mut replacements: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for location in all(document, names::RSC_LOCATION) {
        let rules: Vec<ElementId> = document.children_by(location, names::RULE).collect();
        if rules.len() <= 1 {
            continue;
        }
        let old_id = id(document, location).to_owned();
        let sets: Vec<ElementId> = document
            .children_by(location, names::RESOURCE_SET)
            .collect();
        let lifetimes: Vec<ElementId> = document.children_by(location, names::LIFETIME).collect();
        let mut new_ids = Vec::new();
        for (index, &rule) in rules.iter().enumerate() {
            let new_id = format!("{PREFIX}{old_id}-{}", index + 1);
            let part = document.insert_before(location, "rsc_location");
            let attributes: Vec<(_, String)> = document
                .attrs_by(location)
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            for (name, value) in attributes {
                document.set_attr_by(part, name, &value);
            }
            document.set_attr_by(part, names::ID, &new_id);
            let is_first = index == 0;
            sets.iter()
                .for_each(|&set| share(document, set, part, is_first));
            document.move_to(rule, part);
            lifetimes
                .iter()
                .for_each(|&lifetime| share(document, lifetime, part, is_first));
            new_ids.push(new_id);
        }
        document.remove(location);
        replacements.insert(old_id, new_ids);
    }
    for permission in all(document, names::ACL_PERMISSION) {
        let reference = document.attr_by(permission, names::REFERENCE);
        let Some(new_ids) = reference.and_then(|reference| replacements.get(reference)) else {
            continue;
        };
        let tests: Vec<String> = new_ids.iter().map(|id| format!("@id = '{id}'")).collect();
        document.remove_attr(permission, names::REFERENCE);
        let xpath = format!("//*[{}]", tests.join(" or "));
        document.set_attr_by(permission, names::XPATH, &xpath);
    }
}

/// The first part of a location gets what it had, the others get copies.
fn share(document: &mut Document, e: ElementId, part: ElementId, is_first: bool) {
    if is_first {
        document.move_to(e, part);
    } else {
        document.copy_subtree(e, part);
    }
}

/// Ping nodes become members that nothing may run on.
pub(super) fn ban_ping_nodes(document: &mut Document) {
    let pings: Vec<ElementId> = all(document, names::NODE)
        .into_iter()
        .filter(|&node| document.attr_by(node, names::TYPE) == Some("ping"))
        .collect();
    let sections = all(document, names::CONSTRAINTS);
    for ping in pings {
        document.set_attr_by(ping, names::TYPE, "member");
        let name = document
            .attr_by(ping, names::UNAME)
            .unwrap_or_default()
            .to_owned();
        for &section in &sections {
            let ban = document.append_by(section, names::RSC_LOCATION);
            document.set_attr_by(ban, names::ID, &format!("{PREFIX}ping-node-ban-{name}"));
            document.set_attr_by(ban, names::RSC_PATTERN, ".*");
            document.set_attr_by(ban, names::NODE, &name);
            document.set_attr_by(ban, names::SCORE, "-INFINITY");
            document.set_attr_by(ban, names::RESOURCE_DISCOVERY, "never");
        }
    }
}

/// The lifetime of a location becomes part of its rule; other lifetimes go. Rules of those that
/// something else refers to move to a location that matches no resource.
pub(super) fn drop_lifetimes(document: &mut Document, copies: &Copies, notes: &mut Vec<String>) {
    let lifetimes = all(document, names::LIFETIME);
    let (in_locations, others): (Vec<_>, Vec<_>) = lifetimes
        .into_iter()
        .partition(|&e| parent_name(document, e) == Some(names::RSC_LOCATION));
    let live: Vec<ElementId> = rules_in_use(document, &others)
        .into_iter()
        .filter(|&rule| copies.is_original(rule))
        .collect();
    let section = all(document, names::CONSTRAINTS).first().copied();
    if let (Some(section), false) = (section, live.is_empty()) {
        let location_id = format!("{PREFIX}coloc-order-lifetime-rules");
        let location = document.append_by(section, names::RSC_LOCATION);
        document.set_attr_by(location, names::ID, &location_id);
        document.set_attr_by(location, names::RSC_PATTERN, "a^");
        let wrapper = document.append_by(location, names::RULE);
        document.set_attr_by(wrapper, names::ID, &format!("{location_id}-rule"));
        document.set_attr_by(wrapper, names::SCORE, "-INFINITY");
        for rule in live {
            document.move_to(rule, wrapper);
        }
    }
    for lifetime in others {
        if let Some(constraint) = document.parent(lifetime) {
            notes.push(format!(
                "Dropping lifetime element from constraint {} because lifetime elements are no \
                 longer supported. Any rules contained there will no longer apply to the constraint",
                id(document, constraint)
            ));
        }
        document.remove(lifetime);
    }
    for lifetime in in_locations {
        merge_lifetime(document, lifetime);
    }
}

/// The rules of these lifetimes that occur elsewhere as well.
fn rules_in_use(document: &Document, lifetimes: &[ElementId]) -> Vec<ElementId> {
    let dropped: BTreeSet<ElementId> = lifetimes.iter().copied().collect();
    // By id: how many rules there are, and the dropped lifetimes that they are in.
    let mut by_id: BTreeMap<&str, (usize, BTreeSet<ElementId>)> = BTreeMap::new();
    for rule in all(document, names::RULE) {
        let (count, holders) = by_id.entry(id(document, rule)).or_default();
        *count += 1;
        let ancestors = std::iter::successors(Some(rule), |&e| document.parent(e));
        holders.extend(ancestors.filter(|ancestor| dropped.contains(ancestor)));
    }
    let rules = lifetimes
        .iter()
        .flat_map(|&e| document.children_by(e, names::RULE));
    rules
        .filter(|&rule| {
            by_id
                .get(id(document, rule))
                .is_some_and(|(count, holders)| holders.len() != *count)
        })
        .collect()
}

/// A location's lifetime: its rule, or what stands for its node and score, must hold and one of the
/// lifetime's rules as well.
fn merge_lifetime(document: &mut Document, lifetime: ElementId) {
    let Some(location) = document.parent(lifetime) else {
        return;
    };
    let prefix = format!("{PREFIX}{}", id(document, location));
    let both = document.insert_before(lifetime, "rule");
    document.set_attr_by(both, names::ID, &format!("{prefix}-lifetime-and-rule"));
    document.set_attr_by(both, names::BOOLEAN_OP, "and");
    let score = document.remove_attr(location, names::SCORE);
    let node = document.remove_attr(location, names::NODE);
    let own: Vec<ElementId> = document
        .children_by(location, names::RULE)
        .filter(|&rule| rule != both)
        .collect();
    if own.is_empty() {
        let rule = document.append_by(both, names::RULE);
        document.set_attr_by(rule, names::ID, &format!("{prefix}-node-score-rule"));
        if let Some(score) = score {
            document.set_attr_by(rule, names::SCORE, &score);
        }
        let test = document.append_by(rule, names::EXPRESSION);
        document.set_attr_by(test, names::ID, &format!("{prefix}-node-score-rule-expr"));
        document.set_attr_by(test, names::ATTRIBUTE, "#uname");
        document.set_attr_by(test, names::OPERATION, "eq");
        document.set_attr_by(test, names::VALUE, node.as_deref().unwrap_or_default());
    }
    for rule in own {
        document.move_to(rule, both);
    }
    let rules: Vec<ElementId> = document.children_by(lifetime, names::RULE).collect();
    let mut holder = both;
    if rules.len() > 1 {
        holder = document.append_by(both, names::RULE);
        document.set_attr_by(holder, names::ID, &format!("{prefix}-lifetime-or-rule"));
        document.set_attr_by(holder, names::BOOLEAN_OP, "or");
    }
    for rule in rules {
        document.move_to(rule, holder);
    }
    document.remove(lifetime);
}
