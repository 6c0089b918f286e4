//! What happens when a graph is carried out, and everything goes as expected?

use super::history::{OperationResult, attribute, record_fencing, record_operation_as};
use super::inject::{configure_node, pretended_reason};
use super::listing::Listing;
use crate::graph::{Graph, GraphAction, GraphActionKind, GraphPrimitive, NodeRef};
use crate::parse::Document;

/// A graph being carried out on a document.
pub(super) struct Execution<'a> {
    pub(super) graph: &'a Graph,
    pub(super) cib: &'a mut Document,
    /// Whether a resource is known by this name (id or history id).
    pub(super) is_known: &'a dyn Fn(&str) -> bool,
    /// When results are said to have come, epoch.
    pub(super) wall_clock: i64,
    /// Results to pretend: `RSC_TASK_MS@NODE=RC`.
    pub(super) failures: &'a [String],
    /// Whether nodes that something happens on are added to the configuration.
    pub(super) adds_nodes: bool,
    /// Lines for standard error.
    pub(super) errors: &'a mut Vec<String>,
}

/// How far the graph got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    /// Some actions wait for something that never comes.
    Terminated,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Confirmed,
    /// Carried out without success, or not carried out at all.
    Failed,
}

/// How carrying out an action went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fired {
    Done,
    /// It was made to fail.
    Failed,
    /// It could not be recorded.
    Refused,
}

