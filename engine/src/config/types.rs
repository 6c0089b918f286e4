//! What a configuration says, typed: the result of the resolve pass.
//!
//! Immutable after [`super::resolve`]. Templates, tags, sets and bundles are expanded; rules that
//! depend only on the date are evaluated; those that need node attributes stay unevaluated (see
//! [`Blocks`]) and are asked with a node.

use std::sync::Arc;

use crate::id::{NodeId, ResourceId, Table};
use crate::nvset::NvSets;
use crate::parse::{Document, ElementId, IdIndex, names};
use crate::score::{ProbeMode, ScoreTable};
use crate::value::{HealthScores, Score};

/// A resolved configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Cluster options.
    pub options: Options,
    /// Nodes known from the configuration (cluster, remote, guest, bundle), in creation order.
    pub nodes: Table<NodeId, Node>,
    /// Every configured resource, clone instances and bundle parts included; none any more once
    /// [`crate::state::unpack`] has taken them over.
    pub resources: Table<ResourceId, Resource>,
    /// Top-level resources in scheduler order: document order, implicit connections appended,
    /// then sorted stably by priority, highest first.
    pub top: Vec<ResourceId>,
    /// The designated controller, if it has a node entry.
    pub dc: Option<NodeId>,
    /// What tags and templates stand for.
    pub tags: Tags,
    /// Meta attributes in `rsc_defaults`.
    pub resource_defaults: NvSets,
    /// Meta attributes in `op_defaults`.
    pub operation_defaults: NvSets,
    /// Elements by id, for `id-ref`.
    pub ids: IdIndex,
    /// Earliest time after `now` at which a rule read so far changes its result.
    pub recheck_by: Option<i64>,
    /// Warnings and errors about the configuration, in the order found.
    pub diagnostics: Vec<crate::Diagnostic>,
}

/// Cluster options (`crm_config`), defaults filled in. Durations in milliseconds.
#[derive(Clone, Debug)]
pub struct Options {
    /// Option values as configured (effective names and values), for what is passed on as text.
    pub raw: Vec<Attribute>,
    /// `have-quorum` of the `cib` element.
    pub quorate: bool,
    /// `dc-uuid` of the `cib` element.
    pub dc_uuid: Option<String>,
    /// `no-quorum-policy`.
    pub no_quorum_policy: NoQuorumPolicy,
    /// `fencing-enabled`.
    pub fencing_enabled: bool,
    /// `fencing-action`: `reboot` or `off`.
    pub fencing_action: FenceAction,
    /// `fencing-timeout`.
    pub fencing_timeout_ms: i64,
    /// `fencing-timeout` as text for the graph.
    pub fencing_timeout: String,
    /// `cluster-delay` as text for the graph.
    pub cluster_delay: String,
    /// `batch-limit` as text for the graph.
    pub batch_limit: String,
    /// `migration-limit` as text for the graph, if it limits: `INFINITY` is valid and no number.
    pub migration_limit: Option<String>,
    /// `have-watchdog`.
    pub have_watchdog: bool,
    /// A fence device is configured, or a watchdog is had.
    pub have_fencing: bool,
    /// Some resource provides or requires unfencing.
    pub unfencing: bool,
    /// `concurrent-fencing`.
    pub concurrent_fencing: bool,
    /// `startup-fencing` (off when fencing is off).
    pub startup_fencing: bool,
    /// `fence-remote-without-quorum`.
    pub fence_remote_without_quorum: bool,
    /// `shutdown-lock`.
    pub shutdown_lock: bool,
    /// `shutdown-lock-limit`.
    pub shutdown_lock_limit_ms: i64,
    /// `maintenance-mode`.
    pub maintenance_mode: bool,
    /// `stop-all-resources`.
    pub stop_all_resources: bool,
    /// `priority-fencing-delay`.
    pub priority_fencing_delay_ms: i64,
    /// `node-pending-timeout`.
    pub node_pending_timeout_ms: i64,
    /// `symmetric-cluster`.
    pub symmetric: bool,
    /// `enable-startup-probes`.
    pub probe_resources: bool,
    /// `start-failure-is-fatal`.
    pub start_failure_is_fatal: bool,
    /// `stop-removed-resources`.
    pub stop_removed_resources: bool,
    /// `cancel-removed-actions`.
    pub cancel_removed_actions: bool,
    /// `node-health-strategy`.
    pub health_strategy: HealthStrategy,
    /// `node-health-base`.
    pub health_base: i32,
    /// Scores that the words red, yellow and green stand for now.
    pub health: HealthScores,
    /// `placement-strategy`.
    pub placement_strategy: PlacementStrategy,
    /// `cluster-name`.
    pub cluster_name: Option<Arc<str>>,
}

