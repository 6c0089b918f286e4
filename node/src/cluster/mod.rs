//! What do all controllers agree on?
//!
//! The replicated state machine: [`Cluster::apply`] takes one committed [`Command`] after the other
//! and ends in the same state on every controller, because it is a function of the state and the
//! entry alone. What the leader only knows for itself (connections, what is under way) is in
//! [`crate::controller`].
//!
//! | file | question |
//! |---|---|
//! | `command.rs` | what can change the state |
//! | `status.rs`, `failures.rs`, `recurring.rs` | how the CIB's status tells what happened |
//! | `transition.rs` | how far a graph is carried out |
//! | `agreement.rs` | whether all controllers computed the same |
//! | `history.rs` | what the engine saw, and when |
//! | `policy.rs` | what the state asks of the engine |
//! | `snapshot.rs` | the whole state as bytes |
//! | `event.rs` | what happened, for people and programs |

pub mod agreement;
pub mod command;
pub mod event;
pub mod failures;
pub mod history;
pub mod policy;
pub mod recurring;
pub mod snapshot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod transition;
pub mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};
use lockstep_engine::graph::{GraphAction, GraphActionKind};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;

use agreement::Agreement;
use command::{Command, ControllerId, Entry, Epoch, Lifetime};
use event::{Event, What};
use failures::Failure;
use history::{History, SavedPlan};
use policy::{ActionResult, Digest, Policy};
use transition::Transition;

use crate::agent::Outcome;
use crate::executor::{OrderKey, Report};

/// A CIB with more stale memory than this is packed when the next plan is made. In bytes.
const PACK_FROM: usize = 4 << 20;

/// What is known about a node's executor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodeRecord {
    /// Its id in the CIB.
    pub id: String,
    /// Its executor's journal.
    pub journal: u64,
    /// Its executor's process.
    pub incarnation: u64,
    /// The last report that was applied.
    pub applied: u64,
    /// Whether it takes part.
    pub online: bool,
}

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Leadership {
    /// Which controller.
    pub controller: ControllerId,
    /// In which term.
    pub term: u64,
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// The configuration changed meanwhile.
    #[error("the configuration is at {present} by now, not at {expected}: read it and try again")]
    OtherEpoch {
        /// What the change was made from.
        expected: Epoch,
        /// What is in force.
        present: Epoch,
    },
    /// It is not a CIB.
    #[error("{0}")]
    NotACib(String),
    /// Something was faster; nothing is left to do.
    #[error("superseded")]
    Superseded,
    /// There is no such node.
    #[error("there is no node '{0}'")]
    UnknownNode(String),
}

/// What came of a command.
#[derive(Debug)]
pub struct Applied {
    /// Whether it was accepted.
    pub outcome: Result<(), Refusal>,
    /// What happened.
    pub events: Vec<Event>,
}

/// The replicated state.
pub struct Cluster {
    name: String,
    uuid: String,
    voters: usize,
    policy: Arc<dyn Policy>,
    cib: Document,
    /// Whether somebody ever gave a configuration.
    configured: bool,
    clock: i64,
    index: u64,
    leadership: Option<Leadership>,
    nodes: BTreeMap<String, NodeRecord>,
    transition: Option<Transition>,
    previous: Option<Transition>,
    planned: u64,
    /// Why a new plan is wanted, if so.
    wanted: Option<String>,
    /// Fencing of a node that failed in a row.
    fencing_failures: BTreeMap<String, u32>,
    agreement: Agreement,
    history: History,
    /// Whether restoring a snapshot gave another graph than the one that it was made with.
    diverged_from_snapshot: bool,
}

impl Cluster {
    /// An empty cluster of that name, with so many voting controllers.
    pub fn new(name: &str, voters: usize, policy: Arc<dyn Policy>) -> Self {
        let cib = Document::parse(status::EMPTY_CIB.as_bytes(), &Limits::default());
        Self {
            name: name.to_owned(),
            uuid: uuid_of(name),
            voters,
            policy,
            cib: cib.unwrap_or_else(|error| unreachable!("a constant: {error}")),
            configured: false,
            clock: 0,
            index: 0,
            leadership: None,
            nodes: BTreeMap::new(),
            transition: None,
            previous: None,
            planned: 0,
            wanted: None,
            fencing_failures: BTreeMap::new(),
            agreement: Agreement::default(),
            history: History::default(),
            diverged_from_snapshot: false,
        }
    }

