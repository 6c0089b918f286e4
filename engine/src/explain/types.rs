//! What is an explanation made of? Typed answers, complete in themselves: nothing else has to be
//! looked up to show one.

use crate::action::OnFail;
use crate::config::{NoQuorumPolicy, Role};
use crate::value::Score;

/// Why a resource is, and will be, where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceExplanation {
    /// Its id.
    pub resource: String,
    /// Its agent, or what kind of collective it is.
    pub kind: String,
    /// What happens to it, and to what it consists of; nothing if all stays as it is.
    pub changes: Vec<Change>,
    /// Where it and its parts are going to be.
    pub placed: Vec<Placed>,
    /// What holds on whichever node.
    pub facts: Vec<Why>,
    /// Every node, in name order.
    pub nodes: Vec<NodeVerdict>,
    /// What is done with it, and what cannot be done though it should.
    pub actions: Vec<ActionExplanation>,
}

/// Something that happens to a primitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which primitive.
    pub resource: String,
    /// What happens, in the words of transition summaries (`Move`, `Recover`, …).
    pub verb: &'static str,
    /// Where it is now.
    pub from: Option<String>,
    /// Where it goes.
    pub to: Option<String>,
    /// Its role now and then.
    pub roles: (Role, Role),
    /// It should be done, but cannot.
    pub blocked: bool,
}

/// A primitive on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which primitive.
    pub resource: String,
    /// Where.
    pub node: String,
    /// As what.
    pub role: Role,
}

/// What became of one node as a place for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVerdict {
    /// The node.
    pub node: String,
    /// What the resource has there in the end; none if the node never was a candidate.
    pub score: Option<Score>,
    /// What became of it.
    pub verdict: Verdict,
    /// Which part of a collective decided, if one did.
    pub part: Option<String>,
    /// What is placed there.
    pub placed: Vec<Placed>,
    /// What led to that, most important first.
    pub because: Vec<Why>,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The resource is placed there.
    Chosen,
    /// The resource is left there, whatever its score, because nobody may touch it.
    Kept,
    /// The resource cannot be there.
    Forbidden,
    /// Nothing can be there now.
    Unavailable,
    /// The resource would rather be nowhere than there.
    Unwanted,
    /// Another node has more.
    Less {
        /// Which.
        than: String,
        /// How much it has.
        score: Score,
    },
    /// Another node has the same.
    Equal {
        /// Which.
        to: String,
        /// What made the difference.
        by: Tie,
    },
    /// It could be there, but no node was looked for.
    NotLookedFor,
    /// As many instances as there may be are elsewhere.
    AllElsewhere {
        /// How many there may be.
        max: i32,
    },
}

/// What makes the difference between nodes with equal scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It runs there already.
    Current,
    /// Fewer resources are assigned to it.
    FewerResources {
        /// To the chosen node, at that time.
        chosen: u32,
        /// To the other one.
        other: u32,
    },
    /// More capacity is free.
    Capacity,
    /// Its name comes first.
    Name,
    /// The cluster does not say: instances share nodes as evenly as they can.
    Spread,
}

/// Why an action happens, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionExplanation {
    /// Which action.
    pub action: ActionName,
    /// What becomes of it.
    pub fate: Fate,
    /// Why it has to happen, from the nearest reason to the root; empty if it does not.
    pub needed: Vec<Step>,
    /// Why it cannot happen, likewise.
    pub blocked: Vec<Step>,
    /// What it waits for.
    pub waits_for: Vec<Wait>,
}

/// What becomes of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// An agent, a fence device or the controller does it.
    Done,
    /// It is an ordering point, or implied by something else: nobody has to do it.
    Marked,
    /// Nothing asks for it.
    NotNeeded,
    /// It should be done, but cannot.
    Blocked,
    /// It should be done, but nobody may touch its resource.
    Untouched,
}

/// An action, as the graph calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionName {
    /// Its number.
    pub number: u32,
    /// Its key.
    pub key: String,
    /// Where.
    pub node: Option<String>,
    /// It cancels the recurring operation with that key.
    pub cancels: bool,
}

/// One step from an action to its root cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another action.
    Action {
        /// Which.
        action: ActionName,
        /// What has that to do with it.
        tie: Link,
        /// It is that the other one cannot happen.
        cannot: bool,
    },
    /// A fact.
    Fact(Why),
}

