//! Actions: what they are about, what identifies them, and the draft in which they are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::describe::{Description, Descriptions};
use super::find::ActionIndex;
use super::meta::ActionMeta;
use super::notify::CloneNotifications;
pub use crate::config::OnFail;
use crate::config::{FenceAction, Role};
use crate::id::{ActionId, NodeId, ResourceId, Table};
use crate::relate::{Links, Ordering, Repeat};
use crate::score::ScoreTable;
use crate::time::Earliest;

/// What an action does.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    Start,
    /// A collective has started (`running`).
    Started,
    Stop,
    Stopped,
    Promote,
    Promoted,
    Demote,
    Demoted,
    Monitor,
    Notify,
    Notified,
    MigrateTo,
    MigrateFrom,
    Cancel,
    /// Erase history (`delete`).
    Delete,
    /// Erase history through the CIB (`lrm_delete`).
    LrmDelete,
    Reload,
    ReloadAgent,
    ClearFailCount,
    /// Fence a node (`stonith`).
    Fence,
    /// Shut a node down (`do_shutdown`).
    Shutdown,
    MaintenanceNodes,
    /// Any other operation name from a configuration or history; the name of a helper. Boxed twice,
    /// as tasks are everywhere and these are rare: so all are small.
    Other(Box<Box<str>>),
}

impl Task {
    /// The name used in keys, history and the graph.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Task::Start => "start",
            Task::Started => "running",
            Task::Stop => "stop",
            Task::Stopped => "stopped",
            Task::Promote => "promote",
            Task::Promoted => "promoted",
            Task::Demote => "demote",
            Task::Demoted => "demoted",
            Task::Monitor => "monitor",
            Task::Notify => "notify",
            Task::Notified => "notified",
            Task::MigrateTo => "migrate_to",
            Task::MigrateFrom => "migrate_from",
            Task::Cancel => "cancel",
            Task::Delete => "delete",
            Task::LrmDelete => "lrm_delete",
            Task::Reload => "reload",
            Task::ReloadAgent => "reload-agent",
            Task::ClearFailCount => "clear_failcount",
            Task::Fence => "stonith",
            Task::Shutdown => "do_shutdown",
            Task::MaintenanceNodes => "maintenance_nodes",
            Task::Other(name) => name,
        }
    }

    /// The task with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Task {
        match name {
            "start" => Task::Start,
            "running" => Task::Started,
            "stop" => Task::Stop,
            "stopped" => Task::Stopped,
            "promote" => Task::Promote,
            "promoted" => Task::Promoted,
            "demote" => Task::Demote,
            "demoted" => Task::Demoted,
            "monitor" => Task::Monitor,
            "notify" => Task::Notify,
            "notified" => Task::Notified,
            "migrate_to" => Task::MigrateTo,
            "migrate_from" => Task::MigrateFrom,
            "cancel" => Task::Cancel,
            "delete" => Task::Delete,
            "lrm_delete" => Task::LrmDelete,
            "reload" => Task::Reload,
            "reload-agent" => Task::ReloadAgent,
            "clear_failcount" => Task::ClearFailCount,
            "stonith" => Task::Fence,
            "do_shutdown" => Task::Shutdown,
            "maintenance_nodes" => Task::MaintenanceNodes,
            other => Task::Other(Box::new(other.into())),
        }
    }
}

/// What identifies an action, apart from its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `RSC_TASK_MS`.
    Operation {
        /// Whose operation.
        resource: ResourceId,
        /// Which.
        task: Task,
        /// Milliseconds, 0 for one-time operations.
        interval_ms: u32,
    },
    /// `RSC_PHASE_notify_TASK_0`.
    Notify {
        /// The clone, or an instance.
        resource: ResourceId,
        /// When.
        phase: NotifyPhase,
        /// About which task.
        of: Task,
    },
    /// `stonith-NODE-OP`.
    Fence(NodeId, FenceAction),
    /// `do_shutdown-NODE`.
    Shutdown(NodeId),
    /// Helpers: `one-or-more:ID`, `load_stopped_NODE NODE`, `maintenance_nodes`, …
    Named(Box<str>),
}