    /// Configuration and status.
    pub fn cib(&self) -> &Document {
        &self.cib
    }

    /// Whether somebody ever gave a configuration; before that there is nothing to plan.
    pub fn is_configured(&self) -> bool {
        self.configured
    }

    /// The log index of the last command.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Who leads, as far as the log says.
    pub fn leadership(&self) -> Option<Leadership> {
        self.leadership
    }

    /// All nodes that ever had an executor here.
    pub fn nodes(&self) -> &BTreeMap<String, NodeRecord> {
        &self.nodes
    }

    /// The latest transition.
    pub fn transition(&self) -> Option<&Transition> {
        self.transition.as_ref()
    }

    /// How many plans were made: the number of the latest.
    pub fn planned(&self) -> u64 {
        self.planned
    }

    /// Why a new plan is wanted, if so.
    pub fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// How often fencing of some node failed in a row.
    pub fn fencing_failures(&self) -> u32 {
        self.fencing_failures.values().copied().max().unwrap_or(0)
    }

    /// Digests of graphs.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Saved inputs.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether this controller cannot rebuild the graph of the snapshot that it started from.
    pub fn diverged_from_snapshot(&self) -> bool {
        self.diverged_from_snapshot
    }

    /// The configuration's place in the sequence.
    pub fn epoch(&self) -> Epoch {
        Epoch {
            admin: status::number(&self.cib, "admin_epoch"),
            epoch: status::number(&self.cib, "epoch"),
        }
    }

    /// Third part of a `transition-key` and the like: names the cluster, 36 characters.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Applies the next entry of the log.
    pub fn apply(&mut self, index: u64, entry: Entry) -> Applied {
        self.index = index;
        // Time does not run backwards, whatever the clocks of two leaders say.
        self.clock = self.clock.max(entry.at);
        let mut happened = Vec::new();
        let outcome = self.carry_out(entry.command, &mut happened);
        let event = |what| Event {
            index,
            at: self.clock,
            what,
        };
        Applied {
            outcome,
            events: happened.into_iter().map(event).collect(),
        }
    }

    fn carry_out(&mut self, command: Command, news: &mut Vec<What>) -> Result<(), Refusal> {
        match command {
            Command::Lead { controller, term } => {
                self.leadership = Some(Leadership { controller, term });
                let root = self.cib.root();
                self.cib.set_attr(root, "have-quorum", "1");
                self.cib.set_attr(root, "dc-uuid", &controller.to_string());
                news.push(What::Leads { controller, term });
                Ok(())
            }
            Command::ReplaceConfig { expected, cib } => self.replace_config(expected, &cib, news),
            Command::NodeUp {
                node,
                journal,
                incarnation,
                acknowledged,
            } => self.node_up(node, journal, incarnation, acknowledged, news),
            Command::NodeLost {
                node,
                incarnation,
                clean,
            } => self.node_lost(&node, incarnation, clean, news),
            Command::Report {
                node,
                journal,
                report,
            } => self.report(&node, journal, report, news),
            Command::GiveUp { key, reason } => self.give_up(key, &reason, news),
            Command::SetAttribute {
                node,
                name,
                value,
                lifetime,
            } => self.set_attribute(node, name, value, lifetime, news),
            Command::Plan {
                transition,
                utc_offset,
                feature_set: _,
            } => self.plan(transition, utc_offset, news),
            Command::Digest {
                transition,
                controller,
                incarnation,
                digest,
            } => {
                let voters = self.voters;
                let diverged =
                    self.agreement
                        .report(transition, controller, incarnation, digest, voters);
                let ours = self.transition.as_ref().filter(|t| t.number == transition);
                let equal = ours.is_none_or(|ours| ours.digest == digest);
                news.push(What::Computed {
                    transition,
                    controller,
                    equal,
                });
                let diverged = diverged.into_iter();
                news.extend(diverged.map(|controller| What::Diverged {
                    controller,
                    transition,
                }));
                Ok(())
            }
        }
    }

