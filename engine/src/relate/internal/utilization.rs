//! When does a node have room? What leaves it stops before what comes to it starts.

use super::Implied;
use crate::action::Task;
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{Effects, End, Ordering, order};

impl Implied<'_, '_> {
    /// The resource's stops come before the pseudo-action "load stopped" of the node where it is,
    /// its start and migration after those of the nodes where it may go.
    pub(super) fn utilization(&mut self, resource: ResourceId) {
        for &node in &self.state().resource[resource].active_on {
            let stopped = self.load_stopped(node);
            self.if_on_node(End::task(resource, Task::Stop), End::Action(stopped));
        }
        for node in self.allowed_nodes(resource) {
            let stopped = self.load_stopped(node);
            self.if_on_node(End::Action(stopped), End::task(resource, Task::Start));
            self.if_on_node(End::Action(stopped), End::task(resource, Task::MigrateTo));
        }
    }

    fn if_on_node(&mut self, first: End, then: End) {
        let rule = "load leaves a node before load comes to it";
        let ordering = Ordering::rule(first, then, Effects::SAME_NODE_OR_TARGET, rule);
        order(self.world, self.draft, ordering);
    }

    fn load_stopped(&mut self, node: NodeId) -> ActionId {
        let name = format!("load_stopped_{}", self.state().nodes[node].name);
        let id = self.draft.helper(self.world, name);
        let action = &mut self.draft.actions[id];
        if action.node.is_none() {
            action.node = Some(node);
            action.optional = false;
        }
        id
    }
}
