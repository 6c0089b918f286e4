//! The transition graph: what is carried out, and what waits for what.

/// An ordered graph of actions.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Graph {
    /// Settings for whoever carries the graph out.
    pub attributes: GraphAttributes,
    /// Actions with what they wait for, in output order: a synapse's position is its id.
    pub synapses: Vec<Synapse>,
}

/// Settings of a graph, as written to XML.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GraphAttributes {
    /// `cluster-delay` as configured.
    pub cluster_delay: String,
    /// `fencing-timeout` as configured.
    pub fencing_timeout: String,
    /// `failed-stop-offset`.
    pub failed_stop_offset: String,
    /// `failed-start-offset`.
    pub failed_start_offset: String,
    /// `batch-limit`.
    pub batch_limit: String,
    /// `transition_id`.
    pub transition_id: u64,
    /// `migration-limit`, if limited.
    pub migration_limit: Option<String>,
    /// Epoch at which planning again would give another result without any event.
    pub recheck_by: Option<i64>,
}

/// One action with the synapses it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synapse {
    /// Above 0: carried out even if the transition is aborted with a lower priority.
    pub priority: i32,
    /// The action.
    pub action: GraphAction,
    /// Positions (ids) of the synapses whose actions must be confirmed first, ascending action id.
    pub inputs: Vec<u32>,
    /// Actions waited for that are in no synapse (a graph with such an input cannot complete).
    pub missing_inputs: Vec<MissingInput>,
}

/// An action that another waits for, and that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingInput {
    /// Its name, number and node.
    pub action: GraphAction,
    /// It cannot run, so that what waits for it is held back; otherwise it was forgotten.
    pub blocked: bool,
}

/// Which element an action is written as, and so who carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphActionKind {
    /// `rsc_op`: an agent is run on a node.
    Resource,
    /// `pseudo_event`: confirmed at once.
    Pseudo,
    /// `crm_event`: the controller itself does it (fencing, shutdown, history).
    Cluster,
}

/// An action as the graph holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphAction {
    /// Action number.
    pub id: u32,
    /// Which element.
    pub kind: GraphActionKind,
    /// `mode="cib"`.
    pub mode_cib: bool,
    /// `operation`.
    pub task: String,
    /// `operation_key`.
    pub key: String,
    /// `internal_operation_key`.
    pub internal_key: Option<String>,
    /// `on_node`, `on_node_uuid`.
    pub node: Option<NodeRef>,
    /// `router_node`: host of the connection to a remote or guest node.
    pub router: Option<String>,
    /// `shutdown-lock`, epoch.
    pub shutdown_lock: Option<i64>,
    /// The resource, for real resource actions.
    pub primitive: Option<GraphPrimitive>,
    /// `attributes` in byte order of name, `CRM_meta_*` included.
    pub attributes: Vec<(String, String)>,
    /// Attributes whose name starts with a digit, written as `param` elements.
    pub params: Vec<(String, String)>,
    /// Ids of nodes that the action takes down.
    pub downed: Vec<String>,
    /// Node ids with their `node_in_maintenance`.
    pub maintenance: Vec<(String, bool)>,
}

/// A node's two names.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRef {
    pub name: String,
    pub uuid: String,
}

/// How the graph names a resource.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GraphPrimitive {
    /// `id`.
    pub id: String,
    /// `long-id`.
    pub long_id: Option<String>,
    /// `class`.
    pub class: String,
    /// `provider`.
    pub provider: Option<String>,
    /// `type`.
    pub agent: String,
}
