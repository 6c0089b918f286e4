//! How did an operation go?
//!
//! Two numbers tell it, as in Pacemaker's history entries: what the agent answered
//! ([`ResultCode`], `rc-code`) and whether it could answer at all ([`Status`], `op-status`).

use bincode::{Decode, Encode};

/// Exit reasons longer than this are cut, as Pacemaker does. In bytes.
const MAX_REASON: usize = 128;

/// This much of an agent's output is kept with a failure. In bytes, from the end.
const MAX_OUTPUT: usize = 2048;

/// Exit code of an agent: the OCF codes have names, any other number is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResultCode(pub i32);

#[allow(missing_docs)]
impl ResultCode {
    pub const OK: Self = Self(0);
    pub const UNKNOWN_ERROR: Self = Self(1);
    pub const UNIMPLEMENTED: Self = Self(3);
    pub const INSUFFICIENT_PRIVILEGES: Self = Self(4);
    pub const NOT_INSTALLED: Self = Self(5);
    pub const NOT_CONFIGURED: Self = Self(6);
    pub const NOT_RUNNING: Self = Self(7);
    pub const RUNNING_PROMOTED: Self = Self(8);
}

/// Whether and why an operation ended, by Pacemaker's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[repr(u8)]
pub enum Status {
    /// The agent answered; the result code says what.
    Done = 0,
    /// It was called off before it ran.
    Cancelled = 1,
    /// The agent did not end in time and was killed.
    Timeout = 2,
    /// The agent, or this node, cannot do that.
    NotSupported = 3,
    /// It failed, and trying again may help.
    Error = 4,
    /// The agent is not installed here.
    NotInstalled = 7,
    /// No fence device can reach the target.
    NoFenceDevice = 10,
}

/// How one operation went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Outcome {
    /// What the agent answered.
    pub code: ResultCode,
    /// Whether it could answer.
    pub status: Status,
    /// What the agent (or this node) says about a failure; one line, may be empty.
    pub reason: String,
    /// The end of what the agent wrote, when it failed.
    pub output: String,
    /// When the run began, in seconds since the epoch by this node's clock.
    pub began_at: i64,
    /// How long the agent ran, in milliseconds.
    pub exec_ms: u64,
    /// How long the order waited before the run, in milliseconds.
    pub queue_ms: u64,
    /// Parameters whose change takes a restart of the resource, if its agent can do without for all
    /// others.
    pub restart_for: Option<Vec<String>>,
}

impl Outcome {
    /// An outcome whose times are filled in by whoever measured them. Names of tasks and agents, which
    /// a reason may quote, come from the configuration: of whatever lines, one is made.
    pub fn new(code: ResultCode, status: Status, reason: impl Into<String>) -> Self {
        let mut reason = reason.into().replace(['\n', '\r'], " ");
        cut_at_char(&mut reason, MAX_REASON);
        Self {
            code,
            status,
            reason,
            output: String::new(),
            began_at: 0,
            exec_ms: 0,
            queue_ms: 0,
            restart_for: None,
        }
    }

    /// This node cannot do what was asked.
    pub fn not_supported(reason: impl Into<String>) -> Self {
        Self::new(ResultCode::UNIMPLEMENTED, Status::NotSupported, reason)
    }

    /// The agent is not here.
    pub fn not_installed(reason: impl Into<String>) -> Self {
        Self::new(ResultCode::NOT_INSTALLED, Status::NotInstalled, reason)
    }

    /// It failed outside of the agent.
    pub fn error(reason: impl Into<String>) -> Self {
        Self::new(ResultCode::UNKNOWN_ERROR, Status::Error, reason)
    }

    /// Keeps the end of `output`, bounded.
    pub fn with_output(mut self, output: &[u8]) -> Self {
        let from = output.len().saturating_sub(MAX_OUTPUT);
        self.output = String::from_utf8_lossy(&output[from..]).trim().to_owned();
        self
    }

    /// Whether two runs say the same about the resource: what decides if a recurring monitor has
    /// news. Times and output differ from run to run and do not count.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.code == other.code && self.status == other.status
    }
}

/// Shortens to at most `max` bytes without splitting a character.
fn cut_at_char(text: &mut String, max: usize) {
    if text.len() > max {
        let end = (0..=max)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
    }
}

/// What an agent says about its failure: the last line after `ocf-exit-reason:` in its standard
/// error (OCF 1.1).
pub(super) fn exit_reason(stderr: &[u8]) -> String {
    const PREFIX: &str = "ocf-exit-reason:";
    let text = String::from_utf8_lossy(stderr);
    let Some(at) = text.rfind(PREFIX) else {
        return String::new();
    };
    let mut reason = text[at + PREFIX.len()..]
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .to_owned();
    cut_at_char(&mut reason, MAX_REASON);
    reason
}