impl Execution<'_> {
    /// Carries the graph out: passes over the synapses in order, until one does nothing.
    pub(super) fn run(&mut self, listing: &mut Listing) -> Outcome {
        let mut progress = vec![Progress::Waiting; self.graph.synapses.len()];
        let mut aborted = false;
        loop {
            let mut fired = false;
            let mut waiting = false;
            for (index, synapse) in self.graph.synapses.iter().enumerate() {
                if progress[index] != Progress::Waiting {
                    continue;
                }
                let ready = synapse.missing_inputs.is_empty()
                    && synapse
                        .inputs
                        .iter()
                        .all(|&input| progress[input as usize] == Progress::Confirmed);
                if !ready {
                    waiting = true;
                    continue;
                }
                let pseudo = synapse.action.kind == GraphActionKind::Pseudo;
                // After a failure only what has the highest priority goes on.
                if aborted && !pseudo && synapse.priority < 1_000_000 {
                    continue;
                }
                let result = self.fire(&synapse.action, listing);
                fired |= result != Fired::Refused;
                aborted |= result != Fired::Done;
                progress[index] = match result {
                    Fired::Done => Progress::Confirmed,
                    Fired::Failed | Fired::Refused => Progress::Failed,
                };
            }
            if !fired {
                let stuck = waiting && !aborted;
                return if stuck {
                    Outcome::Terminated
                } else {
                    Outcome::Complete
                };
            }
        }
    }

    /// Carries out one action.
    fn fire(&mut self, action: &GraphAction, listing: &mut Listing) -> Fired {
        let node = action.node.as_ref().map(|node| node.name.as_str());
        match action.kind {
            GraphActionKind::Pseudo => {
                let place = node.map(|node| format!(" on {node}")).unwrap_or_default();
                let mut attributes = vec![("task", action.key.as_str())];
                attributes.extend(node.map(|node| ("node", node)));
                let line = format_args!("Pseudo action:   {}{place}", action.key);
                listing.item_as(line, "pseudo_action", &attributes);
                Fired::Done
            }
            GraphActionKind::Cluster if action.task == "stonith" => {
                let operation = attribute(action, "CRM_meta_stonith_action").unwrap_or_default();
                let node = node.unwrap_or_default();
                let line = format_args!("Fencing {node} ({operation})");
                let attributes = [("target", node), ("op", operation)];
                listing.item_as(line, "fencing_action", &attributes);
                if self.adds_nodes && !operation.eq_ignore_ascii_case("on") {
                    configure_node(self.cib, node);
                }
                record_fencing(self.cib, node, operation, "simulate_fencing_action");
                Fired::Done
            }
            GraphActionKind::Cluster => {
                let resource = match &action.primitive {
                    Some(primitive) => format!(" for {}", primitive.id),
                    None => String::new(),
                };
                let node = node.unwrap_or_default();
                let mut attributes = vec![("task", action.task.as_str()), ("node", node)];
                let id = action.primitive.as_ref().map(|primitive| &primitive.id);
                attributes.extend(id.map(|id| ("id", id.as_str())));
                let line = format_args!("Cluster action:  {}{resource} on {node}", action.task);
                listing.item_as(line, "cluster_action", &attributes);
                Fired::Done
            }
            GraphActionKind::Resource => self.fire_operation(action, listing),
        }
    }

    fn fire_operation(&mut self, action: &GraphAction, listing: &mut Listing) -> Fired {
        let (Some(primitive), Some(node)) = (&action.primitive, &action.node) else {
            return Fired::Done;
        };
        // Known before this transition under one of its names, else the configured one.
        let name = match &primitive.long_id {
            Some(long_id) if !(self.is_known)(&primitive.id) && (self.is_known)(long_id) => long_id,
            _ => &primitive.id,
        };
        let interval = attribute(action, "CRM_meta_interval").unwrap_or("0");
        let keeps_no_history = matches!(action.task.as_str(), "delete" | "meta-data");
        let shown_interval = match interval {
            "0" => String::new(),
            _ if keeps_no_history => String::new(),
            interval => format!("={interval}"),
        };
        if !keeps_no_history && self.adds_nodes {
            configure_node(self.cib, &node.name);
        }
        if !keeps_no_history && let Err(refusal) = self.can_record(action, primitive, node, name) {
            self.errors.push(refusal);
            return Fired::Refused;
        }
        let line = format_args!(
            "Resource action: {name:<15} {}{shown_interval} on {}",
            action.task, node.name
        );
        let mut attributes = vec![
            ("resource", name.as_str()),
            ("op", action.task.as_str()),
            ("node", node.name.as_str()),
        ];
        if !shown_interval.is_empty() {
            attributes.push(("interval", interval));
        }
        listing.item_as(line, "rsc_action", &attributes);
        if keeps_no_history {
            return Fired::Done;
        }
        let expected_rc = attribute(action, "CRM_meta_op_target_rc")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let pretended = self.pretended_rc(name, &primitive.id, action, interval, &node.name);
        if let Some(rc) = pretended {
            listing.line(format_args!(
                "Pretending action {} failed with rc={rc}",
                action.id
            ));
        }
        let result = OperationResult {
            rc: pretended.unwrap_or(expected_rc),
            op_status: 0,
            expected_rc,
            exit_reason: pretended_reason(&action.task, "User-injected result"),
            call_id: None,
            transition: String::new(),
            last_rc_change: self.wall_clock,
            exec_time_ms: 0,
            queue_time_ms: 0,
            origin: "crm_simulate".to_owned(),
            restart_for: None,
        };
        if pretended.is_some() {
            let state = super::history::node_state(self.cib, &node.name, &node.uuid);
            let infinity = match action.task.as_str() {
                "start" => self.graph.attributes.failed_start_offset == "INFINITY",
                "stop" => self.graph.attributes.failed_stop_offset == "INFINITY",
                _ => false,
            };
            let failure = super::inject::Failure {
                resource: name,
                task: &action.task,
                interval_ms: interval.parse().unwrap_or(0),
                rc: result.rc,
                infinity,
            };
            super::inject::add_fail_count(self.cib, state, &failure, self.wall_clock, listing);
        }
        // The action has a resource and a node, so it has history.
        let _ = record_operation_as(self.cib, action, &result, name);
        if pretended.is_some() {
            Fired::Failed
        } else {
            Fired::Done
        }
    }

    /// Whether there can be a history of a resource on a node: there is one already, or it is known
    /// what to write into a new one. If not, says so.
    fn can_record(
        &mut self,
        action: &GraphAction,
        primitive: &GraphPrimitive,
        node: &NodeRef,
        name: &str,
    ) -> Result<(), String> {
        const CLASSES: [&str; 5] = ["ocf", "stonith", "service", "systemd", "lsb"];
        let uuid = action.router.as_ref().map_or(&node.uuid, |_| &node.name);
        let state = super::history::node_state(self.cib, &node.name, uuid);
        let lrm = self.cib.child(state, "lrm");
        let list = lrm.and_then(|lrm| self.cib.child(lrm, "lrm_resources"));
        let mut known = list.into_iter().flat_map(|list| self.cib.children(list));
        let names = [Some(name), Some(primitive.id.as_str())];
        if known.any(|history| names.contains(&self.cib.id(history))) {
            return Ok(());
        }
        let class = primitive.class.as_str();
        if class.is_empty() || primitive.agent.is_empty() {
            let id = self.cib.id(state).unwrap_or_default();
            return Err(format!(
                "Resource {name} not found in the status section of {id} (supply class and type \
                 to continue)"
            ));
        }
        if !CLASSES
            .iter()
            .any(|known| class.eq_ignore_ascii_case(known))
        {
            return Err(format!("Invalid class for {name}: {class}"));
        }
        if class.eq_ignore_ascii_case("ocf") && primitive.provider.is_none() {
            return Err(format!("Please specify the provider for resource {name}"));
        }
        Ok(())
    }

    /// The result asked for with `-F`, if one is asked for this action.
    fn pretended_rc(
        &self,
        name: &str,
        config_id: &str,
        action: &GraphAction,
        interval: &str,
        node: &str,
    ) -> Option<i32> {
        let keys = [name, config_id]
            .map(|name| format!("{name}_{}_{interval}@{node}=", action.task).to_lowercase());
        self.failures.iter().find_map(|wanted| {
            let lower = wanted.to_lowercase();
            let key = keys.iter().find(|key| lower.starts_with(key.as_str()))?;
            wanted.get(key.len()..)?.trim().parse().ok()
        })
    }
}
