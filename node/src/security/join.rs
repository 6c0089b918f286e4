//! How does a machine with a token become a node?
//!
//! ```text
//!   new machine                                            controller that gave the token out
//!     TLS: is the authority the one of the token?  ──────▶
//!     version, number of the token, name, address,
//!     public key, proof                            ──────▶ is the token good? is the proof?
//!                                                          uses it up; adds the member; certifies
//!                                                  ◀────── certificate and what a node must know
//! ```
//!
//! The proof is a keyed digest of the request, and of a value that both sides of this one TLS
//! connection know and nobody else does (RFC 9266): whoever stands between cannot pass it on, and
//! cannot learn the secret from it. The private key never leaves the new machine.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bincode::{Decode, Encode};
use lockstep_consensus::tls::{KeyPair, PublicKey, connect_pinned, sha256};
use lockstep_consensus::types::NodeId;
use ring::hmac;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::files::{Admission, CERTIFICATE_LIFE, Files, validity};
use super::token::{self, Admits, Token};
use super::{JOINS, SecurityError, names_of};
use crate::codec;
use crate::config::{ControllerAddress, Timers};
use crate::exit::Exit;
use crate::fabric::{FrameError, read_frame, write_frame};

/// The versions of this protocol.
const VERSION: u16 = 1;
/// A request is small.
const MAX_REQUEST: usize = 4 << 10;
/// So is an answer.
const MAX_ANSWER: usize = 256 << 10;
/// A connection is there, and checked, within this.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// A new machine says what it wants within this.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// And is answered within this: a change of the members may need an election first.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// What a new machine asks for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Request {
    version: u16,
    /// Number of the token.
    token: [u8; 8],
    /// What the machine's node shall be called.
    node: String,
    /// Where others will reach it.
    address: String,
    /// The public half of its key.
    key: [u8; 32],
}

/// A request with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Proven {
    request: Vec<u8>,
    proof: [u8; 32],
}

/// What the cluster answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Answer {
    Yes(Box<Welcome>),
    No(String),
}

/// What a node must know.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Welcome {
    cluster: String,
    /// Number of the controller; `None` for a worker.
    id: Option<NodeId>,
    authority: String,
    authority_key: Option<String>,
    certificate: String,
    until: i64,
    /// All controllers: number, node, address.
    controllers: Vec<(NodeId, String, String)>,
    /// The cluster's timers, as TOML.
    timers: String,
}

/// Why a machine did not become a node.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The controller cannot be reached.
    #[error("cannot reach the controller at {address}: {error}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// What answers is not of the token's cluster, or not in good order.
    #[error(
        "{address} is no controller of the token's cluster ({error}): is the token complete? do the \
         clocks agree?"
    )]
    Stranger {
        /// Where.
        address: SocketAddr,
        /// What TLS says.
        error: std::io::Error,
    },
    /// It stopped answering.
    #[error("the controller at {address} did not answer: {reason}")]
    Silent {
        /// Where.
        address: SocketAddr,
        /// How that was noticed.
        reason: String,
    },
    /// It says no.
    #[error("the cluster does not let this machine in: {0}")]
    Refused(String),
    /// This machine's files cannot be used.
    #[error(transparent)]
    Files(#[from] SecurityError),
    /// Something here failed.
    #[error("{0}")]
    Here(String),
}

impl JoinError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } => Exit::Unavailable,
            Self::Stranger { .. } => Exit::Protocol,
            Self::Silent { .. } => Exit::Timeout,
            Self::Refused(_) => Exit::NoPermission,
            Self::Files(error) => error.exit(),
            Self::Here(_) => Exit::Software,
        }
    }
}

/// A machine that became a node, as it must be configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the cluster.
    pub cluster: String,
    /// Number of its controller; `None` for a worker.
    pub id: Option<NodeId>,
    /// All controllers, this one included.
    pub controllers: Vec<ControllerAddress>,
    /// The cluster's timers.
    pub timers: Timers,
}

