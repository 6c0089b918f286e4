//! Which orders may be under way, and for how long are they awaited?
//!
//! Nothing is planned while anything is under way anywhere: what it does is not in the state yet. That
//! holds for orders of the plan in force and of every one before it. A node that was lost, and comes
//! back with its executor still running, may be about to start what an abandoned plan wanted there.

use lockstep_engine::parse::Document;

use super::duty::{self, Duty};
use super::leading::Leading;
use super::{Controller, Effect, Moment, propose};
use crate::cluster::command::Command;
use crate::cluster::status;
use crate::cluster::transition::{Progress, Transition};
use crate::executor::{OrderKey, Report};

/// What is under way of an abandoned plan is awaited so long, in milliseconds: longer than any timeout
/// makes sense for. Executors end agents at their timeouts; one that the kernel does not let go of
/// must not hold up the cluster for ever.
const ABANDONED_MS: u64 = 3_600_000;

/// An order on its way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// On whose executor; empty if nobody can carry it out.
    pub(super) node: String,
    since_ms: u64,
    /// Until when a result is awaited; unknown until the plan that it is of is.
    given_up_at_ms: Option<u64>,
    given_up: bool,
}

impl Flight {
    /// An order that is sent now.
    pub(super) fn sent(node: String, now: Moment, patience_ms: u64) -> Self {
        Self {
            given_up_at_ms: Some(now.monotonic_ms.saturating_add(patience_ms)),
            ..Self::found(node, now)
        }
    }

    /// An order that an executor says is under way: who gave it may be gone.
    pub(super) fn found(node: String, now: Moment) -> Self {
        Self {
            node,
            since_ms: now.monotonic_ms,
            given_up_at_ms: None,
            given_up: false,
        }
    }

    /// An order that nobody can carry out.
    pub(super) fn impossible(now: Moment) -> Self {
        Self {
            given_up: true,
            ..Self::sent(String::new(), now, 0)
        }
    }

    /// Giving it up did not get into the log.
    pub(super) fn not_given_up(&mut self) {
        self.given_up = false;
    }

    /// Its node gets `pause_ms` more: nobody listened meanwhile.
    pub(super) fn grant(&mut self, pause_ms: u64) {
        self.since_ms = self.since_ms.saturating_add(pause_ms);
        if let Some(at) = &mut self.given_up_at_ms {
            *at = at.saturating_add(pause_ms);
        }
    }

    /// Whether an order of a plan that is not in force any more may still change something that the
    /// state does not tell. If it was given up the state says so, and the plans since go by that.
    fn is_left_over(&self, key: OrderKey, cib: &Document, now: Moment) -> bool {
        let in_time = now.monotonic_ms < self.since_ms.saturating_add(ABANDONED_MS);
        in_time && !status::has_result(cib, &self.node, key)
    }
}

impl Leading {
    /// A report is in the log: its order is not under way any more.
    pub(super) fn ended(&mut self, report: &Report) {
        if !report.repeated {
            self.flights.remove(&report.key);
        }
    }

    /// Whether nothing may be under way anywhere.
    pub(super) fn is_nothing_under_way(&self) -> bool {
        let mut flights = self.flights.values();
        flights.all(|flight| flight.node.is_empty())
    }
}

impl Controller {
    /// Forgets what ended and gives up what never does.
    pub(super) fn watch_flights(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        let cluster = &self.cluster;
        let in_force = |key: OrderKey| {
            let transition = cluster.transition();
            transition.filter(|transition| transition.number == key.transition)
        };
        leading.flights.retain(|key, flight| match in_force(*key) {
            Some(transition) => is_waiting(transition, *key),
            None => flight.is_left_over(*key, cluster.cib(), now),
        });
        for (key, flight) in &mut leading.flights {
            let Some(transition) = in_force(*key) else {
                continue;
            };
            let since_ms = flight.since_ms;
            let given_up_at_ms = *flight.given_up_at_ms.get_or_insert_with(|| {
                let action = transition.synapse_of(key.action);
                let duty = action.map(|synapse| {
                    let available = |node: &str| self.peers.contains_key(node);
                    duty::of(transition.action(synapse), cluster, available)
                });
                let patience_ms = match duty {
                    Some(Duty::Executor { work, .. }) => {
                        duty::patience_ms(&work, self.settings.patience_ms)
                    }
                    _ => self.settings.patience_ms,
                };
                since_ms.saturating_add(patience_ms)
            });
            if now.monotonic_ms >= given_up_at_ms && !flight.given_up {
                flight.given_up = true;
                let reason = format!("no result came from {} in time", flight.node);
                out.push(propose(now, Command::GiveUp { key: *key, reason }));
            }
        }
    }
}

fn is_waiting(transition: &Transition, key: OrderKey) -> bool {
    let synapse = transition.synapse_of(key.action);
    synapse.is_some_and(|synapse| transition.progress(synapse) == Progress::Waiting)
}
