//! What does a leader keep and do?
//!
//! All that is kept here is lost with the leadership, and none of it is needed by the next leader:
//! it asks the executors, and the log has the rest.

use std::collections::BTreeMap;

use lockstep_engine::graph::{FEATURE_SET, GraphActionKind};

use super::duty::{self, Duty};
use super::flights::Flight;
use super::limits::Limits;
use super::{Controller, Effect, Moment, Peer, propose, tell};
use crate::cluster::action::{ends_service, is_own, is_probe};
use crate::cluster::command::{Command, ControllerId};
use crate::cluster::status;
use crate::cluster::transition::{Progress, Transition};
use crate::executor::{ConnectionId, FromExecutor, OrderKey, Refusal, Report, ToExecutor, Work};

/// A report that is not applied after so long was lost on its way to the log, in milliseconds.
const REPORT_LOST_MS: u64 = 2_000;

/// What the log refused is asked for again after so long, in milliseconds. At once would be a storm: every executor tells
/// all it has, all of it is refused, and each refusal asks again.
const REFUSED_PAUSE_MS: u64 = 100;

/// After failed fencing the next plan waits; this long the first time, twice as long each further
/// time, in milliseconds.
const FENCING_PAUSE_MS: u64 = 1_000;
/// But never longer than this.
const FENCING_PAUSE_MAX_MS: u64 = 60_000;

/// How an executor stands to this leadership.
#[derive(Clone, Debug, Default)]
struct Following {
    /// Whether it said what is under way there.
    standing: bool,
    /// The highest report that it told of.
    seen: u64,
    /// The highest report that was proposed.
    proposed: u64,
    /// Since when there are reports that the log refused.
    refused_ms: Option<u64>,
    /// The highest applied report, and since when it is that, while there are higher ones.
    behind: Option<(u64, u64)>,
    /// Whether it said that it leaves in order.
    leaving: bool,
    /// Whether its coming, or its loss, is proposed and not applied yet.
    proposed_change: bool,
}

/// One term of leadership.
#[derive(Debug)]
pub(super) struct Leading {
    since_ms: u64,
    /// Whether everything that was committed in earlier terms is applied.
    pub(super) in_charge: bool,
    proposed_lead: bool,
    /// Whether the next plan is proposed and not applied yet.
    proposed_plan: bool,
    nodes: BTreeMap<String, Following>,
    pub(super) flights: BTreeMap<OrderKey, Flight>,
    /// When a plan was last made, or this leadership began.
    planned_at_ms: u64,
    /// When fencing last failed.
    fencing_failed_ms: Option<(u32, u64)>,
}

impl Following {
    /// Whether reports that it told of were lost on their way to the log: then it is to tell all
    /// that is not acknowledged again.
    fn is_behind(&mut self, applied: u64, now_ms: u64) -> bool {
        let lost = match self.refused_ms {
            // Also if what was refused got into the log by another way meanwhile: until the executor
            // has answered, it does not stand.
            Some(refused_ms) => now_ms.saturating_sub(refused_ms) >= REFUSED_PAUSE_MS,
            None => self.is_stuck(applied, now_ms),
        };
        if lost {
            self.refused_ms = None;
            (self.proposed, self.behind) = (0, Some((applied, now_ms)));
        }
        lost
    }

    /// Whether it is long since the last of its reports was applied, and there are higher ones.
    fn is_stuck(&mut self, applied: u64, now_ms: u64) -> bool {
        if self.seen <= applied {
            self.behind = None;
            return false;
        }
        let (stuck_at, since_ms) = *self.behind.get_or_insert((applied, now_ms));
        if stuck_at != applied {
            self.behind = Some((applied, now_ms));
            return false;
        }
        now_ms.saturating_sub(since_ms) >= REPORT_LOST_MS
    }
}

