//! How does the CIB's `status` tell what is known about nodes?
//!
//! Edits of `node_state`, in the words that Pacemaker 3.0 uses since its feature set 3.18: `in_ccm`
//! and `crmd` hold since when a node is a member (0: it is not), `join` and `expected` whether it
//! takes part and whether it should.

use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::value::interval;

use crate::executor::OrderKey;

/// `cluster-recheck-interval` unless the configuration says otherwise: 15 minutes, as the peer has it.
const RECHECK_INTERVAL_MS: u64 = 15 * 60 * 1_000;

/// The transient attribute by which a node is asked to shut down; its value is when, in seconds since
/// the epoch.
pub const SHUTDOWN: &str = "shutdown";

/// What a cluster starts with.
pub const EMPTY_CIB: &str = r#"<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" admin_epoch="0" epoch="0" num_updates="0" have-quorum="1">
  <configuration><crm_config/><nodes/><resources/><constraints/></configuration>
  <status/>
</cib>"#;

/// The child of that name, made if missing.
pub fn child_or_new(cib: &mut Document, parent: ElementId, name: &str) -> ElementId {
    match cib.child(parent, name) {
        Some(found) => found,
        None => cib.append(parent, name),
    }
}

/// The child of that name whose attribute has that value, made if missing.
fn child_by(
    cib: &mut Document,
    parent: ElementId,
    name: &str,
    (attribute, value): (&str, &str),
) -> ElementId {
    let found = cib
        .children_named(parent, name)
        .find(|e| cib.attr(*e, attribute) == Some(value));
    found.unwrap_or_else(|| {
        let new = cib.append(parent, name);
        cib.set_attr(new, attribute, value);
        new
    })
}

fn section(cib: &mut Document, path: &[&str]) -> ElementId {
    let root = cib.root();
    path.iter()
        .fold(root, |at, name| child_or_new(cib, at, name))
}

/// `cluster-recheck-interval`: a plan is made at least so often, in milliseconds; 0 for never.
pub fn recheck_interval_ms(cib: &Document) -> u64 {
    let set = option(cib, "cluster-recheck-interval").map(interval);
    set.filter(|set| set.valid)
        .map_or(RECHECK_INTERVAL_MS, |set| u64::from(set.ms))
}

/// The value of a cluster option, as it is written; rules are not looked at.
pub fn option<'c>(cib: &'c Document, name: &str) -> Option<&'c str> {
    let configuration = cib.child(cib.root(), "configuration")?;
    let options = cib.child(configuration, "crm_config")?;
    let sets = cib.children_named(options, "cluster_property_set");
    let mut pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    pairs
        .find(|e| cib.attr(*e, "name") == Some(name))
        .and_then(|e| cib.attr(e, "value"))
}

/// The id of a cluster node in the configuration, by name.
pub fn node_id(cib: &Document, name: &str) -> Option<String> {
    let configuration = cib.child(cib.root(), "configuration")?;
    let nodes = cib.child(configuration, "nodes")?;
    let node = cib
        .children_named(nodes, "node")
        .find(|e| cib.attr(*e, "uname") == Some(name))?;
    cib.id(node).map(str::to_owned)
}

/// Names of all cluster nodes in the configuration.
pub fn node_names(cib: &Document) -> Vec<String> {
    let configuration = cib.child(cib.root(), "configuration");
    let nodes = configuration.and_then(|configuration| cib.child(configuration, "nodes"));
    let all = nodes
        .into_iter()
        .flat_map(|nodes| cib.children_named(nodes, "node"));
    // A node of type `remote` or `ping` has no executor of its own that connects.
    let members = all.filter(|e| matches!(cib.attr(*e, "type"), None | Some("member")));
    members
        .filter_map(|e| cib.attr(e, "uname").map(str::to_owned))
        .collect()
}

