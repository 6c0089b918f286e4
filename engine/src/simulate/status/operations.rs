//! What did each node do with each resource? The history of operations, as programs read it.

use super::View;
use super::xml::Writer;
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::state::fail_count::{self, Scope};
use crate::state::history::Entry;
use crate::state::order;
use crate::time::Zone;
use crate::value::exit_text;

/// Exit code of a probe that found nothing.
const NOT_RUNNING: i32 = 7;

impl View<'_> {
    /// Operations of nodes that are up, in the order of the CIB.
    pub(super) fn operations_xml(&self, out: &mut Writer<'_>, root: ElementId, zone: &Zone) {
        let Some(up) = self.states_of_nodes_up() else {
            return;
        };
        let section = out.add(root, "node_history", &[]);
        for (state, node) in up {
            let mut of_node = None;
            for entry in self.histories(state) {
                let resource = self.document.id(entry).and_then(|name| self.named(name));
                let operations = self.shown_operations(entry);
                let Some(resource) = resource.filter(|_| !operations.is_empty()) else {
                    continue;
                };
                let parent = *of_node
                    .get_or_insert_with(|| out.add(section, "node", &[("name", self.name(node))]));
                let parent = self.resource_history_xml(out, parent, node, resource, zone);
                for operation in operations {
                    self.operation_xml(out, parent, &operation, zone);
                }
            }
        }
    }

    /// All but what says nothing: notifications, and probes that found nothing.
    fn shown_operations(&self, history: ElementId) -> Vec<Entry<'_>> {
        let operations = self.document.children_by(history, names::LRM_RSC_OP);
        let mut shown: Vec<_> = operations
            .map(|element| Entry::read(self.document, element))
            .filter(|entry| {
                let found_nothing = is_probe(self, entry) && entry.rc == Some(NOT_RUNNING);
                entry.operation != Some("notify") && !found_nothing
            })
            .collect();
        // Sorting begins with them in reverse; here they are to be taken as they stand.
        shown.reverse();
        order::sort(&mut shown);
        shown
    }

    fn resource_history_xml(
        &self,
        out: &mut Writer<'_>,
        parent: ElementId,
        node: NodeId,
        resource: ResourceId,
        zone: &Zone,
    ) -> ElementId {
        let scope = Scope {
            effective: false,
            launched: false,
        };
        let failures =
            fail_count::observed(self.document, self.state, self.now, node, resource, scope);
        let threshold = self.state.resources[resource].meta.migration_threshold;
        let attributes = [
            ("id", self.printable_id(resource)),
            ("orphan", "false"),
            ("removed", "false"),
            ("migration-threshold", &threshold.to_string()),
        ];
        let e = out.add(parent, "resource_history", &attributes);
        if failures.count > 0 {
            out.set(e, "fail-count", &failures.count.to_string());
        }
        if failures.last_failure > 0 {
            out.set(e, "last-failure", &zone.ctime(failures.last_failure));
        }
        e
    }

    fn operation_xml(
        &self,
        out: &mut Writer<'_>,
        parent: ElementId,
        operation: &Entry<'_>,
        zone: &Zone,
    ) {
        let attr = |name| self.document.attr_by(operation.element, name);
        let code = operation.rc.unwrap_or(0).max(0);
        let task = match is_probe(self, operation) {
            true => "probe",
            false => operation.operation.unwrap_or_default(),
        };
        let e = out.add(parent, "operation_history", &[]);
        if let Some(call) = attr(names::CALL_ID) {
            out.set(e, "call", call);
        }
        out.set(e, "task", task);
        out.set(e, "rc", &code.to_string());
        out.set(e, "rc_text", exit_text(code));
        if let Some(interval) = attr(names::INTERVAL).filter(|text| *text != "0") {
            out.set(e, "interval", &format!("{interval}ms"));
        }
        if let Some(changed) = operation.last_rc_change.filter(|at| *at > 0) {
            out.set(e, "last-rc-change", &zone.ctime(changed));
        }
        for name in ["exec-time", "queue-time"] {
            if let Some(time) = self.document.attr(operation.element, name) {
                out.set(e, name, &format!("{time}ms"));
            }
        }
    }
}

/// Whether it is a monitor that runs once.
fn is_probe(view: &View<'_>, entry: &Entry<'_>) -> bool {
    let interval = view.document.attr_by(entry.element, names::INTERVAL);
    entry.operation == Some("monitor") && matches!(interval, None | Some("0"))
}