/// Joins: what makes this machine a node is in `files` when this returns.
pub async fn join(
    token: &Token,
    node: &str,
    address: SocketAddr,
    files: &Files,
) -> Result<Node, JoinError> {
    files.ensure_new()?;
    let key = KeyPair::generate().map_err(|error| JoinError::Here(error.to_string()))?;
    let at = token.address;
    let connect = async {
        let stream = TcpStream::connect(at).await;
        let stream = stream.map_err(|error| JoinError::Unreachable { address: at, error })?;
        let connected = connect_pinned(stream, token.authority, JOINS).await;
        connected.map_err(|error| JoinError::Stranger { address: at, error })
    };
    let connected = tokio::time::timeout(CONNECT_TIME, connect).await;
    let mut stream = connected.unwrap_or_else(|_| {
        let error = std::io::ErrorKind::TimedOut.into();
        Err(JoinError::Unreachable { address: at, error })
    })?;
    let request = Request {
        version: VERSION,
        token: token.number,
        node: node.to_owned(),
        address: address.to_string(),
        key: key.public().0,
    };
    let binding = binding(&stream).map_err(JoinError::Here)?;
    let asked = tokio::time::timeout(
        ANSWER_TIME,
        ask(&mut stream, &request, &token.secret, &binding),
    );
    let silent = |reason: String| JoinError::Silent {
        address: at,
        reason,
    };
    let answered = asked.await.map_err(|_| {
        silent("it took too long; look with `lockstep cluster members` what became of it".into())
    })?;
    let welcome = match answered.map_err(|error| silent(error.to_string()))? {
        Answer::Yes(welcome) => *welcome,
        Answer::No(why) => return Err(JoinError::Refused(why)),
    };
    files.admit(&Admission {
        authority: &welcome.authority,
        authority_key: welcome.authority_key.as_deref(),
        certificate: &welcome.certificate,
        key: &key.to_pem(),
        until: welcome.until,
    })?;
    // Before it is relied upon: it may not fit, if the clocks are far apart.
    files.credentials()?;
    understand(welcome).map_err(JoinError::Here)
}

fn understand(welcome: Welcome) -> Result<Node, String> {
    let mut controllers = Vec::new();
    for (id, node, address) in welcome.controllers {
        let address = address.parse();
        let address = address.map_err(|_| format!("controller {id} has no usable address"))?;
        controllers.push(ControllerAddress { id, node, address });
    }
    let timers = toml::from_str(&welcome.timers);
    Ok(Node {
        cluster: welcome.cluster,
        id: welcome.id,
        controllers,
        timers: timers.map_err(|error| format!("the cluster's timers: {error}"))?,
    })
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &Request,
    secret: &[u8; 16],
    binding: &[u8; 32],
) -> Result<Answer, FrameError> {
    let request = codec::encode(request);
    let proof = prove(secret, binding, &request);
    write_frame(stream, &codec::encode(&Proven { request, proof })).await?;
    let answer = read_frame(stream, MAX_ANSWER).await?;
    Ok(codec::decode(&answer)?)
}

/// A value that only the two ends of this connection know.
fn binding(stream: &TlsStream<TcpStream>) -> Result<[u8; 32], String> {
    const LABEL: &[u8] = b"EXPORTER-lockstep-join";
    let exported = match stream {
        TlsStream::Client(stream) => stream
            .get_ref()
            .1
            .export_keying_material([0; 32], LABEL, None),
        TlsStream::Server(stream) => stream
            .get_ref()
            .1
            .export_keying_material([0; 32], LABEL, None),
    };
    exported.map_err(|error| error.to_string())
}

fn proof_key(secret: &[u8; 16]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

fn message(binding: &[u8; 32], request: &[u8]) -> Vec<u8> {
    [&binding[..], &sha256(request)].concat()
}

fn prove(secret: &[u8; 16], binding: &[u8; 32], request: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&proof_key(secret), &message(binding, request));
    let mut proof = [0; 32];
    proof.copy_from_slice(tag.as_ref());
    proof
}

/// A machine that may become a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Name of its node.
    pub node: String,
    /// Where others reach it.
    pub address: SocketAddr,
    /// Whose place it takes.
    pub replaces: Option<NodeId>,
}

/// What letting machines in needs of the cluster.
pub trait Members: Send + Sync {
    /// Adds a learner under a new number, and says which.
    fn add(&self, newcomer: &Newcomer) -> impl Future<Output = Result<NodeId, String>> + Send;

    /// All controllers: nodes and addresses by number.
    fn all(&self) -> BTreeMap<NodeId, (String, String)>;
}

/// What a controller needs to let machines in.
#[derive(Clone, Debug)]
pub struct Doorkeeper {
    /// Name of the cluster.
    pub cluster: String,
    /// Where authority and tokens are.
    pub files: Files,
    /// The cluster's timers.
    pub timers: Timers,
}

/// Why nobody was let in; what the other side is not told is in the log.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// It does not speak the protocol, or was too slow.
    #[error("it asks for nothing that makes sense: {0}")]
    Malformed(String),
    /// It was told so.
    #[error("refused: {0}")]
    Refused(String),
}

impl Doorkeeper {
    /// Serves one connection to its end. `now` in seconds since the epoch.
    pub async fn attend(
        &self,
        stream: &mut TlsStream<TcpStream>,
        members: &impl Members,
        now: i64,
    ) -> Result<String, NotAdmitted> {
        let binding = binding(stream).map_err(NotAdmitted::Malformed)?;
        self.attend_on(stream, &binding, members, now).await
    }