/// Makes sure that the configuration knows a node; returns its id and whether it is new.
pub fn ensure_node(cib: &mut Document, name: &str) -> (String, bool) {
    if let Some(id) = node_id(cib, name) {
        return (id, false);
    }
    let nodes = section(cib, &["configuration", "nodes"]);
    let taken: Vec<u64> = cib
        .children(nodes)
        .filter_map(|e| cib.id(e).and_then(|id| id.parse().ok()))
        .collect();
    let id = (taken.into_iter().max().unwrap_or(0) + 1).to_string();
    let node = cib.append(nodes, "node");
    cib.set_attr(node, "id", &id);
    cib.set_attr(node, "uname", name);
    (id, true)
}

/// The `node_state` of a node, made if missing.
fn node_state(cib: &mut Document, id: &str, name: &str) -> ElementId {
    let status = section(cib, &["status"]);
    let state = child_by(cib, status, "node_state", ("id", id));
    cib.set_attr(state, "uname", name);
    state
}

/// The `node_state` of a node, by name.
pub fn find_state(cib: &Document, name: &str) -> Option<ElementId> {
    let status = cib.child(cib.root(), "status")?;
    cib.children_named(status, "node_state")
        .find(|e| cib.attr(*e, "uname") == Some(name))
}

/// Gives every `node_state` the id that its node has in the configuration: the engine knows nodes
/// by their ids, people by their names, and only names stay.
pub fn renumber_states(cib: &mut Document) {
    let Some(status) = cib.child(cib.root(), "status") else {
        return;
    };
    let states: Vec<ElementId> = cib.children_named(status, "node_state").collect();
    for state in states {
        let name = cib.attr(state, "uname").unwrap_or_default().to_owned();
        let Some(id) = node_id(cib, &name) else {
            continue;
        };
        let old = cib.id(state).unwrap_or_default().to_owned();
        if old == id {
            continue;
        }
        cib.set_attr(state, "id", &id);
        for child in ["lrm", "transient_attributes"] {
            if let Some(child) = cib.child(state, child) {
                cib.set_attr(child, "id", &id);
            }
        }
        if let Some(attributes) = cib.child(state, "transient_attributes") {
            renumber_pairs(cib, attributes, &old, &id);
        }
    }
}

/// Ids of transient attributes hold their node's.
fn renumber_pairs(cib: &mut Document, attributes: ElementId, old: &str, new: &str) {
    let (old, new) = (format!("status-{old}"), format!("status-{new}"));
    let sets: Vec<ElementId> = cib
        .children_named(attributes, "instance_attributes")
        .collect();
    for set in sets {
        let pairs = cib.children_named(set, "nvpair");
        let all: Vec<ElementId> = [set].into_iter().chain(pairs).collect();
        for element in all {
            let rest = cib.id(element).and_then(|id| id.strip_prefix(&old));
            if let Some(rest) = rest.map(str::to_owned) {
                cib.set_attr(element, "id", &format!("{new}{rest}"));
            }
        }
    }
}

/// The node is a member since `since`. With `fresh`, what was known about it is not true any more:
/// its history and transient attributes go, and its resources will be probed.
pub fn node_joined(cib: &mut Document, id: &str, name: &str, since: i64, fresh: bool) {
    let state = node_state(cib, id, name);
    let since = since.max(1).to_string();
    for (attribute, value) in [
        ("in_ccm", since.as_str()),
        ("crmd", since.as_str()),
        ("join", "member"),
        ("expected", "member"),
        ("crm-debug-origin", "node_up"),
    ] {
        cib.set_attr(state, attribute, value);
    }
    if fresh {
        forget(cib, state, "lrm");
        forget(cib, state, "transient_attributes");
    }
    let lrm = child_or_new(cib, state, "lrm");
    cib.set_attr(lrm, "id", id);
    child_or_new(cib, lrm, "lrm_resources");
}

fn forget(cib: &mut Document, state: ElementId, name: &str) {
    while let Some(found) = cib.child(state, name) {
        cib.remove(found);
    }
}

