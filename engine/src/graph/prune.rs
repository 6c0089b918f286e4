//! Which actions, and which waits between them, belong into the graph?

use crate::World;
use crate::action::{Action, Draft, Key, Task};
use crate::config::{NodeKind, Variant};
use crate::id::{ActionId, NodeId};
use crate::relate::Effects;

/// Whether an action is carried out.
pub(super) fn is_carried_out(world: World<'_>, draft: &Draft, id: ActionId) -> bool {
    let action = &draft.actions[id];
    if !action.runnable || (action.optional && !action.always_in_graph) {
        return false;
    }
    // What is not managed is watched, but not touched.
    if let Some(resource) = action.resource
        && !draft.resource[resource].managed
        && action.task != Task::Monitor
        && action
            .meta
            .get("interval")
            .is_none_or(|interval| interval == "0")
    {
        return false;
    }
    if action.pseudo || matches!(action.task, Task::Fence | Task::Shutdown) {
        return true;
    }
    match action.node {
        None => false,
        Some(_) if action.on_dc => true,
        Some(node) => can_be_asked(world, draft, node),
    }
}

/// Whether a node can be asked to do something: it is there, or a guest that will be.
fn can_be_asked(world: World<'_>, draft: &Draft, node: NodeId) -> bool {
    let condition = &draft.node[node];
    let guest = world.state.nodes[node].kind == NodeKind::Guest;
    (guest && !condition.remote_reset) || (condition.online && !condition.unclean)
}

/// Whether an action waits for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputUse {
    /// It does.
    pub(crate) used: bool,
    /// It never will: the ordering's effects from now on (none).
    pub(crate) disable: Option<Effects>,
}

const USED: InputUse = InputUse {
    used: true,
    disable: None,
};
const UNUSED: InputUse = InputUse {
    used: false,
    disable: None,
};
const DISABLED: InputUse = InputUse {
    used: false,
    disable: Some(Effects::NONE),
};

/// Whether `then` waits for `first`, given what the ordering means.
pub(crate) fn uses_input(
    world: World<'_>,
    draft: &Draft,
    then: ActionId,
    first: ActionId,
    effects: Effects,
) -> InputUse {
    let (action, input) = (&draft.actions[then], &draft.actions[first]);
    // Beyond sequence, with nothing that could have changed a verdict.
    let merely_ordered = effects
        .without(
            Effects::THEN_IMPLIES_FIRST_GRAPHED
                | Effects::FIRST_IMPLIES_THEN_GRAPHED
                | Effects::ORDERED,
        )
        .is_empty();

    if effects.is_empty() {
        return UNUSED;
    }
    if !input.runnable
        && (merely_ordered
            || effects.contains(Effects::MIN_RUNNABLE)
            || effects.contains(Effects::UNMIGRATABLE_THEN_BLOCKS))
    {
        return UNUSED;
    }
    if effects.contains(Effects::IF_FIRST_UNMIGRATABLE) && input.migratable {
        return UNUSED;
    }
    if effects == Effects::ORDERED && input.migratable && is_stop(input) {
        return UNUSED;
    }
    // The conditions "same node" are asked only when nothing else is meant: an ordering that was
    // merged with another loses its condition, as in the peer.
    if effects == Effects::SAME_NODE_OR_TARGET {
        return match action.resource {
            Some(resource) if action.task == Task::MigrateTo => {
                // Where the resource goes counts, not where the migration is begun.
                if input.node == draft.resource[resource].node {
                    USED
                } else {
                    DISABLED
                }
            }
            _ if input.node != action.node || input.optional => DISABLED,
            _ => USED,
        };
    }
    if effects == Effects::REQUIRED_SAME_NODE {
        let elsewhere = input.node.is_some() && action.node.is_some() && input.node != action.node;
        return if elsewhere || input.optional {
            DISABLED
        } else {
            USED
        };
    }
    if is_ignored_unmanaged_stop(world, draft, action, input) {
        return UNUSED;
    }
    if input.optional && !input.always_in_graph && !is_carried_out(world, draft, first) {
        return UNUSED;
    }
    USED
}

fn is_stop(action: &Action) -> bool {
    match &action.key {
        Key::Operation {
            task,
            interval_ms: 0,
            ..
        } => *task == Task::Stop,
        Key::Notify { of, .. } => *of == Task::Stop,
        _ => false,
    }
}

/// A failed resource that nobody manages cannot keep a clone from stopping.
fn is_ignored_unmanaged_stop(
    world: World<'_>,
    draft: &Draft,
    action: &Action,
    input: &Action,
) -> bool {
    let Some(resource) = input.resource else {
        return false;
    };
    input.resource != action.resource
        && draft.resource[resource].failed
        && !draft.resource[resource].managed
        && is_stop(input)
        && action.resource.is_some_and(|resource| {
            matches!(world.state.resources[resource].variant, Variant::Clone(_))
        })
}
