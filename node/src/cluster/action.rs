//! What does the graph say about one action?

use lockstep_engine::graph::{GraphAction, GraphActionKind};
use lockstep_engine::parse::Document;

use super::{failures, status};

/// Whether an action changes this state only, and no agent is needed.
pub fn is_own(action: &GraphAction) -> bool {
    match action.kind {
        GraphActionKind::Pseudo => true,
        GraphActionKind::Cluster => {
            matches!(
                action.task.as_str(),
                "clear_failcount" | "maintenance_nodes" | "lrm_refresh"
            ) || (action.task == "lrm_delete" && action.mode_cib)
        }
        GraphActionKind::Resource => false,
    }
}

/// Whether it finds out what runs where nothing is known.
pub fn is_probe(action: &GraphAction) -> bool {
    action.kind == GraphActionKind::Resource && action.task == "monitor" && interval_ms(action) == 0
}

/// Whether a resource does less after it, or nothing, where it runs now.
pub fn ends_service(action: &GraphAction) -> bool {
    let less = ["stop", "demote", "migrate_to"];
    action.kind == GraphActionKind::Resource && less.contains(&action.task.as_str())
}

pub(super) fn carry_out_here(cib: &mut Document, action: &GraphAction) {
    let (Some(node), Some(primitive)) = (&action.node, &action.primitive) else {
        return;
    };
    match action.task.as_str() {
        "clear_failcount" => {
            let operation = meta(action, "operation");
            let operation = operation.map(|task| (task, interval_ms(action)));
            failures::clear(cib, &node.name, &primitive.id, operation);
            // Else the engine would hold it against the resource, and want it cleared, for ever.
            failures::forget_last(cib, &node.name, &primitive.id, operation);
        }
        "lrm_delete" => status::forget_resource(cib, &node.name, &primitive.id),
        _ => {}
    }
}

/// A meta attribute of an action, by its name with underscores.
pub fn meta<'a>(action: &'a GraphAction, name: &str) -> Option<&'a str> {
    let named = |key: &str| key.strip_prefix("CRM_meta_") == Some(name);
    action
        .attributes
        .iter()
        .find(|(key, _)| named(key))
        .map(|(_, value)| value.as_str())
}

/// A parameter of an action, with or without the prefix of meta attributes.
pub fn parameter<'a>(action: &'a GraphAction, name: &str) -> Option<&'a str> {
    let plain = action.attributes.iter().find(|(key, _)| key == name);
    meta(action, name).or(plain.map(|(_, value)| value.as_str()))
}

/// The result code that the graph expects of an action.
pub fn expected_code(action: &GraphAction) -> i32 {
    meta(action, "op_target_rc")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// How often an action is repeated, in milliseconds; 0 if it is not.
pub fn interval_ms(action: &GraphAction) -> u64 {
    meta(action, "interval")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
