//! What can change the replicated state?
//!
//! Every change is one [`Entry`] of the Raft log: a [`Command`] with the time at which it was
//! proposed. Time comes from the entry and from nowhere else.

use bincode::{Decode, Encode};

use crate::codec;
use crate::executor::{OrderKey, Report};

#[cfg(test)]
mod tests;

/// Version of the commands below. A controller that meets a higher one is too old: it stops
/// rather than skip what the others carry out.
///
/// New commands are added at the end of [`Command`] and say in [`Command::since`] from which version
/// on they are known. An entry names that version and no higher one, and nothing newer is said than
/// what every controller understands ([`super::versions`]): a group whose controllers are upgraded one
/// after the other works all the time. What else a version does otherwise, as the layout of a snapshot
/// or what the engine decides, has to wait for that level as well.
pub const VERSION: u16 = 2;

/// Identity of a controller in its group.
pub type ControllerId = u64;

/// A place in the sequence of configurations, as a CIB's root counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Epoch {
    /// `admin_epoch`: only ever set by people.
    pub admin: u64,
    /// `epoch`: counts changes of the configuration.
    pub epoch: u64,
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.admin, self.epoch)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// A controller leads and has everything that was committed before.
    Lead {
        /// Which.
        controller: ControllerId,
        /// In which term.
        term: u64,
    },
    /// Replace the configuration, if it is still the expected one.
    ReplaceConfig {
        /// The configuration that the change was made from; `None` replaces any.
        expected: Option<Epoch>,
        /// A whole CIB; its status is not looked at.
        cib: Vec<u8>,
    },
    /// A node's executor is connected.
    NodeUp {
        /// Which node.
        node: String,
        /// Its journal.
        journal: u64,
        /// Its process.
        incarnation: u64,
        /// The last report that it knows to be committed.
        acknowledged: u64,
    },
    /// A node's executor is gone.
    NodeLost {
        /// Which node.
        node: String,
        /// The process that is gone.
        incarnation: u64,
        /// Whether it left in order, with nothing active.
        clean: bool,
    },
    /// An executor reports a result.
    Report {
        /// Of which node.
        node: String,
        /// From which journal.
        journal: u64,
        /// What.
        report: Report,
    },
    /// The leader does not wait any longer for an action.
    GiveUp {
        /// Which.
        key: OrderKey,
        /// Why, for people.
        reason: String,
    },
    /// Set or remove a node attribute.
    SetAttribute {
        /// Of which node.
        node: String,
        /// Which.
        name: String,
        /// To what; `None` removes it.
        value: Option<String>,
        /// For how long.
        lifetime: Lifetime,
    },
    /// Run the engine on the state as of here.
    Plan {
        /// The number of the transition; a second Plan with one number is ignored.
        transition: u64,
        /// Seconds by which local time is ahead of UTC where it was proposed: rules may ask for
        /// hours of the day.
        utc_offset: i32,
        /// What the proposing controller's engine implements.
        feature_set: String,
    },
    /// What a controller computed from a Plan.
    Digest {
        /// Which transition.
        transition: u64,
        /// Who.
        controller: ControllerId,
        /// Differs from start to start of the controller's process.
        incarnation: u64,
        /// Digest of its graph.
        digest: [u8; 32],
    },
    /// Forget what operations of resources left behind, so that the resources are probed.
    Cleanup {
        /// Which.
        what: Cleanup,
    },
    /// Change a ticket.
    Ticket {
        /// Which.
        ticket: String,
        /// How.
        change: TicketChange,
    },
    /// Somebody made sure that a node is down, and says so.
    ConfirmFenced {
        /// Which node.
        node: String,
    },
    /// A controller understands more than the group's level.
    Understands {
        /// Which.
        controller: ControllerId,
        /// Commands up to this version.
        version: u16,
    },
}

impl Command {
    /// From which [`VERSION`] on it is known. [`Command::Understands`] is what the first release begins
    /// with: by it a group finds out about the rest.
    pub fn since(&self) -> u16 {
        match self {
            Self::Lead { .. }
            | Self::ReplaceConfig { .. }
            | Self::NodeUp { .. }
            | Self::NodeLost { .. }
            | Self::Report { .. }
            | Self::GiveUp { .. }
            | Self::SetAttribute { .. }
            | Self::Plan { .. }
            | Self::Digest { .. }
            | Self::Understands { .. } => 1,
            Self::Cleanup { .. } | Self::Ticket { .. } | Self::ConfirmFenced { .. } => 2,
        }
    }
}

/// What is to be forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Cleanup {
    /// Of this resource and all in it; `None`: of all.
    pub resource: Option<String>,
    /// On this node; `None`: on all.
    pub node: Option<String>,
    /// Only if this operation failed; `None`: whichever.
    pub operation: Option<CleanupOperation>,
    /// Whether resources that had no failure are forgotten as well (a refresh).
    pub everything: bool,
}

/// An operation of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CleanupOperation {
    /// `start`, `monitor`, …
    pub task: String,
    /// How often it is repeated, in milliseconds; 0 if not.
    pub interval_ms: u64,
}

/// What happens to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TicketChange {
    /// This site has it.
    Grant,
    /// This site has it no more.
    Revoke,
    /// This site is about to lose it (`true`), or is not any more.
    Standby(bool),
    /// An attribute of it; `None` removes it.
    Attribute {
        /// Which.
        name: String,
        /// To what.
        value: Option<String>,
    },
    /// There is no such ticket any more.
    Remove,
}

/// How long a node attribute lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Lifetime {
    /// Until the node leaves (`status`).
    Transient,
    /// As long as the configuration.
    Permanent,
}

/// Names a proposal, so that its proposer finds the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct RequestId {
    /// Who proposed.
    pub controller: ControllerId,
    /// The proposer's process and count.
    pub number: u64,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// When it was proposed, in seconds since the epoch.
    pub at: i64,
    /// Who wants to know the outcome.
    pub request: Option<RequestId>,
    /// The change.
    pub command: Command,
}

/// Why bytes of the log are not a command.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// From a newer version.
    #[error(
        "the log has a command of version {found}, this controller knows up to {VERSION}: upgrade it \
         and start it again"
    )]
    Newer {
        /// That version.
        found: u16,
    },
    /// Not a command at all.
    #[error("the log has an entry that is no command: {0}")]
    Malformed(#[from] codec::CodecError),
    /// Too short to have a version.
    #[error("the log has an entry that is too short")]
    Short,
}

impl Entry {
    /// To bytes, with the version that it needs in front.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.command.since().to_le_bytes().to_vec();
        bytes.extend(codec::encode(self));
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let (version, rest) = bytes.split_first_chunk::<2>().ok_or(EntryError::Short)?;
        match u16::from_le_bytes(*version) {
            0 => Err(EntryError::Short),
            1..=VERSION => Ok(codec::decode(rest)?),
            found => Err(EntryError::Newer { found }),
        }
    }
}
