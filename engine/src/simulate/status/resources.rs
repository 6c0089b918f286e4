//! How are resources listed?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{View, is_disabled, role, role_text, top};
use crate::config::{Bundle, Clone_, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::ElementId;
use crate::simulate::listing::Listing;
use crate::state::current_node;
use crate::value;
use crate::value::exit_text;

impl View<'_> {
    pub(super) fn write_resources(&self, listing: &mut Listing, spacer: bool) {
        if spacer {
            listing.spacer();
        }
        listing.begin("Full List of Resources");
        let mut any = false;
        for &resource in &self.state.top {
            if self.state.resources[resource].removed && !self.is_active(resource, true) {
                continue;
            }
            any |= self.write_resource(listing, resource);
        }
        if !any {
            listing.item("No resources");
        }
        listing.end();
    }

    /// Lists one resource; false if it is not shown.
    fn write_resource(&self, listing: &mut Listing, id: ResourceId) -> bool {
        match &self.state.resources[id].variant {
            Variant::Primitive(_) => {
                let node = current_node(self.state, id);
                let pending = || {
                    self.state.resource[id]
                        .pending
                        .as_ref()
                        .map(|(_, node)| *node)
                };
                self.write_primitive(listing, id, self.printable_id(id), node.or_else(pending))
            }
            Variant::Group(_) => self.write_group(listing, id),
            Variant::Clone(clone) => self.write_clone(listing, id, clone),
            Variant::Bundle(bundle) => self.write_bundle(listing, id, bundle),
        }
    }

    /// Instances of anonymous clones are shown under the configured id.
    pub(super) fn printable_id(&self, id: ResourceId) -> &str {
        let resource = &self.state.resources[id];
        if resource.unique {
            &resource.id
        } else {
            &resource.config_id
        }
    }

    fn write_primitive(
        &self,
        listing: &mut Listing,
        id: ResourceId,
        name: &str,
        node: Option<NodeId>,
    ) -> bool {
        if self.state.resources[id].meta.internal {
            return false;
        }
        listing.item(self.primitive_line(id, name, node));
        true
    }

    fn primitive_line(&self, id: ResourceId, name: &str, node: Option<NodeId>) -> String {
        let resource = &self.state.resources[id];
        let observed = &self.state.resource[id];
        let several = observed.active_on.len() > 1;
        let lock = observed.lock.map(|(node, _)| node);
        let node = node.or(lock).filter(|_| !several);

        let mut line = format!("{name}\t({}):\t", self.agent_text(id));
        if resource.removed {
            line.push_str(" ORPHANED");
        }
        let role = self.shown_role(id);
        if observed.failed {
            line.push_str(" FAILED");
            if role > Role::Unpromoted {
                let _ = write!(line, " {}", role_text(role));
            }
        } else {
            let _ = write!(
                line,
                " {}",
                self.pending_role(id).unwrap_or(role_text(role))
            );
        }
        if let Some(node) = node {
            let _ = write!(line, " {}", self.name(node));
        }
        if role == Role::Stopped
            && let Some(rc) = self.failed_probe(id, node)
        {
            let _ = write!(line, " ({}) ", exit_text(rc));
        }
        let flags = self.flags(id, node, lock);
        if !flags.is_empty() {
            let _ = write!(line, " ({})", flags.join(", "));
        }
        if several {
            let description = resource
                .element
                .and_then(|element| self.document.attr(element, "description"));
            if let Some(description) = description {
                let _ = write!(line, " ({description})");
            }
            let _ = write!(line, " {}", self.bracketed(&observed.active_on));
        }
        line
    }

    pub(super) fn agent_text(&self, id: ResourceId) -> String {
        let Variant::Primitive(agent) = &self.state.resources[id].variant else {
            return String::new();
        };
        match &agent.provider {
            Some(provider) if agent.class == "ocf" => {
                format!("{}:{provider}:{}", agent.class, agent.agent)
            }
            _ => format!("{}:{}", agent.class, agent.agent),
        }
    }

    /// What is started below something promotable is unpromoted.
    pub(super) fn shown_role(&self, id: ResourceId) -> Role {
        match self.state.resource[id].role {
            Role::Started if self.state.resources[top(self.state, id)].promotable => {
                Role::Unpromoted
            }
            role => role,
        }
    }

    pub(super) fn pending_role(&self, id: ResourceId) -> Option<&'static str> {
        let (task, _) = self.state.resource[id]
            .pending
            .as_ref()
            .filter(|_| self.sections.pending)?;
        Some(match task.as_str() {
            "start" => "Starting",
            "stop" => "Stopping",
            "migrate_to" | "migrate_from" => "Migrating",
            "promote" => "Promoting",
            "demote" => "Demoting",
            _ => return None,
        })
    }

    fn flags(
        &self,
        id: ResourceId,
        node: Option<NodeId>,
        lock: Option<NodeId>,
    ) -> Vec<Cow<'static, str>> {
        let observed = &self.state.resource[id];
        let mut flags = Vec::new();
        if let Some(node) = node {
            let state = &self.state.node[node];
            if !state.online && state.unclean {
                flags.push("UNCLEAN".into());
            }
            if lock == Some(node) {
                flags.push("LOCKED".into());
            }
        }
        let monitoring = |(task, _): &(String, NodeId)| task == "monitor";
        if self.sections.pending && observed.pending.as_ref().is_some_and(monitoring) {
            flags.push("Monitoring".into());
        }
        let target = self.state.resources[id].meta_text.get("target-role");
        if let Some(text) = target {
            let promotable = self.state.resources[top(self.state, id)].promotable;
            match role(text) {
                Some(Role::Stopped) => flags.push("disabled".into()),
                // As it is written: an old name stays.
                Some(Role::Unpromoted) if promotable => {
                    flags.push(format!("target-role:{text}").into());
                }
                _ => {}
            }
        }
        if observed.blocked {
            flags.push("blocked".into());
        } else if observed.maintenance {
            flags.push("maintenance".into());
        } else if !observed.managed {
            flags.push("unmanaged".into());
        }
        if observed.ignore_failure {
            flags.push("failure ignored".into());
        }
        flags
    }

    fn write_group(&self, listing: &mut Listing, id: ResourceId) -> bool {
        let mut attributes = Vec::new();
        if is_disabled(self.state, id) {
            attributes.push("disabled");
        }
        attributes.extend(self.management(id));
        let suffix = match attributes.is_empty() {
            true => String::new(),
            false => format!(" ({})", attributes.join(", ")),
        };
        listing.begin(format_args!(
            "Resource Group: {}{suffix}",
            self.state.resources[id].id
        ));
        for &member in &self.state.resources[id].children {
            self.write_resource(listing, member);
        }
        listing.end();
        true
    }

    fn management(&self, id: ResourceId) -> Option<&'static str> {
        let observed = &self.state.resource[id];
        if observed.maintenance {
            Some("maintenance")
        } else if observed.managed {
            None
        } else {
            Some("unmanaged")
        }
    }

    fn write_clone(&self, listing: &mut Listing, id: ResourceId, clone: &Clone_) -> bool {
        let resource = &self.state.resources[id];
        listing.begin(self.clone_title(id, clone));
        let (mut promoted, mut started) = (Vec::new(), Vec::new());
        // Stopped instances by what is said of them.
        let mut stopped: Vec<ResourceId> = Vec::new();
        for &instance in &resource.children {
            match self.instance_place(id, instance) {
                Place::OwnLine => {
                    self.write_resource(listing, instance);
                }
                Place::Promoted(node) => promoted.push(node),
                Place::Started(node) => started.push(node),
                Place::Stopped => stopped.push(instance),
                Place::Hidden => {}
            }
        }
        promoted.sort_by_key(|&node| self.rank(node));
        started.sort_by_key(|&node| self.rank(node));
        if !promoted.is_empty() {
            listing.item(format_args!("Promoted: {}", self.bracketed(&promoted)));
        }
        if !started.is_empty() {
            let title = match self.configured_role(id) {
                _ if !resource.promotable => "Started",
                Some(Role::Unpromoted) => "Unpromoted (target-role)",
                _ => "Unpromoted",
            };
            listing.item(format_args!("{title}: {}", self.bracketed(&started)));
        }
        let listed = i32::try_from(promoted.len() + started.len()).unwrap_or(i32::MAX);
        if !resource.unique && clone.max > listed {
            for (text, nodes) in self.idle_nodes(id) {
                listing.item(format_args!("{text}: {}", self.bracketed(&nodes)));
            }
        } else if !stopped.is_empty() {
            let ids: Vec<&str> = stopped
                .iter()
                .map(|&id| self.state.resources[id].id.as_str())
                .collect();
            listing.item(format_args!("Stopped: [ {} ]", ids.join(" ")));
        }
        listing.end();
        true
    }

    fn clone_title(&self, id: ResourceId, clone: &Clone_) -> String {
        let resource = &self.state.resources[id];
        let mut attributes = Vec::new();
        if resource.promotable {
            attributes.push("promotable");
        }
        if resource.unique {
            attributes.push("unique");
        }
        if is_disabled(self.state, id) {
            attributes.push("disabled");
        }
        attributes.extend(self.management(id));
        let child = clone
            .child_element
            .and_then(|child| self.document.attr(child, "id"));
        let mut title = format!("Clone Set: {} [{}]", resource.id, child.unwrap_or("(null)"));
        if !attributes.is_empty() {
            let _ = write!(title, " ({})", attributes.join(", "));
        }
        title
    }

    fn instance_place(&self, clone: ResourceId, instance: ResourceId) -> Place {
        let active = self.is_active(instance, false);
        if self.state.resources[clone].unique {
            let gone = !active && self.state.resources[clone].removed;
            return if gone { Place::Hidden } else { Place::OwnLine };
        }
        let pending = self.state.resource[instance].pending.as_ref();
        if self.sections.pending && pending.is_some_and(|(task, _)| task != "probe") {
            return Place::OwnLine;
        }
        if !active {
            let removed = self.state.resources[instance].removed;
            return if removed {
                Place::Hidden
            } else {
                Place::Stopped
            };
        }
        let noteworthy = self.any(instance, &|id| self.state.resources[id].removed)
            || self.any(instance, &|id| !self.state.resource[id].managed)
            || self.any(instance, &|id| self.state.resource[id].failed);
        if noteworthy || !self.is_active(instance, true) {
            return Place::OwnLine;
        }
        let Some(node) = self.only_node(instance) else {
            return Place::OwnLine;
        };
        let state = &self.state.node[node];
        if !state.online && state.unclean {
            Place::OwnLine
        } else if self.role(instance) > Role::Unpromoted {
            Place::Promoted(node)
        } else {
            Place::Started(node)
        }
    }

    /// Nodes without an active instance of an anonymous clone, by what is said about them.
    fn idle_nodes(&self, clone: ResourceId) -> BTreeMap<String, Vec<NodeId>> {
        let observed = &self.state.resource[clone];
        let disabled = self.configured_role(clone) == Some(Role::Stopped);
        let mut idle: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
        let allowed = &observed.allowed;
        for &node in &self.state.nodes_by_name {
            let may_run = match allowed.is_empty() {
                // Opt-in clusters have not looked at locations yet.
                true => observed.known_on.contains(node),
                false => allowed.get(node).is_some(),
            };
            if !may_run || observed.active_on.contains(&node) {
                continue;
            }
            let text = match self.failed_probe(clone, Some(node)) {
                Some(rc) => format!("Stopped ({})", exit_text(rc)),
                None if disabled => "Stopped (disabled)".to_owned(),
                None => "Stopped".to_owned(),
            };
            idle.entry(text).or_default().push(node);
        }
        idle
    }

    fn write_bundle(&self, listing: &mut Listing, id: ResourceId, bundle: &Bundle) -> bool {
        if bundle.replicas.is_empty() {
            return false;
        }
        let resource = &self.state.resources[id];
        let set = if bundle.max > 1 { " set" } else { "" };
        let unique = if resource.unique { " (unique)" } else { "" };
        let management = match self.management(id) {
            Some(text) => format!(" ({text})"),
            None => String::new(),
        };
        listing.begin(format_args!(
            "Container bundle{set}: {} [{}]{unique}{management}",
            resource.id, bundle.image
        ));
        for replica in &bundle.replicas {
            let mut name = self
                .printable_id(replica.connection.unwrap_or(replica.container))
                .to_owned();
            if let Some(address) = &replica.address {
                let _ = write!(name, " ({address})");
            }
            let shown = replica.child.unwrap_or(replica.container);
            let node = current_node(self.state, replica.container);
            // A container without anything inside is an implicit resource, and not shown.
            self.write_primitive(listing, shown, &name, node);
        }
        listing.end();
        true
    }

    /// The result of a failed probe there that is taken for "stopped".
    fn failed_probe(&self, id: ResourceId, node: Option<NodeId>) -> Option<i32> {
        let top = top(self.state, id);
        let wanted = match &self.state.resources[top].variant {
            Variant::Clone(clone) => self.document.attr(clone.child_element?, "id")?,
            _ => self.state.resources[id].id.as_str(),
        };
        let mut failed = self.state.failed_operations.iter();
        let found = failed.find(|operation| {
            // Only entries that name their node are known to be of it.
            let on_node = self.document.attr(operation.element, "on_node");
            on_node.is_some_and(|name| {
                node.is_none_or(|node| self.name(node).eq_ignore_ascii_case(name))
            }) && self.masked_probe_of(operation.element) == Some(wanted)
        })?;
        self.document.attr(found.element, "rc-code")?.parse().ok()
    }

    /// The resource's name in history, if the entry is a probe that failed because the resource
    /// could not run there anyway.
    fn masked_probe_of(&self, entry: ElementId) -> Option<&str> {
        let attr = |name: &str| self.document.attr(entry, name);
        let interval = value::integer(attr("interval").unwrap_or("0"));
        if attr("operation") != Some("monitor") || interval.is_some_and(|ms| ms != 0) {
            return None;
        }
        let cannot_run =
            matches!(attr("rc-code"), Some("2" | "5")) || attr("op-status") == Some("7");
        let key = attr("operation_key").or_else(|| attr("id"))?;
        key.strip_suffix("_monitor_0").filter(|_| cannot_run)
    }

    fn configured_role(&self, id: ResourceId) -> Option<Role> {
        role(self.configured_role_text(id)?)
    }

    /// `target-role` of a collective, or else of the first in it.
    pub(super) fn configured_role_text(&self, id: ResourceId) -> Option<&str> {
        let resource = &self.state.resources[id];
        let own = resource.meta_text.get("target-role");
        let first = resource.children.first();
        let text = own.or_else(|| self.state.resources[*first?].meta_text.get("target-role"))?;
        Some(text)
    }

    fn rank(&self, node: NodeId) -> usize {
        let order = &self.state.nodes_by_name;
        order
            .iter()
            .position(|&other| other == node)
            .unwrap_or(usize::MAX)
    }

    fn any(&self, id: ResourceId, test: &dyn Fn(ResourceId) -> bool) -> bool {
        test(id)
            || self.state.resources[id]
                .children
                .iter()
                .any(|&child| self.any(child, test))
    }

    /// Whether a resource, or all (any) of its members, are active.
    pub(super) fn is_active(&self, id: ResourceId, all: bool) -> bool {
        let resource = &self.state.resources[id];
        match &resource.variant {
            Variant::Primitive(_) => {
                let observed = &self.state.resource[id];
                observed.active_on.iter().any(|&node| {
                    let state = &self.state.node[node];
                    state.unclean || state.online || !observed.managed
                })
            }
            Variant::Group(_) if all => {
                let mut members = resource.children.iter();
                !resource.children.is_empty() && members.all(|&id| self.is_active(id, true))
            }
            Variant::Bundle(_) | Variant::Clone(_) if all => {
                resource.children.iter().all(|&id| self.is_active(id, true))
            }
            _ => resource
                .children
                .iter()
                .any(|&id| self.is_active(id, false)),
        }
    }

    fn role(&self, id: ResourceId) -> Role {
        let resource = &self.state.resources[id];
        match resource.variant {
            Variant::Primitive(_) => self.state.resource[id].role,
            _ => {
                let children = resource.children.iter();
                children
                    .map(|&child| self.role(child))
                    .max()
                    .unwrap_or(Role::Unknown)
            }
        }
    }

    /// The one node where a resource or all its members are.
    fn only_node(&self, id: ResourceId) -> Option<NodeId> {
        let mut nodes: Vec<NodeId> = Vec::new();
        self.collect_nodes(id, &mut nodes);
        match nodes[..] {
            [node] => Some(node),
            _ => None,
        }
    }

    fn collect_nodes(&self, id: ResourceId, nodes: &mut Vec<NodeId>) {
        let resource = &self.state.resources[id];
        if resource.children.is_empty() {
            for &node in &self.state.resource[id].active_on {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        for &child in &resource.children {
            self.collect_nodes(child, nodes);
        }
    }
}

/// Where an instance of a clone is shown.
enum Place {
    OwnLine,
    Promoted(NodeId),
    Started(NodeId),
    Stopped,
    Hidden,
}
