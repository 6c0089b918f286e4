//! How do controllers and executors talk?
//!
//! Over mutual TLS ([`crate::security`]). Executors connect to every controller, and every controller
//! to every other one (a follower passes on to the leader what only that can do). A connection begins
//! with a preface and a greeting that names the cluster and whoever greets, as its certificate does;
//! whoever greets otherwise is dropped and counted. After that each side sends length-framed
//! messages; an empty frame says "I am here", and silence ends the connection.
//!
//! | file | question |
//! |---|---|
//! | `frame.rs` | where does a message begin and end |
//! | `link.rs` | a connection as two queues, with a heartbeat |

mod frame;
mod link;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bincode::{Decode, Encode};
use lockstep_consensus::types::{MembersChange, NodeId};
use tokio::io::{AsyncRead, AsyncWrite};

pub use frame::FrameError;
pub(crate) use frame::{read as read_frame, write as write_frame};
pub use link::{Heartbeat, Link};

use crate::codec;
use crate::executor::{FromExecutor, ToExecutor};

/// Version of preface, greeting and messages.
const VERSION: u8 = 1;
/// What every connection begins with.
const PREFACE: [u8; 8] = [b'L', b'S', b'N', b'O', b'D', b'E', 0, VERSION];
/// A greeting is small.
const MAX_GREETING: usize = 4 << 10;
/// A greeting comes at once.
const GREETING_TIME: Duration = Duration::from_secs(3);

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Of which cluster.
    pub cluster: String,
    /// As what.
    pub role: Role,
}

/// As what somebody connects.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Role {
    /// The executor of a node.
    Executor {
        /// Which node.
        node: String,
        /// Its journal.
        journal: u64,
        /// Its process.
        incarnation: u64,
        /// The last report that it knows to be committed.
        acknowledged: u64,
    },
    /// Another controller.
    Controller {
        /// Which.
        id: u64,
    },
}

/// The answer to a greeting.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Welcome {
    /// Go on.
    Yes {
        /// The controller that answers.
        controller: u64,
    },
    /// Not here, and why.
    No(String),
}

/// What goes to a controller.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToController {
    /// From an executor.
    Executor(FromExecutor),
    /// From another controller: have this replicated.
    Propose {
        /// Comes back with the answer.
        number: u64,
        /// An encoded log entry.
        entry: Vec<u8>,
    },
    /// From another controller: do this to the group.
    Group {
        /// Comes back with the answer.
        number: u64,
        /// What.
        request: GroupRequest,
    },
    /// From a worker: its certificate is about to run out, and this is the public half of its key.
    Renew {
        /// The key.
        key: [u8; 32],
    },
    /// From an executor: what an agent there wants to know or to have changed.
    Ask {
        /// Comes back with the answer.
        number: u64,
        /// What.
        asked: Asked,
    },
}

/// A request to the API on behalf of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    /// Whether something is to be changed (`POST`), not only told (`GET`).
    pub change: bool,
    /// Path and query.
    pub path: String,
    /// What comes with it.
    pub body: Vec<u8>,
}

/// What the API answers an agent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// What it says.
    pub body: Vec<u8>,
}

impl Answer {
    /// A refusal, in the API's own words.
    pub fn problem(code: u16, text: &str) -> Self {
        let problem = crate::http::types::Problem {
            problem: text.to_owned(),
            hint: None,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        Self { code, body }
    }
}

/// What only the leader of the controllers can do to their group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum GroupRequest {
    /// Change its members.
    Change(MembersChange),
    /// Hand leadership over.
    Transfer(NodeId),
}

/// What comes from a controller.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum FromController {
    /// To an executor.
    Executor(ToExecutor),
    /// To another controller: what became of its proposal.
    Proposed {
        /// Which.
        number: u64,
        /// The reason, if it did not get into the log, or was not done.
        refused: Option<String>,
        /// Whether it would be refused again.
        is_final: bool,
    },
    /// To an executor: where all controllers are, now and whenever that changes.
    Controllers(Vec<String>),
    /// To a worker: its new certificate.
    Renewed {
        /// As PEM.
        certificate: String,
        /// Until when it is good, in seconds since the epoch.
        until: i64,
    },
    /// To an executor: what its agent asked for.
    Answered {
        /// Which.
        number: u64,
        /// The answer.
        answer: Answer,
    },
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum GreetingError {
    /// The network failed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its certificate is that of another node.
    #[error("a liar: its certificate is not that of {0}")]
    Liar(String),
    /// It is not us whom they want to talk to, or not at this version.
    #[error("a stranger: it does not speak this protocol")]
    Stranger,
    /// A newer or older version of us.
    #[error("it speaks version {0} of the protocol, this one is {VERSION}")]
    Version(u8),
    /// It does not want us.
    #[error("refused: {0}")]
    Refused(String),
    /// It took too long.
    #[error("no greeting came in time")]
    Slow,
}

/// Greets a controller.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    hello: &Hello,
) -> Result<u64, GreetingError> {
    in_time(async {
        frame::write_raw(stream, &PREFACE).await?;
        frame::write(stream, &codec::encode(hello)).await?;
        read_preface(stream).await?;
        let bytes = frame::read(stream, MAX_GREETING).await?;
        match codec::decode(&bytes).map_err(|_| GreetingError::Stranger)? {
            Welcome::Yes { controller } => Ok(controller),
            Welcome::No(why) => Err(GreetingError::Refused(why)),
        }
    })
    .await
}

/// Hears who connected; the caller answers with [`welcome`].
pub async fn hear<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
) -> Result<Hello, GreetingError> {
    in_time(async {
        read_preface(stream).await?;
        let bytes = frame::read(stream, MAX_GREETING).await?;
        codec::decode(&bytes).map_err(|_| GreetingError::Stranger)
    })
    .await
}

/// Answers a greeting.
pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &Welcome,
) -> Result<(), GreetingError> {
    in_time(async {
        frame::write_raw(stream, &PREFACE).await?;
        frame::write(stream, &codec::encode(answer)).await?;
        Ok(())
    })
    .await
}

async fn read_preface<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), GreetingError> {
    let preface: [u8; 8] = frame::read_raw(stream).await?;
    match preface.split_last() {
        Some((&VERSION, name)) if *name == PREFACE[..7] => Ok(()),
        Some((version, name)) if *name == PREFACE[..7] => Err(GreetingError::Version(*version)),
        _ => Err(GreetingError::Stranger),
    }
}

async fn in_time<T>(
    work: impl Future<Output = Result<T, GreetingError>>,
) -> Result<T, GreetingError> {
    tokio::time::timeout(GREETING_TIME, work)
        .await
        .unwrap_or(Err(GreetingError::Slow))
}
