//! What does the cluster look like, for programs? The XML that `crm_mon --output-as=xml` prints:
//! summary, nodes, resources, node attributes, operations, failures, fencings, tickets and bans.

use super::{View, counts, is_disabled, role_text};
use crate::config::{Bundle, Clone_, ContainerTechnology, NoQuorumPolicy, NodeKind, Variant};
use crate::constraint::Constraints;
use crate::id::{NodeId, ResourceId};
use crate::parse::{Document, ElementId};
use crate::simulate::listing::{self, API_VERSION, Attributes};
use crate::time::{Date, Zone};
use crate::value;
use crate::value::exit_text;

/// Nodes of controllers that do not say theirs have a feature set below this.
const OLD_FEATURE_SET: &str = "<3.15.1";

/// Who asks, and when.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The command, as it was typed.
    pub request: &'a str,
    /// What carries the messages.
    pub stack: &'a str,
    /// Name and version of the node that leads, if one does.
    pub leader: Option<(&'a str, &'a str)>,
    /// The time, epoch.
    pub at: i64,
    /// Where the time is shown.
    pub zone: &'a Zone,
    /// Which nodes were fenced, the latest first: no CIB tells that.
    pub fenced: &'a [Fenced],
}

/// A node was fenced, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// `reboot`, `off`, `on`.
    pub action: String,
    /// Which node.
    pub target: String,
    /// Who wanted it.
    pub client: String,
    /// From where.
    pub origin: String,
    /// Who did it.
    pub delegate: Option<String>,
    /// When it ended, epoch.
    pub completed: i64,
    /// Why it could not be done, if it could not.
    pub failure: Option<String>,
}

/// A tree being written.
pub(super) struct Writer<'d> {
    document: &'d mut Document,
}

impl Writer<'_> {
    pub(super) fn add(
        &mut self,
        parent: ElementId,
        name: &str,
        attributes: Attributes<'_>,
    ) -> ElementId {
        listing::add(self.document, parent, name, attributes)
    }

    pub(super) fn set(&mut self, e: ElementId, name: &str, value: &str) {
        self.document.set_attr(e, name, value);
    }
}

