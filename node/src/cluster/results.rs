//! What does a result mean? For the status, for the plan in force, and for the next one.

use lockstep_engine::graph::{GraphAction, GraphActionKind};

use super::action::{expected_code, interval_ms, meta, parameter};
use super::event::What;
use super::failures::{self, Failure};
use super::fencings::FencingRecord;
use super::policy::ActionResult;
use super::transition::{self, Transition};
use super::{Cluster, Refusal, event, migrations, recurring, status};
use crate::agent::Outcome;
use crate::executor::{OrderKey, Report};

impl Cluster {
    pub(super) fn report(
        &mut self,
        node: &str,
        journal: u64,
        mut report: Report,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get_mut(node) else {
            return Err(Refusal::UnknownNode(node.to_owned()));
        };
        if record.journal != journal || report.sequence != record.applied + 1 {
            return Err(Refusal::Superseded);
        }
        record.applied = report.sequence;
        // By the clock that plans go by, and from when the cluster could do something about it: a failure
        // must not be old news to the engine because a node's clock is behind, or because nobody led.
        report.outcome.began_at = self.clock;
        status::bump(&mut self.cib, "num_updates");
        if report.repeated {
            self.observe(node, &report, news);
            return Ok(());
        }
        let number = report.key.transition;
        let synapse_in = |transition: &Option<Transition>| {
            let transition = transition.as_ref().filter(|t| t.number == number)?;
            let synapse = transition.synapse_of(report.key.action)?;
            Some((synapse, transition.action(synapse).clone()))
        };
        if let Some((synapse, action)) = synapse_in(&self.transition) {
            self.result(node, synapse, &action, report.key, report.outcome, news);
        } else if let Some((_, action)) = synapse_in(&self.previous) {
            // It was given up; its result still tells what is.
            self.record(node, &action, report.key, &report.outcome, news);
            self.interrupt(&format!("{} ended late", action.key), news);
        } else {
            // Its graph is gone. What it did to the resource is not known: ask the resource.
            let resource = &report.resource;
            news.append(&mut migrations::forget_targets(
                &mut self.cib,
                node,
                resource,
            ));
            status::forget_resource(&mut self.cib, node, resource);
            self.interrupt(
                &format!("{} of {} ended late", report.task, report.resource),
                news,
            );
        }
        Ok(())
    }

    /// A result of an action of the transition in force.
    pub(super) fn result(
        &mut self,
        node: &str,
        synapse: u32,
        action: &GraphAction,
        order: OrderKey,
        outcome: Outcome,
        news: &mut Vec<What>,
    ) {
        let expected = self.record(node, action, order, &outcome, news);
        let Some(transition) = &mut self.transition else {
            return;
        };
        transition.confirm(synapse, expected);
        let (key, node) = (action.key.clone(), node.to_owned());
        let reason = format!("{key} on {node}: {}", event::told(&outcome));
        news.push(What::Done {
            order,
            key,
            node,
            outcome,
            expected,
        });
        if expected {
            self.advance(news);
        } else {
            self.wanted.get_or_insert_with(|| reason.clone());
            self.interrupt(&reason, news);
        }
    }

    /// Writes a result into the status; returns whether it is the expected one.
    pub(super) fn record(
        &mut self,
        node: &str,
        action: &GraphAction,
        order: OrderKey,
        outcome: &Outcome,
        news: &mut Vec<What>,
    ) -> bool {
        let wanted = expected_code(action);
        let success = outcome.code.0 == wanted;
        let resource = action
            .primitive
            .as_ref()
            .map(|primitive| primitive.id.as_str());
        match (action.kind, action.task.as_str(), resource) {
            (GraphActionKind::Cluster, "stonith", _) => {
                self.fencing_ended(node, action, order, success, &outcome.reason, news);
            }
            // The node came up since, and all that was known about it was forgotten: it is probed.
            (GraphActionKind::Resource, ..) if success && self.is_earlier_life(node, order) => {}
            (GraphActionKind::Cluster, "do_shutdown", _) if success => {
                status::node_is_expected_down(&mut self.cib, node);
            }
            (_, "delete" | "lrm_delete", Some(resource)) if success => {
                status::forget_resource(&mut self.cib, node, resource);
            }
            (GraphActionKind::Resource, "cancel", Some(resource)) if success => {
                recurring::forget(&mut self.cib, node, resource, &action.key);
            }
            (GraphActionKind::Resource, task, Some(resource)) => {
                let result = ActionResult {
                    rc: outcome.code.0,
                    op_status: i32::from(outcome.status as u8),
                    expected_rc: wanted,
                    exit_reason: outcome.reason.clone(),
                    transition_key: format!(
                        "{}:{}:{wanted}:{}",
                        order.action, order.transition, self.uuid
                    ),
                    last_rc_change: outcome.began_at,
                    exec_ms: outcome.exec_ms,
                    queue_ms: outcome.queue_ms,
                    restart_for: outcome.restart_for.clone(),
                    node: node.to_owned(),
                };
                self.policy.record(&mut self.cib, action, &result);
                if task == "migrate_to" {
                    migrations::forget_earlier_arrivals(&mut self.cib, node, resource);
                }
                if success && task == "stop" {
                    let transition = order.transition;
                    migrations::forget_if_complete(&mut self.cib, node, resource, transition);
                }
                let ignored = meta(action, "on_fail") == Some("ignore");
                if !success && !ignored {
                    let interval_ms = interval_ms(action);
                    let at = outcome.began_at;
                    let failure = Failure {
                        node,
                        resource,
                        task,
                        interval_ms,
                        at,
                    };
                    let attributes = self.transition.as_ref().map(|t| &t.graph.attributes);
                    failures::count(&mut self.cib, failure, attributes);
                }
            }
            _ => {}
        }
        success
    }