    fn replace_config(
        &mut self,
        expected: Option<Epoch>,
        bytes: &[u8],
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let present = self.epoch();
        if let Some(expected) = expected.filter(|expected| *expected != present) {
            return Err(Refusal::OtherEpoch { expected, present });
        }
        let given = Document::parse(bytes, &Limits::default())
            .map_err(|error| Refusal::NotACib(error.to_string()))?;
        let Some(configuration) = given.child(given.root(), "configuration") else {
            let message = format!(
                "a <{}> without <configuration> is no CIB",
                given.name(given.root())
            );
            return Err(Refusal::NotACib(message));
        };
        let root = self.cib.root();
        if let Some(old) = self.cib.child(root, "configuration") {
            self.cib.remove(old);
        }
        let new = self.cib.copy_from(&given, configuration, root);
        if let Some(status) = self.cib.child(root, "status") {
            self.cib.move_before(new, status);
        }
        for (name, value) in given.attrs(given.root()) {
            let kept = [
                "admin_epoch",
                "epoch",
                "num_updates",
                "have-quorum",
                "dc-uuid",
            ];
            if !kept.contains(&name) {
                self.cib.set_attr(root, name, value);
            }
        }
        self.configured = true;
        let admin = status::number(&given, "admin_epoch").max(present.admin);
        self.cib.set_attr(root, "admin_epoch", &admin.to_string());
        // Nodes that are here do not leave because a configuration forgot them.
        for (node, record) in &mut self.nodes {
            if record.online {
                record.id = status::ensure_node(&mut self.cib, node).0;
            }
        }
        self.configuration_changed(news);
        self.interrupt("the configuration changed", news);
        Ok(())
    }

    fn configuration_changed(&mut self, news: &mut Vec<What>) {
        status::bump(&mut self.cib, "epoch");
        let root = self.cib.root();
        self.cib.set_attr(root, "num_updates", "0");
        news.push(What::Configured {
            epoch: self.epoch().to_string(),
        });
    }

    fn node_up(
        &mut self,
        node: String,
        journal: u64,
        incarnation: u64,
        acknowledged: u64,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let known = self.nodes.get(&node);
        if known.is_some_and(|known| known.online && known.incarnation == incarnation) {
            return Err(Refusal::Superseded);
        }
        let fresh = known.is_none_or(|known| known.incarnation != incarnation);
        let applied = match known {
            // Reports of one journal are counted on over restarts of its executor.
            Some(known) if known.journal == journal => known.applied,
            _ => acknowledged,
        };
        let (id, new) = status::ensure_node(&mut self.cib, &node);
        if new {
            self.configuration_changed(news);
        }
        status::node_joined(&mut self.cib, &id, &node, self.clock, fresh);
        let record = NodeRecord {
            id,
            journal,
            incarnation,
            applied,
            online: true,
        };
        self.nodes.insert(node.clone(), record);
        self.fencing_failures.remove(&node);
        self.interrupt(&format!("node {node} came up"), news);
        news.push(What::NodeUp { node });
        Ok(())
    }

    fn node_lost(
        &mut self,
        node: &str,
        incarnation: u64,
        clean: bool,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get_mut(node) else {
            return Err(Refusal::UnknownNode(node.to_owned()));
        };
        if !record.online || record.incarnation != incarnation {
            return Err(Refusal::Superseded);
        }
        record.online = false;
        let id = record.id.clone();
        status::node_left(&mut self.cib, &id, node, clean);
        status::bump(&mut self.cib, "num_updates");
        news.push(What::NodeLost {
            node: node.to_owned(),
            clean,
        });
        if clean && self.leaves_as_planned(node) {
            return Ok(());
        }
        self.interrupt(
            &format!("node {node} {}", if clean { "left" } else { "was lost" }),
            news,
        );
        Ok(())
    }

    /// Whether the plan in force has had this node leave: then its leaving is no news to it.
    fn leaves_as_planned(&self, node: &str) -> bool {
        let Some(transition) = self.transition.as_ref().filter(|t| t.aborted.is_none()) else {
            return false;
        };
        let synapses = (0u32..).zip(&transition.graph.synapses);
        let mut leaving = synapses.filter(|(_, synapse)| {
            let on = synapse.action.node.as_ref().map(|on| on.name.as_str());
            synapse.action.task == "do_shutdown" && on == Some(node)
        });
        leaving.any(|(at, _)| transition.progress(at) == transition::Progress::Done)
    }

