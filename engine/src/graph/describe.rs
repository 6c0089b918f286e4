//! What does the graph say about each action?

use std::cell::RefCell;
use std::sync::Arc;

use super::emit::{Transition, maintenance_changes};
use super::host::{physical_host, router};
use super::{
    Graph, GraphAction, GraphActionKind, GraphAttributes, GraphPrimitive, MissingInput, NodeRef,
    Synapse,
};
use crate::action::{Action, Draft, Key, Task};
use crate::assign::Placement;
use crate::config::{Attributes, Evaluation, NodeKind, Variant};
use crate::id::{ActionId, Id, NodeId, ResourceId};
use crate::{Diagnostic, World};

/// The `crm_feature_set` that actions are written with: that of the Pacemaker whose behaviour
/// the engine has.
pub const FEATURE_SET: &str = "3.20.5";

/// The graph with every attribute spelled out, and what is wrong with parameters in it.
#[must_use]
pub fn describe(
    world: World<'_>,
    placement: &Placement,
    transition: &Transition,
) -> (Graph, Vec<Diagnostic>) {
    let describer = Describer {
        world,
        placement,
        transition,
        draft: &transition.draft,
        messages: RefCell::default(),
        attributes: RefCell::default(),
    };
    let synapses = transition
        .synapses
        .iter()
        .map(|&id| describer.synapse(id))
        .collect();
    let graph = Graph {
        attributes: describer.graph_attributes(),
        synapses,
    };
    (graph, describer.messages.into_inner())
}

struct Describer<'a> {
    world: World<'a>,
    placement: &'a Placement,
    transition: &'a Transition,
    draft: &'a Draft,
    /// What is wrong with the parameters of what is done.
    messages: RefCell<Vec<Diagnostic>>,
    /// Where the attributes of one action are gathered.
    attributes: RefCell<AttributeList>,
}

