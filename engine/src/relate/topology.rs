//! Who contains whom? Questions about collectives, connections and hosts that several passes ask.

use crate::action::Draft;
use crate::config::{NodeKind, Variant};
use crate::id::{NodeId, ResourceId};
use crate::state::State;

/// The topmost collective that `resource` belongs to, short of a bundle.
#[must_use]
pub fn top_below_bundle(state: &State, resource: ResourceId) -> ResourceId {
    let mut top = resource;
    while let Some(parent) = state.resources[top].parent {
        if matches!(state.resources[parent].variant, Variant::Bundle(_)) {
            break;
        }
        top = parent;
    }
    top
}

/// Whether `inner` is a part, at any depth, of `outer` (not `outer` itself).
#[must_use]
pub fn is_inside(state: &State, inner: ResourceId, outer: ResourceId) -> bool {
    let parent = |resource: &ResourceId| state.resources[*resource].parent;
    std::iter::successors(parent(&inner), parent).any(|ancestor| ancestor == outer)
}

/// Whether `resource` is a bundle or a part of one.
#[must_use]
pub fn is_bundled(state: &State, resource: ResourceId) -> bool {
    let parent = |resource: &ResourceId| state.resources[*resource].parent;
    let top = std::iter::successors(Some(resource), parent)
        .last()
        .unwrap_or(resource);
    matches!(state.resources[top].variant, Variant::Bundle(_))
}

/// Whether `resource` is a clone whose instances cannot be told apart.
#[must_use]
pub fn is_anonymous_clone(state: &State, resource: ResourceId) -> bool {
    let resource = &state.resources[resource];
    matches!(resource.variant, Variant::Clone(_)) && !resource.unique
}

/// Whether `node` is reached through a connection resource (remote, guest or bundle node).
#[must_use]
pub fn is_remote(state: &State, node: NodeId) -> bool {
    state.nodes[node].kind != NodeKind::Cluster
}

/// The connection resource of a remote, guest or bundle node; none if it is not configured.
#[must_use]
pub fn connection(state: &State, node: NodeId) -> Option<ResourceId> {
    state.nodes[node]
        .connection
        .filter(|_| is_remote(state, node))
}

/// The resource that runs a guest or bundle node; none for all other nodes.
#[must_use]
pub fn guest_launcher(state: &State, node: NodeId) -> Option<ResourceId> {
    connection(state, node).and_then(|connection| state.resources[connection].launcher)
}

/// The one node where `resource`, with all its parts, is active now (`current`) or assigned to;
/// none if that is no node or several.
#[must_use]
pub fn location(
    state: &State,
    draft: &Draft,
    resource: ResourceId,
    current: bool,
) -> Option<NodeId> {
    match place(state, draft, resource, current) {
        Place::One(node) => Some(node),
        Place::Nowhere | Place::Several => None,
    }
}

/// How many nodes something is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    One(NodeId),
    Several,
}

impl Place {
    fn join(self, other: Place) -> Place {
        match (self, other) {
            (Place::Nowhere, place) | (place, Place::Nowhere) => place,
            (Place::One(node), Place::One(other)) if node == other => self,
            _ => Place::Several,
        }
    }
}

fn place(state: &State, draft: &Draft, resource: ResourceId, current: bool) -> Place {
    let drafted = &draft.resource[resource];
    let children = &drafted.children;
    if !children.is_empty() {
        let places = children
            .iter()
            .map(|&child| place(state, draft, child, current));
        places.fold(Place::Nowhere, Place::join)
    } else if current {
        let active_on = state.resource[resource].active_on.iter();
        active_on
            .map(|&node| Place::One(node))
            .fold(Place::Nowhere, Place::join)
    } else {
        drafted.node.map_or(Place::Nowhere, Place::One)
    }
}

/// The number in the name of an instance (`rsc:3`, `bundle-podman-3`), by which instances are
/// ordered.
#[must_use]
pub fn instance_number(id: &str) -> i64 {
    let after = id
        .rfind(':')
        .or_else(|| id.rfind('-'))
        .map_or("", |at| &id[at + 1..]);
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    after[..digits].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
