//! Which nodes are configured: node entries, and the nodes that remote and guest connections imply?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::blocks::Evaluation;
use super::{Attributes, Node, NodeKind, Options};
use crate::Diagnostic;
use crate::id::{NodeId, ResourceId, Table};
use crate::nvset::NvSets;
use crate::parse::{Document, ElementId, IdIndex, names};
use crate::score::ProbeMode;
use crate::value::{self, BAD_INPUT, Score};

/// Nodes under construction, found by name.
#[derive(Default)]
pub(super) struct Nodes {
    pub(super) table: Table<NodeId, Node>,
    /// By name without case; of several nodes with one name the latest counts.
    by_name: BTreeMap<String, NodeId>,
    pub(super) dc: Option<NodeId>,
    /// What guests have that have no entry.
    guest_attributes: Option<Arc<Attributes>>,
}

impl Nodes {
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// Adds a node that has no entry: its id is its name, and it has no attributes yet.
    pub(super) fn add_implicit(&mut self, name: &str) -> NodeId {
        self.add(implicit_node(name))
    }

    /// Joins a node with its connection.
    pub(super) fn connect(&mut self, node: NodeId, connection: ResourceId, kind: NodeKind) {
        let node = &mut self.table[node];
        node.connection = Some(connection);
        if node.kind != NodeKind::Cluster {
            node.kind = kind;
        }
        if kind == NodeKind::Guest {
            let guest = || Arc::new(kind_attribute(kind));
            let guest = self.guest_attributes.get_or_insert_with(guest);
            if node.attributes.len() > guest.len() {
                Arc::make_mut(&mut node.attributes).extend(kind_attribute(kind));
            } else {
                // Only the kind.
                node.attributes = Arc::clone(guest);
            }
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        let name = node.name.to_ascii_lowercase();
        let id = self.table.push(node);
        self.by_name.insert(name, id);
        id
    }
}

/// A remote node that has no entry, only a connection: its id is its name.
#[must_use]
pub fn implicit_node(name: &str) -> Node {
    Node {
        id: name.to_owned(),
        name: name.to_owned(),
        kind: NodeKind::Remote,
        base_score: Score::ZERO,
        probe: ProbeMode::Always,
        element: None,
        attributes: kind_attribute(NodeKind::Remote).into(),
        utilization: Vec::new(),
        connection: None,
    }
}

fn kind_attribute(kind: NodeKind) -> Attributes {
    let kind = match kind {
        NodeKind::Cluster => "cluster",
        NodeKind::Remote => "remote",
        NodeKind::Guest => "container",
    };
    Attributes::from([("#kind".into(), kind.into())])
}

fn base_score(
    element: ElementId,
    name: &str,
    options: &Options,
    evaluation: &mut Evaluation<'_>,
) -> Score {
    let Some(text) = evaluation.document().attr_by(element, names::SCORE) else {
        return Score::ZERO;
    };
    Score::parse_with(text, &options.health).unwrap_or_else(|| {
        let message = format!(
            "Using 0 as score for node {name} because '{text}' is not a valid score: {BAD_INPUT}"
        );
        evaluation
            .messages
            .push(Diagnostic::warning(element, message).at(names::SCORE));
        Score::ZERO
    })
}

/// Reads the entries of the `nodes` section. An entry of an unknown type ends the reading, as in
/// Pacemaker.
pub(super) fn read_entries(
    document: &Document,
    ids: &IdIndex,
    options: &Options,
    evaluation: &mut Evaluation<'_>,
) -> Nodes {
    let mut nodes = Nodes::default();
    let Some(section) = document.only(names::NODES) else {
        return nodes;
    };
    for element in document.children_by(section, names::NODE) {
        let Some(id) = document.id(element) else {
            let message = "Ignoring <node> entry in configuration without id";
            evaluation
                .messages
                .push(Diagnostic::error(element, message));
            continue;
        };
        let name = document.attr_by(element, names::UNAME).unwrap_or_default();
        let base_score = base_score(element, name, options, evaluation);
        let kind = match document.attr_by(element, names::TYPE) {
            None => NodeKind::Cluster,
            Some(kind) if kind.eq_ignore_ascii_case("member") => NodeKind::Cluster,
            Some(kind) if kind.eq_ignore_ascii_case("remote") => NodeKind::Remote,
            Some(other) => {
                let message = format!("Ignoring node {name} with unrecognized type '{other}'");
                evaluation
                    .messages
                    .push(Diagnostic::error(element, message).at(names::TYPE));
                return nodes;
            }
        };
        if nodes.find(name).is_some() {
            let message = format!("More than one node entry has name '{name}'");
            evaluation
                .messages
                .push(Diagnostic::warning(element, message).at(names::UNAME));
        }
        let node = nodes.add(Node {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            base_score,
            probe: ProbeMode::Always,
            element: Some(element),
            attributes: kind_attribute(kind).into(),
            utilization: Vec::new(),
            connection: None,
        });
        if nodes.dc.is_none() && is_dc(id, options) {
            nodes.dc = Some(node);
        }
        let is_dc = nodes.dc == Some(node);
        let node = &mut nodes.table[node];
        let sets = NodeSets::read(document, ids, element);
        add_attributes(node, &sets, is_dc, Overwrite::No, options, evaluation);
    }
    nodes
}

fn is_dc(id: &str, options: &Options) -> bool {
    options
        .dc_uuid
        .as_deref()
        .is_some_and(|dc| dc.eq_ignore_ascii_case(id))
}

/// Do attributes replace values that the node has?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Configured attributes: first come, first served.
    No,
    /// Transient attributes, which are read later and win.
    Yes,
}

