//! Fencing as actions: who can be fenced, marking a node for it, unfencing.
//!
//! Marking a node makes an optional fencing action; the fencing phase (`relate::fencing`) makes it
//! required for nodes that are still unclean then.

use super::{ActionMeta, Draft, Key, Need, Reason, RequestDetail, Task};
use crate::World;
use crate::config::{FenceAction, NodeKind, Requires};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{self, Cause, Effects};
use crate::state::digest::ChangedDevice;
use crate::state::{self, State, fencing::launcher_of};
use crate::value;

impl FenceAction {
    /// The word for it in keys and parameters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FenceAction::On => "on",
            FenceAction::Off => "off",
            FenceAction::Reboot => "reboot",
        }
    }
}

/// Whether the cluster could fence a node.
#[must_use]
pub fn possible(world: World<'_>, draft: &Draft, node: NodeId) -> bool {
    let online = |node| draft.node[node].online;
    state::fencing::can_fence(world.state, &world.config.options, online, node)
}

/// Marks a node for fencing. A guest is marked by failing its launcher, which brings it back in
/// the same transition; other nodes become unclean. The first reason stays.
pub fn mark(
    world: World<'_>,
    draft: &mut Draft,
    node: NodeId,
    reason: Reason,
    priority_delay: bool,
) {
    let described = &world.state.nodes[node];
    let connection = described.connection;
    match described.kind {
        NodeKind::Guest => {
            let Some(launcher) = launcher_of(world.state, node) else {
                return;
            };
            let launcher = &mut draft.resource[launcher];
            if launcher.managed && !launcher.failed {
                launcher.failed = true;
                launcher.stop_if_failed = true;
                draft.node[node].remote_reset = true;
            }
        }
        // What launched it is gone from the configuration, so it was recovered already.
        NodeKind::Remote
            if connection.is_some_and(|id| world.state.resource[id].removed_launched) =>
        {
            if let Some(id) = connection {
                draft.resource[id].failed = true;
                draft.resource[id].stop_if_failed = true;
            }
        }
        NodeKind::Remote => {
            if connection.is_none_or(|id| draft.resource[id].managed) {
                draft.node[node].remote_reset = true;
            }
            draft.node[node].unclean = true;
            request(world, draft, node, None, true, Some(reason));
        }
        NodeKind::Cluster if draft.node[node].unclean => {}
        NodeKind::Cluster => {
            draft.node[node].unclean = true;
            let detail = if priority_delay {
                RequestDetail::PriorityDelay
            } else {
                RequestDetail::Plain
            };
            request_as(world, draft, node, None, true, Some(reason), detail);
        }
    }
}

/// Requests the fencing of a node (without `operation`: what the cluster is configured to do). It
/// becomes required only if the cluster can fence the node.
pub fn request(
    world: World<'_>,
    draft: &mut Draft,
    node: NodeId,
    operation: Option<FenceAction>,
    optional: bool,
    reason: Option<Reason>,
) -> ActionId {
    let plain = RequestDetail::Plain;
    request_as(world, draft, node, operation, optional, reason, plain)
}

/// The same, with what is special about it.
pub(super) fn request_as(
    world: World<'_>,
    draft: &mut Draft,
    node: NodeId,
    operation: Option<FenceAction>,
    optional: bool,
    reason: Option<Reason>,
    detail: RequestDetail,
) -> ActionId {
    let operation = operation.unwrap_or(world.config.options.fencing_action);
    let key = Key::Fence(node, operation);
    let mut required = !optional;
    let id = draft.of_cluster(&key).unwrap_or_else(|| {
        let id = draft.request(world, key, Some(node), true);
        let mut meta = ActionMeta::default();
        meta.set("on_node", world.state.nodes[node].name.clone());
        meta.set("on_node_uuid", world.state.nodes[node].id.clone());
        meta.set("stonith_action", operation.name());
        if world.config.options.unfencing {
            let children = |id: ResourceId| &*draft.resource[id].children;
            let devices = unfencing_devices(world.state, &draft.top, children);
            let digests = state::digest::unfencing(world, node, &devices);
            draft.recheck_by.merge(digests.recheck_by);
            required |= detail != RequestDetail::AttributesUnread && digests.is_needed();
            meta.set("digests-all", digests.all);
            meta.set("digests-secure", digests.secure);
        }
        draft.actions[id].meta = meta;
        id
    });
    let options = &world.config.options;
    let delayed = |id: ActionId| draft.actions[id].meta.get(PRIORITY_DELAY).is_some();
    if options.priority_fencing_delay_ms > 0
        && (detail == RequestDetail::PriorityDelay || delayed(id))
    {
        // Given even if it is 0, so that it takes precedence over the device's own delay.
        let delay_s = priority_delay_s(world, draft, node);
        draft.actions[id]
            .meta
            .set(PRIORITY_DELAY, delay_s.to_string());
    }
    if required && possible(world, draft, node) {
        draft.actions[id].optional = false;
        draft.needs(id, Need::Fencing);
    }
    if reason.is_some() {
        draft.actions[id].set_reason(reason, false);
    }
    id
}