    fn set_attribute(
        &mut self,
        node: String,
        name: String,
        value: Option<String>,
        lifetime: Lifetime,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        if status::node_id(&self.cib, &node).is_none() {
            return Err(Refusal::UnknownNode(node));
        }
        let set = match lifetime {
            Lifetime::Transient => status::set_transient,
            Lifetime::Permanent => status::set_permanent,
        };
        if set(&mut self.cib, &node, &name, value.as_deref()) {
            match lifetime {
                Lifetime::Transient => status::bump(&mut self.cib, "num_updates"),
                Lifetime::Permanent => self.configuration_changed(news),
            }
            self.interrupt(&format!("attribute {name} of {node} changed"), news);
            news.push(What::Attribute { node, name, value });
        }
        Ok(())
    }

    /// Something that the plan in force did not know happened.
    fn interrupt(&mut self, reason: &str, news: &mut Vec<What>) {
        self.wanted.get_or_insert_with(|| reason.to_owned());
        if let Some(transition) = &mut self.transition
            && !transition.is_over()
        {
            transition.abort(reason);
            let transition = transition.number;
            news.push(What::Aborted {
                transition,
                reason: reason.to_owned(),
            });
        }
    }

    fn plan(&mut self, number: u64, utc_offset: i32, news: &mut Vec<What>) -> Result<(), Refusal> {
        if number != self.planned + 1 {
            return Err(Refusal::Superseded);
        }
        self.planned = number;
        let reason = self
            .wanted
            .take()
            .unwrap_or_else(|| "its time has come".into());
        if self.cib.stale_bytes() > PACK_FROM {
            self.cib.compact();
        }
        let cib: Arc<str> = self.cib.to_xml().into();
        let now = Timestamp {
            seconds: self.clock,
            offset: utc_offset,
        };
        let planned = self.policy.plan(&self.cib, number, now);
        let digest = planned.as_ref().ok().map(|planned| planned.digest);
        let index = self.index;
        let saved = SavedPlan {
            transition: number,
            index,
            now: now.seconds,
            utc_offset,
            reason: reason.clone(),
            digest,
            cib,
        };
        self.history.add(saved);
        self.previous = self.transition.take();
        match planned {
            Ok(planned) => {
                let digest = planned.digest;
                let transition = Transition::new(number, index, now, planned.graph, digest);
                let synapses = &transition.graph.synapses;
                let real = |kind| !matches!(kind, GraphActionKind::Pseudo);
                let actions = synapses.iter().filter(|s| real(s.action.kind)).count();
                news.push(What::Planned {
                    transition: number,
                    digest,
                    actions,
                    reason,
                });
                self.transition = Some(transition);
                self.advance(news);
            }
            Err(error) => news.push(What::NotPlanned {
                transition: number,
                error,
            }),
        }
        Ok(())
    }

    /// Carries out what needs nobody but this state, and notes the end.
    fn advance(&mut self, news: &mut Vec<What>) {
        let Some(transition) = &mut self.transition else {
            return;
        };
        if transition.aborted.is_some() {
            return;
        }
        while let Some(synapse) = transition.next_own() {
            let action = transition.action(synapse).clone();
            carry_out_here(&mut self.cib, &action);
            transition.confirm(synapse, true);
        }
        if transition.is_over() {
            news.push(What::Completed {
                transition: transition.number,
            });
        }
    }