/// What ties two actions together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// A configured ordering, or another constraint that orders.
    Constraint {
        /// `order`, `colocation` or `ticket`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A rule of every cluster, in words.
    Rule(&'static str),
    /// A mandatory colocation.
    Colocation(String),
    /// One stands for the other, which belongs to it.
    Member,
}

/// Something that an action waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which action.
    pub action: ActionName,
    /// That is only an ordering point.
    pub marked: bool,
    /// What ties the two together.
    pub ties: Vec<Link>,
}

/// What is going on with a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeExplanation {
    /// Its name.
    pub node: String,
    /// `cluster node`, `remote node` or `guest node`.
    pub kind: &'static str,
    /// Resources can be placed there.
    pub usable: bool,
    /// What holds of it.
    pub facts: Vec<Why>,
    /// What runs there.
    pub running: Vec<String>,
    /// What shall run there.
    pub placed: Vec<Placed>,
    /// Fencing and shutdown.
    pub actions: Vec<ActionExplanation>,
}

/// An instance that could be promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The instance.
    pub resource: String,
    /// Where it is going to be.
    pub node: Option<String>,
    /// How much it is wanted to be promoted; below 0 it cannot be.
    pub priority: Score,
    /// It is.
    pub promoted: bool,
}

/// A result in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its key.
    pub key: String,
    /// Where it ran.
    pub node: String,
    /// Its exit code.
    pub code: Option<i32>,
    /// How it ended according to the executor (`op-status`).
    pub status: Option<i32>,
    /// What the agent said.
    pub said: Option<String>,
    /// When, in UTC.
    pub when: Option<String>,
}

