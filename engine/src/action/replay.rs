//! Actions that earlier passes asked for: carried out in order, so that they get their numbers.

use super::{ActionRequest, Draft, Key, Need, Reason, RequestDetail, Task, fencing};
use crate::World;
use crate::id::ActionId;
use crate::relate::{self, Cause, Effects, End};

/// Makes the actions that reading the status asked for.
pub(super) fn status(world: World<'_>, draft: &mut Draft) {
    let made: Vec<ActionId> = world
        .state
        .requests
        .iter()
        .map(|request| make(world, draft, request))
        .collect();
    for (first, then) in &world.state.request_links {
        let cause = Cause::Rule("the failure of a connection is forgotten once its node is fenced");
        relate::link(
            draft,
            made[*first],
            made[*then],
            Effects::FIRST_IMPLIES_THEN,
            cause,
        );
    }
}

/// Makes the actions and orderings that the constraints ask for, and what lost tickets imply.
pub(super) fn constraints(world: World<'_>, draft: &mut Draft) {
    let mut lost = world.constraints.fence.iter().peekable();
    let mut fence_lost = |draft: &mut Draft, made: usize| {
        while let Some(lost) = lost.next_if(|lost| lost.after <= made) {
            fencing::mark(
                world,
                draft,
                lost.node,
                Reason::Text(lost.reason.into()),
                false,
            );
        }
    };
    for request in &world.constraints.requests {
        let made = draft.requested.len();
        fence_lost(draft, made);
        let made = make(world, draft, request);
        draft.requested.push(made);
    }
    fence_lost(draft, usize::MAX);
    for resource in &world.constraints.frozen {
        draft.resource[*resource].managed = false;
        draft.resource[*resource].blocked = true;
    }
    for ordering in &world.constraints.orderings {
        let mut ordering = ordering.clone();
        for end in [&mut ordering.first, &mut ordering.then] {
            if let End::Requested(position) = end {
                *end = End::Action(draft.requested[*position as usize]);
            }
        }
        relate::order(world, draft, ordering);
    }
}

fn make(world: World<'_>, draft: &mut Draft, request: &ActionRequest) -> ActionId {
    let ActionRequest {
        key,
        node,
        optional,
        reason,
        detail,
        before_reset,
    } = request;
    match key {
        Key::Fence(target, operation) => fencing::request_as(
            world,
            draft,
            *target,
            Some(*operation),
            *optional,
            reason.clone(),
            *detail,
        ),
        Key::Named(name) => {
            let id = draft.helper(world, name.clone());
            if let RequestDetail::MinRunnable { required } = detail {
                draft.actions[id].required_runnable_before = *required;
            }
            id
        }
        _ => {
            let guest = node.filter(|_| *before_reset);
            let reset = |draft: &mut Draft, value| {
                guest.map(|guest| std::mem::replace(&mut draft.node[guest].remote_reset, value))
            };
            let at_last = reset(draft, false);
            let id = draft.request(world, key.clone(), *node, *optional);
            reset(draft, at_last.unwrap_or_default());
            draft.needs(id, Need::History);
            let action = &mut draft.actions[id];
            if reason.is_some() {
                action.set_reason(reason.clone(), false);
            }
            if action.task == Task::ClearFailCount {
                action.meta.set("op_no_wait", "true");
            }
            id
        }
    }
}