    fn report(
        &mut self,
        node: &str,
        journal: u64,
        report: Report,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get_mut(node) else {
            return Err(Refusal::UnknownNode(node.to_owned()));
        };
        if record.journal != journal || report.sequence != record.applied + 1 {
            return Err(Refusal::Superseded);
        }
        record.applied = report.sequence;
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
            self.record(node, &action, report.key, &report.outcome);
            self.interrupt(&format!("{} ended late", action.key), news);
        } else {
            // Its graph is gone. What it did to the resource is not known: ask the resource.
            status::forget_resource(&mut self.cib, node, &report.resource);
            self.interrupt(
                &format!("{} of {} ended late", report.task, report.resource),
                news,
            );
        }
        Ok(())
    }

    /// A result of an action of the transition in force.
    fn result(
        &mut self,
        node: &str,
        synapse: u32,
        action: &GraphAction,
        order: OrderKey,
        outcome: Outcome,
        news: &mut Vec<What>,
    ) {
        let expected = self.record(node, action, order, &outcome);
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
    fn record(
        &mut self,
        node: &str,
        action: &GraphAction,
        order: OrderKey,
        outcome: &Outcome,
    ) -> bool {
        let wanted = expected_code(action);
        let success = outcome.code.0 == wanted;
        let resource = action
            .primitive
            .as_ref()
            .map(|primitive| primitive.id.as_str());
        match (action.kind, action.task.as_str(), resource) {
            (GraphActionKind::Cluster, "stonith", _) => self.fencing_ended(action, success),
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
                    node: node.to_owned(),
                };
                self.policy.record(&mut self.cib, action, &result);
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

    fn fencing_ended(&mut self, action: &GraphAction, success: bool) {
        let Some(target) = &action.node else { return };
        if !success {
            *self
                .fencing_failures
                .entry(target.name.clone())
                .or_default() += 1;
            return;
        }
        self.fencing_failures.remove(&target.name);
        let operation = meta_value(action, "stonith_action").unwrap_or("reboot");
        self.policy
            .record_fencing(&mut self.cib, &target.name, operation);
        if let Some(record) = self.nodes.get_mut(&target.name) {
            record.online = false;
        }
    }

    /// A changed result of a recurring operation.
    fn observe(&mut self, node: &str, report: &Report, news: &mut Vec<What>) {
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
    fn give_up(
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

/// Whether an action changes this state only, and no agent is needed.
pub fn is_own(action: &GraphAction) -> bool {
    match action.kind {
        GraphActionKind::Pseudo => true,
        GraphActionKind::Cluster => {
            matches!(
                action.task.as_str(),
                "clear_failcount" | "maintenance_nodes" | "lrm_refresh"
            ) || (action.task == "lrm_delete" && action.mode_cib)
        }
        GraphActionKind::Resource => false,
    }
}

fn carry_out_here(cib: &mut Document, action: &GraphAction) {
    let (Some(node), Some(primitive)) = (&action.node, &action.primitive) else {
        return;
    };
    match action.task.as_str() {
        "clear_failcount" => {
            let operation = meta(action, "operation");
            let operation = operation.map(|task| (task, interval_ms(action)));
            failures::clear(cib, &node.name, &primitive.id, operation);
        }
        "lrm_delete" => status::forget_resource(cib, &node.name, &primitive.id),
        _ => {}
    }
}

/// A meta attribute of an action, by its name with underscores.
pub fn meta<'a>(action: &'a GraphAction, name: &str) -> Option<&'a str> {
    let named = |key: &str| key.strip_prefix("CRM_meta_") == Some(name);
    action
        .attributes
        .iter()
        .find(|(key, _)| named(key))
        .map(|(_, value)| value.as_str())
}

/// A parameter of an action, with or without the prefix of meta attributes.
fn meta_value<'a>(action: &'a GraphAction, name: &str) -> Option<&'a str> {
    let plain = action.attributes.iter().find(|(key, _)| key == name);
    meta(action, name).or(plain.map(|(_, value)| value.as_str()))
}

/// The result code that the graph expects of an action.
pub fn expected_code(action: &GraphAction) -> i32 {
    meta(action, "op_target_rc")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// How often an action is repeated, in milliseconds; 0 if it is not.
pub fn interval_ms(action: &GraphAction) -> u64 {
    meta(action, "interval")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// A name as a UUID: what Pacemaker's keys end with is 36 characters long.
fn uuid_of(name: &str) -> String {
    let hash = blake3::hash(name.as_bytes());
    let hex: String = hash.as_bytes()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

impl Transition {
    fn next_own(&self) -> Option<u32> {
        self.ready().find(|synapse| is_own(self.action(*synapse)))
    }
}

/// What a plan's digest is made of, for tests and tools.
pub fn digest_of(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}