/// The node is gone. One that did not leave in order is still expected: the engine wants it fenced.
pub fn node_left(cib: &mut Document, id: &str, name: &str, clean: bool) {
    let state = node_state(cib, id, name);
    for (attribute, value) in [
        ("in_ccm", "0"),
        ("crmd", "0"),
        ("join", "down"),
        ("crm-debug-origin", "node_lost"),
    ] {
        cib.set_attr(state, attribute, value);
    }
    if clean {
        cib.set_attr(state, "expected", "down");
        forget(cib, state, "lrm");
    }
    // Attributes of a node's present life end with it.
    forget(cib, state, "transient_attributes");
}

/// Whether a node should be here: it did not leave in order, and was not fenced since.
pub fn is_expected(cib: &Document, name: &str) -> bool {
    let expected = find_state(cib, name).and_then(|state| cib.attr(state, "expected"));
    expected == Some("member")
}

/// The node is about to leave on request.
pub fn node_is_expected_down(cib: &mut Document, name: &str) {
    if let Some(state) = find_state(cib, name) {
        cib.set_attr(state, "expected", "down");
    }
}

/// When a node was asked to shut down, in seconds since the epoch; `None` if it was not.
pub fn shutdown_asked(cib: &Document, node: &str) -> Option<i64> {
    let asked = transient(cib, node, SHUTDOWN)?.parse().ok();
    asked.filter(|at| *at > 0)
}

/// The value of a transient attribute.
pub fn transient<'c>(cib: &'c Document, node: &str, name: &str) -> Option<&'c str> {
    let mut pairs = transient_pairs(cib, node).into_iter();
    pairs.find(|pair| pair.0 == name).map(|pair| pair.1)
}

/// The value of a permanent attribute.
pub fn permanent<'c>(cib: &'c Document, node: &str, name: &str) -> Option<&'c str> {
    let mut pairs = permanent_pairs(cib, node).into_iter();
    pairs.find(|pair| pair.0 == name).map(|pair| pair.1)
}

/// Names and values of all transient attributes of a node.
pub fn transient_pairs<'c>(cib: &'c Document, node: &str) -> Vec<(&'c str, &'c str)> {
    let attributes = find_state(cib, node).and_then(|e| cib.child(e, "transient_attributes"));
    attributes.map_or_else(Vec::new, |e| pairs_in(cib, e))
}

/// Names and values of all permanent attributes of a node.
pub fn permanent_pairs<'c>(cib: &'c Document, node: &str) -> Vec<(&'c str, &'c str)> {
    let configuration = cib.child(cib.root(), "configuration");
    let nodes = configuration.and_then(|configuration| cib.child(configuration, "nodes"));
    let mut all = nodes
        .into_iter()
        .flat_map(|nodes| cib.children_named(nodes, "node"));
    let found = all.find(|e| cib.attr(*e, "uname") == Some(node));
    found.map_or_else(Vec::new, |e| pairs_in(cib, e))
}

/// What the `instance_attributes` of an element say.
fn pairs_in(cib: &Document, e: ElementId) -> Vec<(&str, &str)> {
    let sets = cib.children_named(e, "instance_attributes");
    let pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    let told = pairs.filter_map(|pair| Some((cib.attr(pair, "name")?, cib.attr(pair, "value")?)));
    told.collect()
}

/// Sets or removes a transient attribute; returns whether that changed anything.
pub fn set_transient(cib: &mut Document, node: &str, name: &str, value: Option<&str>) -> bool {
    if transient(cib, node, name) == value {
        return false;
    }
    let Some(state) = find_state(cib, node) else {
        return false;
    };
    let id = cib.id(state).unwrap_or_default().to_owned();
    let attributes = child_or_new(cib, state, "transient_attributes");
    cib.set_attr(attributes, "id", &id);
    set_pair(cib, attributes, &format!("status-{id}"), name, value);
    true
}

