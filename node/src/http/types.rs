//! What does the API say? The only place where its words are defined.

use std::collections::BTreeMap;

use lockstep_engine::Severity;
use serde::{Deserialize, Serialize};

use crate::cluster::event::{Event, What, short};
use crate::cluster::fencings::FencingRecord;
use crate::cluster::policy::Digest;
use crate::policy::Note;

/// `GET /v1/status`: where a controller stands and what it knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the cluster.
    pub cluster: String,
    /// The controller that answers.
    pub controller: ControllerStatus,
    /// Epoch of the configuration.
    pub epoch: String,
    /// Whether there is a configuration at all.
    pub configured: bool,
    /// All nodes.
    pub nodes: Vec<NodeStatus>,
    /// All primitives.
    pub resources: Vec<ResourceStatus>,
    /// The latest plan.
    pub plan: Option<PlanStatus>,
    /// Why a new plan is wanted, if so.
    pub wanted: Option<String>,
    /// Controllers that have diverged and why they are thought to.
    pub diverged: BTreeMap<u64, String>,
    /// The latest fencings, the oldest first.
    #[serde(default)]
    pub fencing: Vec<FencingText>,
}

/// A node was fenced, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FencingText {
    /// Seconds since the epoch, by the log.
    pub at: i64,
    /// Which node.
    pub target: String,
    /// `reboot`, `off` or `on`.
    pub action: String,
    /// The node whose executor did it.
    pub by: Option<String>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// With which device, or why not.
    pub detail: String,
}

impl From<&FencingRecord> for FencingText {
    fn from(record: &FencingRecord) -> Self {
        Self {
            at: record.at,
            target: record.target.clone(),
            action: record.action.clone(),
            by: record.by.clone(),
            succeeded: record.succeeded,
            detail: record.detail.clone(),
        }
    }
}

/// A controller by its own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerStatus {
    /// Its number.
    pub id: u64,
    /// Its node.
    pub node: String,
    /// Its process.
    pub pid: u32,
    /// Its role in Raft.
    pub role: String,
    /// Who leads, if known.
    pub leader: Option<u64>,
    /// Name of the leader's node.
    pub leader_node: Option<String>,
    /// Raft's term.
    pub term: u64,
    /// Last index known to be committed.
    pub commit: u64,
    /// Last index applied here.
    pub applied: u64,
    /// Whether it leads and has applied all that was committed before.
    pub in_charge: bool,
    /// Whether writes wait for room on the disk.
    pub disk_full: bool,
    /// Other controllers and whether they are connected.
    pub peers: BTreeMap<u64, bool>,
    /// Microseconds since the epoch of when it became leader, if it is.
    pub leads_since_us: Option<u64>,
    /// Microseconds since the epoch of when it had applied everything, and sent out what was ready.
    pub in_charge_since_us: Option<u64>,
    /// Microseconds since the epoch of its first order as this leader.
    pub first_order_us: Option<u64>,
    /// Connections dropped because they were no part of the cluster.
    pub strangers: u64,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Whether it takes part, as all controllers agree.
    pub online: bool,
    /// Whether its executor is connected to the controller that answers.
    pub connected: bool,
}

/// A primitive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Its id.
    pub id: String,
    /// Its agent.
    pub agent: String,
    /// Where it is active.
    pub active: Vec<ActiveOn>,
}

/// A resource on a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActiveOn {
    /// Which node.
    pub node: String,
    /// `stopped`, `started` or `promoted`.
    pub role: String,
    /// Whether its last operation there failed.
    pub failed: bool,
}

/// A plan and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStatus {
    /// Its number.
    pub transition: u64,
    /// Digest of its graph, as computed by the controller that answers.
    pub digest: String,
    /// `running`, `complete` or `abandoned`.
    pub state: String,
    /// Why it was abandoned.
    pub abandoned: Option<String>,
    /// All actions that somebody carries out.
    pub actions: Vec<ActionStatus>,
    /// Controllers whose digest is this one.
    pub equal: Vec<u64>,
    /// Controllers whose digest is another one.
    pub different: Vec<u64>,
    /// How many controllers there are.
    pub voters: usize,
}