const PRIORITY_DELAY: &str = "priority-fencing-delay";

/// Seconds that fencing waits so that the partition with the more important resources survives:
/// only the top node of an even or larger other part of the cluster is given that head start.
fn priority_delay_s(world: World<'_>, draft: &Draft, node: NodeId) -> u32 {
    let state = world.state;
    if state.nodes[node].kind != NodeKind::Cluster || draft.node[node].online {
        return 0;
    }
    let members = || {
        state
            .nodes
            .enumerate()
            .filter(|(_, n)| n.kind == NodeKind::Cluster)
            .map(|(id, _)| id)
    };
    let online = members().filter(|id| draft.node[*id].online).count();
    let priorities = || members().map(|id| state.node[id].priority);
    let (top, lowest) = (priorities().max(), priorities().min());
    if online > members().count() / 2 || top == lowest || Some(state.node[node].priority) < top {
        return 0;
    }
    value::ms_to_s(
        u32::try_from(world.config.options.priority_fencing_delay_ms).unwrap_or(u32::MAX),
    )
}

/// Devices that unfence nodes: the last one first, as Pacemaker lists them.
fn unfencing_devices<'a>(
    state: &State,
    top: &[ResourceId],
    children: impl Fn(ResourceId) -> &'a [ResourceId],
) -> Vec<ResourceId> {
    let mut devices = Vec::new();
    let mut waiting = top.to_vec();
    while let Some(id) = waiting.pop() {
        waiting.extend(children(id));
        let resource = &state.resources[id];
        let provides = resource.meta_text.get("provides");
        let unfences = state.resource[id].requires == Requires::Unfencing
            || provides.is_some_and(|text| text.eq_ignore_ascii_case("unfencing"));
        if children(id).is_empty() && resource.fence_device && unfences {
            devices.push(id);
        }
    }
    devices
}

/// Nodes whose fencing reading the status asked for, with the fence devices that are not what they
/// were when the node was last unfenced.
pub fn changed_devices(world: World<'_>) -> Vec<(NodeId, ChangedDevice)> {
    if !world.config.options.unfencing {
        return Vec::new();
    }
    let state = world.state;
    let devices = unfencing_devices(state, &state.top, |id| &state.resources[id].children);
    let requests = state.requests.iter();
    let requests = requests.filter(|request| request.detail != RequestDetail::AttributesUnread);
    let marked = requests.filter_map(|request| match request.key {
        Key::Fence(node, _) => Some(node),
        _ => None,
    });
    let changes = |node| state::digest::unfencing(world, node, &devices).changed;
    marked
        .flat_map(|node| changes(node).into_iter().map(move |change| (node, change)))
        .collect()
}

/// A node that can be unfenced now.
fn usable(draft: &Draft, node: NodeId) -> bool {
    let node = &draft.node[node];
    node.online && !node.unclean && !node.shutdown
}

/// Whether a node was unfenced since it joined.
#[must_use]
pub fn is_unfenced(world: World<'_>, node: NodeId) -> bool {
    let since = world.state.node[node].attributes.get("#node-unfenced");
    since.is_some_and(|text| &**text != "0")
}

/// Requires unfencing because a fence device changed: of `node`, or where that cannot be, of all
/// nodes on which the device may run. Nothing if the resource is no fence device.
pub fn unfence_for(
    world: World<'_>,
    draft: &mut Draft,
    device: ResourceId,
    node: NodeId,
    reason: &str,
) {
    if !world.config.options.unfencing || !world.state.resources[device].fence_device {
        return;
    }
    let nodes = if usable(draft, node) {
        vec![node]
    } else {
        let allowed = draft.resource[device].allowed.iter().map(|(id, _)| id);
        allowed.filter(|id| usable(draft, *id)).collect()
    };
    for node in nodes {
        request(
            world,
            draft,
            node,
            Some(FenceAction::On),
            false,
            Some(Reason::Text(reason.into())),
        );
    }
}

/// Orders an action after the unfencing of its node, if the resource requires that (or is a fence
/// device in a cluster that unfences). Unfencing that was never done becomes required.
pub fn order_after_unfencing(
    world: World<'_>,
    draft: &mut Draft,
    resource: ResourceId,
    node: NodeId,
    action: ActionId,
    effects: Effects,
) {
    let device = world.state.resources[resource].fence_device && world.config.options.unfencing;
    if !device && world.state.resource[resource].requires != Requires::Unfencing {
        return;
    }
    let unfence = request(world, draft, node, Some(FenceAction::On), true, None);
    relate::link(
        draft,
        unfence,
        action,
        effects,
        Cause::Rule("a node is unfenced before it is used"),
    );
    if !is_unfenced(world, node) && world.config.options.unfencing && usable(draft, node) {
        let task = draft.actions[action].task.name();
        let reason = format!("required by {} {task}", world.state.resources[resource].id);
        let reason = Some(Reason::Text(reason.into()));
        request(world, draft, node, Some(FenceAction::On), false, reason);
    }
}

/// Whether an action is a fencing action.
#[must_use]
pub fn is_fencing(draft: &Draft, id: ActionId) -> bool {
    draft.actions[id].task == Task::Fence
}