/// What an element says about a node.
#[derive(Clone, Debug, Default)]
pub struct NodeSets {
    attributes: NvSets,
    utilization: NvSets,
}

impl NodeSets {
    /// Reads a node entry, or the `transient_attributes` of its state.
    #[must_use]
    pub fn read(document: &Document, ids: &IdIndex, element: ElementId) -> Self {
        let sets = |name| NvSets::read(document, ids, [element], name, None);
        Self {
            attributes: sets(names::INSTANCE_ATTRIBUTES),
            utilization: sets(names::UTILIZATION),
        }
    }
}

/// Adds what `sets` say, and the attributes that every node has once something is said about it.
/// `is_dc`: the node is the designated controller.
pub fn add_attributes(
    node: &mut Node,
    sets: &NodeSets,
    is_dc: bool,
    overwrite: Overwrite,
    options: &Options,
    evaluation: &mut Evaluation<'_>,
) {
    add_built_in_attributes(node, is_dc, options);
    match overwrite {
        Overwrite::No => {
            evaluation.add(
                &sets.attributes,
                &evaluation.date_only(),
                Arc::make_mut(&mut node.attributes),
            );
        }
        Overwrite::Yes => {
            let mut unpacked = Attributes::new();
            evaluation.add(&sets.attributes, &evaluation.date_only(), &mut unpacked);
            Arc::make_mut(&mut node.attributes).extend(unpacked);
        }
    }
    let utilization = evaluation.utilization(&sets.utilization);
    for (name, value) in utilization {
        if !node.utilization.iter().any(|known| known.0 == name) {
            node.utilization.push((name, value));
        }
    }
    add_site_name(node, options);
}

fn add_built_in_attributes(node: &mut Node, is_dc: bool, options: &Options) {
    let attributes = Arc::make_mut(&mut node.attributes);
    let mut set = |name: &str, value: &str| {
        attributes.insert(name.into(), value.into());
    };
    set("#uname", &node.name);
    set("#id", &node.id);
    set("#is_dc", if is_dc { "true" } else { "false" });
    if let Some(cluster_name) = &options.cluster_name {
        set("#cluster-name", cluster_name);
    }
}