/// `no-quorum-policy`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoQuorumPolicy {
    Stop,
    Freeze,
    Ignore,
    Demote,
    Fence,
}

/// `node-health-strategy`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthStrategy {
    None,
    MigrateOnRed,
    OnlyGreen,
    Progressive,
    Custom,
}

/// `placement-strategy`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacementStrategy {
    Default,
    Utilization,
    Minimal,
    Balanced,
}

/// What fencing does to a node.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FenceAction {
    On,
    Off,
    Reboot,
}

/// What names in constraints stand for besides resources. References keep their order, each once.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    /// Users by template; none: the template exists, but nothing uses it.
    pub templates: std::collections::BTreeMap<String, Vec<String>>,
    /// Referenced ids by tag.
    pub tags: std::collections::BTreeMap<String, Vec<String>>,
}

/// A node as configured.
#[derive(Clone, Debug)]
pub struct Node {
    /// Cluster-layer id (`uuid`); for remote and guest nodes the name.
    pub id: String,
    /// `uname`.
    pub name: String,
    /// Cluster, remote or guest.
    pub kind: NodeKind,
    /// `score` of the node entry: base score of this node for every resource.
    pub base_score: Score,
    /// How it is probed unless a location says otherwise (bundle nodes: never).
    pub probe: ProbeMode,
    /// The `node` element, if there is one.
    pub element: Option<ElementId>,
    /// Configured instance attributes (after date rules) and built-in `#…` attributes; shared, as
    /// thousands of guests may have no others than their kind.
    pub attributes: Arc<Attributes>,
    /// Utilization (capacity), rules applied, in the order in which attributes are found.
    pub utilization: Vec<(String, i64)>,
    /// The connection resource of a remote, guest or bundle node.
    pub connection: Option<ResourceId>,
}

/// A name and its value.
pub type Attribute = (Arc<str>, Arc<str>);

/// A small ordered map of attribute names and values; sorted by name. All instances of a clone have
/// mostly the same, so texts are shared, not copied.
pub type Attributes = std::collections::BTreeMap<Arc<str>, Arc<str>>;

/// What kind of node.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    Cluster,
    /// Remote host: a connection resource without launcher.
    Remote,
    /// Guest or bundle node: the connection is launched by another resource.
    Guest,
}

/// A resource as configured (or made from its history when removed from the configuration).
#[derive(Clone, Debug)]
pub struct Resource {
    /// Id as the scheduler names it: `rsc`, `rsc:0`, `grp:1`.
    pub id: String,
    /// The configured id, without an instance number.
    pub config_id: String,
    /// The element that defines it (template user: the primitive element); `None` for implicit ones.
    pub element: Option<ElementId>,
    /// What it is.
    pub variant: Variant,
    /// The collective that contains it.
    pub parent: Option<ResourceId>,
    /// Members of a group, instances of a clone, the parts of a bundle (see [`Bundle`]).
    pub children: Vec<ResourceId>,
    /// Meta attributes, typed.
    pub meta: Meta,
    /// Every effective meta attribute by name, as text.
    pub meta_text: Attributes,
    /// Operations in configuration order (template's survivors after the primitive's own).
    pub operations: Arc<[Operation]>,
    /// Instance attribute blocks: own, then ancestors'; evaluated per node.
    pub parameters: Blocks,
    /// Utilization, rules applied, in the order in which attributes are found.
    pub utilization: Vec<(String, i64)>,
    /// The resource that launches this one (container of a guest node's connection, …).
    pub launcher: Option<ResourceId>,
    /// Resources that this one launches.
    pub launched: Vec<ResourceId>,
    /// The remote, guest or bundle node whose connection this primitive is.
    pub connection_to: Option<NodeId>,
    /// Not an instance of an anonymous clone.
    pub unique: bool,
    /// Makes the clone that it is in anonymous: its agent, or one of a group's members', cannot tell
    /// instances apart.
    pub makes_anonymous: bool,
    /// Instance can be promoted (member of a promotable clone, at any depth) or is one.
    pub promotable: bool,
    /// Class `stonith`.
    pub fence_device: bool,
    /// Agent `ocf:pacemaker:remote`: a connection to a remote, guest or bundle node.
    pub remote_connection: bool,
    /// The container of a bundle's replica.
    pub replica_container: bool,
    /// Probed only where that is said (instances in bundles: on their own node).
    pub exclusive_probes: bool,
    /// Removed from the configuration, known from history only.
    pub removed: bool,
    /// Initial allowed nodes with their scores, before constraints.
    pub allowed: ScoreTable,
}

