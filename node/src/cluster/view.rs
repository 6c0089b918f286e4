//! Where is every resource, as far as the history tells?
//!
//! For people: read from the results in the status, without the engine.

use std::collections::BTreeMap;

use lockstep_engine::parse::{Document, ElementId};

#[cfg(test)]
mod tests;

/// What a resource does on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It does not run.
    Stopped,
    /// It runs.
    Started,
    /// It runs and is promoted.
    Promoted,
}

/// A resource on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Which node.
    pub node: String,
    /// What it does there.
    pub role: Role,
    /// Whether its last operation there failed.
    pub failed: bool,
}

/// A configured primitive and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its id.
    pub id: String,
    /// Its agent, as `class:provider:type`.
    pub agent: String,
    /// Nodes on which it is active or failed.
    pub active: Vec<Activity>,
}

/// All configured primitives, in document order.
pub fn resources(cib: &Document) -> Vec<Resource> {
    let mut activities: BTreeMap<&str, Vec<Activity>> = BTreeMap::new();
    for (node, history) in histories(cib) {
        // Instances of a clone that are told apart by number belong to one primitive.
        let Some(id) = cib.id(history) else { continue };
        let id = id.split_once(':').map_or(id, |(id, _)| id);
        let (role, failed) = activity(cib, history);
        if role != Role::Stopped || failed {
            let activity = Activity {
                node: node.to_owned(),
                role,
                failed,
            };
            activities.entry(id).or_default().push(activity);
        }
    }
    let resources = cib
        .child(cib.root(), "configuration")
        .and_then(|configuration| cib.child(configuration, "resources"));
    let templates = resources
        .into_iter()
        .flat_map(|resources| cib.children_named(resources, "template"));
    let templates: BTreeMap<_, _> = templates.map(|e| (cib.id(e), e)).collect();
    let elements = resources
        .into_iter()
        .flat_map(|resources| cib.descendants(resources));
    let primitives = elements.filter(|e| cib.name(*e) == "primitive");
    let described = primitives.filter_map(|primitive| {
        let id = cib.id(primitive)?;
        let template = cib.attr(primitive, "template");
        let describing = template.and_then(|_| templates.get(&template));
        let describing = *describing.unwrap_or(&primitive);
        let parts = ["class", "provider", "type"];
        let agent: Vec<_> = parts
            .iter()
            .filter_map(|part| cib.attr(describing, part))
            .collect();
        let active = activities.remove(id).unwrap_or_default();
        Some(Resource {
            id: id.to_owned(),
            agent: agent.join(":"),
            active,
        })
    });
    described.collect()
}

/// Every `lrm_resource` with the name of its node.
fn histories(cib: &Document) -> impl Iterator<Item = (&str, ElementId)> {
    let status = cib.child(cib.root(), "status");
    let states = status
        .into_iter()
        .flat_map(|status| cib.children_named(status, "node_state"));
    // What a lost node did last says nothing about what it does.
    let here = states.filter(|state| !matches!(cib.attr(*state, "crmd"), None | Some("0")));
    here.flat_map(|state| {
        let node = cib.attr(state, "uname").unwrap_or_default();
        let lrm = cib
            .child(state, "lrm")
            .and_then(|lrm| cib.child(lrm, "lrm_resources"));
        let all = lrm
            .into_iter()
            .flat_map(|lrm| cib.children_named(lrm, "lrm_resource"));
        all.map(move |history| (node, history))
    })
}

/// What the results say, in the order of their calls.
fn activity(cib: &Document, history: ElementId) -> (Role, bool) {
    let call = |e: &ElementId| {
        cib.attr(*e, "call-id")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(0)
    };
    let mut operations: Vec<_> = cib.children_named(history, "lrm_rsc_op").collect();
    operations.sort_by_key(call);
    let (mut role, mut failed) = (Role::Stopped, false);
    for operation in operations {
        let task = cib.attr(operation, "operation").unwrap_or_default();
        let code = cib.attr(operation, "rc-code").unwrap_or_default();
        let after = match (task, code) {
            ("start" | "migrate_from" | "demote", "0") | ("monitor", "0") => Some(Role::Started),
            ("promote", "0") | ("monitor", "8") => Some(Role::Promoted),
            ("stop" | "migrate_to", "0") | ("monitor", "7") => Some(Role::Stopped),
            ("notify" | "reload" | "reload-agent", "0") => Some(role),
            _ => None,
        };
        failed = after.is_none();
        role = after.unwrap_or(role);
    }
    (role, failed)
}
