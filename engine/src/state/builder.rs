//! The state under construction: what is known so far, and the small steps that change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::history::{Entry, Histories};
use super::instance::Instances;
use super::names::{NodeNames, ResourceNames};
use super::{NodeState, ResourceState, State};
use crate::action::{ActionRequest, Key, RequestDetail, Task};
use crate::config::{self, Config, Evaluation, Node, NodeKind, Resource, Role, Variant};
use crate::id::{IdSet, NodeId, ResourceId, Table};
use crate::parse::{Document, ElementId};
use crate::score::ScoreTable;
use crate::time::{Earliest, Timestamp};
use crate::value::{self, Score};
use crate::{Diagnostic, Severity};

/// The state so far, with the indexes and notes that only unpacking needs.
pub(super) struct Builder<'a> {
    pub(super) document: &'a Document,
    pub(super) config: &'a Config,
    /// Seconds since the epoch.
    pub(super) now: i64,
    pub(super) state: State,
    pub(super) evaluation: Evaluation<'a>,
    pub(super) node_names: NodeNames,
    pub(super) resource_names: ResourceNames,
    pub(super) histories: Histories<'a>,
    pub(super) instances: Instances,
    /// The nodes on which each resource is active, for asking.
    pub(super) active: Table<ResourceId, IdSet<NodeId>>,
    /// What [`State::failed_operations`] has already: node and operation key.
    pub(super) recorded: BTreeSet<(NodeId, &'a str)>,
    /// Requested stops, as positions in [`State::requests`].
    stops: BTreeMap<(ResourceId, NodeId), Vec<usize>>,
    /// Positions of requests to fence a node.
    pub(super) fencing_requests: BTreeMap<NodeId, usize>,
    /// Scores of a resource that may run nowhere, if that is asked for and no node was added since.
    banned: Option<ScoreTable>,
    /// Containers to stop once it is known where they are, in the order found.
    pub(super) failed_containers: Vec<ResourceId>,
    /// Room for the entries of one history.
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        document: &'a Document,
        config: &'a Config,
        resources: Table<ResourceId, Resource>,
        now: Timestamp,
        status: Option<ElementId>,
    ) -> Builder<'a> {
        let nodes = config.nodes.clone();
        let nodes_by_name = config::by_name(&nodes);
        let node_names = NodeNames::new(&nodes, &nodes_by_name);
        let node = nodes.iter().map(|node| unseen(config, node)).collect();
        let resource_names = ResourceNames::new(&config.top, &resources);
        let resource = resources.iter().map(ResourceState::new).collect();
        let active = Table::filled(IdSet::new(), resources.len());
        let state = State {
            nodes,
            nodes_by_name,
            resources,
            top: config.top.clone(),
            node,
            resource,
            tickets: Vec::new(),
            requests: Vec::new(),
            request_links: Vec::new(),
            have_fencing: config.options.have_fencing,
            expired_recurring: BTreeSet::new(),
            deferred_checks: Vec::new(),
            digests: super::digest::Cache::default(),
            dc: config.dc,
            failed_operations: Vec::new(),
            notes: Vec::new(),
            recheck_by: config.recheck_by,
            diagnostics: Vec::new(),
        };
        Builder {
            document,
            config,
            now: now.seconds,
            state,
            evaluation: Evaluation::new(document, now),
            node_names,
            resource_names,
            histories: Histories::new(document, status),
            instances: Instances::default(),
            active,
            recorded: BTreeSet::new(),
            stops: BTreeMap::new(),
            fencing_requests: BTreeMap::new(),
            banned: None,
            failed_containers: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// The state, once everything is read.
    pub(super) fn finish(mut self) -> State {
        for (id, node) in self.state.nodes.enumerate() {
            self.state.node[id].attributes = Arc::clone(&node.attributes);
        }
        if let Some(time) = self.evaluation.recheck_by.0 {
            self.recheck_at(time);
        }
        self.state.diagnostics = self.evaluation.messages;
        self.state
    }
}

/// A node of which no state has been read: unclean, unless blind faith in it is configured. Guests
/// are recovered with their container, and a remote node without connection cannot come up.
fn unseen(config: &Config, node: &Node) -> NodeState {
    let trusted = match node.kind {
        NodeKind::Cluster => false,
        NodeKind::Remote => node.connection.is_none(),
        NodeKind::Guest => true,
    };
    NodeState {
        unclean: config.options.startup_fencing && !trusted,
        probes_allowed: true,
        ..NodeState::default()
    }
}

