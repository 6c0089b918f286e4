//! Is anything active where it must not be, or gone without a reason?

use lockstep_node::agent::Operation;

use super::super::cib::Limit;
use super::super::world::{MachineId, Phase, Role, World};

/// The primitive that an instance belongs to.
fn primitive_of(resource: &str) -> &str {
    resource.split_once(':').map_or(resource, |(id, _)| id)
}

impl World {
    fn limit(&self, resource: &str) -> Option<Limit> {
        let limits = &self.configuration.limits;
        limits.get(primitive_of(resource)).copied()
    }

    /// Rule 1, after a service became active or was promoted.
    pub(crate) fn check_active_once(&mut self, resource: &str) {
        let Some(limit) = self.limit(resource) else {
            return;
        };
        let id = primitive_of(resource);
        let mut active = Vec::new();
        let mut promoted = 0;
        for (number, machine) in (1..).zip(&self.machines) {
            let here = machine.services.iter();
            for (_, role) in here.filter(|(name, _)| primitive_of(name) == id) {
                active.push(format!("n{number}"));
                promoted += usize::from(*role == Role::Promoted);
            }
        }
        if active.len() > limit.active || promoted > limit.promoted {
            let what = format!(
                "{id} is active on {} ({promoted} promoted), and may be on {} ({} promoted)",
                active.join(", "),
                limit.active,
                limit.promoted
            );
            self.violate("1 (never active twice)", what);
        }
    }

    /// Rule 2, when an executor is about to do something.
    pub(crate) fn check_recovery(&mut self, machine: MachineId, operation: &Operation) {
        let role = match operation.task.as_str() {
            "start" => Role::Started,
            "promote" => Role::Promoted,
            _ => return,
        };
        let Some(limit) = self.limit(&operation.resource) else {
            return;
        };
        let once = match role {
            Role::Started => limit.active == 1,
            Role::Promoted => limit.promoted == 1,
        };
        let id = primitive_of(&operation.resource);
        let lost = self.machines.iter().position(|machine| {
            machine
                .died_with
                .iter()
                .any(|(name, had)| primitive_of(name) == id && *had >= role)
        });
        if let Some(lost) = lost.filter(|lost| once && *lost != machine) {
            let what = format!(
                "n{} is to {} {id}, which ran on n{} when that lost its power; nobody fenced n{}",
                machine + 1,
                operation.task,
                lost + 1,
                lost + 1
            );
            self.violate("2 (fenced before it is recovered)", what);
        }
    }

    /// Rule 7, after a service ended or a node was fenced: where only controllers are in trouble,
    /// nothing has a reason to.
    pub(crate) fn check_left_alone(&mut self, machine: MachineId, what: &str, why: &str) {
        let only_controllers =
            self.is_quiet_profile() && matches!(self.phase, Phase::Trouble | Phase::Healed { .. });
        if only_controllers {
            let what = format!(
                "{what} on n{} is {why}, and only controllers were in trouble",
                machine + 1
            );
            self.violate("7 (losing the control plane ends nothing)", what);
        }
    }
}
