//! What does reporting a plan change in it?
//!
//! Orderings can ask for actions of a primitive without a node. Pacemaker looks for the actions
//! that it is going to report before it writes the graph, and a search for an action on a node
//! gives one that has none to that node.

use super::{Draft, Key, Task};
use crate::World;
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};

/// Looks at every primitive as a report would.
pub fn look(world: World<'_>, draft: &mut Draft) {
    for (id, resource) in world.state.resources.enumerate() {
        if matches!(resource.variant, Variant::Primitive(_)) {
            Report {
                world,
                primitive: id,
            }
            .look(draft);
        }
    }
}

struct Report<'a> {
    world: World<'a>,
    primitive: ResourceId,
}

impl Report<'_> {
    fn look(&self, draft: &mut Draft) {
        let Self { world, primitive } = *self;
        let current = draft.current_node(world.state, primitive);
        let drafted = &mut draft.resource[primitive];
        if current.is_some() && drafted.role == Role::Stopped {
            // It is being recovered.
            drafted.role = Role::Started;
        }
        let next = drafted.node;
        let (role, next_role, managed) = (drafted.role, drafted.next_role, drafted.managed);
        let gone = current.is_none() && world.state.resources[primitive].removed;
        if gone || !managed || (current.is_none() && next.is_none()) {
            return;
        }
        let start = self.find(draft, Task::Start, next);
        let starts = start.is_some_and(|start| draft.actions[start].runnable);
        let stop = self.find(draft, Task::Stop, current.filter(|_| starts));
        self.find(draft, Task::Promote, next);
        self.find(draft, Task::Demote, next);
        if role == next_role {
            self.find(draft, Task::MigrateFrom, next);
        } else if stop.is_some() && (next_role == Role::Stopped || (start.is_some() && !starts)) {
            for node in world.state.resource[primitive].active_on.iter().copied() {
                self.find(draft, Task::Stop, Some(node));
            }
        }
    }

    /// The oldest action with this task on this node (on any, if none is given).
    fn find(&self, draft: &mut Draft, task: Task, node: Option<NodeId>) -> Option<ActionId> {
        let key = Key::once(self.primitive, task);
        match node {
            Some(node) => draft.claim(&key, node).first().copied(),
            None => draft.with_key(&key).first().copied(),
        }
    }
}
