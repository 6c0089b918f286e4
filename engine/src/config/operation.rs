//! Which operations does a resource configure, and which entry is meant by a name and an interval?

use std::sync::Arc;

use super::{Blocks, Level, Operation, Resource, Role};
use crate::nvset::NvSets;
use crate::parse::{Document, ElementId, IdIndex, Referent, Scope, names};
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
    ids: &IdIndex,
    element: ElementId,
    template: Option<ElementId>,
) -> Arc<[Operation]> {
    let list = |of: ElementId| document.child_by(of, names::OPERATIONS);
    let parents: Vec<ElementId> = template.into_iter().chain([element]).collect();
    let own_scope = Scope::within(ids, &parents);
    let entries = |list: Option<ElementId>| {
        // The list itself may be a reference, to anywhere.
        let (list, scope) = match list.map(|list| (list, ids.referent(document, list))) {
            None | Some((_, Referent::Missing)) => return Vec::new(),
            Some((list, Referent::Itself)) => (list, own_scope),
            Some((_, Referent::Other(list))) => (list, ids.into()),
        };
        let entries = document.children_by(list, names::OP);
        entries
            .map(|op| operation(document, scope, op))
            .collect::<Vec<_>>()
    };
    let own = list(element);
    let inherited = template.and_then(list);
    let (Some(own), Some(inherited)) = (own, inherited) else {
        return entries(own.or(inherited)).into();
    };
    let mut operations = entries(Some(own));
    if ids.referent(document, own) == Referent::Itself {
        let keys: Vec<_> = document
            .children(own)
            .map(|op| overriding_key(document, op))
            .collect();
        let survivors = document
            .children_by(inherited, names::OP)
            .filter(|&op| !keys.contains(&overriding_key(document, op)));
        operations.extend(survivors.map(|op| operation(document, own_scope, op)));
    }
    operations.into()
}

/// What makes an operation replace one of the template.
fn overriding_key(document: &Document, op: ElementId) -> (Option<&str>, Option<&str>) {
    let role = document.attr_by(op, names::ROLE).filter(|role| {
        !["started", "unpromoted", "slave"]
            .iter()
            .any(|plain| role.eq_ignore_ascii_case(plain))
    });
    (document.attr_by(op, names::NAME), role)
}

fn operation(document: &Document, scope: Scope<'_>, op: ElementId) -> Operation {
    let attributes = document.attrs(op).filter(|attribute| attribute.0 != "id");
    let text = |name| document.attr_by(op, name);
    let blocks = |name| {
        let sets = NvSets::read(document, scope, [op], name, None);
        let levels = if sets.is_empty() {
            Vec::new()
        } else {
            vec![Level::Sets(sets.into())]
        };
        Blocks { levels }
    };
    Operation {
        element: Some(op),
        name: text(names::NAME).unwrap_or_default().to_owned(),
        interval_ms: value::interval_ms(text(names::INTERVAL)),
        enabled: text(names::ENABLED)
            .and_then(value::boolean)
            .unwrap_or(true),
        role: text(names::ROLE).map(|role| Role::parse(role).unwrap_or(Role::Unknown)),
        attributes: attributes
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        meta: blocks(names::META_ATTRIBUTES),
        parameters: blocks(names::INSTANCE_ATTRIBUTES),
    }
}

/// How resources that the engine makes are watched, made once for all of them.
pub(super) struct Watch {
    /// Parts of bundles, but for connections.
    pub(super) part: Arc<[Operation]>,
    /// Connections into bundles.
    pub(super) connection: Arc<[Operation]>,
}

impl Default for Watch {
    fn default() -> Self {
        Watch {
            part: [implicit("monitor", "60s", None)].into(),
            connection: [implicit("monitor", "30s", Some("30s"))].into(),
        }
    }
}

/// An operation of an implicit resource.
pub(super) fn implicit(name: &str, interval: &str, timeout: Option<&str>) -> Operation {
    let attribute = |name: &str, value: &str| (name.into(), value.into());
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
