//! What may be ordered of an executor, and what does it report?

use bincode::{Decode, Encode};

use crate::agent::{FENCE, Fencing, Operation, Outcome};

/// Which action of which transition: unique over the life of the cluster, because transition
/// numbers are given out by the replicated log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct OrderKey {
    /// Number of the transition.
    pub transition: u64,
    /// Number of the action in its graph.
    pub action: u32,
}

impl std::fmt::Display for OrderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.transition, self.action)
    }
}

/// One action of a graph, as its executor gets it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Order {
    /// Which.
    pub key: OrderKey,
    /// What to do.
    pub work: Work,
}

/// What an executor can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Work {
    /// Run an agent; with an interval, go on running it.
    Operate(Operation),
    /// Stop repeating an operation.
    Cancel {
        /// Of which resource.
        resource: String,
        /// Which task.
        task: String,
        /// Repeated how often, in milliseconds.
        interval_ms: u64,
    },
    /// Repeat nothing for this resource any more: it left the configuration.
    Forget {
        /// Which resource.
        resource: String,
    },
    /// Leave the cluster: everything here is stopped.
    Leave,
    /// Fence a node with one device after the other.
    Fence(Fencing),
}

impl Work {
    /// The resource that it is about; orders for one resource run one after the other.
    pub fn resource(&self) -> &str {
        match self {
            Self::Operate(operation) => &operation.resource,
            Self::Cancel { resource, .. } | Self::Forget { resource } => resource,
            Self::Leave => "",
            Self::Fence(fencing) => &fencing.lane,
        }
    }

    /// What is done, for logs and reports.
    pub fn task(&self) -> &str {
        match self {
            Self::Operate(operation) => &operation.task,
            Self::Cancel { .. } => "cancel",
            Self::Forget { .. } => "delete",
            Self::Leave => "leave",
            Self::Fence(_) => FENCE,
        }
    }
}

/// How an order, or a later run of a recurring one, went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Report {
    /// Counts the reports of one journal, without gaps.
    pub sequence: u64,
    /// The order; for a later run of a recurring operation, the one that began it.
    pub key: OrderKey,
    /// Whether this is a later run, whose result differs from the one before.
    pub repeated: bool,
    /// Of which resource.
    pub resource: String,
    /// What was done.
    pub task: String,
    /// 0 unless the operation recurs.
    pub interval_ms: u64,
    /// How it went.
    pub outcome: Outcome,
}

/// What a controller tells an executor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToExecutor {
    /// This controller leads in `term`.
    Lead {
        /// The Raft term.
        term: u64,
    },
    /// Carry this out, unless it is done or under way.
    Order {
        /// The term in which the sender leads.
        term: u64,
        /// What.
        order: Order,
    },
    /// All reports up to and with this one are committed.
    Acknowledge {
        /// The last one.
        upto: u64,
    },
    /// From this node's own controller, which sees no quorum: demote or stop this, if no other
    /// leader is followed. Repeated until it is answered.
    Alone {
        /// What.
        order: Order,
    },
}

/// What an executor tells a controller.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum FromExecutor {
    /// Answer to [`ToExecutor::Lead`]: all that the asking leader may not know. From here on only
    /// orders on its connection count, so that it knows of everything that can still happen here.
    Standing {
        /// The highest term seen; higher than the asked one means "you are deposed".
        term: u64,
        /// Orders that wait or run.
        under_way: Vec<OrderKey>,
        /// What is not acknowledged, in sequence.
        reports: Vec<Report>,
    },
    /// How something went.
    Report(Report),
    /// An order that will not be carried out.
    Refused {
        /// Which.
        key: OrderKey,
        /// Why.
        refusal: Refusal,
    },
    /// This executor leaves the cluster in order: nothing of it is lost.
    Leaving,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Refusal {
    /// The sender was deposed.
    LowerTerm {
        /// The term that is followed.
        followed: u64,
    },
    /// The sender's connection was replaced by another one, or did not begin with
    /// [`ToExecutor::Lead`].
    NotFollowed,
    /// Orders of a later transition came before.
    Superseded {
        /// The latest transition.
        newest: u64,
    },
    /// More waits here than can be kept.
    Full,
    /// Without a quorum nothing but demotes and stops is carried out, and nothing at all while
    /// somebody leads; what was done before somebody led counts no more.
    NotAlone,
}
