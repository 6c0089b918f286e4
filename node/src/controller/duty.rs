//! Who carries out an action of a graph, and as what?

use lockstep_engine::graph::{GraphAction, GraphActionKind};

use super::fencing;
use crate::agent::{AgentName, Operation};
use crate::cluster::Cluster;
use crate::cluster::action::{interval_ms, meta};
use crate::executor::Work;

#[cfg(test)]
mod tests;

/// What is to be done about an action that needs somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// An executor does it.
    Executor {
        /// On which node.
        node: String,
        /// What.
        work: Work,
    },
    /// Nobody can do it; that is its result.
    Impossible(String),
}

/// The node whose executor an action is for: of a remote or guest node the one that has its
/// connection.
pub fn executor_of(action: &GraphAction) -> Option<&str> {
    let own = action.node.as_ref().map(|node| node.name.as_str());
    action.router.as_deref().or(own)
}

/// Who does this action. `available` says which nodes' executors can be reached.
pub fn of(action: &GraphAction, cluster: &Cluster, available: impl Fn(&str) -> bool) -> Duty {
    let on_node = |work| match executor_of(action) {
        Some(node) => Duty::Executor {
            node: node.to_owned(),
            work,
        },
        None => Duty::Impossible(format!("{} names no node", action.key)),
    };
    match (action.kind, action.task.as_str()) {
        (GraphActionKind::Cluster, "stonith") => fencing::duty(action, cluster, available),
        (GraphActionKind::Cluster, "do_shutdown") => on_node(Work::Leave),
        (GraphActionKind::Cluster | GraphActionKind::Resource, "delete" | "lrm_delete") => {
            match &action.primitive {
                Some(primitive) => on_node(Work::Forget {
                    resource: primitive.id.clone(),
                }),
                None => Duty::Impossible(format!("{} names no resource", action.key)),
            }
        }
        (GraphActionKind::Resource, "cancel") => match &action.primitive {
            Some(primitive) => on_node(Work::Cancel {
                resource: primitive.id.clone(),
                task: meta(action, "operation").unwrap_or("monitor").to_owned(),
                interval_ms: interval_ms(action),
            }),
            None => Duty::Impossible(format!("{} names no resource", action.key)),
        },
        (GraphActionKind::Resource, _) => match operation(action) {
            Some(operation) => on_node(Work::Operate(operation)),
            None => Duty::Impossible(format!("{} names no resource", action.key)),
        },
        (_, task) => Duty::Impossible(format!("'{task}' is not known to this version")),
    }
}

fn operation(action: &GraphAction) -> Option<Operation> {
    let primitive = action.primitive.as_ref()?;
    let milliseconds = |name| {
        meta(action, name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    Some(Operation {
        resource: primitive.id.clone(),
        agent: AgentName {
            class: primitive.class.clone(),
            provider: primitive.provider.clone(),
            kind: primitive.agent.clone(),
        },
        task: action.task.clone(),
        interval_ms: interval_ms(action),
        timeout_ms: milliseconds("timeout"),
        start_delay_ms: milliseconds("start_delay"),
        parameters: action.attributes.clone(),
    })
}

/// After how long the leader stops waiting for a result, in milliseconds: the agent's own timeout,
/// which its executor enforces, and time for the way there and back.
pub fn patience_ms(work: &Work, cluster_delay_ms: u64) -> u64 {
    match work {
        Work::Fence(fencing) => fencing::patience_ms(fencing).saturating_add(cluster_delay_ms),
        Work::Operate(operation) if operation.timeout_ms == 0 => u64::MAX / 2,
        Work::Operate(operation) => {
            operation.timeout_ms + operation.start_delay_ms + cluster_delay_ms
        }
        _ => cluster_delay_ms,
    }
}