impl Key {
    /// The key of an operation that is done once.
    #[must_use]
    pub fn once(resource: ResourceId, task: Task) -> Key {
        Key::Operation {
            resource,
            task,
            interval_ms: 0,
        }
    }
    /// The resource that it names.
    #[must_use]
    pub fn resource(&self) -> Option<ResourceId> {
        match self {
            Key::Operation { resource, .. } | Key::Notify { resource, .. } => Some(*resource),
            Key::Fence(..) | Key::Shutdown(_) | Key::Named(_) => None,
        }
    }
    /// Whether it is [`Key::once`] of this task.
    #[must_use]
    pub fn is_once(&self, wanted: &Task) -> bool {
        matches!(self, Key::Operation { task, interval_ms: 0, .. } if task == wanted)
    }
    /// Milliseconds between repetitions, 0 for what is done once.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        if let Key::Operation { interval_ms, .. } = self {
            *interval_ms
        } else {
            0
        }
    }
    /// What an action with this key does, unless it is a cancellation.
    #[must_use]
    pub fn task(&self) -> Task {
        match self {
            Key::Operation { task, .. } => task.clone(),
            Key::Notify { phase, .. } => phase.task(),
            Key::Fence(..) => Task::Fence,
            Key::Shutdown(_) => Task::Shutdown,
            Key::Named(name) => Task::from_name(name),
        }
    }

    /// Whether [`Key::task`] is this one.
    #[must_use]
    pub fn is_for(&self, task: &Task) -> bool {
        match self {
            Key::Operation { task: own, .. } => own == task,
            Key::Notify { phase, .. } => *task == phase.task(),
            other => other.task() == *task,
        }
    }
}

/// When a notification happens.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotifyPhase {
    Pre,
    ConfirmedPre,
    Post,
    ConfirmedPost,
}

impl NotifyPhase {
    /// What is done: notifying, or, once that is confirmed, going on.
    fn task(self) -> Task {
        match self {
            Self::Pre | Self::Post => Task::Notify,
            Self::ConfirmedPre | Self::ConfirmedPost => Task::Notified,
        }
    }

    /// The word used in keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NotifyPhase::Pre => "pre",
            NotifyPhase::ConfirmedPre => "confirmed-pre",
            NotifyPhase::Post => "post",
            NotifyPhase::ConfirmedPost => "confirmed-post",
        }
    }
}

/// A request for an action, made by a pass that runs before actions exist (unpack, constraints).
/// `act` carries requests out in order, so that they get the numbers that Pacemaker gives them.
#[derive(Clone, Debug)]
pub struct ActionRequest {
    /// What identifies it.
    pub key: Key,
    /// Where, if anywhere.
    pub node: Option<NodeId>,
    /// Needed only if something else needs it.
    pub optional: bool,
    /// Why, if there is something to say.
    pub reason: Option<Reason>,
    /// Extra settings.
    pub detail: RequestDetail,
    /// The node is a guest that did not need to be reset when this was requested. If it does by
    /// the end of reading, this is still judged as if it did not.
    pub before_reset: bool,
}

/// What is special about a request.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestDetail {
    Plain,
    /// A helper pseudo-action: runnable when `required` of its inputs are (clone-min, require-all=false).
    MinRunnable {
        required: u32,
    },
    /// Fence this node with a delay according to priorities.
    PriorityDelay,
    /// Fence this remote node; its transient attributes had not been read by then, so what it was
    /// last unfenced with is not known.
    AttributesUnread,
}

/// Why an action is needed or cannot run: shown in summaries, kept for explanations.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    NodeAvailability,
    NoQuorum,
    QuorumFreeze,
    ResourceDefinitionChange,
    MultiplyActive,
    /// `required RSC TASK` and its kin.
    Because {
        verb: BecauseVerb,
        resource: Option<ResourceId>,
        task: Task,
    },
    /// `colocation with RSC`.
    Colocation(ResourceId),
    /// Anything else, as Pacemaker words it.
    Text(Box<str>),
}

/// First word of [`Reason::Because`].
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BecauseVerb {
    Required,
    Unrunnable,
    Unmigrateable,
}