/// An action of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionStatus {
    /// `transition:action`.
    pub order: String,
    /// Its operation key.
    pub key: String,
    /// Where, if anywhere.
    pub node: Option<String>,
    /// `waiting`, `ready`, `sent` (the leader only), `done` or `failed`.
    pub progress: String,
}

/// `GET /v1/digest`: the whole state at an index, as one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDigest {
    /// Last index applied.
    pub index: u64,
    /// Digest of everything that is replicated.
    pub digest: String,
}

/// `GET /v1/events`: what happened after an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// In order.
    pub events: Vec<EventText>,
    /// Ask again with this.
    pub next: u64,
}

/// Something that happened, for people and programs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventText {
    /// Log index.
    pub index: u64,
    /// Seconds since the epoch, by the log.
    pub at: i64,
    /// Which kind: the names are those of the events in the code.
    pub kind: String,
    /// In words.
    pub text: String,
    /// Number of the transition, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<u64>,
    /// `transition:action`, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Resource, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Node, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Controller, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<u64>,
    /// Result code, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Whether a result, or a digest, is the expected one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<bool>,
    /// Digest, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// `POST /v1/config`: the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigAnswer {
    /// Epoch of the configuration now in force.
    pub epoch: String,
    /// Log index of the change.
    pub index: u64,
    /// What should be known about it.
    pub notes: Vec<NoteText>,
}

/// Something that should be known about a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteText {
    /// `error`, `warning` or `notice`.
    pub severity: String,
    /// Line in the given text, if it is about one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What.
    pub text: String,
}

impl From<Note> for NoteText {
    fn from(note: Note) -> Self {
        let severity = match note.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        Self {
            severity: severity.to_owned(),
            line: note.place.map(|place| place.line),
            column: note.place.map(|place| place.column),
            text: note.text,
        }
    }
}

/// `POST /v1/attribute`: sets or removes a node attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeRequest {
    /// Of which node.
    pub node: String,
    /// Which.
    pub name: String,
    /// To what; absent removes it.
    #[serde(default)]
    pub value: Option<String>,
    /// For how long.
    pub lifetime: LifetimeText,
}

/// How long a node attribute lives, in `crm_attribute`'s words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifetimeText {
    /// As long as the configuration.
    Forever,
    /// Until the node leaves.
    Reboot,
}

/// `POST /v1/cleanup`: forgets what operations left behind; what is not known is probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CleanupRequest {
    /// Of this resource and all in it; absent: of all.
    pub resource: Option<String>,
    /// On this node; absent: on all.
    pub node: Option<String>,
    /// Only if this operation failed.
    pub task: Option<String>,
    /// How often that is repeated, in milliseconds.
    pub interval_ms: u64,
    /// Also what had no failure (a refresh).
    pub everything: bool,
}

/// `POST /v1/ticket`: changes a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRequest {
    /// Which.
    pub ticket: String,
    /// How.
    #[serde(flatten)]
    pub change: TicketChangeText,
}

/// How a ticket is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum TicketChangeText {
    /// This site gets it.
    Grant,
    /// This site has it no more.
    Revoke,
    /// This site is about to lose it.
    Standby,
    /// No more standby.
    Activate,
    /// An attribute of it; without a value it is removed.
    Attribute {
        /// Which.
        name: String,
        /// To what.
        #[serde(default)]
        value: Option<String>,
    },
    /// There is no such ticket any more.
    Remove,
}

/// `POST /v1/confirm-fenced`: somebody made sure that a node is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmFencedRequest {
    /// Which node.
    pub node: String,
}

/// A change was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedAnswer {
    /// Log index of the change.
    pub index: u64,
    /// What happened because of it; nothing if all was as wanted before.
    pub events: Vec<EventText>,
}

/// `GET /v1/history`: the saved inputs; `GET /v1/history/N`: one of them. Its CIB is at
/// `GET /v1/history/N/cib`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlanText {
    /// Number of the transition.
    pub transition: u64,
    /// Log index of the Plan.
    pub index: u64,
    /// The time that the engine was given, in seconds since the epoch.
    pub now: i64,
    /// Seconds by which local time was ahead of UTC.
    pub utc_offset: i32,
    /// Why it was planned.
    pub reason: String,
    /// Digest of the graph as computed by the controller that answers; absent if the engine
    /// refused the input.
    pub digest: Option<String>,
    /// Size of the CIB in bytes.
    pub bytes: usize,
    /// `running`, `complete`, `abandoned`, or `refused` by the engine.
    pub state: String,
    /// Why it was abandoned.
    pub abandoned: Option<String>,
    /// How far it came, in the order of the graph's synapses.
    pub progress: Vec<ProgressText>,
}

