//! Which nodes need fencing, and which can be fenced at all?

use super::State;
use super::builder::Builder;
use crate::Severity;
use crate::action::{ActionRequest, Key, Reason, RequestDetail};
use crate::config::{NoQuorumPolicy, NodeKind, Options};
use crate::id::{IdSet, NodeId, ResourceId};

/// Whether a node can be fenced. `online` says which nodes are in the cluster, as far as the
/// caller has come.
///
/// Without quorum, only nodes that this partition sees are fenced: others may be in the partition
/// that has it. A guest is fenced by stopping its container, so it depends on the container's hosts.
#[must_use]
pub fn can_fence(
    state: &State,
    options: &Options,
    online: impl Fn(NodeId) -> bool,
    node: NodeId,
) -> bool {
    let mut asked = IdSet::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        match launcher_of(state, node) {
            Some(launcher) => {
                let hosts = state.resource[launcher].active_on.iter().copied();
                waiting.extend(hosts.filter(|&host| !online(host) && asked.insert(host)));
            }
            None if can_fence_host(state, options, &online, node) => {}
            None => return false,
        }
    }
    true
}

/// The resource that a guest (or bundle) node lives in; none for other nodes.
#[must_use]
pub fn launcher_of(state: &State, node: NodeId) -> Option<ResourceId> {
    let node = &state.nodes[node];
    let connection = node.connection.filter(|_| node.kind != NodeKind::Cluster)?;
    state.resources[connection].launcher
}

fn can_fence_host(
    state: &State,
    options: &Options,
    online: &impl Fn(NodeId) -> bool,
    node: NodeId,
) -> bool {
    if !options.fencing_enabled || !state.have_fencing {
        return false;
    }
    if options.quorate || options.no_quorum_policy == NoQuorumPolicy::Ignore {
        return true;
    }
    if !online(node) {
        return false;
    }
    // The connection of a remote node may be up in the other partition by now, unless all nodes on
    // which it could be are in this one.
    match state.nodes[node].connection {
        Some(connection) if !options.fence_remote_without_quorum => {
            let allowed = &state.resource[connection].allowed;
            allowed.iter().all(|(host, _)| online(host))
        }
        _ => true,
    }
}

impl Builder<'_> {
    pub(super) fn can_fence(&self, node: NodeId) -> bool {
        let online = |node| self.state.node[node].online;
        can_fence(&self.state, &self.config.options, online, node)
    }

    /// Notes that a node needs fencing, for this reason unless there is one already.
    ///
    /// A guest is recovered with its container instead. It does not become unclean: once the
    /// container is recovered, it may run resources again in the same transition.
    pub(super) fn fence(&mut self, node: NodeId, reason: &str, priority_delay: bool) {
        if let Some(launcher) = self.launcher_of(node) {
            self.recover_guest(node, launcher, reason);
            return;
        }
        let connection = self.state.nodes[node].connection;
        if self.is_remote(node) {
            if let Some(connection) = connection
                && self.state.resource[connection].removed_launched
            {
                // A guest whose container was removed: stopping that was its fencing.
                self.fail(connection);
                return;
            }
            let managed = connection.is_none_or(|id| self.state.resource[id].managed);
            if managed && !self.state.node[node].remote_reset {
                self.state.node[node].remote_reset = true;
                self.announce_fencing(node, reason);
            }
            self.mark_unclean(node, reason, false);
        } else if !self.state.node[node].unclean {
            self.announce_fencing(node, reason);
            self.mark_unclean(node, reason, priority_delay);
        }
    }

    fn recover_guest(&mut self, node: NodeId, launcher: ResourceId, reason: &str) {
        let container = &self.state.resource[launcher];
        if container.failed {
            return;
        }
        let name = &self.state.nodes[node].name;
        if !container.managed {
            let message = format!("guest node {name} is not fenced although {reason}: unmanaged");
            self.say(Severity::Notice, None, message);
            return;
        }
        let message = format!("guest node {name} will be fenced by recovering it: {reason}");
        self.say(Severity::Warning, None, message);
        self.state.node[node].remote_reset = true;
        self.fail(launcher);
    }

    fn mark_unclean(&mut self, node: NodeId, reason: &str, priority_delay: bool) {
        let state = &mut self.state.node[node];
        state.unclean = true;
        state
            .unclean_reason
            .get_or_insert_with(|| reason.to_owned());
        let position = self.request_fencing(node, Some(reason));
        if priority_delay {
            self.state.requests[position].detail = RequestDetail::PriorityDelay;
        }
    }

    /// Requests the fencing of a node, to be made only if it turns out to be needed, unless that is
    /// done already. Returns the position of the request, which has the first reason given.
    pub(super) fn request_fencing(&mut self, node: NodeId, reason: Option<&str>) -> usize {
        let next = self.state.requests.len();
        let position = *self.fencing_requests.entry(node).or_insert(next);
        if position == next {
            // Those of cluster nodes are all read before any history.
            let unread = self.is_remote_or_guest(node) && !self.state.node[node].unpacked;
            self.state.requests.push(ActionRequest {
                key: Key::Fence(node, self.config.options.fencing_action),
                node: Some(node),
                optional: true,
                reason: None,
                detail: if unread {
                    RequestDetail::AttributesUnread
                } else {
                    RequestDetail::Plain
                },
                before_reset: false,
            });
        }
        let request = &mut self.state.requests[position];
        if request.reason.is_none() {
            request.reason = reason.map(|reason| Reason::Text(reason.into()));
        }
        position
    }

    fn announce_fencing(&mut self, node: NodeId, reason: &str) {
        let name = &self.state.nodes[node].name;
        let what = if self.can_fence(node) {
            "will be fenced"
        } else {
            "is unclean"
        };
        let message = format!("node {name} {what}: {reason}");
        self.say(Severity::Warning, None, message);
    }

    /// Marks a resource as failed such that it has to stop.
    pub(super) fn fail(&mut self, resource: ResourceId) {
        let state = &mut self.state.resource[resource];
        (state.failed, state.stop_if_failed) = (true, true);
    }
}
