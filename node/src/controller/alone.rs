//! What does a controller do that sees no quorum?
//!
//! It cannot know what the others decide, so it decides for its own node only, and only to do less
//! there: it plans on its last snapshot with quorum lost (`no-quorum-policy` says what that means), and
//! has its own executor carry out nothing but demotes and stops, in the order of that plan. It waits
//! a while first: an election is no loss of quorum. Where the policy is to let services run on it does
//! nothing, and what a plan would only move stays where it is: nobody can start it elsewhere.
//!
//! The executor takes such an order only while it follows no other leader, and answers a repeated
//! one with its result, unless it followed a leader since: one that may have started again what was
//! stopped. So all that is ready is simply sent again, also what is done already, until all of it was
//! answered; and if the executor refuses, nothing counts as done any more. What was done reaches the
//! log as results of an unknown plan once there is a quorum: then the resources are probed.
//!
//! If a stop fails, or not everything is done in time, the node cannot be trusted to have let go of
//! its resources: it has to fence itself.

use std::collections::BTreeSet;

use lockstep_engine::graph::{Graph, GraphAction, GraphActionKind};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;

use super::duty::{self, Duty};
use super::{Controller, Effect, Moment, tell};
use crate::cluster::{Cluster, digest_of};
use crate::executor::{FromExecutor, Order, OrderKey, Refusal, Report, ToExecutor};

#[cfg(test)]
mod tests;

/// Orders without an answer are sent again this often, in milliseconds.
const AGAIN_MS: u64 = 500;
/// Numbers of such orders begin here: no graph has so many actions.
const FIRST_ACTION: u32 = 1 << 31;

/// How long a controller waits without a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Before it does anything, in milliseconds.
    pub lost_ms: u64,
    /// And from then on until all must be stopped, in milliseconds.
    pub stop_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lost_ms: 5_000,
            stop_ms: 60_000,
        }
    }
}

/// What is known without a quorum.
#[derive(Debug)]
pub(super) struct Alone {
    since_ms: u64,
    /// How often what was done was worth nothing, because somebody led in between.
    attempt: u64,
    /// What is to be done, once it was planned.
    work: Option<Vec<Step>>,
    sent_ms: Option<u64>,
    /// Whether the end, good or bad, was told.
    told: bool,
}

/// One demote or stop on the own node.
#[derive(Clone, Debug)]
struct Step {
    action: GraphAction,
    key: OrderKey,
    /// Steps that come before it, by their places.
    after: BTreeSet<usize>,
    /// Its result code, once it is known.
    result: Option<i32>,
}

/// What becomes of a node without quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithoutQuorum {
    /// The policy is carried out: so many demotes and stops.
    Acts(usize),
    /// All of them are done.
    Done,
    /// The node has to fence itself.
    FenceSelf(String),
    /// There is a quorum again.
    Regained,
}

impl Controller {
    /// Whether a leader is known is whether there is a quorum, as far as this controller can tell.
    pub(super) fn quorum(&mut self, now: Moment, has: bool, out: &mut Vec<Effect>) {
        match (has, &self.alone) {
            (true, Some(alone)) => {
                if alone.work.is_some() {
                    out.push(Effect::WithoutQuorum(WithoutQuorum::Regained));
                }
                self.alone = None;
            }
            (false, None) => {
                self.alone = Some(Alone {
                    since_ms: now.monotonic_ms,
                    attempt: 0,
                    work: None,
                    sent_ms: None,
                    told: false,
                });
            }
            _ => {}
        }
    }

    /// Does what the policy says, once the patience is over.
    pub(super) fn act_alone(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let (Some(node), Some(alone)) = (&self.own_node, &mut self.alone) else {
            return;
        };
        let lost_for_ms = now.monotonic_ms.saturating_sub(alone.since_ms);
        // Before the first plan nothing was started here.
        if lost_for_ms < self.patience.lost_ms || self.cluster.planned() == 0 || alone.told {
            return;
        }
        if alone.work.is_none() {
            let loss = alone.loss(self.settings.incarnation);
            match plan(&self.cluster, &*self.policy, node, loss, now) {
                Ok(steps) => {
                    out.push(Effect::WithoutQuorum(WithoutQuorum::Acts(steps.len())));
                    alone.work = Some(steps);
                }
                Err(reason) => {
                    alone.work = Some(Vec::new());
                    alone.told = true;
                    let end = WithoutQuorum::FenceSelf(reason);
                    out.push(Effect::WithoutQuorum(end));
                    return;
                }
            }
        }
        let steps = alone.work.as_deref().unwrap_or_default();
        if let Some(end) = ended(steps, lost_for_ms, self.patience) {
            alone.told = true;
            out.push(Effect::WithoutQuorum(end));
            return;
        }
        let due = |sent: u64| now.monotonic_ms.saturating_sub(sent) >= AGAIN_MS;
        let Some(peer) = self
            .peers
            .get(node)
            .filter(|_| alone.sent_ms.is_none_or(due))
        else {
            return;
        };
        alone.sent_ms = Some(now.monotonic_ms);
        for step in steps {
            let ready = |at: &usize| steps[*at].result.is_some();
            if !step.after.iter().all(ready) {
                continue;
            }
            if let Duty::Executor { work, .. } = duty::of(&step.action, &self.cluster, |_| true) {
                let order = Order {
                    key: step.key,
                    work,
                };
                out.push(tell(peer.connection, ToExecutor::Alone { order }));
            }
        }
    }

