//! Is all well again? And if not in time: why not?

use lockstep_engine::time::Timestamp;
use lockstep_node::cluster::policy::Policy;
use lockstep_node::cluster::transition::Transition;
use lockstep_node::cluster::view;
use lockstep_node::policy::Engine;

use super::super::world::{Event, MachineId, Phase, Role, World, note};

impl World {
    /// Looks from time to time.
    pub(crate) fn look(&mut self) {
        match self.phase {
            Phase::Trouble | Phase::Done => {}
            Phase::Settling => {
                if self.unsettled().is_none() {
                    note!(self, "the cluster has settled");
                    if self.scenario.faults.is_empty() {
                        self.phase = Phase::Trouble;
                        self.after(self.scenario.trouble_us, Event::Heal);
                    } else {
                        self.begin_trouble();
                    }
                } else if self.now > self.scenario.settle_us {
                    self.not_settled();
                }
            }
            Phase::Healed { until } => {
                if self.unsettled().is_none() {
                    self.phase = Phase::Done;
                    note!(self, "all is well");
                    self.check_end();
                } else if self.now > until {
                    self.not_settled();
                }
            }
        }
    }

    fn not_settled(&mut self) {
        let why = self.unsettled().unwrap_or_default();
        self.violate("6 (it converges)", format!("still not settled: {why}"));
    }

    /// What is not well yet.
    fn unsettled(&self) -> Option<String> {
        if self.waits_for_last() {
            return Some("the last change is not acknowledged".into());
        }
        let Some(leader) = self.leader() else {
            return Some("nobody leads".into());
        };
        // The last command, or a change of the members behind it.
        let known = self.members().into_iter().filter_map(|machine| {
            let controller = self.machines[machine].controller.as_ref()?;
            Some(controller.core.cluster().index())
        });
        let last = known.fold(self.checks.log.last(), u64::max);
        for machine in self.members() {
            let Some(controller) = &self.machines[machine].controller else {
                return Some(format!("controller {} does not run", machine + 1));
            };
            let index = controller.core.cluster().index();
            if index != last {
                let number = machine + 1;
                return Some(format!(
                    "controller {number} is at {index}, others at {last}"
                ));
            }
        }
        let core = &self.machines[leader].controller.as_ref()?.core;
        let cluster = core.cluster();
        if !core.is_in_charge() || !cluster.is_configured() {
            return Some("the leader is not in charge".into());
        }
        for (number, machine) in (1..).zip(&self.machines) {
            let record = cluster.nodes().get(&machine.name);
            let here = machine.executor.is_some() && core.is_connected(&machine.name);
            let online = here && record.is_some_and(|record| record.online);
            if !machine.left && !online {
                return Some(format!("n{number} is not online"));
            }
        }
        if let Some(wanted) = cluster.wanted() {
            return Some(format!("a plan is wanted: {wanted}"));
        }
        let over = |transition: &Transition| transition.is_over() && transition.aborted.is_none();
        if !cluster.transition().is_some_and(over) {
            return Some("the plan is under way".into());
        }
        if let Some((key, node)) = core.under_way().next() {
            return Some(format!("{key} is under way on {node}"));
        }
        let now = Timestamp {
            seconds: self.date(leader),
            offset: 0,
        };
        match Engine.plan(cluster.cib(), cluster.planned() + 1, now) {
            Err(error) => return Some(format!("the engine refuses the CIB: {error}")),
            Ok(planned) => {
                // A monitor that failed and recovered before anybody planned is begun again by every
                // plan, in Lockstep as in Pacemaker, until the failure is cleaned up.
                let actions = planned.graph.synapses.iter().map(|synapse| &synapse.action);
                let actions = actions.filter(|action| {
                    action.task != "monitor" || action.key.ends_with("_monitor_0")
                });
                let actions: Vec<_> = actions.map(|action| action.key.as_str()).collect();
                if !actions.is_empty() {
                    let plan = cluster.transition()?;
                    return Some(format!(
                        "at {} the engine finds left to do: {}; plan {} was made at {}, and is to \
                         be looked at again at {:?}",
                        now.seconds,
                        actions.join(" "),
                        plan.number,
                        plan.now.seconds,
                        plan.graph.attributes.recheck_by
                    ));
                }
            }
        }
        self.wrong_belief(leader)
    }

    /// Where what the cluster believes is not what really runs.
    fn wrong_belief(&self, leader: MachineId) -> Option<String> {
        let core = &self.machines[leader].controller.as_ref()?.core;
        let maintained = self.configuration.maintenance;
        for resource in view::resources(core.cluster().cib()) {
            if resource.agent.starts_with("stonith") {
                continue;
            }
            for machine in &self.machines {
                let believed = resource
                    .active
                    .iter()
                    .find(|activity| activity.node == machine.name);
                if believed.is_some_and(|activity| activity.failed) {
                    continue;
                }
                let believed = believed.map(|activity| activity.role);
                let here = machine.services.iter();
                let real = here
                    .filter(|(name, _)| name.split(':').next() == Some(&resource.id))
                    .map(|(_, role)| *role)
                    .max();
                let same = match (believed, real) {
                    (None | Some(view::Role::Stopped), None) => true,
                    (Some(view::Role::Started), Some(Role::Started)) => true,
                    (Some(view::Role::Promoted), Some(Role::Promoted)) => true,
                    // Nothing is monitored that is not managed.
                    _ => maintained,
                };
                if !same {
                    return Some(format!(
                        "{} on {} is taken for {believed:?} and is {real:?}",
                        resource.id, machine.name
                    ));
                }
            }
        }
        None
    }

    /// What only the end can show.
    fn check_end(&mut self) {
        for machine in self.members() {
            let Some(controller) = &self.machines[machine].controller else {
                continue;
            };
            let cluster = controller.core.cluster();
            let (index, snapshot) = (cluster.index(), cluster.snapshot());
            if let Err(what) = self.checks.log.state(machine, index, &snapshot) {
                self.violate("5 (all controllers agree)", what);
            }
        }
        self.check_promises();
        self.summary.entries = self.checks.log.last();
        let planned = self.leader().and_then(|leader| {
            let controller = self.machines[leader].controller.as_ref()?;
            Some(controller.core.cluster().planned())
        });
        self.summary.plans = planned.unwrap_or(0);
    }
}