pub(super) fn yes_no(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

impl View<'_> {
    /// The whole answer.
    pub(super) fn xml(&self, asked: &Asked<'_>, constraints: &Constraints) -> Document {
        let mut document = Document::new("pacemaker-result");
        let root = document.root();
        let mut out = Writer {
            document: &mut document,
        };
        out.set(root, "api-version", API_VERSION);
        out.set(root, "request", asked.request);
        self.summary_xml(&mut out, root, asked);
        self.nodes_and_resources_xml(&mut out, root);
        self.attributes_xml(&mut out, root);
        self.operations_xml(&mut out, root, asked.zone);
        self.failures_xml(&mut out, root, asked.zone);
        fenced_xml(&mut out, root, asked);
        self.tickets_xml(&mut out, root, constraints, asked.zone);
        self.bans_xml(&mut out, root, constraints);
        out.add(root, "status", &[("code", "0"), ("message", "OK")]);
        document
    }

    /// The same sections that people see, as elements in `parent`.
    pub(super) fn sections_xml(&self, document: &mut Document, parent: ElementId) {
        let mut out = Writer { document };
        self.nodes_and_resources_xml(&mut out, parent);
        if self.sections.attributes {
            self.attributes_xml(&mut out, parent);
        }
        if self.sections.failures {
            self.fail_counts_xml(&mut out, parent);
            self.failures_xml(&mut out, parent, &Zone::UTC);
        }
    }

    fn nodes_and_resources_xml(&self, out: &mut Writer<'_>, parent: ElementId) {
        let nodes = out.add(parent, "nodes", &[]);
        for &node in &self.state.nodes_by_name {
            self.node_xml(out, nodes, node);
        }
        let resources = out.add(parent, "resources", &[]);
        for &resource in &self.state.top {
            if !self.state.resources[resource].removed || self.is_active(resource, true) {
                self.resource_xml(out, resources, resource);
            }
        }
    }

    fn fail_counts_xml(&self, out: &mut Writer<'_>, parent: ElementId) {
        let Some(counted) = self.fail_counts() else {
            return;
        };
        let section = out.add(parent, "node_history", &[]);
        for (node, failed) in counted {
            let node = out.add(section, "node", &[("name", self.name(node))]);
            for (name, resource, failures) in failed {
                let threshold = self.state.resources[resource].meta.migration_threshold;
                let attributes = [
                    ("id", name),
                    ("orphan", "false"),
                    ("removed", "false"),
                    ("migration-threshold", &threshold.to_string()),
                    ("fail-count", &failures.count.to_string()),
                ];
                let e = out.add(node, "resource_history", &attributes);
                if failures.last_failure > 0 {
                    out.set(e, "last-failure", &self.time_text(failures.last_failure));
                }
            }
        }
    }

    fn summary_xml(&self, out: &mut Writer<'_>, root: ElementId, asked: &Asked<'_>) {
        let summary = out.add(root, "summary", &[]);
        out.add(summary, "stack", &[("type", asked.stack)]);
        let named = |name: &str| {
            let mut all = self.state.nodes.enumerate();
            all.find(|(_, node)| node.name == name)
                .map(|(id, _)| self.state.nodes[id].id.as_str())
        };
        let quorum = self.document.attr(self.document.root(), "have-quorum");
        let quorum = yes_no(quorum.and_then(value::boolean) == Some(true));
        match asked.leader {
            Some((name, version)) => out.add(
                summary,
                "current_dc",
                &[
                    ("present", "true"),
                    ("version", version),
                    ("name", name),
                    ("id", named(name).unwrap_or_default()),
                    ("with_quorum", quorum),
                    ("mixed_version", "false"),
                ],
            ),
            None => out.add(summary, "current_dc", &[("present", "false")]),
        };
        let time = asked.zone.ctime(asked.at);
        out.add(summary, "last_update", &[("time", &time)]);
        let root = self.document.root();
        let told = |name| self.document.attr(root, name).unwrap_or_default();
        let change = [
            ("time", told("cib-last-written")),
            ("user", told("update-user")),
            ("client", told("update-client")),
            ("origin", told("update-origin")),
        ];
        out.add(summary, "last_change", &change);
        let number = self.state.nodes.len().to_string();
        out.add(summary, "nodes_configured", &[("number", &number)]);
        let counts = counts(self.state);
        let counted = [
            ("number", counts.instances.to_string()),
            ("disabled", counts.disabled.to_string()),
            ("blocked", counts.blocked.to_string()),
        ];
        let counted = counted
            .each_ref()
            .map(|(name, text)| (*name, text.as_str()));
        out.add(summary, "resources_configured", &counted);
        self.options_xml(out, summary);
    }

    fn options_xml(&self, out: &mut Writer<'_>, summary: ElementId) {
        let options = &self.config.options;
        let policy = match options.no_quorum_policy {
            NoQuorumPolicy::Stop => "stop",
            NoQuorumPolicy::Freeze => "freeze",
            NoQuorumPolicy::Ignore => "ignore",
            NoQuorumPolicy::Demote => "demote",
            NoQuorumPolicy::Fence => "fence",
        };
        let fencing = yes_no(options.fencing_enabled);
        let timeout = options.fencing_timeout_ms.to_string();
        let delay = options.priority_fencing_delay_ms.to_string();
        let all = [
            ("fencing-enabled", fencing),
            ("fencing-timeout-ms", &timeout),
            ("symmetric-cluster", yes_no(options.symmetric)),
            ("no-quorum-policy", policy),
            ("maintenance-mode", yes_no(options.maintenance_mode)),
            ("stop-all-resources", yes_no(options.stop_all_resources)),
            ("priority-fencing-delay-ms", &delay),
            ("stonith-enabled", fencing),
            ("stonith-timeout-ms", &timeout),
        ];
        out.add(summary, "cluster_options", &all);
    }

    fn node_xml(&self, out: &mut Writer<'_>, nodes: ElementId, id: NodeId) {
        let (node, state) = (&self.state.nodes[id], &self.state.node[id]);
        let member = node.kind == NodeKind::Cluster;
        let e = out.add(nodes, "node", &[("name", &node.name), ("id", &node.id)]);
        for (name, value) in [
            ("online", state.online),
            ("standby", state.standby),
            ("standby_onfail", state.standby_on_fail),
            ("maintenance", state.maintenance),
            ("pending", state.pending),
            ("unclean", state.unclean),
        ] {
            out.set(e, name, yes_no(value));
        }
        let health = match self.health(id) {
            ..0 => "red",
            0 => "yellow",
            1.. => "green",
        };
        out.set(e, "health", health);
        if state.online && state.expected_up && member {
            let told = state.attributes.get("#feature-set").map(AsRef::as_ref);
            out.set(e, "feature_set", told.unwrap_or(OLD_FEATURE_SET));
        }
        out.set(e, "shutdown", yes_no(state.shutdown));
        out.set(e, "expected_up", yes_no(state.expected_up));
        out.set(e, "is_dc", yes_no(self.state.dc == Some(id)));
        out.set(e, "resources_running", &state.running.len().to_string());
        out.set(e, "type", if member { "member" } else { "remote" });
        let launcher = node
            .connection
            .and_then(|connection| self.state.resources[connection].launcher);
        if let Some(launcher) = launcher.filter(|_| node.kind == NodeKind::Guest) {
            out.set(e, "id_as_resource", &self.state.resources[launcher].id);
        }
    }

    fn resource_xml(&self, out: &mut Writer<'_>, parent: ElementId, id: ResourceId) {
        match &self.state.resources[id].variant {
            Variant::Primitive(_) => self.primitive_xml(out, parent, id),
            Variant::Group(_) => self.group_xml(out, parent, id),
            Variant::Clone(clone) => self.clone_xml(out, parent, id, clone),
            Variant::Bundle(bundle) => self.bundle_xml(out, parent, id, bundle),
        }
    }

    fn primitive_xml(&self, out: &mut Writer<'_>, parent: ElementId, id: ResourceId) {
        let (resource, observed) = (&self.state.resources[id], &self.state.resource[id]);
        let role = self
            .pending_role(id)
            .unwrap_or(role_text(self.shown_role(id)));
        let agent = self.agent_text(id);
        let e = out.add(
            parent,
            "resource",
            &[
                ("id", self.printable_id(id)),
                ("resource_agent", &agent),
                ("role", role),
            ],
        );
        if let Some(target) = resource.meta_text.get("target-role") {
            out.set(e, "target_role", target);
        }
        for (name, value) in [
            ("active", self.is_active(id, true)),
            ("orphaned", resource.removed),
            ("removed", resource.removed),
            ("blocked", observed.blocked),
            ("maintenance", observed.maintenance),
            ("managed", observed.managed),
            ("failed", observed.failed),
            ("failure_ignored", observed.ignore_failure),
        ] {
            out.set(e, name, yes_no(value));
        }
        out.set(e, "nodes_running_on", &observed.active_on.len().to_string());
        let monitoring = |(task, _): &(String, NodeId)| task == "monitor";
        if self.sections.pending && observed.pending.as_ref().is_some_and(monitoring) {
            out.set(e, "pending", "Monitoring");
        }
        if let Some((node, _)) = observed.lock {
            out.set(e, "locked_to", self.name(node));
        }
        for &node in &observed.active_on {
            let known = &self.state.nodes[node];
            let cached = yes_no(self.state.node[node].online);
            let attributes = [
                ("name", known.name.as_str()),
                ("id", &known.id),
                ("cached", cached),
            ];
            out.add(e, "node", &attributes);
        }
    }

    fn group_xml(&self, out: &mut Writer<'_>, parent: ElementId, id: ResourceId) {
        let (resource, observed) = (&self.state.resources[id], &self.state.resource[id]);
        let number = resource.children.len().to_string();
        let attributes = [
            ("id", resource.id.as_str()),
            ("number_resources", &number),
            ("maintenance", yes_no(observed.maintenance)),
            ("managed", yes_no(observed.managed)),
            ("disabled", yes_no(is_disabled(self.state, id))),
        ];
        let e = out.add(parent, "group", &attributes);
        for &member in &resource.children {
            self.resource_xml(out, e, member);
        }
    }

    fn clone_xml(&self, out: &mut Writer<'_>, parent: ElementId, id: ResourceId, _: &Clone_) {
        let (resource, observed) = (&self.state.resources[id], &self.state.resource[id]);
        let attributes = [
            ("id", resource.id.as_str()),
            ("multi_state", yes_no(resource.promotable)),
            ("unique", yes_no(resource.unique)),
            ("maintenance", yes_no(observed.maintenance)),
            ("managed", yes_no(observed.managed)),
            ("disabled", yes_no(is_disabled(self.state, id))),
            ("failed", yes_no(observed.failed)),
            ("failure_ignored", yes_no(observed.ignore_failure)),
        ];
        let e = out.add(parent, "clone", &attributes);
        if let Some(target) = self.configured_role_text(id) {
            out.set(e, "target_role", target);
        }
        for &instance in &resource.children {
            self.resource_xml(out, e, instance);
        }
    }

    fn bundle_xml(&self, out: &mut Writer<'_>, parent: ElementId, id: ResourceId, bundle: &Bundle) {
        let (resource, observed) = (&self.state.resources[id], &self.state.resource[id]);
        let technology = match bundle.technology {
            ContainerTechnology::Docker => "docker",
            ContainerTechnology::Podman => "podman",
        };
        let attributes = [
            ("id", resource.id.as_str()),
            ("type", technology),
            ("image", &bundle.image),
            ("unique", yes_no(resource.unique)),
            ("maintenance", yes_no(observed.maintenance)),
            ("managed", yes_no(observed.managed)),
            ("failed", yes_no(observed.failed)),
        ];
        let e = out.add(parent, "bundle", &attributes);
        for replica in &bundle.replicas {
            let offset = replica.offset.to_string();
            let e = out.add(e, "replica", &[("id", &offset)]);
            let container = Some(replica.container);
            let parts = [replica.ip, replica.child, container, replica.connection];
            for part in parts.into_iter().flatten() {
                self.primitive_xml(out, e, part);
            }
        }
    }

    fn attributes_xml(&self, out: &mut Writer<'_>, root: ElementId) {
        let online = |node: &NodeId| self.state.node[*node].online;
        let nodes = self.state.nodes_by_name.clone();
        let mut section = None;
        for node in nodes.into_iter().filter(online) {
            let shown: Vec<_> = self.shown_attributes(node).collect();
            if shown.is_empty() {
                continue;
            }
            let section = *section.get_or_insert_with(|| out.add(root, "node_attributes", &[]));
            let e = out.add(section, "node", &[("name", self.name(node))]);
            for (name, value) in shown {
                let e = out.add(e, "attribute", &[("name", name), ("value", value)]);
                if let Some(expected) = self.expected_connectivity(node, name) {
                    out.set(e, "expected", &expected.to_string());
                }
            }
        }
    }

    fn failures_xml(&self, out: &mut Writer<'_>, root: ElementId, zone: &Zone) {
        let shown: Vec<_> = self.shown_failures().collect();
        if shown.is_empty() {
            return;
        }
        let section = out.add(root, "failures", &[]);
        for operation in shown {
            let attr = |name| self.document.attr(operation.element, name);
            let number = |name| attr(name).and_then(value::integer).unwrap_or(0);
            let (key_name, key) = match attr("operation_key") {
                Some(key) => ("op_key", key),
                None => ("id", attr("id").unwrap_or_default()),
            };
            let code = number("rc-code");
            let reason = attr("exit-reason");
            let attributes = [
                (key_name, key),
                ("node", self.name(operation.node)),
                ("exitstatus", exit_text(i32::try_from(code).unwrap_or(1))),
                ("exitreason", reason.unwrap_or("none")),
                ("exitcode", &code.to_string()),
                ("call", attr("call-id").unwrap_or_default()),
                ("status", status_text(number("op-status"))),
            ];
            let e = out.add(section, "failure", &attributes);
            let changed = number("last-rc-change");
            if changed > 0 {
                let date = Date::new(zone.at(changed)).to_string();
                let interval = number("interval").to_string();
                for (name, value) in [
                    ("last-rc-change", Some(date.as_str())),
                    ("queued", attr("queue-time")),
                    ("exec", attr("exec-time")),
                    ("interval", Some(&interval)),
                    ("task", attr("operation")),
                ] {
                    if let Some(value) = value {
                        out.set(e, name, value);
                    }
                }
            }
        }
    }
}