impl Leading {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            since_ms: now_ms,
            in_charge: false,
            proposed_lead: false,
            proposed_plan: false,
            nodes: BTreeMap::new(),
            flights: BTreeMap::new(),
            planned_at_ms: now_ms,
            fencing_failed_ms: None,
        }
    }

    /// This controller stood still for `pause_ms`: that was nobody else's silence.
    pub(super) fn grant(&mut self, pause_ms: u64) {
        self.since_ms = self.since_ms.saturating_add(pause_ms);
        for flight in self.flights.values_mut() {
            flight.grant(pause_ms);
        }
    }

    /// An executor's connection came or went: what was known about it is not known any more.
    pub(super) fn executor_changed(&mut self, node: &str) {
        self.nodes.remove(node);
        self.flights.retain(|_, flight| flight.node != node);
    }

    /// A command was applied that this leader may have proposed.
    pub(super) fn applied(&mut self, command: &Command, me: (ControllerId, u64), now_ms: u64) {
        match command {
            Command::Lead { controller, term } if (*controller, *term) == me => {
                self.in_charge = true;
                self.since_ms = now_ms;
            }
            Command::Plan { .. } => {
                self.proposed_plan = false;
                self.planned_at_ms = now_ms;
            }
            Command::NodeUp { node, .. } | Command::NodeLost { node, .. } => {
                if let Some(following) = self.nodes.get_mut(node) {
                    following.proposed_change = false;
                }
            }
            _ => {}
        }
    }

    /// A proposal of this leader did not get into the log.
    pub(super) fn not_proposed(&mut self, command: &Command, now_ms: u64) {
        match command {
            Command::Lead { .. } => self.proposed_lead = false,
            Command::Plan { .. } => self.proposed_plan = false,
            Command::NodeUp { node, .. } | Command::NodeLost { node, .. } => {
                if let Some(following) = self.nodes.get_mut(node) {
                    following.proposed_change = false;
                }
            }
            Command::Report { node, .. } => {
                // Asks for all that is not acknowledged again, after a pause.
                if let Some(following) = self.nodes.get_mut(node) {
                    following.standing = false;
                    following.refused_ms.get_or_insert(now_ms);
                }
            }
            Command::GiveUp { key, .. } => {
                if let Some(flight) = self.flights.get_mut(key) {
                    flight.not_given_up();
                }
            }
            _ => {}
        }
    }
}

impl Controller {
    /// An executor says something.
    pub(super) fn heard(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        message: FromExecutor,
        out: &mut Vec<Effect>,
    ) {
        if self.heard_alone(&message) {
            return;
        }
        let peer = self
            .peers
            .values()
            .find(|peer| peer.connection == connection);
        let (Some(leading), Some(peer)) = (&mut self.leading, peer) else {
            return;
        };
        let node = peer.executor.node.clone();
        let following = leading.nodes.entry(node.clone()).or_default();
        match message {
            // It follows a later leader. Raft will tell us.
            FromExecutor::Standing { term, .. } if term > self.term => {}
            FromExecutor::Standing {
                under_way, reports, ..
            } => {
                following.standing = true;
                for key in under_way {
                    let flight = || Flight::found(node.clone(), now);
                    leading.flights.entry(key).or_insert_with(flight);
                }
                for report in reports {
                    self.pass_on(now, &node, report, out);
                }
            }
            FromExecutor::Report(report) => self.pass_on(now, &node, report, out),
            FromExecutor::Refused { key, refusal } => match refusal {
                Refusal::LowerTerm { .. } | Refusal::NotAlone => {}
                Refusal::NotFollowed => {
                    following.standing = false;
                    leading.flights.remove(&key);
                    out.push(tell(connection, ToExecutor::Lead { term: self.term }));
                }
                // There may be room on the next tick.
                Refusal::Full => drop(leading.flights.remove(&key)),
                Refusal::Superseded { newest } => {
                    let reason = format!("{node} already saw orders of transition {newest}");
                    out.push(propose(now, Command::GiveUp { key, reason }));
                }
            },
            FromExecutor::Leaving => following.leaving = true,
        }
    }

    /// Has a report replicated, unless it is or is about to be.
    fn pass_on(&mut self, now: Moment, node: &str, report: Report, out: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get(node) else {
            return;
        };
        let Some(following) = self.leading.as_mut().and_then(|l| l.nodes.get_mut(node)) else {
            return;
        };
        let journal = peer.executor.journal;
        let record = self
            .cluster
            .nodes()
            .get(node)
            .filter(|record| record.journal == journal);
        let applied = record.map_or(peer.executor.acknowledged, |record| record.applied);
        following.seen = following.seen.max(report.sequence);
        if report.sequence <= applied {
            // It was told again because an acknowledgement was lost.
            let message = ToExecutor::Acknowledge { upto: applied };
            out.push(tell(peer.connection, message));
        } else if report.sequence > following.proposed {
            following.proposed = report.sequence;
            let command = Command::Report {
                node: node.to_owned(),
                journal,
                report,
            };
            out.push(propose(now, command));
        }
    }

