//! What does a bundle imply for its replicas and for the clone inside?

use super::Implied;
use crate::action::Task;
use crate::config::{Bundle, Replica};
use crate::id::ResourceId;
use crate::relate::Effects;

const BEFORE: Effects = Effects::THEN_IMPLIES_FIRST_GRAPHED;
const AFTER: Effects = Effects::FIRST_IMPLIES_THEN_GRAPHED;

impl Implied<'_, '_> {
    pub(super) fn bundle(&mut self, bundle: ResourceId, settings: &Bundle) {
        for replica in &settings.replicas {
            self.replica(bundle, replica);
        }
        let Some(inner) = settings.child else { return };
        let rule = "a bundle acts through the clone inside";
        self.order((bundle, Task::Start), (inner, Task::Start), BEFORE, rule);
        self.order((inner, Task::Started), (bundle, Task::Started), AFTER, rule);
        self.order((bundle, Task::Stop), (inner, Task::Stop), BEFORE, rule);
        self.order((inner, Task::Stopped), (bundle, Task::Stopped), AFTER, rule);
        self.resource(inner);
        if self.state().resources[inner].promotable {
            self.promotable_restart(bundle);
            self.order((bundle, Task::Demote), (inner, Task::Demote), BEFORE, rule);
            self.order((inner, Task::Demoted), (bundle, Task::Demoted), AFTER, rule);
            self.order(
                (bundle, Task::Promote),
                (inner, Task::Promote),
                BEFORE,
                rule,
            );
            self.order(
                (inner, Task::Promoted),
                (bundle, Task::Promoted),
                AFTER,
                rule,
            );
        }
    }

    /// Container, then address, then connection. That the resource inside waits for the
    /// connection is said where actions meet connections (`relate::remote`).
    fn replica(&mut self, bundle: ResourceId, replica: &Replica) {
        let container = replica.container;
        let rule = "a bundle acts through its containers";
        self.resource(container);
        let start = BEFORE | Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.order((bundle, Task::Start), (container, Task::Start), start, rule);
        if let Some(child) = replica.child {
            self.order((bundle, Task::Stop), (child, Task::Stop), BEFORE, rule);
        }
        self.order((bundle, Task::Stop), (container, Task::Stop), BEFORE, rule);
        self.order(
            (container, Task::Start),
            (bundle, Task::Started),
            AFTER,
            rule,
        );
        self.order(
            (container, Task::Stop),
            (bundle, Task::Stopped),
            AFTER,
            rule,
        );
        if let Some(address) = replica.ip {
            let rule = "a container has its address from before its start to after its stop";
            self.resource(address);
            let start = Effects::UNRUNNABLE_FIRST_BLOCKS | Effects::GUEST_ALLOWED;
            self.order(
                (address, Task::Start),
                (container, Task::Start),
                start,
                rule,
            );
            let stop = Effects::THEN_IMPLIES_FIRST | Effects::GUEST_ALLOWED;
            self.order((container, Task::Stop), (address, Task::Stop), stop, rule);
        }
        if let Some(connection) = replica.connection {
            self.resource(connection);
        }
    }
}
