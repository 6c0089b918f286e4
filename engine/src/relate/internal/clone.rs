//! What does a clone imply for its instances?

use super::Implied;
use crate::action::Task;
use crate::config::Clone_;
use crate::id::ResourceId;
use crate::relate::{Effects, topology};

impl Implied<'_, '_> {
    pub(super) fn clone(&mut self, clone: ResourceId, settings: &Clone_) {
        let rule = "a clone's stop, start and completion follow each other";
        let blocks = Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.order(
            (clone, Task::Stopped),
            (clone, Task::Start),
            Effects::ORDERED,
            rule,
        );
        self.order((clone, Task::Start), (clone, Task::Started), blocks, rule);
        self.order((clone, Task::Stop), (clone, Task::Stopped), blocks, rule);
        if settings.promotable {
            let rule = "a promotable clone is demoted before it stops, started before promotion";
            self.order(
                (clone, Task::Demoted),
                (clone, Task::Stop),
                Effects::ORDERED,
                rule,
            );
            self.order((clone, Task::Started), (clone, Task::Promote), blocks, rule);
        }

        let mut instances = self.state().resources[clone].children.clone();
        if settings.ordered {
            let resources = &self.state().resources;
            instances.sort_by_key(|id| topology::instance_number(&resources[*id].id));
        }
        for (position, &instance) in instances.iter().enumerate() {
            self.resource(instance);
            self.instance_within_clone(clone, instance);
            if settings.ordered {
                self.instance_before(instance, &instances[position + 1..]);
            }
        }
        if settings.promotable {
            self.promotable_restart(clone);
            self.promotable_instances(clone, &instances, settings.ordered);
        }
    }

    fn instance_within_clone(&mut self, clone: ResourceId, instance: ResourceId) {
        let rule = "a clone acts through its instances";
        let (before, after) = (
            Effects::THEN_IMPLIES_FIRST_GRAPHED,
            Effects::FIRST_IMPLIES_THEN_GRAPHED,
        );
        let start = before | Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.order((clone, Task::Start), (instance, Task::Start), start, rule);
        self.order((instance, Task::Start), (clone, Task::Started), after, rule);
        self.order((clone, Task::Stop), (instance, Task::Stop), before, rule);
        self.order((instance, Task::Stop), (clone, Task::Stopped), after, rule);
    }

    /// Every pair is ordered, since any instances between two may have nothing to do.
    fn instance_before(&mut self, instance: ResourceId, later: &[ResourceId]) {
        let rule = "instances of an ordered clone start by number and stop in reverse";
        for &later in later {
            self.order(
                (instance, Task::Start),
                (later, Task::Start),
                Effects::ORDERED,
                rule,
            );
            self.order(
                (later, Task::Stop),
                (instance, Task::Stop),
                Effects::ORDERED,
                rule,
            );
        }
    }
}
