//! What does the fencing of a node mean for the actions of resources?
//!
//! Starts that require fencing wait for it. Stops and demotions on the node are implied by it:
//! they become pseudo-actions. Every fencing asks all primitives, so what can matter of them is
//! gathered once.

use crate::World;
use crate::action::{self, Draft, Key, Task};
use crate::assign::Placement;
use crate::config::{Requires, Variant};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{Cause, Effects, link, topology};

/// Managed primitives, in the order of the resource tree.
pub(super) struct Affected {
    primitives: Vec<Primitive>,
}

struct Primitive {
    resource: ResourceId,
    /// Actions that need fencing or quorum, newest first.
    demanding: Vec<ActionId>,
}

impl Affected {
    pub(super) fn new(world: World<'_>, placement: &Placement, draft: &Draft) -> Affected {
        let mut affected = Affected {
            primitives: Vec::new(),
        };
        for &resource in &placement.top {
            affected.collect(world, draft, resource);
        }
        affected
    }

    fn collect(&mut self, world: World<'_>, draft: &Draft, resource: ResourceId) {
        for &child in draft.resource[resource].children.iter() {
            self.collect(world, draft, child);
        }
        let primitive = matches!(
            world.state.resources[resource].variant,
            Variant::Primitive(_)
        );
        if primitive && draft.resource[resource].managed {
            let newest_first = draft.of(resource).iter().rev().copied();
            let demanding = newest_first
                .filter(|id| draft.actions[*id].needs != Requires::Nothing)
                .collect();
            self.primitives.push(Primitive {
                resource,
                demanding,
            });
        }
    }

    /// Orders all actions that the fencing of `node` matters to.
    pub(super) fn order(
        &self,
        world: World<'_>,
        draft: &mut Draft,
        fencing: ActionId,
        node: NodeId,
    ) {
        for primitive in &self.primitives {
            let resource = primitive.resource;
            let mut implied = Implied {
                world,
                draft,
                fencing,
                node,
                resource,
            };
            implied.starts(&primitive.demanding);
            // Stops and demotions in a guest are implied by the guest's, whatever they require.
            let waits = world.state.resource[resource].requires >= Requires::Fencing
                || topology::guest_launcher(world.state, node).is_some();
            implied.stops(waits);
            implied.demotions(waits);
        }
    }
}

struct Implied<'a, 'd> {
    world: World<'a>,
    draft: &'d mut Draft,
    fencing: ActionId,
    /// The fenced node.
    node: NodeId,
    resource: ResourceId,
}

const STARTS: Cause = Cause::Rule("what requires fencing waits for it");
const STOPS: Cause = Cause::Rule("what runs on a fenced node stops with it");

impl Implied<'_, '_> {
    fn starts(&mut self, demanding: &[ActionId]) {
        for &action in demanding {
            let candidate = &self.draft.actions[action];
            if candidate.needs >= Requires::Fencing {
                link(self.draft, self.fencing, action, Effects::ORDERED, STARTS);
            } else if candidate.task == Task::Start && self.may_be_active() {
                let effects = Effects::ORDERED | Effects::UNRUNNABLE_FIRST_BLOCKS;
                link(self.draft, self.fencing, action, effects, STARTS);
            }
        }
    }

    /// A resource that could be on the fenced node and was not looked for there may be active
    /// (most likely the designated controller died, and what it knew with it).
    fn may_be_active(&self) -> bool {
        let state = self.world.state;
        let known = |id: ResourceId| state.resource[id].known_on.contains(self.node);
        // Only the parent counts: an anonymously cloned group may be known in part.
        let parent = state.resources[self.resource].parent;
        let clone = parent.filter(|parent| topology::is_anonymous_clone(state, *parent));
        self.draft.resource[self.resource]
            .allowed
            .get(self.node)
            .is_some()
            && !known(self.resource)
            && !clone.is_some_and(known)
    }

    fn stops(&mut self, waits: bool) {
        let stops = self
            .draft
            .claim(&Key::once(self.resource, Task::Stop), self.node);
        if stops.is_empty() {
            return;
        }
        let top = topology::top_below_bundle(self.world.state, self.resource);
        let top_stop = self.draft.newest(top, &Task::Stop, None).filter(|_| waits);
        // Ordering a bundle's inner stops themselves would close a loop; the stop of the clone
        // inside waits for them all.
        let bundled = topology::is_bundled(self.world.state, self.resource);
        for stop in stops {
            self.imply(stop);
            if waits && !bundled {
                link(
                    self.draft,
                    self.fencing,
                    stop,
                    Effects::GUEST_ALLOWED,
                    STOPS,
                );
            }
            if let Some(top_stop) = top_stop {
                link(
                    self.draft,
                    self.fencing,
                    top_stop,
                    Effects::GUEST_ALLOWED,
                    STOPS,
                );
            }
            if self.world.state.resources[self.resource].meta.notify {
                let (resource, fencing) = (self.resource, self.fencing);
                action::notify::order_after_fencing(
                    self.world, self.draft, stop, resource, fencing,
                );
            }
        }
    }

    fn demotions(&mut self, waits: bool) {
        let node = &self.draft.node[self.node];
        if node.online && !node.unclean && !self.draft.resource[self.resource].failed {
            return;
        }
        let bundled = topology::is_bundled(self.world.state, self.resource);
        for demote in self
            .draft
            .claim(&Key::once(self.resource, Task::Demote), self.node)
        {
            self.imply(demote);
            if waits && !bundled {
                let effects = Effects::GUEST_ALLOWED | Effects::ORDERED;
                link(self.draft, self.fencing, demote, effects, STOPS);
            }
        }
    }

    /// An action that would never complete: the fencing does it.
    fn imply(&mut self, action: ActionId) {
        let action = &mut self.draft.actions[action];
        action.pseudo = true;
        action.runnable = true;
    }
}