impl ResourceState {
    /// What is known about a resource before any history is read: it is stopped.
    pub(super) fn new(resource: &Resource) -> ResourceState {
        ResourceState {
            role: Role::Stopped,
            next_role: resource.meta.target_role.unwrap_or(Role::Unknown),
            active_on: Vec::new(),
            known_on: IdSet::new(),
            dangling_on: Vec::new(),
            partial_migration: None,
            pending: None,
            managed: resource.meta.managed,
            maintenance: resource.meta.maintenance,
            blocked: false,
            failed: false,
            stop_if_failed: false,
            start_pending: false,
            ignore_failure: false,
            stop_unexpected: false,
            migratable: resource.meta.allow_migrate,
            requires: resource.meta.requires,
            history_id: None,
            removed_launched: false,
            lock: None,
            failure_timeout_ms: resource.meta.failure_timeout_ms,
            allowed: resource.allowed.clone(),
        }
    }
}

/// Questions about nodes and resources.
impl Builder<'_> {
    pub(super) fn is_remote_or_guest(&self, node: NodeId) -> bool {
        self.state.nodes[node].kind != NodeKind::Cluster
    }

    /// The resource that a guest (or bundle) node lives in; none for other nodes.
    pub(super) fn launcher_of(&self, node: NodeId) -> Option<ResourceId> {
        let node = &self.state.nodes[node];
        let connection = node.connection.filter(|_| node.kind != NodeKind::Cluster)?;
        self.state.resources[connection].launcher
    }

    pub(super) fn is_guest(&self, node: NodeId) -> bool {
        self.launcher_of(node).is_some()
    }

    /// Whether this is a remote node that is no guest.
    pub(super) fn is_remote(&self, node: NodeId) -> bool {
        self.is_remote_or_guest(node) && !self.is_guest(node)
    }

    /// The topmost ancestor, but for a bundle: its parts stand for themselves.
    pub(super) fn top_of(&self, resource: ResourceId) -> ResourceId {
        let resources = &self.state.resources;
        let mut top = resource;
        while let Some(parent) = resources[top].parent {
            if matches!(resources[parent].variant, Variant::Bundle(_)) {
                break;
            }
            top = parent;
        }
        top
    }

    /// Whether this is (a part of) a bundle.
    pub(super) fn is_bundled(&self, resource: ResourceId) -> bool {
        let top = &self.state.resources[self.top_of(resource)];
        top.parent.is_some() || matches!(top.variant, Variant::Bundle(_))
    }

    pub(super) fn is_anonymous_clone(&self, resource: ResourceId) -> bool {
        let resource = &self.state.resources[resource];
        matches!(resource.variant, Variant::Clone(_)) && !resource.unique
    }

    /// What a result that concerns all instances of an anonymous clone concerns.
    pub(super) fn all_instances(&self, resource: ResourceId) -> ResourceId {
        if self.state.resources[resource].unique {
            resource
        } else {
            self.top_of(resource)
        }
    }
}

