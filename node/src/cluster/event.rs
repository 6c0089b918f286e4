//! What happened, as everybody may know it?
//!
//! Events come out of applying commands, so every controller has the same ones at the same index.

use super::command::ControllerId;
use super::policy::Digest;
use crate::agent::{Outcome, Status};
use crate::executor::OrderKey;

/// Something that happened because of one log entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The entry's index.
    pub index: u64,
    /// The entry's time, in seconds since the epoch.
    pub at: i64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A controller leads.
    Leads {
        /// Who.
        controller: ControllerId,
        /// In which term.
        term: u64,
    },
    /// All controllers understand more than before: the last one was upgraded.
    Level {
        /// Commands up to this version.
        level: u16,
    },
    /// The configuration is another one.
    Configured {
        /// Its epoch.
        epoch: String,
    },
    /// A node is here.
    NodeUp {
        /// Which.
        node: String,
    },
    /// A node is gone.
    NodeLost {
        /// Which.
        node: String,
        /// Whether it left in order.
        clean: bool,
    },
    /// An attribute changed.
    Attribute {
        /// Of which node.
        node: String,
        /// Which.
        name: String,
        /// To what; `None`: removed.
        value: Option<String>,
    },
    /// What operations of a resource left behind on a node is forgotten.
    Cleaned {
        /// Which resource.
        resource: String,
        /// Where.
        node: String,
    },
    /// A ticket changed.
    Ticket {
        /// Which.
        ticket: String,
        /// How, in words.
        change: String,
    },
    /// Somebody confirmed that a node is down.
    ConfirmedFenced {
        /// Which.
        node: String,
    },
    /// There is a new plan.
    Planned {
        /// Its number.
        transition: u64,
        /// Its digest.
        digest: Digest,
        /// How many actions it has, those that need nobody not counted.
        actions: usize,
        /// Why it was made.
        reason: String,
    },
    /// The engine refused the state.
    NotPlanned {
        /// The number that the plan would have.
        transition: u64,
        /// What is wrong.
        error: String,
    },
    /// An action ended.
    Done {
        /// Which.
        order: OrderKey,
        /// Its operation key.
        key: String,
        /// Where; empty if nowhere.
        node: String,
        /// How.
        outcome: Outcome,
        /// Whether that is what the graph expects.
        expected: bool,
    },
    /// A recurring operation has another result than before.
    Observed {
        /// Where.
        node: String,
        /// Its operation key.
        key: String,
        /// The result.
        outcome: Outcome,
    },
    /// Nothing new of a transition is carried out.
    Aborted {
        /// Which.
        transition: u64,
        /// Why.
        reason: String,
    },
    /// Everything of a transition is done.
    Completed {
        /// Which.
        transition: u64,
    },
    /// A controller computed a graph.
    Computed {
        /// Which transition.
        transition: u64,
        /// Who.
        controller: ControllerId,
        /// Whether its digest is the one computed here.
        equal: bool,
    },
    /// A controller computed something else than the majority.
    Diverged {
        /// Who.
        controller: ControllerId,
        /// In which transition.
        transition: u64,
    },
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level { level } => {
                write!(
                    f,
                    "all controllers understand version {level} of the commands"
                )
            }
            Self::Leads { controller, term } => {
                write!(f, "controller {controller} leads in term {term}")
            }
            Self::Configured { epoch } => write!(f, "configuration {epoch} is in force"),
            Self::NodeUp { node } => write!(f, "node {node} is up"),
            Self::NodeLost { node, clean: true } => write!(f, "node {node} left"),
            Self::NodeLost { node, clean: false } => write!(f, "node {node} is lost"),
            Self::Attribute {
                node,
                name,
                value: Some(value),
            } => {
                write!(f, "attribute {name} of {node} is {value}")
            }
            Self::Attribute {
                node,
                name,
                value: None,
            } => {
                write!(f, "attribute {name} of {node} is removed")
            }
            Self::Cleaned { resource, node } => {
                write!(f, "{resource} on {node} is cleaned up: it will be probed")
            }
            Self::Ticket { ticket, change } => write!(f, "ticket {ticket} {change}"),
            Self::ConfirmedFenced { node } => {
                write!(f, "node {node} is confirmed to be down")
            }
            Self::Planned {
                transition,
                digest,
                actions,
                reason,
            } => write!(
                f,
                "plan {transition} [{}]: {actions} actions, because {reason}",
                short(digest)
            ),
            Self::NotPlanned { transition, error } => {
                write!(f, "plan {transition} cannot be made: {error}")
            }
            Self::Done {
                order,
                key,
                node,
                outcome,
                ..
            } => {
                write!(
                    f,
                    "{key} on {node}: {} ({order}, {} ms)",
                    told(outcome),
                    outcome.exec_ms
                )
            }
            Self::Observed { node, key, outcome } => {
                write!(f, "{key} on {node} now says: {}", told(outcome))
            }
            Self::Aborted { transition, reason } => {
                write!(f, "plan {transition} is abandoned: {reason}")
            }
            Self::Completed { transition } => write!(f, "plan {transition} is complete"),
            Self::Computed {
                transition,
                controller,
                equal,
            } => write!(
                f,
                "controller {controller} computed plan {transition}: {}",
                if *equal { "equal" } else { "DIFFERENT" }
            ),
            Self::Diverged {
                controller,
                transition,
            } => {
                write!(
                    f,
                    "controller {controller} has DIVERGED in plan {transition}: it cannot lead"
                )
            }
        }
    }
}

/// The first bytes of a digest, enough for people to compare.
pub fn short(digest: &Digest) -> String {
    digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A result in words.
pub fn told(outcome: &Outcome) -> String {
    let code = match (outcome.status, outcome.code.0) {
        (Status::Timeout, _) => "timed out".into(),
        (Status::NotInstalled, _) => "not installed".into(),
        (Status::NotSupported, _) => "not supported".into(),
        (_, 0) => "ok".into(),
        (_, 7) => "not running".into(),
        (_, 8) => "promoted".into(),
        (_, code) => format!("failed with code {code}"),
    };
    match outcome.reason.as_str() {
        "" => code,
        reason => format!("{code} ({reason})"),
    }
}