impl Describer<'_> {
    fn graph_attributes(&self) -> GraphAttributes {
        let options = &self.world.config.options;
        let earliest = [
            self.world.config.recheck_by,
            self.world.state.recheck_by,
            self.world.constraints.recheck_by,
            self.placement.recheck_by,
            self.draft.recheck_by.0,
        ];
        GraphAttributes {
            cluster_delay: options.cluster_delay.clone(),
            fencing_timeout: options.fencing_timeout.clone(),
            failed_stop_offset: "INFINITY".to_owned(),
            failed_start_offset: if options.start_failure_is_fatal {
                "INFINITY"
            } else {
                "1"
            }
            .to_owned(),
            batch_limit: options.batch_limit.clone(),
            transition_id: 1,
            migration_limit: options.migration_limit.clone(),
            recheck_by: earliest.into_iter().flatten().min(),
        }
    }

    fn synapse(&self, id: ActionId) -> Synapse {
        let action = &self.draft.actions[id];
        let resource_priority = action
            .resource
            .map_or(0, |resource| self.priority(resource));
        let mut inputs = Vec::new();
        let mut missing_inputs = Vec::new();
        for input in self
            .transition
            .inputs
            .of(id)
            .iter()
            .filter(|input| input.waits)
        {
            match self
                .transition
                .synapse_of
                .get(input.first.index())
                .copied()
                .flatten()
            {
                Some(synapse) => inputs.push(synapse),
                None => missing_inputs.push(MissingInput {
                    action: self.head(input.first),
                    blocked: !self.draft.actions[input.first].runnable,
                }),
            }
        }
        Synapse {
            priority: resource_priority.max(action.priority).max(0),
            action: self.whole(id),
            inputs,
            missing_inputs,
        }
    }

    /// A resource's priority after assignment; instances that were compared for promotion have the
    /// clone's again, their members keep what colocations made of theirs.
    fn priority(&self, resource: ResourceId) -> i32 {
        let roster = &self.world.state.resources;
        let clone = roster[resource].parent.filter(
            |&parent| matches!(&roster[parent].variant, Variant::Clone(clone) if clone.promotable),
        );
        self.placement.resource[clone.unwrap_or(resource)].priority
    }

    /// What triggers show of an action too.
    fn head(&self, id: ActionId) -> GraphAction {
        let action = &self.draft.actions[id];
        let kind = kind(action);
        let has_node = kind != GraphActionKind::Pseudo || action.task == Task::Fence;
        let node = action.node.filter(|_| has_node);
        let key = action.key.text(self.world);
        let history_key = self.history_key(action);
        let (key, internal_key) = match history_key {
            Some(history_key) => (history_key, Some(key)),
            None => (key, None),
        };
        GraphAction {
            id: id.0 + 1,
            kind,
            mode_cib: action.task == Task::LrmDelete,
            task: action.task.name().to_owned(),
            key,
            internal_key,
            node: node.map(|node| self.node_ref(node)),
            router: node
                .and_then(|_| router(self.world, self.draft, action))
                .map(|host| self.world.state.nodes[host].name.clone()),
            shutdown_lock: None,
            primitive: None,
            attributes: Vec::new(),
            params: Vec::new(),
            downed: Vec::new(),
            maintenance: Vec::new(),
        }
    }

    fn whole(&self, id: ActionId) -> GraphAction {
        let action = &self.draft.actions[id];
        let mut described = self.head(id);
        if let Some(resource) = action.resource.filter(|_| !action.pseudo) {
            described.shutdown_lock = self.shutdown_lock(action, resource);
            described.primitive = Some(self.primitive(resource));
        }
        let attributes = &mut *self.attributes.borrow_mut();
        attributes.fill("crm_feature_set", FEATURE_SET);
        for (name, value) in &action.parameters(self.world) {
            attributes.fill(name, value);
        }
        self.add_parameters(action, attributes, &mut described.params);
        for (name, value) in action.meta.to_map() {
            attributes.fill_meta(name, value);
        }
        if let Some(node) = &described.node {
            attributes.set("CRM_meta_on_node", &node.name);
            attributes.set("CRM_meta_on_node_uuid", &node.uuid);
        }
        if let Some(resource) = action.resource {
            self.add_resource_meta(resource, attributes);
            self.add_guest_meta(action, resource, attributes);
        }
        described.attributes = attributes.take();
        if described.node.is_some() {
            described.downed = self.downed(id);
        }
        if action.task == Task::MaintenanceNodes {
            let changes = maintenance_changes(self.world);
            described.maintenance = changes
                .map(|(node, maintenance)| (self.world.state.nodes[node].id.clone(), maintenance))
                .collect();
        }
        described
    }

    fn node_ref(&self, node: NodeId) -> NodeRef {
        let node = &self.world.state.nodes[node];
        NodeRef {
            name: node.name.clone(),
            uuid: node.id.clone(),
        }
    }

    /// The key with the name that history uses, if that is another.
    fn history_key(&self, action: &Action) -> Option<String> {
        let history_id = self.world.state.resource[action.resource?]
            .history_id
            .as_ref()?;
        if !matches!(action.key, Key::Notify { .. }) {
            return Some(action.key.text_for(self.world, history_id));
        }
        // Named after what the notification is about, not after what it is ordered by: these
        // differ after a fencing that implies a stop.
        let about = |name| action.meta.get(name).unwrap_or_default();
        Some(match action.task {
            Task::Notify => {
                let (phase, of) = (about("notify_type"), about("notify_operation"));
                format!("{history_id}_{phase}_notify_{of}_0")
            }
            _ => format!("{history_id}_{}_0", action.task.name()),
        })
    }

    /// A lock that the executor of the graph shall keep: during shutdown only stops carry it.
    fn shutdown_lock(&self, action: &Action, resource: ResourceId) -> Option<i64> {
        let (node, time) = self.placement.resource[resource].lock?;
        let shutting_down = self.draft.node[node].shutdown;
        (action.node == Some(node) && (!shutting_down || action.task == Task::Stop)).then_some(time)
    }

    fn primitive(&self, resource: ResourceId) -> GraphPrimitive {
        let roster = &self.world.state.resources[resource];
        let history_id = self.world.state.resource[resource].history_id.as_ref();
        let (id, long_id) = match history_id {
            Some(history_id) if roster.removed => (history_id, Some(&roster.id)),
            _ if roster.unique => (&roster.id, None),
            Some(history_id) if *history_id != roster.config_id => {
                (&roster.config_id, Some(history_id))
            }
            _ => (&roster.config_id, Some(&roster.id)),
        };
        let (class, provider, agent) = match &roster.variant {
            Variant::Primitive(agent) => (
                agent.class.clone(),
                agent.provider.clone(),
                agent.agent.clone(),
            ),
            _ => Default::default(),
        };
        GraphPrimitive {
            id: id.clone(),
            long_id: long_id.cloned(),
            class,
            provider,
            agent,
        }
    }

    fn add_parameters(
        &self,
        action: &Action,
        attributes: &mut AttributeList,
        params: &mut Vec<(String, String)>,
    ) {
        let Some(resource) = action.resource else {
            return;
        };
        let primitive = matches!(
            self.world.state.resources[resource].variant,
            Variant::Primitive(_)
        );
        if action.node.is_none() && !primitive {
            return;
        }
        let mut values = self.parameters(resource, action.node);
        if values.get("addr").is_some_and(|addr| &**addr == "#uname") {
            let base = self.parameters(resource, None).remove("addr");
            let address = self.bundle_address(resource).map(Arc::from);
            if let Some(address) = address.or(base) {
                values.insert("addr".into(), address);
            }
        }
        for (name, value) in values {
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                params.push((name.to_string(), value.to_string()));
            } else {
                attributes.fill(&name, &value);
            }
        }
    }

    fn parameters(&self, resource: ResourceId, node: Option<NodeId>) -> Attributes {
        let mut evaluation = Evaluation::new(self.world.document, self.world.now);
        let node = node.map(|node| &*self.world.state.node[node].attributes);
        let parameters =
            evaluation.parameters(&self.world.state.resources[resource].parameters, node);
        self.messages.borrow_mut().append(&mut evaluation.messages);
        parameters
    }

    /// A bundle without addresses of its own is reached at the host of its container.
    fn bundle_address(&self, connection: ResourceId) -> Option<&str> {
        let roster = &self.world.state.resources[connection];
        let bundle = roster.parent?;
        let Variant::Bundle(bundle) = &self.world.state.resources[bundle].variant else {
            return None;
        };
        let replica = bundle
            .replicas
            .iter()
            .find(|replica| replica.connection == Some(connection))?;
        let container = replica.container;
        let host = self.draft.resource[container]
            .node
            .or_else(|| self.draft.current_node(self.world.state, container))?;
        Some(&self.world.state.nodes[host].name)
    }

    /// What the resource and everything around it adds: these replace what is there.
    fn add_resource_meta(&self, resource: ResourceId, attributes: &mut AttributeList) {
        let mut level = Some(resource);
        while let Some(id) = level {
            let roster = &self.world.state.resources[id];
            match &roster.variant {
                Variant::Primitive(_) => self.add_primitive_meta(id, attributes),
                Variant::Clone(clone) => {
                    let flag = |flag: bool| if flag { "true" } else { "false" };
                    attributes.set("CRM_meta_globally_unique", flag(roster.unique));
                    attributes.set("CRM_meta_notify", flag(roster.meta.notify));
                    attributes.set("CRM_meta_clone_max", &clone.max.to_string());
                    attributes.set("CRM_meta_clone_node_max", &clone.node_max.to_string());
                    if clone.promotable {
                        let max = clone.promoted_max.to_string();
                        let node_max = clone.promoted_node_max.to_string();
                        attributes.set("CRM_meta_promoted_max", &max);
                        attributes.set("CRM_meta_promoted_node_max", &node_max);
                        // Agents written for the old names.
                        attributes.set("CRM_meta_master_max", &max);
                        attributes.set("CRM_meta_master_node_max", &node_max);
                    }
                }
                Variant::Group(_) | Variant::Bundle(_) => {}
            }
            level = roster.parent;
        }
    }

    fn add_primitive_meta(&self, resource: ResourceId, attributes: &mut AttributeList) {
        let roster = &self.world.state.resources[resource];
        if let Some(number) = roster.meta_text.get("clone") {
            attributes.set("CRM_meta_clone", number);
        }
        if let Some(name) = roster.meta_text.get("remote-node") {
            attributes.set("CRM_meta_remote_node", name);
        }
        // The outermost launcher wins.
        let mut level = Some(resource);
        while let Some(id) = level {
            if let Some(launcher) = self.world.state.resources[id].launcher {
                let launcher = &self.world.state.resources[launcher].id;
                attributes.set("CRM_meta_container", launcher);
            }
            level = self.world.state.resources[id].parent;
        }
        if let Some(address) = roster.meta_text.get("external-ip") {
            attributes.set("pcmk_external_ip", address);
        }
    }

    fn add_guest_meta(
        &self,
        action: &Action,
        resource: ResourceId,
        attributes: &mut AttributeList,
    ) {
        let Some(host) = physical_host(self.world, self.draft, action) else {
            return;
        };
        let target = &self.world.state.resources[resource].meta_text;
        if let Some(target) = target.get("container-attribute-target") {
            attributes.fill_meta("container-attribute-target", target);
        }
        attributes.fill_meta("physical-host", &self.world.state.nodes[host].name);
    }

    /// Ids of the nodes that are down once the action is done.
    fn downed(&self, id: ActionId) -> Vec<String> {
        let action = &self.draft.actions[id];
        let Some(node) = action.node else {
            return Vec::new();
        };
        let roster = &self.world.state.nodes;
        match (&action.task, action.resource) {
            (Task::Shutdown, _) => vec![roster[node].id.clone()],
            (Task::Fence, _) => {
                let operation = action.meta.get("stonith_action");
                if !operation.is_some_and(|operation| matches!(operation, "off" | "reboot")) {
                    return Vec::new();
                }
                let guests = self.guests_on(node).map(|guest| roster[guest].id.clone());
                std::iter::once(roster[node].id.clone())
                    .chain(guests)
                    .collect()
            }
            (Task::Stop, Some(resource)) => {
                let roster = &self.world.state.resources[resource];
                let migrates = self.draft.links.before(id).any(|link| {
                    let first = self.draft.links[link].first;
                    let first = &self.draft.actions[first];
                    first.resource == Some(resource) && first.task == Task::MigrateFrom
                });
                if roster.remote_connection && !migrates {
                    vec![roster.id.clone()]
                } else {
                    Vec::new()
                }
            }
            _ => Vec::new(),
        }
    }

    /// Guest nodes whose connections are active on `host`.
    fn guests_on(&self, host: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let state = self.world.state;
        state.node[host].running.iter().filter_map(|&resource| {
            let node = state.resources[resource].connection_to?;
            (state.nodes[node].kind == NodeKind::Guest).then_some(node)
        })
    }
}