/// Small steps.
impl Builder<'_> {
    pub(super) fn say(
        &mut self,
        severity: Severity,
        element: Option<ElementId>,
        message: impl Into<String>,
    ) {
        self.evaluation.messages.push(Diagnostic {
            severity,
            ..Diagnostic::notice(element, message)
        });
    }

    /// Notes what is wrong with an entry of the status section.
    pub(super) fn malformed(
        &mut self,
        element: impl Into<Option<ElementId>>,
        message: impl Into<String>,
    ) {
        self.evaluation
            .messages
            .push(Diagnostic::error(element, message));
    }

    /// Notes a time at which planning again would give another result.
    pub(super) fn recheck_at(&mut self, time: i64) {
        if time > self.now {
            let mut earliest = Earliest(self.state.recheck_by);
            earliest.note(time);
            self.state.recheck_by = earliest.0;
        }
    }

    /// Adds a node that the configuration does not know.
    pub(super) fn add_node(&mut self, node: Node) -> NodeId {
        self.state.node.push(NodeState {
            probes_allowed: true,
            ..NodeState::default()
        });
        let id = self.state.nodes.push(node);
        let nodes = &self.state.nodes;
        self.node_names.add(&nodes[id], id);
        // Of nodes with equal names, the later comes first.
        let by_name = &mut self.state.nodes_by_name;
        let place = by_name.partition_point(|&other| {
            value::compare_names(&nodes[other].name, &nodes[id].name).is_lt()
        });
        by_name.insert(place, id);
        self.banned = None;
        id
    }

    /// Starts to observe resources that were added to the roster.
    pub(super) fn observe_new_resources(&mut self) {
        let known = self.state.resource.len();
        let added: Vec<ResourceId> = self.state.resources.ids().skip(known).collect();
        for id in added {
            let resource = &self.state.resources[id];
            self.state.resource.push(ResourceState::new(resource));
            self.active.push(IdSet::new());
            self.state.have_fencing |= resource.fence_device;
            self.resource_names.add_found(id, &self.state.resources);
        }
    }

    /// Requests an operation of a resource on a node, and says at which position.
    pub(super) fn request(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        (task, interval_ms): (Task, u32),
        optional: bool,
        detail: RequestDetail,
    ) -> usize {
        let position = self.state.requests.len();
        if task == Task::Stop {
            self.stops
                .entry((resource, node))
                .or_default()
                .push(position);
        }
        self.state.requests.push(ActionRequest {
            key: Key::Operation {
                resource,
                task,
                interval_ms,
            },
            node: Some(node),
            optional,
            reason: None,
            detail,
            before_reset: !self.state.node[node].remote_reset && self.is_guest(node),
        });
        position
    }

    /// Requires an operation that runs once. What is unmanaged is left alone.
    pub(super) fn require(&mut self, resource: ResourceId, node: NodeId, task: Task) {
        let optional = !self.state.resource[resource].managed;
        let detail = RequestDetail::Plain;
        self.request(resource, node, (task, 0), optional, detail);
    }

    /// Requires a stop. A node on which it cannot run has to be fenced.
    pub(super) fn require_stop(&mut self, resource: ResourceId, node: NodeId) {
        self.require(resource, node, Task::Stop);
        let at = &self.state.node[node];
        let unreachable = !at.online && (!self.is_guest(node) || at.remote_reset);
        if unreachable && !at.unclean && self.state.resource[resource].managed {
            self.fence(node, "stop is unrunnable", false);
        }
    }

    /// Stops of a resource requested so far are only made if something else needs them.
    pub(super) fn make_stops_optional(&mut self, resource: ResourceId, node: NodeId) {
        for &position in self.stops.get(&(resource, node)).into_iter().flatten() {
            self.state.requests[position].optional = true;
        }
    }

    /// Adds to the score of a resource, and of what it consists of, on a node.
    pub(super) fn add_score(&mut self, resource: ResourceId, node: NodeId, score: Score) {
        let mut waiting = vec![resource];
        while let Some(id) = waiting.pop() {
            waiting.extend(&self.state.resources[id].children);
            let allowed = &mut self.state.resource[id].allowed;
            let Node {
                base_score, probe, ..
            } = self.state.nodes[node];
            if allowed.get(node).is_none() {
                allowed.entry(node, base_score).probe = probe;
            }
            allowed.entry(node, base_score).score += score;
        }
    }

    /// Forbids a node to a resource and to what it consists of.
    pub(super) fn ban(&mut self, resource: ResourceId, node: NodeId) {
        self.add_score(resource, node, Score::MINUS_INFINITY);
    }

    /// Forbids all nodes to a resource and to what it consists of.
    pub(super) fn ban_everywhere(&mut self, resource: ResourceId) {
        for node in self.state.nodes.ids() {
            self.ban(resource, node);
        }
    }

    /// Forbids all nodes to a resource itself, forgetting what was said about them so far.
    pub(super) fn replace_by_ban(&mut self, resource: ResourceId) {
        let nodes = &self.state.nodes;
        let banned = self.banned.get_or_insert_with(|| {
            let mut banned = ScoreTable::new();
            for (id, node) in nodes.enumerate() {
                banned.entry(id, Score::MINUS_INFINITY).probe = node.probe;
            }
            banned
        });
        self.state.resource[resource].allowed = banned.clone();
    }
}