    /// The own executor answers; returns whether that was for here.
    pub(super) fn heard_alone(&mut self, message: &FromExecutor) -> bool {
        let Some(alone) = &mut self.alone else {
            return false;
        };
        match message {
            FromExecutor::Report(report) => alone.reported(report),
            FromExecutor::Refused {
                key,
                refusal: Refusal::NotAlone,
            } => {
                let refused = alone.step(*key).is_some();
                if refused {
                    alone.attempt += 1;
                    let loss = alone.loss(self.settings.incarnation);
                    begin_anew(
                        alone.work.as_deref_mut().unwrap_or_default(),
                        &self.cluster,
                        loss,
                    );
                }
                refused
            }
            _ => false,
        }
    }
}

impl Alone {
    fn loss(&self, incarnation: u64) -> Loss {
        (incarnation, self.since_ms, self.attempt)
    }

    fn step(&mut self, key: OrderKey) -> Option<&mut Step> {
        let mut steps = self.work.iter_mut().flatten();
        steps.find(|step| step.key == key)
    }

    fn reported(&mut self, report: &Report) -> bool {
        let Some(step) = self.step(report.key) else {
            return false;
        };
        if step.result.is_none() {
            step.result = Some(report.outcome.code.0);
            // What waits for it need not wait any longer.
            self.sent_ms = None;
        }
        true
    }
}

/// Nothing of it is done, and orders are others than before.
fn begin_anew(steps: &mut [Step], cluster: &Cluster, loss: Loss) {
    for step in steps {
        step.key = key(cluster, loss, &step.action);
        step.result = None;
    }
}

/// The life of a controller in which quorum was lost, when in it, in milliseconds, and which attempt to
/// do something about it this is.
type Loss = (u64, u64, u64);

/// Plans without a quorum have no numbers of their own, and executors answer a key that they know with
/// its result: so it says which operation it is, of which node, and in which loss of quorum. A number
/// of the graph would say something else after the next loss, and so would the state: a controller
/// that is behind may know as much as when it lost quorum before, though services have been started
/// since.
fn key(cluster: &Cluster, loss: Loss, action: &GraphAction) -> OrderKey {
    let node = action.node.as_ref().map_or("", |node| &node.name);
    let (life, since_ms, attempt) = loss;
    let name = format!("{life} {since_ms} {attempt} {node} {}", action.key);
    let [a, b, c, d, ..] = digest_of(name.as_bytes());
    OrderKey {
        transition: cluster.planned(),
        action: FIRST_ACTION | u32::from_le_bytes([a, b, c, d]),
    }
}

/// Whether this is the end, and which.
fn ended(steps: &[Step], lost_for_ms: u64, patience: Patience) -> Option<WithoutQuorum> {
    let failed = steps
        .iter()
        .find(|step| step.result.is_some_and(|code| code != 0));
    if let Some(step) = failed {
        let reason = format!("{} failed without quorum", step.action.key);
        return Some(WithoutQuorum::FenceSelf(reason));
    }
    let Some(open) = steps.iter().find(|step| step.result.is_none()) else {
        return Some(WithoutQuorum::Done);
    };
    let late = lost_for_ms >= patience.lost_ms.saturating_add(patience.stop_ms);
    late.then(|| {
        let reason = format!("{} is not done in time without quorum", open.action.key);
        WithoutQuorum::FenceSelf(reason)
    })
}