/// How the dot output names an action.
pub(crate) fn dot_name(world: World<'_>, draft: &Draft, id: ActionId) -> String {
    let action = &draft.actions[id];
    let host = match action.node {
        Some(node) => Some(world.state.nodes[node].name.as_str()),
        None if !action.pseudo => Some("<none>"),
        None => None,
    };
    let history_id = action
        .resource
        .and_then(|resource| world.state.resource[resource].history_id.as_ref());
    let name = match (history_id, &action.key) {
        // Drawings name what a notification is ordered by, the graph what it is about.
        (Some(history_id), Key::Notify { .. }) => {
            let key = |name| action.meta.get(name).unwrap_or_default();
            let (phase, of) = (key("notify_key_type"), key("notify_key_operation"));
            format!("{history_id}_{phase}_notify_{of}_0")
        }
        (Some(history_id), key) => key.text_for(world, history_id),
        (None, _) if action.task == Task::Fence => {
            let operation = action.meta.get("stonith_action").unwrap_or_default();
            format!("{} '{operation}'", action.task.name())
        }
        (None, key) if action.resource.is_some() || host.is_none() => key.text(world),
        (None, _) => action.task.name().to_owned(),
    };
    let prefix = if action.task == Task::Cancel {
        "Cancel "
    } else {
        ""
    };
    match host {
        Some(host) => format!("{prefix}{name} {host}"),
        None => format!("{prefix}{name}"),
    }
}