/// `#site-name` defaults to `site-name`, then to the cluster's name.
fn add_site_name(node: &mut Node, options: &Options) {
    if node.attributes.contains_key("#site-name") {
        return;
    }
    let site = node
        .attributes
        .get("site-name")
        .or(options.cluster_name.as_ref());
    if let Some(site) = site.cloned() {
        Arc::make_mut(&mut node.attributes).insert("#site-name".into(), site);
    }
}

/// The nodes in name order. Of nodes with equal names the later comes first.
#[must_use]
pub fn by_name(nodes: &Table<NodeId, Node>) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = nodes.ids().rev().collect();
    order.sort_by(|&a, &b| value::compare_names(&nodes[a].name, &nodes[b].name));
    order
}

/// A guest's connection, as the meta attributes of its launcher describe it.
pub(super) struct GuestConnection {
    /// Name of the node and of the connection.
    pub(super) name: String,
    pub(super) launcher: String,
    pub(super) address: Option<String>,
    pub(super) port: Option<String>,
    pub(super) connect_timeout: Option<String>,
    pub(super) allow_migrate: Option<String>,
    pub(super) managed: Option<String>,
}

/// Adds the nodes that the resources below `resources` imply, and returns the guest connections
/// that have to be made. Looks at what is written only: no templates for guests, no rules, no
/// references, and nothing inside clones, as in Pacemaker.
pub(super) fn discover(
    document: &Document,
    resources: ElementId,
    nodes: &mut Nodes,
) -> Vec<GuestConnection> {
    let mut connections = Vec::new();
    let add = |name: &str, nodes: &mut Nodes| {
        if nodes.find(name).is_none() {
            nodes.add_implicit(name);
        }
    };
    let mut guest = |element, nodes: &mut Nodes| {
        if let Some(connection) = guest_connection(document, element) {
            add(&connection.name, nodes);
            connections.push(connection);
        }
    };
    for element in document.children(resources) {
        if is_remote_connection(document, element) {
            if let Some(id) = document.id(element)
                && nodes.find(id).is_none()
            {
                nodes.add_implicit(id);
            }
        } else if document.is(element, names::PRIMITIVE) {
            guest(element, nodes);
        } else if document.is(element, names::GROUP) {
            for member in document.children(element) {
                guest(member, nodes);
            }
        }
    }
    connections
}

/// Whether an element's own class, provider and type are `ocf:pacemaker:remote`.
pub(super) fn is_remote_connection(document: &Document, element: ElementId) -> bool {
    let is = |name, wanted: &str| {
        document
            .attr_by(element, name)
            .is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    is(names::TYPE, "remote") && is(names::CLASS, "ocf") && is(names::PROVIDER, "pacemaker")
}

fn guest_connection(document: &Document, element: ElementId) -> Option<GuestConnection> {
    let mut name = None;
    let mut address = None;
    let mut port = None;
    let mut connect_timeout = Some("60s");
    let mut allow_migrate = None;
    let mut managed = None;
    for set in document.children_by(element, names::META_ATTRIBUTES) {
        for pair in document.children(set) {
            let value = document.attr_by(pair, names::VALUE);
            match document.attr_by(pair, names::NAME) {
                Some("remote-node") => name = value,
                Some("remote-addr") => address = value,
                Some("remote-port") => port = value,
                Some("remote-connect-timeout") => connect_timeout = value,
                Some("remote-allow-migrate") => allow_migrate = value,
                Some("is-managed") => managed = value,
                _ => {}
            }
        }
    }
    let owned = |value: Option<&str>| value.map(str::to_owned);
    Some(GuestConnection {
        name: name?.to_owned(),
        launcher: document.id(element)?.to_owned(),
        address: owned(address),
        port: owned(port),
        connect_timeout: owned(connect_timeout),
        allow_migrate: owned(allow_migrate),
        managed: owned(managed),
    })
}