    async fn attend_on<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        binding: &[u8; 32],
        members: &impl Members,
        now: i64,
    ) -> Result<String, NotAdmitted> {
        let read = tokio::time::timeout(REQUEST_TIME, read_frame(stream, MAX_REQUEST)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return Err(NotAdmitted::Malformed(error.to_string())),
            Err(_) => return Err(NotAdmitted::Malformed("it said nothing".into())),
        };
        let judged = match self.judge(&bytes, binding, now) {
            Ok((request, record)) => self.admit(&request, &record, members, now).await,
            Err(NotAdmitted::Refused(why)) => Err(why),
            Err(malformed) => return Err(malformed),
        };
        let (answer, outcome) = match judged {
            Ok((node, welcome)) => (Answer::Yes(welcome.into()), Ok(node)),
            Err(why) => (Answer::No(why.clone()), Err(NotAdmitted::Refused(why))),
        };
        let answer = codec::encode(&answer);
        let written = tokio::time::timeout(REQUEST_TIME, write_frame(stream, &answer));
        match written.await {
            Ok(Ok(())) => outcome,
            _ => outcome.and_then(|node| {
                let what = format!("{node} was let in, and did not wait for its certificate");
                Err(NotAdmitted::Malformed(what))
            }),
        }
    }

    /// Does the request come from somebody who has the token?
    fn judge(
        &self,
        bytes: &[u8],
        binding: &[u8; 32],
        now: i64,
    ) -> Result<(Request, token::TokenRecord), NotAdmitted> {
        let malformed = |error: codec::CodecError| NotAdmitted::Malformed(error.to_string());
        // One answer for all: who guesses learns nothing.
        let unknown = || {
            NotAdmitted::Refused(
                "the token is unknown here, was used already, or is out of date".into(),
            )
        };
        let Proven { request, proof } = codec::decode(bytes).map_err(malformed)?;
        let bytes = request;
        // The version comes first, whatever else a later one says.
        let (version, _) =
            bincode::decode_from_slice::<u16, _>(&bytes, bincode::config::standard())
                .map_err(|error| NotAdmitted::Malformed(error.to_string()))?;
        if version != VERSION {
            return Err(NotAdmitted::Refused(format!(
                "it asks in version {version}, the cluster speaks {VERSION}: install the same release"
            )));
        }
        let request: Request = codec::decode(&bytes).map_err(malformed)?;
        let record = token::look_up(&self.files, &request.token, now).map_err(|error| {
            tracing::error!(%error, "cannot look a join token up");
            unknown()
        })?;
        let record = record.ok_or_else(unknown)?;
        let secret = record.secret().ok_or_else(unknown)?;
        hmac::verify(&proof_key(&secret), &message(binding, &bytes), &proof)
            .map_err(|_| unknown())?;
        Ok((request, record))
    }

    /// Uses the token up, adds the member, makes its certificate.
    async fn admit(
        &self,
        request: &Request,
        record: &token::TokenRecord,
        members: &impl Members,
        now: i64,
    ) -> Result<(String, Welcome), String> {
        let node = request.node.clone();
        if !crate::config::is_name(&node) {
            return Err("a node's name has 1 to 128 characters and no spaces".into());
        }
        let address: SocketAddr = request.address.parse().map_err(|_| {
            let address: String = request.address.chars().take(64).collect();
            format!("'{address}' is no address of the form IP:PORT")
        })?;
        if address.port() == 0 || address.ip().is_unspecified() {
            return Err(format!(
                "{address} is no address that others can connect to"
            ));
        }
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, node, "cannot let a node in");
            "the controller cannot use its files: see its log".to_owned()
        };
        let authority = self
            .files
            .authority(&self.cluster)
            .map_err(|error| failed(&error))?;
        if !token::use_up(&self.files, &request.token).map_err(|error| failed(&error))? {
            return Err("the token was used already".into());
        }
        let id = match record.admits {
            Admits::Worker => None,
            Admits::Controller => {
                let replaces = record.replaces;
                let newcomer = Newcomer {
                    node: node.clone(),
                    address,
                    replaces,
                };
                let added = members.add(&newcomer).await;
                Some(added.map_err(|why| format!("{why} (the token is used up: make another)"))?)
            }
        };
        let validity = validity(now, CERTIFICATE_LIFE);
        let certificate = authority
            .certify(&PublicKey(request.key), &names_of(&node, id), validity)
            .map_err(|error| failed(&error))?;
        let mut all = members.all();
        if let Some(id) = id {
            // It may be in the log and not in force here yet; and so may the removal of the one
            // whose place it takes.
            all.retain(|other, _| Some(*other) != record.replaces);
            all.entry(id)
                .or_insert_with(|| (node.clone(), address.to_string()));
        }
        let welcome = Welcome {
            cluster: self.cluster.clone(),
            id,
            authority: authority.certificate_pem().to_owned(),
            authority_key: id.map(|_| authority.key_pem().to_owned()),
            certificate,
            until: validity.until,
            controllers: all
                .into_iter()
                .map(|(id, (node, address))| (id, node, address))
                .collect(),
            timers: toml::to_string(&self.timers).map_err(|error| failed(&error))?,
        };
        Ok((node, welcome))
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