/// Sets or removes a permanent attribute; returns whether that changed anything.
pub fn set_permanent(cib: &mut Document, node: &str, name: &str, value: Option<&str>) -> bool {
    let Some(id) = node_id(cib, node) else {
        return false;
    };
    let nodes = section(cib, &["configuration", "nodes"]);
    let element = child_by(cib, nodes, "node", ("id", &id));
    let sets: Vec<ElementId> = cib.children_named(element, "instance_attributes").collect();
    let pairs = sets
        .iter()
        .flat_map(|set| cib.children_named(*set, "nvpair"));
    let found = pairs
        .into_iter()
        .find(|e| cib.attr(*e, "name") == Some(name));
    match (found, value) {
        (None, None) => false,
        (Some(pair), value) if cib.attr(pair, "value") == value => false,
        (Some(pair), Some(value)) => {
            cib.set_attr(pair, "value", value);
            true
        }
        (Some(pair), None) => {
            cib.remove(pair);
            true
        }
        (None, value) => {
            set_pair(cib, element, &format!("nodes-{id}"), name, value);
            true
        }
    }
}

fn set_pair(cib: &mut Document, parent: ElementId, set: &str, name: &str, value: Option<&str>) {
    let attributes = child_by(cib, parent, "instance_attributes", ("id", set));
    let found = cib
        .children_named(attributes, "nvpair")
        .find(|e| cib.attr(*e, "name") == Some(name));
    match (found, value) {
        (Some(pair), Some(value)) => cib.set_attr(pair, "value", value),
        (Some(pair), None) => cib.remove(pair),
        (None, None) => {}
        (None, Some(value)) => {
            let pair = cib.append(attributes, "nvpair");
            // An id may not hold all that a name may.
            let id: String = name
                .chars()
                .map(|c| if c == '#' { '.' } else { c })
                .collect();
            cib.set_attr(pair, "id", &format!("{set}-{id}"));
            cib.set_attr(pair, "name", name);
            cib.set_attr(pair, "value", value);
        }
    }
}

/// The history of one resource on one node.
pub fn resource_history(cib: &Document, node: &str, resource: &str) -> Option<ElementId> {
    let lrm = cib.child(find_state(cib, node)?, "lrm")?;
    let resources = cib.child(lrm, "lrm_resources")?;
    cib.children_named(resources, "lrm_resource")
        .find(|e| cib.id(*e) == Some(resource))
}

/// Whether a result of an order is among what is known about a node; what is only noted as pending is
/// none.
pub fn has_result(cib: &Document, node: &str, order: OrderKey) -> bool {
    let lrm = find_state(cib, node).and_then(|state| cib.child(state, "lrm"));
    let Some(resources) = lrm.and_then(|lrm| cib.child(lrm, "lrm_resources")) else {
        return false;
    };
    let begins = format!("{}:{}:", order.action, order.transition);
    let is_result = |e: ElementId| {
        let key = cib.attr(e, "transition-key").unwrap_or_default();
        key.starts_with(&begins) && cib.attr(e, "op-status") != Some("-1")
    };
    cib.children_named(resources, "lrm_resource")
        .any(|resource| cib.children(resource).any(is_result))
}

/// Forgets what is known about a resource on a node, so that it is probed.
pub fn forget_resource(cib: &mut Document, node: &str, resource: &str) {
    if let Some(history) = resource_history(cib, node, resource) {
        cib.remove(history);
    }
}

/// Adds to one of the root's counters.
pub fn bump(cib: &mut Document, counter: &str) {
    let root = cib.root();
    let value = number(cib, counter) + 1;
    cib.set_attr(root, counter, &value.to_string());
}

/// One of the root's counters.
pub fn number(cib: &Document, counter: &str) -> u64 {
    cib.attr(cib.root(), counter)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Names of all transient attributes of a node.
pub fn transient_names(cib: &Document, node: &str) -> Vec<String> {
    let pairs = transient_pairs(cib, node).into_iter();
    pairs.map(|(name, _)| name.to_owned()).collect()
}