impl Resource {
    /// The name that people know: instances of anonymous clones share one.
    #[must_use]
    pub fn printable_id(&self) -> &str {
        if self.unique {
            &self.id
        } else {
            &self.config_id
        }
    }

    /// The agent, if this is a primitive.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        match &self.variant {
            Variant::Primitive(agent) => Some(agent),
            _ => None,
        }
    }
}

/// Variant-specific configuration.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Variant {
    Primitive(Agent),
    Group(Group),
    Clone(Clone_),
    Bundle(Bundle),
}

/// `class[:provider]:type` of a primitive.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Agent {
    pub class: String,
    pub provider: Option<String>,
    pub agent: String,
}

impl Agent {
    /// Whether a history (`lrm_resource`) is of this agent.
    pub(crate) fn is_of(&self, document: &Document, history: ElementId) -> bool {
        let [agent, class, provider] =
            document.attrs_of(history, [names::TYPE, names::CLASS, names::PROVIDER]);
        agent == Some(&self.agent)
            && class == Some(&self.class)
            && provider == self.provider.as_deref()
    }
}

/// Group settings.
#[derive(Clone, Debug)]
pub struct Group {
    /// Members start one after another.
    pub ordered: bool,
    /// Members run together.
    pub colocated: bool,
}

/// Clone settings (the name `Clone` is taken).
#[derive(Clone, Debug)]
pub struct Clone_ {
    /// `clone-max`.
    pub max: i32,
    /// `clone-node-max` (1 for anonymous clones).
    pub node_max: i32,
    /// `clone-min`, if configured.
    pub min: Option<i32>,
    /// `promoted-max`.
    pub promoted_max: i32,
    /// `promoted-node-max`.
    pub promoted_node_max: i32,
    /// `promotable`.
    pub promotable: bool,
    /// `globally-unique`.
    pub globally_unique: bool,
    /// `interleave`.
    pub interleave: bool,
    /// `ordered`.
    pub ordered: bool,
    /// The cloned element (primitive or group), from which further instances are made.
    pub child_element: Option<ElementId>,
}

/// Bundle settings and parts.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// `docker` or `podman`.
    pub technology: ContainerTechnology,
    /// The container image.
    pub image: String,
    /// `promoted-max`.
    pub promoted_max: i32,
    /// `replicas-per-host`.
    pub replicas_per_host: i32,
    /// `replicas`: how many there should be.
    pub max: i32,
    /// Replicas in index order. There are fewer than `max` where the bundled resource does not
    /// allow as many.
    pub replicas: Vec<Replica>,
    /// The implicit clone of the bundled primitive.
    pub child: Option<ResourceId>,
    /// `container-attribute-target` etc. live in `meta_text`; this is `network add-host`.
    pub add_host: bool,
}

/// One replica of a bundle.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Index from 0.
    pub offset: u32,
    /// IP address, if the bundle has a range.
    pub address: Option<String>,
    /// Its parts.
    pub ip: Option<ResourceId>,
    /// The container.
    pub container: ResourceId,
    /// The connection into the container.
    pub connection: Option<ResourceId>,
    /// The instance of the bundled primitive.
    pub child: Option<ResourceId>,
    /// The bundle node inside.
    pub node: Option<NodeId>,
}

/// Container technologies.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerTechnology {
    Docker,
    Podman,
}