/// A reason: something that is configured, observed, or decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what the sentences name")]
pub enum Why {
    // What made the scores.
    /// `score` of the node entry.
    NodeScore { score: Score },
    /// A location constraint, of a rule if it has one.
    Location {
        id: String,
        rule: Option<String>,
        score: Score,
    },
    /// The strategy for node health.
    Health { strategy: String, score: Score },
    /// A colocation of this resource with another one.
    Colocation {
        id: String,
        with: String,
        role: Option<Role>,
        score: Score,
        on: Vec<String>,
        effect: Option<Score>,
        attribute: Option<String>,
    },
    /// A group, bundle or launcher keeps its parts together.
    Together {
        with: String,
        how: &'static str,
        on: Vec<String>,
        effect: Option<Score>,
    },
    /// What another resource, that is to be with this one, wants.
    Wish {
        id: Option<String>,
        of: String,
        effect: Option<Score>,
        because: Vec<Why>,
    },
    /// Running there, and sticky.
    Stickiness { score: Score },
    /// Unmanaged and active there.
    ActiveUnmanaged,
    /// A ticket is missing.
    Ticket {
        constraint: String,
        ticket: String,
        standby: bool,
    },
    /// Failed too often.
    Failures { count: i32, threshold: i32 },
    /// `resource-discovery=exclusive` elsewhere.
    ExclusiveDiscovery,
    /// Waiting for another node to come back.
    ShutdownLock { node: String, since: String },
    /// Not for this kind of node.
    NodeKind { what: &'static str },
    /// A guest's own resources run only in it.
    OnlyIn { launcher: String },
    /// Not enough room.
    Capacity {
        attribute: String,
        needed: i32,
        left: i32,
    },
    /// As many instances as there may be.
    InstancesMax { of: String, max: i32 },
    /// As many instances there as a node may have.
    InstancesPerNode {
        of: String,
        max: i32,
        here: Vec<String>,
    },
    /// An instance beyond the configured number.
    Surplus,
    /// The collective as such cannot be there.
    CollectiveForbidden { of: String },
    /// A promotion score.
    Promotion { score: Score },
    /// Parts of a bundle's replica run on the replica's own node.
    OwnReplica { node: Option<String> },
    /// In an opt-in cluster, no location names the node.
    NotOptedIn,
    /// Nothing but the bundle's own resource runs in its containers.
    BundleNode,
    /// Interleaved instances run in pairs, and this one has no partner there.
    NoPeer { of: String, order: Option<String> },
    /// No location names the node (a bundle's or guest's node, say).
    NoCandidate,
    /// Nothing else changed the score.
    NoPreference,

    // What is the matter with a resource.
    /// A failed operation and what it leads to.
    Failed {
        operation: Operation,
        on_fail: Option<OnFail>,
    },
    /// Failures that ask for something, without a single operation that decided.
    FailedSomehow { on_fail: Option<OnFail> },
    /// A failure is ignored.
    FailureIgnored { operation: Operation },
    /// A stop failed for good.
    StopImpossible { operation: Operation },
    /// A failed operation forbids the node.
    OperationBans { operation: Operation },
    /// A failed operation forbids every node.
    OperationBansEverywhere { operation: Operation },
    /// Lost while it migrated.
    LostInMigration { operation: Operation },
    /// The node could not be reached.
    ConnectionLost { operation: Operation },
    /// Active in several places.
    MultiplyActive {
        on: Vec<String>,
        policy: &'static str,
    },
    /// `target-role`.
    TargetRole { role: Role, of: Option<String> },
    /// `is-managed=false`.
    Unmanaged,
    /// `maintenance=true`.
    MaintenanceResource,
    /// `maintenance-mode=true`.
    MaintenanceCluster,
    /// It runs on a node in maintenance.
    MaintenanceNode { node: String },
    /// Blocked until someone cleans up.
    Blocked,
    /// A lost ticket froze it.
    Frozen { ticket: String },
    /// No fence device, though fencing is enabled.
    NoFenceDevice,
    /// `stop-all-resources=true`.
    StopAll,
    /// Removed from the configuration.
    Removed { kept: bool },
    /// An operation is still under way.
    Pending { operation: String, node: String },

    // What is the matter with a node.
    /// Not in the cluster.
    Offline,
    /// Needs fencing.
    Unclean { reason: String },
    /// Never seen.
    NeverSeen,
    /// Standby was asked for.
    Standby,
    /// Standby after a failure.
    StandbyAfter { operation: Option<Operation> },
    /// In maintenance.
    Maintenance,
    /// Joining.
    JoinPending,
    /// Leaving.
    ShuttingDown,
    /// Its connection does not run.
    Unconnected { connection: String },
    /// The guest's launcher does not run, or is to be recovered.
    LauncherDown { launcher: String },
    /// Health attributes.
    HealthAttributes { values: Vec<(String, String)> },
    /// Fencing: why it cannot be done.
    CannotFence { why: NoFencing },
    /// Online, and nothing keeps resources away.
    Usable,

    // Why an action was asked for.
    /// It is to be somewhere else than on this node.
    Moves {
        resource: String,
        to: String,
        from: Box<NodeVerdict>,
    },
    /// It is to have this role there.
    ShallBe {
        resource: String,
        role: Role,
        node: Option<String>,
    },
    /// It is not to be promoted (any more).
    NotPromoted { resource: String, max: i32 },
    /// Who is promoted, best first.
    Promotions { max: i32, of: Vec<Candidate> },
    /// A migration that was under way cannot go on.
    MigrationLost,
    /// A migration that was interrupted left it there.
    Dangling,
    /// It starts again where it is.
    Restarts,
    /// The parameters, or the operation, changed.
    DefinitionChanged,
    /// It is of another agent than before.
    AgentChanged,
    /// The history there is void.
    HistoryVoid,
    /// Its state there is unknown.
    ProbeNeeded { resource: String },
    /// Watched at an interval.
    Monitored { interval_ms: u32 },
    /// No longer configured.
    MonitorRemoved,
    /// Not for this role, or not in maintenance.
    MonitorUnwanted,
    /// Failures that count no more.
    FailuresVoid,
    /// A lock that is void, or has expired.
    LockVoid,
    /// Its node leaves.
    NodeLeaves { node: String },
    /// Somebody asked the node to leave.
    ShutdownAsked { node: String },
    /// In the words of the scheduler.
    Said(String),
    /// Implied by the fencing of its node.
    ImpliedByFencing { node: String },
    /// It was asked for by a history.
    HistoryAsks,
    /// It has failed, or counts as failed.
    CountsAsFailed { resource: String },
    /// The node where it was is lost.
    NodeLost { node: String, because: Vec<Why> },
    /// What runs the guest it is in has to be recovered.
    GuestRecovers { launcher: String },

    // Why an action cannot run.
    /// No quorum.
    NoQuorum { policy: NoQuorumPolicy },
    /// Its node cannot be asked.
    NodeCannotAct { node: String },
    /// No node was found for it.
    NoNode {
        resource: String,
        facts: Vec<Why>,
        nodes: Vec<NodeVerdict>,
    },
    /// Fewer inputs can run than it needs.
    TooFew { needed: u32, runnable: u32 },
    /// Its resource may not be touched.
    MayNotTouch { resource: String },
    /// The guest's host has to be fenced first, which is impossible.
    HostCannotBeFenced { node: String },
}

/// Why a node cannot be fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFencing {
    /// `fencing-enabled=false`.
    Disabled,
    /// There is no fence device.
    NoDevice,
    /// No quorum: another partition may be in charge.
    NoQuorum,
    /// Nothing is managed, so that nothing has to be recovered.
    NothingManaged,
}