/// Which nodes were fenced.
fn fenced_xml(out: &mut Writer<'_>, root: ElementId, asked: &Asked<'_>) {
    if asked.fenced.is_empty() {
        return;
    }
    let section = out.add(root, "fence_history", &[]);
    for fenced in asked.fenced {
        let attributes = [
            ("action", fenced.action.as_str()),
            ("target", &fenced.target),
            ("client", &fenced.client),
            ("origin", &fenced.origin),
        ];
        let e = out.add(section, "fence_event", &attributes);
        match &fenced.failure {
            None => out.set(e, "status", "success"),
            Some(reason) => {
                out.set(e, "status", "failed");
                out.set(e, "exit-reason", reason);
            }
        }
        if let Some(delegate) = &fenced.delegate {
            out.set(e, "delegate", delegate);
        }
        let completed = Date::new(asked.zone.at(fenced.completed)).to_string();
        // As precise as the peer's fencer notes it.
        let completed = match completed.split_at_checked("YYYY-MM-DD HH:MM:SS".len()) {
            Some((time, zone)) => format!("{time}.000000{zone}"),
            None => completed,
        };
        out.set(e, "completed", &completed);
    }
}

/// `op-status` in words.
pub(super) fn status_text(status: i64) -> &'static str {
    match status {
        -2 => "unknown",
        -1 => "pending",
        0 => "Done",
        1 => "Cancelled",
        2 => "Timed out",
        3 => "Not supported",
        4 => "Error",
        5 => "Hard error",
        6 => "Fatal error",
        7 => "Not installed",
        8 => "Not connected",
        9 => "Invalid",
        10 => "No fence device",
        11 => "No secrets",
        _ => "Internal communication failure",
    }
}