/// Roles, in the order in which they are compared.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Unknown,
    Stopped,
    Started,
    Unpromoted,
    Promoted,
}

impl Role {
    /// The role with this name, in any case; the names `Slave` and `Master` are still understood.
    #[must_use]
    pub fn parse(name: &str) -> Option<Role> {
        const NAMES: [(&str, Role); 6] = [
            ("stopped", Role::Stopped),
            ("started", Role::Started),
            ("unpromoted", Role::Unpromoted),
            ("slave", Role::Unpromoted),
            ("promoted", Role::Promoted),
            ("master", Role::Promoted),
        ];
        let entry = NAMES
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(name))?;
        Some(entry.1)
    }
}

/// Typed meta attributes of a resource (own, inherited and default values resolved).
#[derive(Clone, Debug)]
pub struct Meta {
    /// `priority`.
    pub priority: i32,
    /// `resource-stickiness`.
    pub stickiness: i32,
    /// `migration-threshold`; `Score::INFINITY` when unset; 0 means off.
    pub migration_threshold: i32,
    /// `failure-timeout`, milliseconds; 0 means never. (A remote connection's `reconnect_interval` replaces it.)
    pub failure_timeout_ms: i64,
    /// `reconnect_interval` of a remote connection, milliseconds.
    pub reconnect_interval_ms: i64,
    /// `target-role` where it says something: `None` = unset, `Started` or (not promotable) promoted.
    pub target_role: Option<Role>,
    /// `is-managed` with maintenance applied.
    pub managed: bool,
    /// Resource or cluster is in maintenance mode.
    pub maintenance: bool,
    /// `critical`.
    pub critical: bool,
    /// `notify`.
    pub notify: bool,
    /// `allow-migrate`.
    pub allow_migrate: bool,
    /// `multiple-active`.
    pub multiple_active: MultipleActive,
    /// `requires`.
    pub requires: Requires,
    /// The connection may run on a remote node (`remote-allow-…`, nested).
    pub remote_nesting_allowed: bool,
    /// Implicit resource, not shown (`internal_rsc`).
    pub internal: bool,
}

/// `multiple-active`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultipleActive {
    StopStart,
    StopOnly,
    Block,
    StopUnexpected,
}

/// `requires`, in rising order: each implies those before it.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requires {
    Nothing,
    Quorum,
    Fencing,
    Unfencing,
}

/// What to do about a failed operation, in rising severity.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFail {
    Ignore,
    Demote,
    Restart,
    ResetRemote,
    RestartContainer,
    Ban,
    Block,
    Stop,
    StandbyNode,
    FenceNode,
}

/// A configured operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The `op` element, or `None` for implicit ones.
    pub element: Option<ElementId>,
    /// `name`.
    pub name: String,
    /// `interval` in milliseconds.
    pub interval_ms: u32,
    /// `enabled` (XML attribute only).
    pub enabled: bool,
    /// `role`, if one is written; `Unknown` if that is no role.
    pub role: Option<Role>,
    /// XML attributes but `id`, document order.
    pub attributes: Vec<Attribute>,
    /// Own meta attributes (but see `attributes`).
    pub meta: Blocks,
    /// Own instance attributes.
    pub parameters: Blocks,
}

/// Values in order of precedence. Not yet evaluated: what they are may depend on the time, on the
/// resource and operation, and (instance attributes) on the target node.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// Own values, then those of each ancestor.
    pub levels: Vec<Level>,
}

impl Blocks {
    /// Do the values depend on anything?
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.levels.iter().any(|level| match level {
            Level::Sets(sets) => sets.has_rules(),
            Level::Fixed(_) => false,
        })
    }

    /// Can the values differ between nodes?
    #[must_use]
    pub fn depends_on_node(&self) -> bool {
        self.levels.iter().any(|level| match level {
            Level::Sets(sets) => sets.depends_on_node(),
            Level::Fixed(_) => false,
        })
    }
}

/// One level of precedence in [`Blocks`].
#[derive(Clone, Debug)]
pub enum Level {
    /// Sets of the document.
    Sets(Arc<NvSets>),
    /// Values that the engine gives to an implicit resource.
    Fixed(Arc<[Attribute]>),
}
