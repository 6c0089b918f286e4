//! Resources: old kinds of clones, and agents that are not supported any more.

use std::collections::{BTreeMap, BTreeSet};

use super::{PREFIX, all, id, parent_name};
use crate::parse::{Document, ElementId, Name, names};

/// `master` is a promotable clone, `masters` is how many of a bundle's replicas are promoted.
pub(super) fn rename(document: &mut Document) {
    for clone in all(document, names::MASTER) {
        document.rename(clone, "clone");
        let set_id = format!(
            "{PREFIX}promotable-legacy-{}-meta_attributes",
            id(document, clone)
        );
        let set = match document.first_child(clone) {
            Some(first) => document.insert_before(first, "meta_attributes"),
            None => document.append_by(clone, names::META_ATTRIBUTES),
        };
        document.set_attr_by(set, names::ID, &set_id);
        document.set_attr_by(set, names::SCORE, "INFINITY");
        let pair = document.append_by(set, names::NVPAIR);
        document.set_attr_by(pair, names::ID, &format!("{set_id}-promotable"));
        document.set_attr_by(pair, names::NAME, "promotable");
        document.set_attr_by(pair, names::VALUE, "true");
    }
    let containers: Vec<ElementId> = document
        .descendants(document.root())
        .filter(|&e| document.attr_by(e, names::MASTERS).is_some())
        .collect();
    for container in containers {
        document.rename_attr(container, names::MASTERS, "promoted-max");
    }
}

/// Drops resources whose agents are not supported any more, with what would be left without
/// members, and what constraints say about them.
pub(super) fn drop_unsupported(document: &mut Document, notes: &mut Vec<String>) {
    let dropped = unsupported(document, notes);
    let ids: BTreeSet<String> = dropped
        .iter()
        .filter(|&&e| !document.is(e, names::TEMPLATE))
        .map(|&e| id(document, e).to_owned())
        .collect();
    for e in dropped {
        document.remove(e);
    }
    // Nothing is said of options of what is gone.
    drop_options(document, notes);
    drop_from_constraints(document, &ids);
}

/// Templates, primitives, groups, clones and bundles that have to go.
fn unsupported(document: &Document, notes: &mut Vec<String>) -> Vec<ElementId> {
    let is_gone = |e: ElementId| {
        let class = document.attr_by(e, names::CLASS).unwrap_or_default();
        class.eq_ignore_ascii_case("nagios") || class.eq_ignore_ascii_case("upstart")
    };
    let templates: Vec<ElementId> = all(document, names::TEMPLATE)
        .into_iter()
        .filter(|&e| is_gone(e))
        .collect();
    let kept_templates: BTreeSet<&str> = all(document, names::TEMPLATE)
        .into_iter()
        .filter(|&e| !is_gone(e))
        .map(|e| id(document, e))
        .collect();
    let lacks_template = |e: ElementId| {
        let template = document.attr_by(e, names::TEMPLATE);
        template.is_some_and(|template| !kept_templates.contains(template))
    };
    let primitives: BTreeSet<ElementId> = all(document, names::PRIMITIVE)
        .into_iter()
        .filter(|&e| is_gone(e) || lacks_template(e))
        .collect();
    let only_gone = |mut members: Box<dyn Iterator<Item = ElementId> + '_>| {
        members.all(|member| primitives.contains(&member))
    };
    let groups = all(document, names::GROUP)
        .into_iter()
        .filter(|&group| only_gone(Box::new(document.children_by(group, names::PRIMITIVE))));
    let clones = all(document, names::CLONE)
        .into_iter()
        .filter(|&clone| only_gone(Box::new(document.descendants_by(clone, names::PRIMITIVE))));
    let bundles = all(document, names::BUNDLE).into_iter();
    let bundles = bundles.filter(|&bundle| document.child_by(bundle, names::RKT).is_some());
    let class = |e: ElementId| {
        let template = document.attr_by(e, names::TEMPLATE);
        let template = templates.iter().find(|&&t| document.id(t) == template);
        let own = document.attr_by(e, names::CLASS);
        own.or_else(|| document.attr_by(*template?, names::CLASS))
            .unwrap_or_default()
    };
    let kinds = templates.iter().map(|&e| (e, "template"));
    let kinds = kinds.chain(primitives.iter().map(|&e| (e, "resource")));
    let unsupported = |e| format!("{} resources are no longer supported", class(e));
    let emptied = groups
        .map(|e| (e, "group"))
        .chain(clones.map(|e| (e, "clone")));
    let gone: BTreeMap<ElementId, (&str, String)> = kinds
        .map(|(e, kind)| (e, (kind, unsupported(e))))
        .chain(emptied.map(|(e, kind)| (e, (kind, "it would become empty".to_owned()))))
        .chain(bundles.map(|e| {
            let reason = "rkt containers are no longer supported";
            (e, ("bundle resource", reason.to_owned()))
        }))
        .collect();
    // Of what goes with something that contains it, nothing is said.
    let goes_alone = |e: ElementId| {
        let above = document.parent(e);
        let mut above = std::iter::successors(above, |&e| document.parent(e));
        above.all(|e| !gone.contains_key(&e))
    };
    for e in document.subtree(document.root()).filter(|&e| goes_alone(e)) {
        if let Some((kind, reason)) = gone.get(&e) {
            notes.push(format!(
                "Dropping {kind} {} because {reason}",
                id(document, e)
            ));
        }
    }
    gone.into_keys().collect()
}