fn kind(action: &Action) -> GraphActionKind {
    match action.task {
        Task::Fence if action.pseudo => GraphActionKind::Pseudo,
        Task::Fence | Task::Shutdown | Task::ClearFailCount | Task::LrmDelete => {
            GraphActionKind::Cluster
        }
        _ if action.pseudo => GraphActionKind::Pseudo,
        _ => GraphActionKind::Resource,
    }
}

/// Attributes of one action, by name: the first writer of a name wins, but for those that set.
#[derive(Default)]
struct AttributeList(Vec<(String, String)>);

impl AttributeList {
    fn fill(&mut self, name: &str, value: &str) {
        if let Err(place) = self.place(name) {
            self.0.insert(place, (name.to_owned(), value.to_owned()));
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.place(name) {
            Ok(place) => value.clone_into(&mut self.0[place].1),
            Err(place) => self.0.insert(place, (name.to_owned(), value.to_owned())),
        }
    }

    /// As agents get it: `CRM_meta_` before the name, underscores for hyphens. The cluster's own
    /// attributes, which hold `#` or `:`, are not for agents.
    fn fill_meta(&mut self, name: &str, value: &str) {
        const PREFIX: &str = "CRM_meta_";
        if name.contains(['#', ':']) {
            return;
        }
        let mut full = String::with_capacity(PREFIX.len() + name.len());
        full.push_str(PREFIX);
        let letters = name
            .chars()
            .map(|letter| if letter == '-' { '_' } else { letter });
        full.extend(letters);
        if let Err(place) = self.place(&full) {
            self.0.insert(place, (full, value.to_owned()));
        }
    }

    /// Where a name is, or where it belongs.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// All of them, by name; none are left.
    fn take(&mut self) -> Vec<(String, String)> {
        self.0.drain(..).collect()
    }
}
