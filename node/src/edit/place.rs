//! Which constraints do move, ban and clear make and remove?
//!
//! A ban is `cli-ban-RESOURCE-on-NODE`, a preference `cli-prefer-RESOURCE`; with a lifetime they
//! hold a rule instead of a score. At most one preference of a resource stands at a time.

use std::cmp::Ordering;

use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::time::{Date, Timestamp};

use super::{section, section_or_new};

#[cfg(test)]
mod tests;

/// What is wished for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Which resource.
    pub resource: &'a str,
    /// About which node.
    pub node: &'a str,
    /// Only about being promoted there.
    pub promoted: bool,
    /// Until when; `None`: until it is cleared.
    pub until: Option<Date>,
}

/// How the elements of a constraint are called.
struct Ids {
    location: String,
    rule: String,
    expression: String,
    lifetime: String,
}

impl Ids {
    fn ban(resource: &str, node: &str) -> Self {
        let location = format!("cli-ban-{resource}-on-{node}");
        Self {
            rule: format!("{location}-rule"),
            expression: format!("{location}-expr"),
            lifetime: format!("{location}-lifetime"),
            location,
        }
    }

    fn prefer(resource: &str) -> Self {
        Self {
            location: format!("cli-prefer-{resource}"),
            rule: format!("cli-prefer-rule-{resource}"),
            expression: format!("cli-prefer-expr-{resource}"),
            lifetime: format!("cli-prefer-lifetime-end-{resource}"),
        }
    }
}

/// Keeps a resource away from a node. Returns the constraint's id.
pub fn ban(cib: &mut Document, wish: &Wish<'_>) -> String {
    let ids = Ids::ban(wish.resource, wish.node);
    add(cib, wish, &ids, "-INFINITY");
    ids.location
}

/// Has a resource run on a node wherever possible. Returns the constraint's id.
pub fn prefer(cib: &mut Document, wish: &Wish<'_>) -> String {
    let ids = Ids::prefer(wish.resource);
    add(cib, wish, &ids, "INFINITY");
    ids.location
}

/// As [`prefer`], after clearing what says otherwise.
pub fn move_to(cib: &mut Document, wish: &Wish<'_>) -> String {
    clear(cib, wish.resource, Some(wish.node));
    prefer(cib, wish)
}

fn add(cib: &mut Document, wish: &Wish<'_>, ids: &Ids, score: &str) {
    let constraints = section_or_new(cib, "constraints");
    let old: Vec<_> = locations(cib)
        .filter(|e| cib.id(*e) == Some(ids.location.as_str()))
        .collect();
    for old in old {
        cib.remove(old);
    }
    let role = if wish.promoted { "Promoted" } else { "Started" };
    let location = cib.append(constraints, "rsc_location");
    let attributes = [
        ("id", ids.location.as_str()),
        ("rsc", wish.resource),
        ("role", role),
    ];
    set_all(cib, location, &attributes);
    let Some(until) = &wish.until else {
        set_all(cib, location, &[("node", wish.node), ("score", score)]);
        return;
    };
    let rule = cib.append(location, "rule");
    let attributes = [
        ("id", ids.rule.as_str()),
        ("score", score),
        ("boolean-op", "and"),
    ];
    set_all(cib, rule, &attributes);
    let expression = cib.append(rule, "expression");
    let attributes = [
        ("id", ids.expression.as_str()),
        ("attribute", "#uname"),
        ("operation", "eq"),
        ("value", wish.node),
        ("type", "string"),
    ];
    set_all(cib, expression, &attributes);
    let lifetime = cib.append(rule, "date_expression");
    let end = until.to_string();
    let attributes = [
        ("id", ids.lifetime.as_str()),
        ("operation", "lt"),
        ("end", end.as_str()),
    ];
    set_all(cib, lifetime, &attributes);
}

fn set_all(cib: &mut Document, e: ElementId, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        cib.set_attr(e, name, value);
    }
}

fn locations(cib: &Document) -> impl Iterator<Item = ElementId> {
    let constraints = section(cib, "constraints");
    let all = constraints
        .into_iter()
        .flat_map(|e| cib.descendants(e).collect::<Vec<_>>());
    all.filter(|e| cib.name(*e) == "rsc_location")
}

/// The node that one of these constraints is about.
fn node_of(cib: &Document, location: ElementId) -> Option<&str> {
    cib.attr(location, "node").or_else(|| {
        let rule = cib.child(location, "rule")?;
        let mut expressions = cib.children_named(rule, "expression");
        let about = expressions.find(|e| cib.attr(*e, "attribute") == Some("#uname"))?;
        cib.attr(about, "value")
    })
}

/// Bans and preferences of a resource that move and ban made.
fn made_by_commands(cib: &Document, resource: &str) -> Vec<ElementId> {
    let is_ours = |e: &ElementId| {
        let id = cib.id(*e).unwrap_or_default();
        cib.attr(*e, "rsc") == Some(resource)
            && (id == format!("cli-prefer-{resource}")
                || id.starts_with(&format!("cli-ban-{resource}-on-")))
    };
    locations(cib).filter(is_ours).collect()
}

/// Removes the bans of a resource from a node and its preference for it; for all nodes if none is
/// given, and the preference always if it moves (`node` is where to). Returns the ids.
pub fn clear(cib: &mut Document, resource: &str, node: Option<&str>) -> Vec<String> {
    let found = made_by_commands(cib, resource);
    remove(cib, found, |cib, e| {
        node.is_none_or(|node| node_of(cib, e) == Some(node))
    })
}

/// Removes those whose lifetime is over. Returns the ids.
pub fn clear_expired(
    cib: &mut Document,
    resource: Option<&str>,
    node: Option<&str>,
    now: Timestamp,
) -> Vec<String> {
    let is_ours = |e: &ElementId| {
        let id = cib.id(*e).unwrap_or_default();
        let made = id.starts_with("cli-ban-") || id.starts_with("cli-prefer-");
        made && resource.is_none_or(|resource| cib.attr(*e, "rsc") == Some(resource))
    };
    let found = locations(cib).filter(is_ours).collect();
    remove(cib, found, |cib, e| {
        node.is_none_or(|node| node_of(cib, e) == Some(node)) && is_over(cib, e, now)
    })
}

fn is_over(cib: &Document, location: ElementId, now: Timestamp) -> bool {
    let end = cib
        .child(location, "rule")
        .and_then(|rule| cib.child(rule, "date_expression"))
        .and_then(|expression| cib.attr(expression, "end"));
    let end = end.and_then(|text| Date::parse(text, now).ok());
    end.is_some_and(|end| Date::new(now).compare(&end) == Ordering::Greater)
}

fn remove(
    cib: &mut Document,
    from: Vec<ElementId>,
    wanted: impl Fn(&Document, ElementId) -> bool,
) -> Vec<String> {
    let found: Vec<_> = from.into_iter().filter(|e| wanted(cib, *e)).collect();
    let ids = found.iter().filter_map(|e| cib.id(*e).map(str::to_owned));
    let ids = ids.collect();
    for e in found {
        cib.remove(e);
    }
    ids
}