    fn fencing_ended(
        &mut self,
        by: &str,
        action: &GraphAction,
        order: OrderKey,
        success: bool,
        detail: &str,
        news: &mut Vec<What>,
    ) {
        let Some(target) = &action.node else { return };
        let operation = parameter(action, "stonith_action").unwrap_or("reboot");
        self.fencings.add(FencingRecord {
            at: self.clock,
            target: target.name.clone(),
            action: operation.to_owned(),
            // What was given up is told of the target.
            by: (by != target.name).then(|| by.to_owned()),
            succeeded: success,
            detail: detail.to_owned(),
        });
        if success && self.is_earlier_life(&target.name, order) {
            // It was up again before anybody was told, and may be lost again: this is not to say that
            // it was fenced since.
            return;
        }
        if !success {
            *self
                .fencing_failures
                .entry(target.name.clone())
                .or_default() += 1;
            return;
        }
        self.fencing_failures.remove(&target.name);
        self.is_fenced(&target.name, operation, news);
        if let Some(record) = self.nodes.get_mut(&target.name) {
            record.online = false;
        }
    }

    /// Whether an order was given before a node's executor last started.
    fn is_earlier_life(&self, node: &str, order: OrderKey) -> bool {
        let before = self.lives.get(node);
        before.is_some_and(|last| order.transition <= *last)
    }

    /// Notes that a node was fenced: what was known about it is forgotten.
    pub(super) fn is_fenced(&mut self, node: &str, operation: &str, news: &mut Vec<What>) {
        let goes = !operation.eq_ignore_ascii_case("on");
        if goes && self.before_forgetting(node, news) {
            // The plan in force took what is to be looked for now for known.
            self.interrupt(
                &format!("{node} was fenced while it sent something away"),
                news,
            );
        }
        self.policy.record_fencing(&mut self.cib, node, operation);
    }

    /// A changed result of a recurring operation.
    pub(super) fn observe(&mut self, node: &str, report: &Report, news: &mut Vec<What>) {
        let Report {
            resource,
            task,
            interval_ms,
            outcome,
            ..
        } = report;
        let recorded = recurring::record(&mut self.cib, node, report);
        if recorded == recurring::Recorded::Unknown {
            return;
        }
        let key = format!("{resource}_{task}_{interval_ms}");
        let reason = format!("{key} on {node}: {}", event::told(outcome));
        if recorded == recurring::Recorded::Failure {
            let (interval_ms, at) = (*interval_ms, outcome.began_at);
            let failure = Failure {
                node,
                resource,
                task,
                interval_ms,
                at,
            };
            failures::count(&mut self.cib, failure, None);
        }
        news.push(What::Observed {
            node: node.to_owned(),
            key,
            outcome: outcome.clone(),
        });
        self.interrupt(&reason, news);
    }

    /// The leader got no result.
    pub(super) fn give_up(
        &mut self,
        key: OrderKey,
        reason: &str,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let transition = self
            .transition
            .as_ref()
            .filter(|t| t.number == key.transition);
        let found = transition.and_then(|transition| {
            let synapse = transition.synapse_of(key.action)?;
            Some((
                synapse,
                transition.action(synapse).clone(),
                transition.progress(synapse),
            ))
        });
        let Some((synapse, action, transition::Progress::Waiting)) = found else {
            return Err(Refusal::Superseded);
        };
        let node = action
            .node
            .as_ref()
            .map_or(String::new(), |node| node.name.clone());
        let mut outcome = Outcome::error(reason);
        outcome.began_at = self.clock;
        self.result(&node, synapse, &action, key, outcome, news);
        Ok(())
    }
}
