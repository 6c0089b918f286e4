//! What does a primitive imply for its own actions?

use super::Implied;
use crate::action::Task;
use crate::config::{PlacementStrategy, Requires, Role, Variant};
use crate::id::ResourceId;
use crate::relate::{Effects, topology, unfencing};

impl Implied<'_, '_> {
    pub(super) fn primitive(&mut self, resource: ResourceId) {
        if !self.draft.resource[resource].managed {
            return;
        }
        self.order(
            (resource, Task::Stop),
            (resource, Task::Start),
            Effects::ORDERED | Effects::FIRST_IMPLIES_THEN | Effects::INTERMEDIATE_STOP,
            "a restart stops first",
        );
        if self.can_be_promoted(resource) {
            self.order(
                (resource, Task::Demote),
                (resource, Task::Stop),
                Effects::PROMOTED_THEN_IMPLIES_FIRST,
                "what is promoted is demoted before it stops",
            );
            self.order(
                (resource, Task::Start),
                (resource, Task::Promote),
                Effects::UNRUNNABLE_FIRST_BLOCKS,
                "only what runs can be promoted",
            );
        }
        self.order(
            (resource, Task::LrmDelete),
            (resource, Task::Monitor),
            Effects::SAME_NODE | Effects::THEN_CANCELS_FIRST,
            "a probe renews the history that would be erased",
        );
        self.after_unfencing(resource);
        self.around_load(resource);
        self.with_launcher(resource);
    }

    fn can_be_promoted(&self, resource: ResourceId) -> bool {
        let top = topology::top_below_bundle(self.state(), resource);
        let variant = &self.state().resources[top].variant;
        matches!(variant, Variant::Clone(settings) if settings.promotable)
            || self.draft.resource[resource].role == Role::Promoted
    }

    /// Stops before the node is unfenced, starts afterwards, node by node. Orders each instance
    /// of a clone by itself, so that as little as possible conflicts with configured orderings.
    fn after_unfencing(&mut self, resource: ResourceId) {
        let needed = self.world.config.options.unfencing
            && !self.state().resources[resource].fence_device
            && self.state().resource[resource].requires == Requires::Unfencing;
        if !needed {
            return;
        }
        for node in self.allowed_nodes(resource) {
            unfencing::order_restart(self.world, self.draft, resource, node);
        }
    }

    fn around_load(&mut self, resource: ResourceId) {
        let strategy = self.world.config.options.placement_strategy;
        if strategy != PlacementStrategy::Default
            && !self.state().resources[resource].utilization.is_empty()
        {
            self.utilization(resource);
        }
    }
}