/// Drops options of resources and operations that are not supported any more.
fn drop_options(document: &mut Document, notes: &mut Vec<String>) {
    const OF_RESOURCES: [Name; 6] = [
        names::TEMPLATE,
        names::PRIMITIVE,
        names::GROUP,
        names::CLONE,
        names::BUNDLE,
        names::RSC_DEFAULTS,
    ];
    const OF_OPERATIONS: [Name; 2] = [names::OP, names::OP_DEFAULTS];
    for set in all(document, names::META_ATTRIBUTES) {
        let Some(holder) = parent_name(document, set) else {
            continue;
        };
        let (gone, instead): (&[&str], _) = if OF_RESOURCES.contains(&holder) {
            let instead = "the \"kind\" attribute for relevant constraints";
            (&["restart-type"], instead)
        } else if OF_OPERATIONS.contains(&holder) {
            let instead = "the \"on-fail\" operation attribute instead";
            (&["can_fail", "role_after_failure"], instead)
        } else {
            continue;
        };
        let pairs: Vec<ElementId> = document.children_by(set, names::NVPAIR).collect();
        for pair in pairs {
            let name = document.attr_by(pair, names::NAME).unwrap_or_default();
            if gone.contains(&name) {
                notes.push(format!(
                    "Dropping {name} meta-attribute from {} because it is no longer supported. \
                     Consider setting {instead}",
                    id(document, set)
                ));
                document.remove(pair);
            }
        }
    }
}

/// Drops references to dropped resources, sets of them that become empty, and constraints that say
/// nothing any more.
fn drop_from_constraints(document: &mut Document, ids: &BTreeSet<String>) {
    if ids.is_empty() {
        return;
    }
    for reference in all(document, names::RESOURCE_REF) {
        if ids.contains(id(document, reference)) {
            document.remove(reference);
        }
    }
    let mut emptied = BTreeSet::new();
    for set in all(document, names::RESOURCE_SET) {
        if document.child_by(set, names::RESOURCE_REF).is_none() {
            emptied.extend(document.parent(set));
            document.remove(set);
        }
    }
    let constraints: Vec<ElementId> = document.descendants(document.root()).collect();
    for e in constraints {
        let subjects: &[Name] = match document.name_of(e) {
            names::RSC_LOCATION | names::RSC_TICKET => &[names::RSC],
            names::RSC_COLOCATION => &[names::RSC, names::WITH_RSC],
            names::RSC_ORDER => &[names::FIRST, names::THEN],
            _ => continue,
        };
        let mut subjects = subjects
            .iter()
            .filter_map(|&name| document.attr_by(e, name));
        let without_sets =
            emptied.contains(&e) && document.child_by(e, names::RESOURCE_SET).is_none();
        if without_sets || subjects.any(|subject| ids.contains(subject)) {
            document.remove(e);
        }
    }
}