    /// Does all that a leader can do now.
    pub(super) fn lead(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        if !leading.proposed_lead {
            leading.proposed_lead = true;
            let command = Command::Lead {
                controller: self.settings.id,
                term: self.term,
            };
            out.push(propose(now, command));
        }
        if !leading.in_charge || !self.eligible {
            return;
        }
        self.watch_nodes(now, out);
        self.watch_flights(now, out);
        self.dispatch(now, out);
        self.plan_if_due(now, out);
    }

    /// Proposes what changed about nodes.
    fn watch_nodes(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        for (node, peer) in &self.peers {
            let following = leading.nodes.entry(node.clone()).or_default();
            let Peer {
                executor,
                connection,
            } = peer;
            let record = self.cluster.nodes().get(node);
            let known = record.is_some_and(|r| r.online && r.incarnation == executor.incarnation);
            let applied = record.map_or(executor.acknowledged, |record| record.applied);
            if following.is_behind(applied, now.monotonic_ms) {
                out.push(tell(*connection, ToExecutor::Lead { term: self.term }));
            }
            if following.proposed_change {
                continue;
            }
            if following.leaving {
                if known {
                    following.proposed_change = true;
                    out.push(propose(now, lost(node, executor.incarnation, true)));
                }
            } else if !known {
                following.proposed_change = true;
                let command = Command::NodeUp {
                    node: node.clone(),
                    journal: executor.journal,
                    incarnation: executor.incarnation,
                    acknowledged: executor.acknowledged,
                };
                out.push(propose(now, command));
            }
        }
        let started_ms = self.started_ms.unwrap_or_default();
        for (node, record) in self.cluster.nodes() {
            if !record.online || self.peers.contains_key(node) {
                continue;
            }
            // One that this process saw is gone; one that it never saw may be on its way.
            let patience_ms = self.settings.node_lost_ms;
            let lost_at_ms = match self.absent_since_ms.get(node) {
                // While another one led, its absence here did no harm, and nobody hurried to end it.
                Some(since) => (since.saturating_add(patience_ms))
                    .max(leading.since_ms.saturating_add(patience_ms / 2)),
                None => started_ms.saturating_add(self.settings.join_wait_ms),
            };
            let following = leading.nodes.entry(node.clone()).or_default();
            if now.monotonic_ms >= lost_at_ms && !following.proposed_change {
                following.proposed_change = true;
                out.push(propose(now, lost(node, record.incarnation, false)));
            }
        }
    }

    /// Sends out what is ready and not on its way.
    fn dispatch(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        let Some(transition) = self.cluster.transition() else {
            return;
        };
        if transition.is_over() {
            return;
        }
        let limits = Limits::of(transition);
        let is_unknown = transition
            .ready()
            .any(|synapse| is_probe(transition.action(synapse)));
        for synapse in transition.ready() {
            let action = transition.action(synapse);
            // What is found may show that there was no need to: a node whose executor was started again
            // is taken for empty until it is probed.
            if is_unknown && ends_service(action) {
                continue;
            }
            let key = OrderKey {
                transition: transition.number,
                action: action.id,
            };
            if !limits.admit_more(&leading.flights) {
                return;
            }
            if is_own(action)
                || leading.flights.contains_key(&key)
                || !limits.admit(action, &leading.flights)
            {
                continue;
            }
            let available = |node: &str| self.peers.contains_key(node);
            match duty::of(action, &self.cluster, available) {
                Duty::Impossible(reason) => {
                    leading.flights.insert(key, Flight::impossible(now));
                    out.push(propose(now, Command::GiveUp { key, reason }));
                }
                // What is found there on the way may be a reason to stay: a probe, say.
                Duty::Executor {
                    node,
                    work: Work::Leave,
                } if has_more_to_do(transition, synapse, &node) => {}
                Duty::Executor { node, work } => {
                    // One that is away comes back and is asked then, or is lost; one that was
                    // restarted is news first.
                    let record = self.cluster.nodes().get(&node);
                    let same = |peer: &&Peer| {
                        record.is_some_and(|r| r.incarnation == peer.executor.incarnation)
                    };
                    let Some(peer) = self.peers.get(&node).filter(same) else {
                        continue;
                    };
                    let patience_ms = duty::patience_ms(&work, self.settings.patience_ms);
                    let flight = Flight::sent(node.clone(), now, patience_ms);
                    leading.flights.insert(key, flight);
                    let order = crate::executor::Order { key, work };
                    let message = ToExecutor::Order {
                        term: self.term,
                        order,
                    };
                    out.push(tell(peer.connection, message));
                    let name = action.key.clone();
                    out.push(Effect::Dispatched {
                        order: key,
                        key: name,
                        node,
                    });
                }
            }
        }
    }

