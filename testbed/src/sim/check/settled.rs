//! Is all well again? And if not in time: why not?

use std::collections::BTreeSet;

use lockstep_engine::parse::Document;
use lockstep_engine::simulate;
use lockstep_engine::time::Timestamp;
use lockstep_node::cluster::command::VERSION;
use lockstep_node::cluster::policy::Policy;
use lockstep_node::cluster::transition::Transition;
use lockstep_node::cluster::view;
use lockstep_node::policy::Engine;

use super::super::world::{Event, MachineId, Phase, Role, World, note};

/// A configuration that has no rest comes back to where it was within so many plans.
const ROUNDS: usize = 8;

impl World {
    /// Looks from time to time.
    pub(crate) fn look(&mut self) {
        match self.phase {
            Phase::Trouble | Phase::Done => {}
            Phase::Settling => {
                if self.unsettled().is_none() {
                    note!(self, "the cluster has settled");
                    if self.has_no_rest() {
                        // It moves its services with each plan: nothing can be seen by leaving it alone.
                        self.phase = Phase::Done;
                        return self.check_end();
                    }
                    if self.scenario.faults.is_empty() {
                        self.phase = Phase::Trouble;
                        self.begin_upgrade();
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
        let level = cluster.versions().level();
        if level != VERSION && self.phase != Phase::Settling {
            return Some(format!("all are upgraded, and still at version {level}"));
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
        let now = self.leaders_time(leader);
        let left = match left_to_do(cluster.cib(), cluster.planned() + 1, now) {
            Ok(left) => left,
            Err(error) => return Some(format!("the engine refuses the CIB: {error}")),
        };
        if !left.is_empty() && !self.has_no_rest() {
            let plan = cluster.transition()?;
            return Some(format!(
                "at {} the engine finds left to do: {}; plan {} was made at {}, and is to be looked \
                 at again at {:?}",
                now.seconds,
                left.join(" "),
                plan.number,
                plan.now.seconds,
                plan.graph.attributes.recheck_by
            ));
        }
        self.wrong_belief(leader)
    }

    fn leaders_time(&self, leader: MachineId) -> Timestamp {
        Timestamp {
            seconds: self.date(leader),
            offset: 0,
        }
    }

    /// Whether the configuration gives the engine no rest: with every action doing what it is to, it
    /// comes back to where it was and still finds something to do. Colocations with a clone that
    /// contradict each other do that, and orders that wait for each other, in Pacemaker's
    /// `crm_simulate` as well. That is what was asked for, and no controller can do better.
    fn has_no_rest(&self) -> bool {
        let leader = self.leader();
        let core = leader.and_then(|leader| {
            let controller = self.machines[leader].controller.as_ref()?;
            Some((controller.core.cluster(), self.leaders_time(leader)))
        });
        core.is_some_and(|(cluster, now)| goes_round(cluster.cib(), now))
    }

    /// Where what the cluster believes is not what really runs.
    fn wrong_belief(&self, leader: MachineId) -> Option<String> {
        let core = &self.machines[leader].controller.as_ref()?.core;
        // As it is in force: of two changes that an operator makes, the first may come last.
        let maintained = is_maintained(core.cluster().cib());
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
        self.summary.restless += u64::from(self.has_no_rest());
        self.summary.entries = self.checks.log.last();
        let planned = self.leader().and_then(|leader| {
            let controller = self.machines[leader].controller.as_ref()?;
            Some(controller.core.cluster().planned())
        });
        self.summary.plans = planned.unwrap_or(0);
    }
}

/// What a plan would do now, by operation key.
fn left_to_do(cib: &Document, transition: u64, now: Timestamp) -> Result<Vec<String>, String> {
    let planned = Engine.plan(cib, transition, now, VERSION)?;
    // A monitor that failed and recovered before anybody planned is begun again by every plan, in
    // Lockstep as in Pacemaker, until the failure is cleaned up.
    let actions = planned.graph.synapses.iter().map(|synapse| &synapse.action);
    let actions =
        actions.filter(|action| action.task != "monitor" || action.key.ends_with("_monitor_0"));
    Ok(actions.map(|action| action.key.clone()).collect())
}

/// Whether plans that are carried out one after the other come back to where they were.
fn goes_round(cib: &Document, now: Timestamp) -> bool {
    let settings = simulate::Settings {
        schedule: true,
        execute: true,
        quiet: true,
        wall_clock: now.seconds,
        ..simulate::Settings::default()
    };
    let mut cib = cib.clone();
    let mut seen = BTreeSet::new();
    // Each round does something, so that a state that was seen before comes again and again.
    while seen.insert(placement(&cib)) {
        let rests = || left_to_do(&cib, 1, now).is_ok_and(|left| left.is_empty());
        if seen.len() > ROUNDS || rests() || simulate::run(&mut cib, now, &settings).is_err() {
            return false;
        }
    }
    true
}

/// Whether a CIB has the whole cluster in maintenance.
fn is_maintained(cib: &Document) -> bool {
    let options = cib
        .descendants(cib.root())
        .filter(|e| cib.name(*e) == "nvpair" && cib.attr(*e, "name") == Some("maintenance-mode"));
    options
        .into_iter()
        .any(|e| cib.attr(e, "value") == Some("true"))
}

/// What is active where, as a CIB has it.
fn placement(cib: &Document) -> Vec<(String, String, view::Role)> {
    let resources = view::resources(cib).into_iter();
    let active = resources.flat_map(|resource| {
        let active = resource.active.into_iter();
        let id = resource.id;
        active.map(move |activity| (id.clone(), activity.node, activity.role))
    });
    let mut active: Vec<_> = active.collect();
    active.sort_unstable();
    active
}
