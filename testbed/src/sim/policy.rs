//! Which engine do the controllers have? The real one; and where a bug is planted in how it is asked,
//! one that asks it wrongly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lockstep_engine::encode;
use lockstep_engine::graph::{Graph, GraphAction};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;
use lockstep_node::cluster::policy::{ActionResult, Planned, Policy};
use lockstep_node::policy::Engine;

use super::bugs::Bug;
use super::world::MachineId;

/// A machine's date, for a policy that should not look at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedClock(Arc<AtomicI64>);

impl SharedClock {
    pub(crate) fn set(&self, at: i64) {
        self.0.store(at, Ordering::Relaxed);
    }
}

/// The policy of a machine's controller.
pub(crate) fn of(bug: Option<Bug>, machine: MachineId, clock: &SharedClock) -> Box<dyn Policy> {
    match bug {
        Some(Bug::LocalClock) => Box::new(LocalClock(clock.clone())),
        Some(Bug::StartBeforeFencing) => Box::new(Changed(without_waiting_for_fencing)),
        Some(Bug::UnstablePlan) if machine == 0 => Box::new(Changed(in_another_order)),
        _ => Box::new(Engine),
    }
}

/// Plans with the machine's own clock.
struct LocalClock(SharedClock);

impl Policy for LocalClock {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        let seconds = self.0.0.load(Ordering::Relaxed);
        Engine.plan(cib, transition, Timestamp { seconds, ..now }, level)
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        Engine.record(cib, action, result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        Engine.record_fencing(cib, node, operation);
    }
}

/// Makes something else of the engine's graphs.
struct Changed(fn(&mut Graph));

impl Policy for Changed {
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String> {
        let mut graph = Engine.plan(cib, transition, now, level)?.graph;
        self.0(&mut graph);
        let digest = encode::digest(&graph).0;
        Ok(Planned { graph, digest })
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        Engine.record(cib, action, result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        Engine.record_fencing(cib, node, operation);
    }
}

fn without_waiting_for_fencing(graph: &mut Graph) {
    let is_fencing =
        |action: &GraphAction| action.task == "stonith" || action.task.starts_with("stonith_");
    let fencing: Vec<bool> = graph
        .synapses
        .iter()
        .map(|synapse| is_fencing(&synapse.action))
        .collect();
    for synapse in &mut graph.synapses {
        synapse
            .inputs
            .retain(|input| !fencing.get(*input as usize).copied().unwrap_or(false));
    }
}

fn in_another_order(graph: &mut Graph) {
    let ids: Vec<u32> = graph.synapses.iter().map(|s| s.action.id).collect();
    if let [.., a, b] = ids.as_slice() {
        let last = graph.synapses.len() - 1;
        graph.synapses[last].action.id = *a;
        graph.synapses[last - 1].action.id = *b;
    }
}