    /// Proposes the next plan if one is wanted and nothing can still change what it is made from.
    fn plan_if_due(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let over = self.cluster.transition().is_none_or(Transition::is_over);
        let wanted = self.cluster.wanted().is_some() || self.is_recheck_due(now);
        let wanted = wanted && self.cluster.is_configured();
        if !over || !wanted || !self.is_quiet() || self.is_joining(now) {
            return;
        }
        if self.is_pausing(now) {
            return;
        }
        let Some(leading) = &mut self.leading else {
            return;
        };
        if !leading.proposed_plan {
            leading.proposed_plan = true;
            let transition = self.cluster.planned() + 1;
            let feature_set = FEATURE_SET.to_owned();
            out.push(propose(
                now,
                Command::Plan {
                    transition,
                    utc_offset: now.utc_offset,
                    feature_set,
                },
            ));
        }
    }

    /// Whether time alone would make another plan: the engine said when, or it is long since the
    /// last one. What the engine does not foresee (an expired failure that left no failed operation
    /// behind, say) is found by the second.
    fn is_recheck_due(&self, now: Moment) -> bool {
        let transition = self.cluster.transition();
        let foreseen = transition.and_then(|t| {
            let by = t.graph.attributes.recheck_by;
            by.filter(|by| *by > t.now.seconds)
        });
        if foreseen.is_some_and(|by| now.at >= by) {
            return true;
        }
        let every_ms = status::recheck_interval_ms(self.cluster.cib());
        let planned_at_ms = self.leading.as_ref().map(|leading| leading.planned_at_ms);
        let since_ms = planned_at_ms.map_or(0, |at| now.monotonic_ms.saturating_sub(at));
        every_ms > 0 && since_ms >= every_ms
    }

    /// Whether every node that takes part said what is under way, nothing is, and all of its
    /// reports are applied: then the state says what is.
    fn is_quiet(&self) -> bool {
        let Some(leading) = &self.leading else {
            return false;
        };
        if !leading.is_nothing_under_way() {
            return false;
        }
        let mut online = self
            .cluster
            .nodes()
            .iter()
            .filter(|(_, record)| record.online);
        online.all(|(node, record)| {
            let peer = self.peers.get(node);
            let following = leading.nodes.get(node);
            peer.is_some_and(|peer| peer.executor.incarnation == record.incarnation)
                && following.is_some_and(|f| f.standing && f.seen <= record.applied)
        })
    }

    /// Whether a cluster that never planned waits for nodes that it should have.
    fn is_joining(&self, now: Moment) -> bool {
        let Some(leading) = &self.leading else {
            return true;
        };
        let in_time =
            now.monotonic_ms < leading.since_ms.saturating_add(self.settings.join_wait_ms);
        let up = |name: &String| {
            self.cluster
                .nodes()
                .get(name)
                .is_some_and(|node| node.online)
        };
        let names = status::node_names(self.cluster.cib());
        let complete = !names.is_empty() && names.iter().all(up);
        self.cluster.planned() == 0 && in_time && !complete
    }

    /// Whether fencing failed so recently that trying again makes no sense.
    fn is_pausing(&mut self, now: Moment) -> bool {
        let failures = self.cluster.fencing_failures();
        let Some(leading) = &mut self.leading else {
            return true;
        };
        if failures == 0 {
            leading.fencing_failed_ms = None;
            return false;
        }
        let (_, since) = *leading
            .fencing_failed_ms
            .take_if(|(count, _)| *count == failures)
            .get_or_insert((failures, now.monotonic_ms));
        leading.fencing_failed_ms = Some((failures, since));
        let pause = FENCING_PAUSE_MS << failures.saturating_sub(1).min(6);
        now.monotonic_ms < since.saturating_add(pause.min(FENCING_PAUSE_MAX_MS))
    }
}

/// Whether a plan has more for a node to do than to leave.
fn has_more_to_do(transition: &Transition, leaving: u32, node: &str) -> bool {
    let synapses = (0u32..).zip(&transition.graph.synapses);
    let mut others = synapses.filter(|(synapse, _)| *synapse != leaving);
    others.any(|(synapse, other)| {
        let action = &other.action;
        action.kind == GraphActionKind::Resource
            && duty::executor_of(action) == Some(node)
            && transition.progress(synapse) == Progress::Waiting
    })
}

fn lost(node: &str, incarnation: u64, clean: bool) -> Command {
    Command::NodeLost {
        node: node.to_owned(),
        incarnation,
        clean,
    }
}
