//! Is everything there that the observed state calls for?

use super::{Auditor, Finding};
use crate::Cluster;
use crate::config::{NoQuorumPolicy, NodeKind};
use crate::id::NodeId;

/// Reports what has to be in the graph and is not.
pub(super) fn check(auditor: &Auditor<'_>, findings: &mut Vec<Finding>) {
    let state = &auditor.cluster.state;
    if !is_in_charge(auditor) {
        return;
    }
    for (node, condition) in state.node.enumerate() {
        let lost = condition.unclean && state.nodes[node].kind == NodeKind::Cluster;
        if lost && !is_fenced(auditor, node) {
            let reason = condition.unclean_reason.clone();
            findings.push(Finding::Missing {
                action: format!("fencing of {}", state.nodes[node].name),
                reason: reason.unwrap_or_else(|| "it is unclean".to_owned()),
            });
        }
    }
}

/// Lost nodes are fenced if that is configured, if there is a means, and if the cluster is in
/// charge: of the nodes (without quorum, others may be), and of anything that could run there.
fn is_in_charge(auditor: &Auditor<'_>) -> bool {
    let Cluster { config, state } = auditor.cluster;
    let options = &config.options;
    let quorate = options.quorate || options.no_quorum_policy == NoQuorumPolicy::Ignore;
    let fences = options.fencing_enabled && state.have_fencing;
    quorate && fences && state.resource.iter().any(|resource| resource.managed)
}

fn is_fenced(auditor: &Auditor<'_>, node: NodeId) -> bool {
    let name = auditor.cluster.state.nodes[node].name.as_str();
    auditor.fencing.contains_key(name)
}
