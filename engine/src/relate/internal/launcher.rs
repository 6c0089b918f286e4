//! What does being launched by another resource imply?

use super::Implied;
use crate::action::Task;
use crate::id::ResourceId;
use crate::relate::Effects;

impl Implied<'_, '_> {
    /// A launched resource starts after its launcher and stops before it, unless it is forced
    /// onto the guest or remote node that the launcher provides (then placement is enough).
    pub(super) fn with_launcher(&mut self, resource: ResourceId) {
        let resources = &self.state().resources;
        let Some(launcher) = resources[resource].launcher else {
            return;
        };
        let provides_node = if resources[resource].remote_connection {
            self.order(
                (launcher, Task::Monitor),
                (resource, Task::Stop),
                Effects::ORDERED,
                "a launcher found running spares its connection's recovery",
            );
            false
        } else {
            resources[launcher].remote_connection
                || self.state().guest_connection(launcher).is_some()
        };
        if provides_node {
            return;
        }
        self.order(
            (launcher, Task::Start),
            (resource, Task::Start),
            Effects::FIRST_IMPLIES_THEN | Effects::UNRUNNABLE_FIRST_BLOCKS,
            "a launcher starts before what it launches",
        );
        self.order(
            (resource, Task::Stop),
            (launcher, Task::Stop),
            Effects::THEN_IMPLIES_FIRST,
            "what is launched stops before its launcher",
        );
    }
}
