//! What does being promotable imply for a collective and its instances?

use super::Implied;
use crate::action::Task;
use crate::id::ResourceId;
use crate::relate::Effects;

impl Implied<'_, '_> {
    /// The steps of a promotable clone or bundle as a whole.
    pub(super) fn promotable_restart(&mut self, collective: ResourceId) {
        let steps = [
            (Task::Stopped, Task::Start),
            (Task::Stopped, Task::Promote),
            (Task::Demoted, Task::Stop),
            (Task::Demoted, Task::Start),
            (Task::Demoted, Task::Promote),
            (Task::Started, Task::Promote),
            (Task::Demote, Task::Demoted),
        ];
        let rule = "a promotable collective demotes, stops, starts and promotes in this order";
        for (first, then) in steps {
            self.order(
                (collective, first),
                (collective, then),
                Effects::ORDERED,
                rule,
            );
        }
    }

    pub(super) fn promotable_instances(
        &mut self,
        clone: ResourceId,
        instances: &[ResourceId],
        ordered: bool,
    ) {
        let rule = "a promotable clone acts through its instances";
        let neighbours = "instances of an ordered clone are promoted in order, demoted in reverse";
        let mut previous = None;
        for &instance in instances {
            let promote = (instance, Task::Promote);
            let demote = (instance, Task::Demote);
            let (down, after_down) = (
                Effects::THEN_IMPLIES_FIRST_GRAPHED,
                Effects::FIRST_IMPLIES_THEN_GRAPHED,
            );
            self.order(demote.clone(), promote.clone(), Effects::ORDERED, rule);
            self.order(
                (clone, Task::Promote),
                promote.clone(),
                Effects::ORDERED,
                rule,
            );
            self.order(
                promote.clone(),
                (clone, Task::Promoted),
                Effects::ORDERED,
                rule,
            );
            let previous = previous.replace(instance).filter(|_| ordered);
            if let Some(previous) = previous {
                self.order(
                    (previous, Task::Promote),
                    promote,
                    Effects::ORDERED,
                    neighbours,
                );
            }
            self.order((clone, Task::Demote), demote.clone(), down, rule);
            self.order(demote.clone(), (clone, Task::Demoted), after_down, rule);
            if let Some(previous) = previous {
                self.order(
                    demote,
                    (previous, Task::Demote),
                    Effects::ORDERED,
                    neighbours,
                );
            }
        }
    }
}
