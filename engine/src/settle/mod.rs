//! settle: runnable and optional verdicts of all actions, to a fixpoint.
//!
//! 1. [`apply`]: orderings of tasks become links between actions; a `first` that nobody asked for
//!    is created where the peer creates it.
//! 2. [`block`]: what cannot start takes what must run with it along.
//! 3. probe orderings (`relate::probe`).
//! 4. [`update`]: every link is asked what it does to its two ends, again and again, until
//!    nothing changes. [`effects`] says what a link does to two primitive actions, [`sides`] what
//!    an action of a collective amounts to ([`members`] counts a group's), [`collective`] how a
//!    change spreads to members.
//! 5. [`validity`]: links that must not be are disabled.
//!
//! The result depends on the order in which links are visited (Pacemaker's does, and its reasons
//! are shown to people), so that order is part of the algorithm: newest action first, and of an
//! action the newest link first.

mod apply;
mod block;
mod collective;
mod effects;
mod members;
mod sides;
#[cfg(test)]
mod tests;
mod update;
mod validity;

use std::collections::BTreeMap;

use crate::World;
use crate::action::{Action, BecauseVerb, Draft, Reason, Task};
use crate::assign::Placement;
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::LinkId;
use members::Tallies;

/// A draft whose verdicts have settled: no ordering changes anything any more.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Actions and links with their final verdicts.
    pub draft: Draft,
    /// Every verdict that an ordering changed, in the order in which it happened.
    pub verdicts: Vec<Verdict>,
    /// Instances that turned out to have nobody to run with.
    pub given_up: Vec<GivenUp>,
}

/// An instance that lost its node, because interleaved instances are ordered in pairs and it is
/// not paired with any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The primitive.
    pub resource: ResourceId,
    /// The other collective's action.
    pub first: ActionId,
    /// The ordering of the two collectives.
    pub via: LinkId,
}

/// One change of one action's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The action that changed.
    pub action: ActionId,
    /// What it has become.
    pub change: BecauseVerb,
    /// The action that decided it.
    pub because: ActionId,
    /// What ties the two together.
    pub via: Via,
}

/// What lets one action's verdict decide another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An ordering between the two, or between collectives that they belong to.
    Link(LinkId),
    /// A mandatory colocation, index into `Placement::colocations`.
    Colocation(u32),
}

/// Settles all verdicts.
#[must_use]
pub fn settle(world: World<'_>, placement: &Placement, mut draft: Draft) -> Settled {
    let mut settler = Settler::new(world, placement, &mut draft);
    settler.apply_orderings();
    for action in settler.newest_first() {
        settler.block_dependents(action);
    }
    crate::relate::probe::order(world, placement, settler.draft);
    settler.forget_tallies();
    for action in settler.newest_first() {
        settler.update(action);
    }
    settler.disable_invalid_links();
    let (verdicts, given_up) = (settler.verdicts, settler.given_up);
    Settled {
        draft,
        verdicts,
        given_up,
    }
}

/// The pass's scratch state.
struct Settler<'a> {
    world: World<'a>,
    placement: &'a Placement,
    draft: &'a mut Draft,
    verdicts: Vec<Verdict>,
    given_up: Vec<GivenUp>,
    tallies: Tallies,
    /// Where the members of groups go, of those that were asked for.
    group_nodes: BTreeMap<ResourceId, Option<NodeId>>,
    /// Which instance of a collective goes with a resource, now or as it will be, of those that were
    /// asked for.
    partners: BTreeMap<(ResourceId, ResourceId, bool), Option<ResourceId>>,
    /// Updates left before giving up: a bound, far above what any input that converges needs.
    budget: u64,
}

/// Which side of a link an update changed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Changed {
    first: bool,
    then: bool,
}

impl Changed {
    fn join(&mut self, other: Changed) {
        self.first |= other.first;
        self.then |= other.then;
    }
}

/// The verdicts of an action at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
struct Verdicts {
    optional: bool,
    runnable: bool,
    migratable: bool,
    pseudo: bool,
    always_in_graph: bool,
}

impl Verdicts {
    fn of(action: &Action) -> Verdicts {
        Verdicts {
            optional: action.optional,
            runnable: action.runnable,
            migratable: action.migratable,
            pseudo: action.pseudo,
            always_in_graph: action.always_in_graph,
        }
    }
}

impl<'a> Settler<'a> {
    fn new(world: World<'a>, placement: &'a Placement, draft: &'a mut Draft) -> Self {
        let size = (draft.actions.len() + draft.links.len() + draft.orderings.len()) as u64;
        Settler {
            world,
            placement,
            draft,
            verdicts: Vec::new(),
            given_up: Vec::new(),
            tallies: Tallies::default(),
            group_nodes: BTreeMap::new(),
            partners: BTreeMap::new(),
            budget: 2_000 * size + 1_000_000,
        }
    }

    /// Actions as the peer's lists hold them now; those created meanwhile are not visited.
    fn newest_first(&self) -> impl Iterator<Item = ActionId> + use<> {
        self.draft.actions.ids().rev()
    }

    fn action(&self, id: ActionId) -> &Action {
        &self.draft.actions[id]
    }

    /// The newest action of `resource` with this task, on `node` if one is given.
    fn find(&self, resource: ResourceId, task: &Task, node: Option<NodeId>) -> Option<ActionId> {
        self.draft.newest(resource, task, node)
    }

    fn link(&self, id: LinkId) -> &crate::relate::Link {
        &self.draft.links[id]
    }

    /// Takes a verdict away from `action` because of another action. The first reason stays, and
    /// only other resources' actions are worth one.
    fn lose(&mut self, action: ActionId, change: BecauseVerb, because: ActionId, via: LinkId) {
        let target = &mut self.draft.actions[action];
        let had = match change {
            BecauseVerb::Required => target.optional,
            BecauseVerb::Unrunnable => target.runnable,
            BecauseVerb::Unmigrateable => target.migratable,
        };
        if !had {
            return;
        }
        match change {
            BecauseVerb::Required => self.set_optional(action, false),
            BecauseVerb::Unrunnable => self.set_runnable(action, false),
            BecauseVerb::Unmigrateable => target.migratable = false,
        }
        self.verdicts.push(Verdict {
            action,
            change,
            because,
            via: Via::Link(via),
        });
        let (resource, task) = (
            self.action(because).resource,
            self.action(because).task.clone(),
        );
        let target = &mut self.draft.actions[action];
        if target.resource != resource && target.reason.is_none() {
            target.reason = Some(Box::new(Reason::Because {
                verb: change,
                resource,
                task,
            }));
        }
    }
}

/// Room for [`write_back_sides`]: as large as there are actions, so it is kept from one clone to
/// the next.
#[derive(Default)]
pub(crate) struct Scratch(Tallies);

/// Asks every action of a clone once more what it amounts to, and writes that back.
pub(crate) fn write_back_sides(
    world: World<'_>,
    placement: &Placement,
    draft: &mut Draft,
    clone: ResourceId,
    scratch: &mut Scratch,
) {
    let mut settler = Settler::new(world, placement, draft);
    std::mem::swap(&mut settler.tallies, &mut scratch.0);
    settler.forget_tallies();
    for action in settler.draft.of(clone).to_vec().into_iter().rev() {
        settler.side(action, None);
    }
    std::mem::swap(&mut settler.tallies, &mut scratch.0);
}
