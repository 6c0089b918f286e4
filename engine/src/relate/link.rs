//! How are two existing actions joined?

use super::{Cause, Effects, Link, LinkId};
use crate::action::Draft;
use crate::id::ActionId;

/// Orders `then` after `first`; false if nothing was added.
///
/// A link is refused if it says nothing, if it would tie an action to itself, or if an earlier
/// one between the same two actions shares *any* effect with it: then its other effects are lost
/// as well (Pacemaker's `order_actions`). Disabled links still count as earlier ones.
pub fn link(
    draft: &mut Draft,
    first: ActionId,
    then: ActionId,
    effects: Effects,
    cause: Cause,
) -> bool {
    if effects.is_empty() || first == then || shares_effect(draft, first, then, effects) {
        return false;
    }
    // Inputs are bounded far below 2^32 links (see `parse::Limits`).
    let id = LinkId(u32::try_from(draft.links.len()).expect("fewer than 2^32 links"));
    draft.links.push(Link {
        first,
        then,
        effects,
        effects_of_first: effects,
        cause,
    });
    draft.actions[first].after.push(id);
    draft.actions[then].before.push(id);
    true
}

/// Looks through the shorter of the two lists: a fencing action has thousands of links, but what
/// it is linked to has few.
fn shares_effect(draft: &Draft, first: ActionId, then: ActionId, effects: Effects) -> bool {
    let after = &draft.actions[first].after;
    let before = &draft.actions[then].before;
    let shorter = if after.len() <= before.len() {
        after
    } else {
        before
    };
    shorter.iter().any(|id| {
        let link = &draft.links[id.0 as usize];
        link.first == first && link.then == then && link.effects_of_first.intersects(effects)
    })
}