/// An action under construction, later settled.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub struct Action {
    /// What identifies it.
    pub key: Key,
    /// What it does (a cancel keeps the key of the monitor that it cancels).
    pub task: Task,
    /// The resource, if it is a resource's action.
    pub resource: Option<ResourceId>,
    /// Where; none for most pseudo-actions.
    pub node: Option<NodeId>,
    /// Nothing is run for it.
    pub pseudo: bool,
    /// Can be run.
    pub runnable: bool,
    /// Needed only if another action requires it.
    pub optional: bool,
    /// In the graph even if optional.
    pub always_in_graph: bool,
    /// Part of a live migration that can still go ahead.
    pub migratable: bool,
    /// Gave up a migration half way.
    pub migration_abort: bool,
    /// A recurring monitor whose parameters changed.
    pub reschedule: bool,
    /// Runs on the controller, not on its node.
    pub on_dc: bool,
    /// Graph priority.
    pub priority: i32,
    /// Why, as summaries tell it; boxed, as most actions have nothing to say.
    pub reason: Option<Box<Reason>>,
    /// Why it was asked for, if it has to happen.
    pub need: Option<super::Need>,
    /// Must be able to run before: what `requires` asks.
    pub needs: crate::config::Requires,
    /// Meta attributes (`CRM_meta_*`), by name without prefix.
    pub meta: ActionMeta,
    /// What is configured for it, if it is a resource's.
    pub(super) description: Option<Arc<Description>>,
    /// Runnable inputs needed (min-runnable orderings); 0 = no such limit.
    pub required_runnable_before: u32,
    /// Runnable inputs counted.
    pub runnable_before: u32,
}

/// What `act` and `relate` build together: actions, orderings between them, and the decisions on
/// resources and nodes that change while actions are made (a demotion for lost quorum, a remote
/// host that turns out to need fencing). Moved from pass to pass; nothing else is changed.
///
/// Actions are made by [`Draft::request`] and looked up by the finders in `find.rs`. Parameters of
/// operations are read when the graph is written, and only for what gets there.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Actions in order of creation.
    pub actions: Table<ActionId, Action>,
    /// Orderings of tasks, in order of creation; applied by `settle`.
    pub orderings: Vec<Ordering>,
    /// A constraint names a reload as what comes first, which makes one that nobody asked for.
    pub(super) reload_named: bool,
    /// Which of them are asked for again, in the order in which they are.
    pub repeats: Vec<Repeat>,
    /// Links between existing actions, in order of creation.
    pub links: Links,
    /// Decisions by resource: observed ones until assignment is adopted, assigned ones afterwards.
    pub resource: Table<ResourceId, Drafted>,
    /// Node conditions, likewise.
    pub node: Table<NodeId, DraftedNode>,
    /// How loaded nodes are, if assignments were given up.
    pub loads: Option<crate::assign::Loads>,
    /// Top-level resources, in the order of the configuration until assignment is adopted (which
    /// may have sorted them).
    pub top: Vec<ResourceId>,
    /// Ordering points of notifications, by clone.
    pub notifications: BTreeMap<ResourceId, CloneNotifications>,
    /// Actions made for `Constraints::requests`, by position.
    pub requested: Vec<ActionId>,
    /// Who has which actions.
    pub(super) index: ActionIndex,
    /// Descriptions of operations made so far.
    pub(super) descriptions: Descriptions,
    /// Earliest time after `now` at which a rule about operations changes its result.
    pub recheck_by: Earliest,
    /// Messages in the order found.
    pub diagnostics: Vec<crate::Diagnostic>,
}

/// A resource while actions are made.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub struct Drafted {
    /// Assigned node; none before assignment is adopted.
    pub node: Option<NodeId>,
    /// Current role as the scheduler sees it.
    pub role: Role,
    /// Role at the end.
    pub next_role: Role,
    /// Managed.
    pub managed: bool,
    /// Blocked.
    pub blocked: bool,
    /// Failed (guests to be recovered become so while actions are made).
    pub failed: bool,
    /// Failed such that it has to stop.
    pub stop_if_failed: bool,
    /// A start is pending, or a change of agent asks for one.
    pub start_pending: bool,
    /// Active where it should not be, and stopped only there (`multiple-active=stop_unexpected`).
    pub stop_unexpected: bool,
    /// A reload is scheduled.
    pub reload: bool,
    /// Can be migrated live.
    pub migratable: bool,
    /// Source and target of a migration that has half happened and can go on.
    pub partial_migration: Option<(NodeId, NodeId)>,
    /// Nodes where it may run (scores as assignment left them).
    pub allowed: ScoreTable,
    /// Children in the order that output shows.
    pub children: Arc<[ResourceId]>,
}

/// A node while actions are made.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub struct DraftedNode {
    /// In the cluster.
    pub online: bool,
    /// Needs fencing.
    pub unclean: bool,
    /// Shutting down.
    pub shutdown: bool,
    /// Guest to be recovered, or remote to be fenced.
    pub remote_reset: bool,
}
