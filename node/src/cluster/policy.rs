//! What does the replicated state ask of the engine?
//!
//! One trait, so that tests can drive the state machine with graphs made by hand.

use lockstep_engine::graph::{Graph, GraphAction};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;

/// A digest of an encoded graph.
pub type Digest = [u8; 32];

/// What the engine made of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What is to be done.
    pub graph: Graph,
    /// Digest of its encoding; equal on all controllers.
    pub digest: Digest,
}

/// How an action went, as its history entry tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResult {
    /// `rc-code`.
    pub rc: i32,
    /// `op-status`.
    pub op_status: i32,
    /// The code that the graph expects.
    pub expected_rc: i32,
    /// `exit-reason`.
    pub exit_reason: String,
    /// `transition-key`.
    pub transition_key: String,
    /// `last-rc-change`, in seconds since the epoch.
    pub last_rc_change: i64,
    /// `exec-time` in milliseconds.
    pub exec_ms: u64,
    /// `queue-time` in milliseconds.
    pub queue_ms: u64,
    /// Parameters whose change takes a restart, where the agent can do without for others.
    pub restart_for: Option<Vec<String>>,
    /// Node on which it ran.
    pub node: String,
}

/// The engine, as the replicated state sees it. Every method is a function of its arguments.
pub trait Policy: Send + Sync {
    /// What is to be done about this CIB at this time, as a group of this level decides it
    /// ([`super::versions`]); an error names a place in the CIB.
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        level: u16,
    ) -> Result<Planned, String>;

    /// Writes an action's history entry into the status.
    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult);

    /// Writes into the status that a node was fenced.
    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str);
}
