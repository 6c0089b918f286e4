//! How are two existing actions joined?
//!
//! Each link is in two chains: of those after its `first`, and of those before its `then`. A chain
//! goes from its newest link to its oldest, the order in which links are asked ([`crate::settle`]),
//! and what is added while one is walked comes before what is left of it, so it is not visited.

use std::num::NonZero;
use std::ops::{Index, IndexMut};

use super::{Cause, Effects, Link};
use crate::action::Draft;
use crate::id::{ActionId, Id, Table};

/// Index of a link. An optional one takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(NonZero<u32>);

impl Id for LinkId {
    fn from_index(index: usize) -> Self {
        // Inputs are bounded far below 2^32 links (see `parse::Limits`).
        let number = u32::try_from(index + 1).ok().and_then(NonZero::new);
        LinkId(number.expect("fewer than 2^32 links"))
    }
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// All links between actions, in order of creation.
#[derive(Clone, Debug, Default)]
pub struct Links {
    links: Table<LinkId, Link>,
    /// Where the chains of each action begin; apart from the actions, as most of what is done with
    /// links needs nothing else of them. As long as the newest action with a link requires.
    ends: Table<ActionId, Ends>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    before: Chain,
    after: Chain,
}

/// The links of an action on one of its sides.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    /// The rest follow by [`Link::older_after`] or [`Link::older_before`].
    newest: Option<LinkId>,
    length: u32,
}

impl Chain {
    /// Puts a link at the head; returns the one that was there.
    fn push(&mut self, link: LinkId) -> Option<LinkId> {
        self.length += 1;
        self.newest.replace(link)
    }
}

impl Links {
    /// None yet, with room for so many.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Links {
            links: Table::with_capacity(capacity),
            ends: Table::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The newest link in which the action is `then`; others follow by [`Link::older_before`].
    #[must_use]
    pub fn newest_before(&self, then: ActionId) -> Option<LinkId> {
        self.ends(then).before.newest
    }

    /// The newest link in which the action is `first`; others follow by [`Link::older_after`].
    #[must_use]
    pub fn newest_after(&self, first: ActionId) -> Option<LinkId> {
        self.ends(first).after.newest
    }

    /// Links in which the action is `then`, newest first.
    pub fn before(&self, then: ActionId) -> impl Iterator<Item = LinkId> + '_ {
        std::iter::successors(self.newest_before(then), |id| self[*id].older_before)
    }

    /// Links in which the action is `first`, newest first.
    pub fn after(&self, first: ActionId) -> impl Iterator<Item = LinkId> + '_ {
        std::iter::successors(self.newest_after(first), |id| self[*id].older_after)
    }

    fn ends(&self, action: ActionId) -> Ends {
        self.ends.get(action).copied().unwrap_or_default()
    }

    fn ends_mut(&mut self, action: ActionId) -> &mut Ends {
        while self.ends.len() <= action.index() {
            self.ends.push(Ends::default());
        }
        &mut self.ends[action]
    }

    fn add(&mut self, first: ActionId, then: ActionId, effects: Effects, cause: Cause) {
        let id = LinkId::from_index(self.links.len());
        let older_after = self.ends_mut(first).after.push(id);
        let older_before = self.ends_mut(then).before.push(id);
        self.links.push(Link {
            first,
            then,
            effects,
            effects_of_first: effects,
            cause,
            older_after,
            older_before,
        });
    }

    /// Looks through the shorter of the two chains: a fencing action has thousands of links, but
    /// what it is linked to has few.
    fn shares_effect(&self, first: ActionId, then: ActionId, effects: Effects) -> bool {
        let shares = |id: LinkId| {
            let link = &self[id];
            link.first == first && link.then == then && link.effects_of_first.intersects(effects)
        };
        if self.ends(first).after.length <= self.ends(then).before.length {
            self.after(first).any(shares)
        } else {
            self.before(then).any(shares)
        }
    }
}

impl Index<LinkId> for Links {
    type Output = Link;
    fn index(&self, id: LinkId) -> &Link {
        &self.links[id]
    }
}

impl IndexMut<LinkId> for Links {
    fn index_mut(&mut self, id: LinkId) -> &mut Link {
        &mut self.links[id]
    }
}

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
    let links = &mut draft.links;
    if effects.is_empty() || first == then || links.shares_effect(first, then, effects) {
        return false;
    }
    links.add(first, then, effects, cause);
    true
}
