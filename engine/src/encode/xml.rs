//! How is a graph written as XML?

use std::fmt::Write as _;

use crate::graph::{Graph, GraphAction, GraphActionKind, GraphAttributes};

/// The graph as Pacemaker writes it (`crm_simulate -G`).
#[must_use]
pub fn graph_xml(graph: &Graph) -> String {
    let mut out = Writer {
        text: String::new(),
    };
    let attributes = graph_attributes(&graph.attributes);
    if graph.synapses.is_empty() {
        out.element(0, "transition_graph", &attributes, true);
        return out.text;
    }
    out.element(0, "transition_graph", &attributes, false);
    for (id, synapse) in graph.synapses.iter().enumerate() {
        let mut attributes = vec![("id", id.to_string())];
        if synapse.priority > 0 {
            attributes.push(("priority", synapse.priority.to_string()));
        }
        out.element(1, "synapse", &attributes, false);
        out.element(2, "action_set", &NONE, false);
        out.action(3, &synapse.action);
        out.close(2, "action_set");

        let mut triggers: Vec<&GraphAction> = synapse
            .inputs
            .iter()
            .map(|&input| &graph.synapses[input as usize].action)
            .chain(synapse.missing_inputs.iter().map(|missing| &missing.action))
            .collect();
        triggers.sort_by_key(|action| action.id);
        out.element(2, "inputs", &NONE, triggers.is_empty());
        for trigger in &triggers {
            out.element(3, "trigger", &NONE, false);
            out.element(4, element_name(trigger), &head(trigger), true);
            out.close(3, "trigger");
        }
        if !triggers.is_empty() {
            out.close(2, "inputs");
        }
        out.close(1, "synapse");
    }
    out.close(0, "transition_graph");
    out.text
}

fn graph_attributes(attributes: &GraphAttributes) -> Vec<(&'static str, String)> {
    let mut list = vec![
        ("cluster-delay", attributes.cluster_delay.clone()),
        ("fencing-timeout", attributes.fencing_timeout.clone()),
        ("failed-stop-offset", attributes.failed_stop_offset.clone()),
        (
            "failed-start-offset",
            attributes.failed_start_offset.clone(),
        ),
        ("batch-limit", attributes.batch_limit.clone()),
        ("transition_id", attributes.transition_id.to_string()),
    ];
    if let Some(limit) = &attributes.migration_limit {
        list.push(("migration-limit", limit.clone()));
    }
    if let Some(time) = attributes.recheck_by {
        list.push(("recheck-by", time.to_string()));
    }
    list
}

fn element_name(action: &GraphAction) -> &'static str {
    match action.kind {
        GraphActionKind::Resource => "rsc_op",
        GraphActionKind::Pseudo => "pseudo_event",
        GraphActionKind::Cluster => "crm_event",
    }
}

/// The attributes that triggers show too.
fn head(action: &GraphAction) -> Vec<(&'static str, String)> {
    let mut list = Vec::with_capacity(8);
    if action.mode_cib {
        list.push(("mode", "cib".to_owned()));
    }
    list.push(("id", action.id.to_string()));
    list.push(("operation", action.task.clone()));
    list.push(("operation_key", action.key.clone()));
    if let Some(key) = &action.internal_key {
        list.push(("internal_operation_key", key.clone()));
    }
    if let Some(node) = &action.node {
        list.push(("on_node", node.name.clone()));
        list.push(("on_node_uuid", node.uuid.clone()));
    }
    if let Some(router) = &action.router {
        list.push(("router_node", router.clone()));
    }
    list
}

/// No attributes.
const NONE: [(&str, &str); 0] = [];

struct Writer {
    text: String,
}

impl Writer {
    fn action(&mut self, depth: usize, action: &GraphAction) {
        let name = element_name(action);
        let mut attributes = head(action);
        if let Some(time) = action.shutdown_lock {
            attributes.push(("shutdown-lock", time.to_string()));
        }
        self.element(depth, name, &attributes, false);
        if let Some(primitive) = &action.primitive {
            let mut attributes = vec![("id", primitive.id.clone())];
            if let Some(long_id) = &primitive.long_id {
                attributes.push(("long-id", long_id.clone()));
            }
            if !primitive.class.is_empty() {
                attributes.push(("class", primitive.class.clone()));
            }
            if let Some(provider) = &primitive.provider {
                attributes.push(("provider", provider.clone()));
            }
            if !primitive.agent.is_empty() {
                attributes.push(("type", primitive.agent.clone()));
            }
            self.element(depth + 1, "primitive", &attributes, true);
        }
        self.element(
            depth + 1,
            "attributes",
            &action.attributes,
            action.params.is_empty(),
        );
        if !action.params.is_empty() {
            for (name, value) in &action.params {
                self.element(
                    depth + 2,
                    "param",
                    &[("name", name), ("value", value)],
                    true,
                );
            }
            self.close(depth + 1, "attributes");
        }
        if !action.downed.is_empty() {
            self.element(depth + 1, "downed", &NONE, false);
            for node in &action.downed {
                self.element(depth + 2, "node", &[("id", node)], true);
            }
            self.close(depth + 1, "downed");
        }
        if !action.maintenance.is_empty() {
            self.element(depth + 1, "maintenance", &NONE, false);
            for (node, maintenance) in &action.maintenance {
                let maintenance = if *maintenance { "1" } else { "0" };
                let attributes = [("id", node.as_str()), ("node_in_maintenance", maintenance)];
                self.element(depth + 2, "node", &attributes, true);
            }
            self.close(depth + 1, "maintenance");
        }
        self.close(depth, name);
    }

    fn element<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        depth: usize,
        name: &str,
        attributes: &[(N, V)],
        empty: bool,
    ) {
        self.indent(depth);
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            let _ = write!(self.text, " {}=\"", name.as_ref());
            crate::parse::escape_attribute(value.as_ref(), &mut self.text);
            self.text.push('"');
        }
        self.text.push_str(if empty { "/>\n" } else { ">\n" });
    }

    fn close(&mut self, depth: usize, name: &str) {
        self.indent(depth);
        let _ = writeln!(self.text, "</{name}>");
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.text.push_str("  ");
        }
    }
}