/// Where a synapse stands, or stood when the next plan took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressText {
    /// Not confirmed.
    Waiting,
    /// Had the expected result.
    Done,
    /// Had another one, or none.
    Failed,
}

/// Any answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A digest, in full.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<&Event> for EventText {
    fn from(event: &Event) -> Self {
        let mut text = Self {
            index: event.index,
            at: event.at,
            text: event.what.to_string(),
            ..Self::default()
        };
        text.kind = match &event.what {
            What::Leads { controller, .. } => {
                text.controller = Some(*controller);
                "leads"
            }
            What::Configured { .. } => "configured",
            What::NodeUp { node } => {
                text.node = Some(node.clone());
                "node_up"
            }
            What::NodeLost { node, .. } => {
                text.node = Some(node.clone());
                "node_lost"
            }
            What::Attribute { node, .. } => {
                text.node = Some(node.clone());
                "attribute"
            }
            What::Cleaned { resource, node } => {
                text.resource = Some(resource.clone());
                text.node = Some(node.clone());
                "cleaned"
            }
            What::Ticket { .. } => "ticket",
            What::ConfirmedFenced { node } => {
                text.node = Some(node.clone());
                "confirmed_fenced"
            }
            What::Planned {
                transition, digest, ..
            } => {
                text.transition = Some(*transition);
                text.digest = Some(short(digest));
                "planned"
            }
            What::NotPlanned { transition, .. } => {
                text.transition = Some(*transition);
                "not_planned"
            }
            What::Done {
                order,
                node,
                outcome,
                expected,
                ..
            } => {
                text.order = Some(order.to_string());
                text.transition = Some(order.transition);
                text.node = Some(node.clone());
                text.code = Some(outcome.code.0);
                text.expected = Some(*expected);
                "done"
            }
            What::Observed { node, outcome, .. } => {
                text.node = Some(node.clone());
                text.code = Some(outcome.code.0);
                "observed"
            }
            What::Aborted { transition, .. } => {
                text.transition = Some(*transition);
                "aborted"
            }
            What::Completed { transition } => {
                text.transition = Some(*transition);
                "completed"
            }
            What::Computed {
                transition,
                controller,
                equal,
            } => {
                text.transition = Some(*transition);
                text.controller = Some(*controller);
                text.expected = Some(*equal);
                "computed"
            }
            What::Level { .. } => "level",
            What::Diverged {
                controller,
                transition,
            } => {
                text.transition = Some(*transition);
                text.controller = Some(*controller);
                "diverged"
            }
        }
        .to_owned();
        text
    }
}

/// `GET /v1/members`: the controllers, as one of them sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersAnswer {
    /// The controller that answers.
    pub controller: u64,
    /// Who leads, if known.
    pub leader: Option<u64>,
    /// Raft's term.
    pub term: u64,
    /// Whether a change of the members is under way.
    pub changing: bool,
    /// Whether the controller that answers waits for room on its disk.
    pub disk_full: bool,
    /// All of them.
    pub members: Vec<MemberText>,
}

/// A controller, as another one sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberText {
    /// Its number.
    pub id: u64,
    /// Name of its node.
    pub node: String,
    /// Where others reach it.
    pub address: String,
    /// `leader`, `voter`, `learner` (catching up) or `leaving`.
    pub role: String,
    /// Whether the controller that answers can send to it; not of itself.
    pub connected: Option<bool>,
    /// Why it does not let the controller that answers in, if so.
    pub refused: Option<String>,
    /// How many entries it has not confirmed, as the leader knows.
    pub behind: Option<u64>,
    /// How far it has been sent a snapshot, if it is being sent one.
    pub snapshot: Option<SnapshotText>,
}

/// A snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotText {
    /// Bytes sent.
    pub sent: u64,
    /// All bytes; 0 if it has not begun.
    pub bytes: u64,
}

/// `POST /v1/members/…`: it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAnswer {
    /// The controller that it was done to.
    pub controller: u64,
}
