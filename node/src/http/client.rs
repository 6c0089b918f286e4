//! How does the command line ask a controller?

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::types::Problem;
use crate::exit::Exit;

/// No answer is longer, in bytes.
const MAX_ANSWER: usize = 256 << 20;
/// An answer comes within this, unless more is asked for.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Where an API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A controller of this host.
    Tcp(SocketAddr),
    /// This node's executor, which passes on what agents ask.
    Unix(Arc<Path>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path.into())
    }
}

/// A connection of whatever kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Address {
    async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

/// Why there is no answer, or not the wanted one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no controller answers at {address}: {error}")]
    Unreachable {
        /// Where.
        address: Address,
        /// What the system says.
        error: std::io::Error,
    },
    /// It stopped answering.
    #[error("the controller at {address} did not answer: {reason}")]
    Silent {
        /// Where.
        address: Address,
        /// How that was noticed.
        reason: String,
    },
    /// What answered is no controller of this version.
    #[error("what listens at {address} is no controller: {reason}")]
    Foreign {
        /// Where.
        address: Address,
        /// How that was noticed.
        reason: String,
    },
    /// The controller says no.
    #[error("{}{}", problem.problem, problem.hint.as_ref().map(|h| format!("\n{h}")).unwrap_or_default())]
    Refused {
        /// HTTP status code.
        code: u16,
        /// Why.
        problem: Problem,
    },
}

impl ClientError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } => Exit::Unavailable,
            Self::Silent { .. } => Exit::Timeout,
            Self::Foreign { .. } => Exit::Protocol,
            Self::Refused { code, .. } => match code {
                400 | 413 => Exit::BadData,
                403 => Exit::NotSafe,
                404 => Exit::NoSuch,
                409 => Exit::Exists,
                422 => Exit::Config,
                503 | 504 => Exit::TryLater,
                _ => Exit::Error,
            },
        }
    }
}

/// A controller's API.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
}

impl Client {
    /// The API at an address.
    pub fn new(address: impl Into<Address>) -> Self {
        let address = address.into();
        Self { address }
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.parse(self.send("GET", path, Bytes::new()).await?)
    }

    /// Asks for text as it is.
    pub async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let bytes = self.send("GET", path, Bytes::new()).await?;
        String::from_utf8(bytes.to_vec()).map_err(|error| self.foreign(error.to_string()))
    }

    /// Gives something as JSON.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.foreign(error.to_string()))?;
        self.post(path, body).await
    }

    /// Gives something.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        self.parse(self.send("POST", path, body.into()).await?)
    }

    fn host(&self) -> String {
        match &self.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    fn foreign(&self, reason: String) -> ClientError {
        ClientError::Foreign {
            address: self.address.clone(),
            reason,
        }
    }

    fn parse<T: DeserializeOwned>(&self, bytes: Bytes) -> Result<T, ClientError> {
        serde_json::from_slice(&bytes).map_err(|error| self.foreign(error.to_string()))
    }

    async fn send(&self, method: &str, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let silent = |reason: String| ClientError::Silent {
            address: self.address.clone(),
            reason,
        };
        match tokio::time::timeout(ANSWER_TIME, self.exchange(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(silent(format!(
                "nothing came within {} s",
                ANSWER_TIME.as_secs()
            ))),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let address = &self.address;
        let stream = address
            .connect()
            .await
            .map_err(|error| ClientError::Unreachable {
                address: address.clone(),
                error,
            })?;
        let silent = |error: hyper::Error| ClientError::Silent {
            address: address.clone(),
            reason: error.to_string(),
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(silent)?;
        // Ends with the exchange; its error, if any, is also that of the request.
        tokio::spawn(connection);
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host())
            .body(Full::new(body))
            .map_err(|error| self.foreign(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(|error| {
            if error.is_parse() {
                self.foreign(error.to_string())
            } else {
                silent(error)
            }
        })?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let bytes = body
            .map_err(|error| ClientError::Silent {
                address: address.clone(),
                reason: error.to_string(),
            })?
            .to_bytes();
        if code.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| Problem {
            problem: format!("the controller at {address} answered {code}"),
            hint: None,
        });
        Err(ClientError::Refused {
            code: code.as_u16(),
            problem,
        })
    }
}