/// What the engine wants of the own node without quorum; an error is why it has to be fenced.
fn plan(
    cluster: &Cluster,
    policy: &dyn crate::cluster::policy::Policy,
    node: &str,
    loss: Loss,
    now: Moment,
) -> Result<Vec<Step>, String> {
    // What runs goes on. Whatever else a plan would change can wait: nothing was decided since.
    if lets_services_run_on(cluster.cib()) {
        return Ok(Vec::new());
    }
    let mut cib = cluster.cib().clone();
    let root = cib.root();
    cib.set_attr(root, "have-quorum", "0");
    let time = Timestamp {
        seconds: now.at,
        offset: now.utc_offset,
    };
    let planned = policy.plan(&cib, cluster.planned(), time, cluster.versions().level())?;
    let is_here = |action: &GraphAction| action.node.as_ref().is_some_and(|on| on.name == node);
    let fenced = |action: &GraphAction| {
        action.kind == GraphActionKind::Cluster && action.task == "stonith" && is_here(action)
    };
    let mut synapses = planned.graph.synapses.iter();
    if synapses.any(|synapse| fenced(&synapse.action)) {
        return Err("the policy for lost quorum is to fence".into());
    }
    let again = Again::of(&planned.graph);
    let wanted = |action: &GraphAction| {
        action.kind == GraphActionKind::Resource && is_here(action) && again.is_less(action)
    };
    Ok(steps(cluster, loss, &planned.graph, wanted))
}

/// Whether `no-quorum-policy` is surely such that what runs goes on: where rules or several values decide,
/// it is for the engine to say.
fn lets_services_run_on(cib: &Document) -> bool {
    let configuration = cib.child(cib.root(), "configuration");
    let Some(options) = configuration.and_then(|c| cib.child(c, "crm_config")) else {
        return false;
    };
    let mut said = false;
    for set in cib.children_named(options, "cluster_property_set") {
        let policies = cib
            .children_named(set, "nvpair")
            .filter(|pair| cib.attr(*pair, "name") == Some("no-quorum-policy"));
        for pair in policies {
            let runs_on = matches!(cib.attr(pair, "value"), Some("freeze" | "ignore"));
            if !runs_on || cib.child(set, "rule").is_some() {
                return false;
            }
            said = true;
        }
    }
    said
}

/// What a graph brings up, here or elsewhere: to take it down first would be to move it, or to start
/// it again. Without a quorum the second half is never done.
struct Again<'a> {
    started: BTreeSet<&'a str>,
    promoted: BTreeSet<&'a str>,
}

impl<'a> Again<'a> {
    fn of(graph: &'a Graph) -> Self {
        let with = |tasks: &[&str]| {
            let actions = graph.synapses.iter().map(|synapse| &synapse.action);
            let up = actions.filter(|action| tasks.contains(&action.task.as_str()));
            up.filter_map(resource).collect()
        };
        Self {
            started: with(&["start", "migrate_to", "migrate_from"]),
            promoted: with(&["promote"]),
        }
    }

    /// Whether an action takes something down for good.
    fn is_less(&self, action: &GraphAction) -> bool {
        let again = match action.task.as_str() {
            "stop" => &self.started,
            "demote" => &self.promoted,
            _ => return false,
        };
        resource(action).is_some_and(|resource| !again.contains(resource))
    }
}

/// The resource that an action is about, without the number of an instance: which of them runs where
/// makes no difference.
fn resource(action: &GraphAction) -> Option<&str> {
    let id = action.primitive.as_ref()?.id.as_str();
    Some(id.split_once(':').map_or(id, |(id, _)| id))
}

/// The wanted actions of a graph, each after those that it follows, directly or over others.
fn steps(
    cluster: &Cluster,
    loss: Loss,
    graph: &Graph,
    wanted: impl Fn(&GraphAction) -> bool,
) -> Vec<Step> {
    let count = graph.synapses.len();
    let mut place: Vec<Option<usize>> = vec![None; count];
    let mut found = Vec::new();
    for (at, synapse) in graph.synapses.iter().enumerate() {
        if wanted(&synapse.action) {
            place[at] = Some(found.len());
            found.push(at);
        }
    }
    let nearest = |from: usize| {
        let mut seen = vec![false; count];
        let mut after = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for &input in &graph.synapses[at].inputs {
                let input = input as usize;
                if input >= count || std::mem::replace(&mut seen[input], true) {
                    continue;
                }
                match place[input] {
                    Some(step) => drop(after.insert(step)),
                    None => open.push(input),
                }
            }
        }
        after
    };
    let steps = found.iter().map(|at| Step {
        action: graph.synapses[*at].action.clone(),
        key: key(cluster, loss, &graph.synapses[*at].action),
        after: nearest(*at),
        result: None,
    });
    steps.collect()
}
