//! Which operations does a resource configure, and which entry is meant by a name and an interval?

use std::sync::Arc;

use super::blocks::Evaluation;
use super::{Blocks, Level, Operation, Resource, Role};
use crate::parse::{Document, ElementId, names};
use crate::value;

/// The operation entry for a name and an interval: the first that fits. `migrate_to` and
/// `migrate_from` fall back to an entry `migrate`.
#[must_use]
pub fn find<'r>(
    resource: &'r Resource,
    name: &str,
    interval_ms: u32,
    include_disabled: bool,
) -> Option<&'r Operation> {
    let exact = |name: &str, interval_ms: u32| {
        resource.operations.iter().find(|operation| {
            operation.interval_ms == interval_ms
                && operation.name == name
                && (include_disabled || operation.enabled)
        })
    };
    exact(name, interval_ms).or_else(|| match name {
        "migrate_to" | "migrate_from" => exact("migrate", 0),
        _ => None,
    })
}

/// Reads the operations of a resource. Those of a template follow the resource's own, unless the
/// resource has one with the same name and kind of role (the interval does not matter).
pub(super) fn read(
    document: &Document,
    element: ElementId,
    template: Option<ElementId>,
    evaluation: &Evaluation<'_>,
) -> Arc<[Operation]> {
    let list = |of: ElementId| document.child_by(of, names::OPERATIONS);
    let own = list(element);
    let inherited = template.and_then(list);
    let (Some(own), Some(inherited)) = (own, inherited) else {
        // `operations` itself may be a reference.
        let only = own.or(inherited).and_then(|list| evaluation.resolve(list));
        return only.map(|list| entries(document, list, evaluation)).unwrap_or_default().into();
    };
    let own_keys: Vec<_> = document.children(own).map(|op| overriding_key(document, op)).collect();
    let mut operations = match evaluation.resolve(own) {
        Some(target) => entries(document, target, evaluation),
        None => Vec::new(),
    };
    if evaluation.resolve(own) == Some(own) {
        let survivors = document
            .children(inherited)
            .filter(|&op| !own_keys.contains(&overriding_key(document, op)))
            .filter(|&op| document.is(op, names::OP));
        operations.extend(survivors.map(|op| operation(document, op)));
    }
    operations.into()
}

fn entries(document: &Document, list: ElementId, _evaluation: &Evaluation<'_>) -> Vec<Operation> {
    document.children_by(list, names::OP).map(|op| operation(document, op)).collect()
}

/// What makes an operation replace one of the template.
fn overriding_key(document: &Document, op: ElementId) -> (Option<&str>, Option<&str>) {
    let role = document.attr_by(op, names::ROLE).filter(|role| {
        !["started", "unpromoted", "slave"].iter().any(|plain| role.eq_ignore_ascii_case(plain))
    });
    (document.attr_by(op, names::NAME), role)
}

fn operation(document: &Document, op: ElementId) -> Operation {
    let attributes = document.attrs(op).filter(|attribute| attribute.0 != "id");
    let text = |name| document.attr_by(op, name);
    let blocks = || Blocks { levels: vec![Level::Elements { template: None, element: op }] };
    Operation {
        element: Some(op),
        name: text(names::NAME).unwrap_or_default().to_owned(),
        interval_ms: value::interval_ms(text(names::INTERVAL)),
        enabled: text(names::ENABLED).and_then(value::boolean).unwrap_or(true),
        role: text(names::ROLE).and_then(Role::parse),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        meta: blocks(),
        parameters: blocks(),
    }
}

/// An operation of an implicit resource.
pub(super) fn implicit(name: &str, interval: &str, timeout: Option<&str>) -> Operation {
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut attributes = vec![attribute("interval", interval), attribute("name", name)];
    attributes.extend(timeout.map(|timeout| attribute("timeout", timeout)));
    Operation {
        element: None,
        name: name.to_owned(),
        interval_ms: value::interval_ms(Some(interval)),
        enabled: true,
        role: None,
        attributes,
        meta: Blocks::default(),
        parameters: Blocks::default(),
    }
}
