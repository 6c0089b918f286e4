//! Carrying out role steps: the actions that stop, start, promote and demote a primitive.

use crate::action::roles::{Change, step};
use crate::action::{Draft, Key, Need, Reason, Task, fencing};
use crate::config::{FenceAction, Requires, Role};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{self, Cause, Effects};
use crate::{Diagnostic, World};

/// The steps of a primitive. First it is taken down and up again to where it was (needed only if
/// it has to stop), then to its next role.
pub(super) struct RoleChange<'a> {
    pub(super) world: World<'a>,
    pub(super) primitive: ResourceId,
    /// In the first half.
    pub(super) restarting: bool,
    /// Why the steps have to be taken, if they have to.
    pub(super) need: Need,
}

impl RoleChange<'_> {
    /// Takes the resource down, and up again to its present role unless that is too high.
    pub(super) fn restart(&self, draft: &mut Draft, stops: bool, promotes: bool) {
        let present = draft.resource[self.primitive].role;
        let mut role = present;
        while let Some((next, change)) = step(role, Role::Stopped) {
            self.carry_out(draft, change, !stops);
            role = next;
        }
        // The lack of quorum may lower the next role on the way.
        while present <= draft.resource[self.primitive].next_role
            && !draft.resource[self.primitive].blocked
        {
            let Some((next, change)) = step(role, present) else {
                break;
            };
            self.carry_out(
                draft,
                change,
                !(stops || promotes && next == Role::Promoted),
            );
            role = next;
        }
    }

    /// Takes the resource to its next role.
    pub(super) fn transition(&self, draft: &mut Draft) {
        let mut role = draft.resource[self.primitive].role;
        while let Some((next, change)) = step(role, draft.resource[self.primitive].next_role) {
            self.carry_out(draft, change, false);
            role = next;
        }
    }

    fn carry_out(&self, draft: &mut Draft, change: Change, optional: bool) {
        match change {
            Change::Stop => self.stop(draft, optional),
            Change::Start => self.start(draft, optional),
            Change::Promote => self.promote(draft, optional),
            Change::Demote => self.demote(draft, optional),
        }
    }

    /// An action that is needed for another reason is not needed for this step.
    fn say_why(&self, draft: &mut Draft, action: ActionId, optional: bool) {
        if !optional {
            draft.needs(action, self.need);
        }
    }

    /// Whether a resource that is active on several nodes stays on this one.
    fn stays(&self, draft: &Draft, node: NodeId) -> bool {
        let drafted = &draft.resource[self.primitive];
        self.restarting
            && drafted.stop_unexpected
            && drafted.next_role > Role::Stopped
            && drafted.node == Some(node)
    }

    fn stop(&self, draft: &mut Draft, mut optional: bool) {
        let Self {
            world, primitive, ..
        } = *self;
        for node in world.state.resource[primitive].active_on.iter().copied() {
            if self.stays(draft, node) {
                continue;
            }
            let drafted = &draft.resource[primitive];
            if let Some((_, target)) = drafted.partial_migration {
                if target == node && drafted.node == Some(node) {
                    continue; // the migration goes on
                }
                optional = false;
            }
            let stop = draft.operation(world, primitive, Task::Stop, Some(node), optional);
            self.say_why(draft, stop, optional);
            let drafted = &draft.resource[primitive];
            if drafted.node.is_none() {
                draft.actions[stop].set_reason(Some(Reason::NodeAvailability), true);
            } else if self.restarting && drafted.stop_unexpected {
                draft.actions[stop].set_reason(Some(Reason::MultiplyActive), true);
            }
            if !draft.resource[primitive].managed {
                draft.actions[stop].runnable = false;
            }
            if world.state.resource[primitive].requires == Requires::Unfencing {
                let unfence =
                    fencing::request(world, draft, node, Some(FenceAction::On), true, None);
                let cause = Cause::Rule("a node is unfenced before it is used");
                relate::link(draft, stop, unfence, Effects::THEN_IMPLIES_FIRST, cause);
                if !fencing::is_unfenced(world, node) {
                    let resource = &world.state.resources[primitive];
                    let message = format!(
                        "Stopping {} until {} can be unfenced",
                        resource.id, world.state.nodes[node].name
                    );
                    let message = Diagnostic::error(resource.element, message).event();
                    draft.diagnostics.push(message);
                }
            }
        }
    }

    fn start(&self, draft: &mut Draft, optional: bool) {
        let Self {
            world, primitive, ..
        } = *self;
        let Some(node) = draft.resource[primitive].node else {
            return;
        };
        let id = draft.operation(world, primitive, Task::Start, Some(node), true);
        let effects = Effects::FIRST_IMPLIES_THEN;
        fencing::order_after_unfencing(world, draft, primitive, node, id, effects);
        let stays = self.stays(draft, node);
        let start = &mut draft.actions[id];
        start.optional &= optional || !start.runnable;
        start.pseudo |= stays;
        self.say_why(draft, id, optional);
    }

    fn promote(&self, draft: &mut Draft, optional: bool) {
        let Self {
            world, primitive, ..
        } = *self;
        let Some(node) = draft.resource[primitive].node else {
            return;
        };
        let start = draft.on_node(&Key::once(primitive, Task::Start), node);
        if start.is_none_or(|start| draft.actions[start].runnable) {
            let stays = self.stays(draft, node);
            let promote = draft.operation(world, primitive, Task::Promote, Some(node), optional);
            self.say_why(draft, promote, optional);
            draft.actions[promote].pseudo |= stays;
        } else if let Some(promote) = draft.on_node(&Key::once(primitive, Task::Promote), node) {
            draft.actions[promote].runnable = false;
        }
    }

    fn demote(&self, draft: &mut Draft, optional: bool) {
        let Self {
            world, primitive, ..
        } = *self;
        for node in world.state.resource[primitive].active_on.iter().copied() {
            if !self.stays(draft, node) {
                let demote = draft.operation(world, primitive, Task::Demote, Some(node), optional);
                self.say_why(draft, demote, optional);
            }
        }
    }
}
