//! How is systemd asked, and how is a job of its awaited?
//!
//! Over D-Bus, by the interface `org.freedesktop.systemd1`. Starting and stopping a unit only puts a
//! job into systemd's queue: that it is done is told by the signal `JobRemoved`. One connection is
//! kept for all; when it ends the next question makes a new one.

use futures_util::StreamExt as _;
use tokio::sync::Mutex;
use zbus::message::{Message, Type};
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, fdo};

use super::super::Bus;

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const JOB_REMOVED: &str = "JobRemoved";

/// Errors by which systemd says that it has no unit of a name.
const NO_UNIT: [&str; 3] = [
    "org.freedesktop.systemd1.InvalidName",
    "org.freedesktop.systemd1.LoadFailed",
    "org.freedesktop.systemd1.NoSuchUnit",
];

/// Why systemd gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManagerError {
    /// There is no bus, or no systemd on it.
    #[error("No DBus connection: {0}")]
    NoConnection(zbus::Error),
    /// The connection ended before the answer came, as when systemd executes itself anew.
    #[error("the connection to systemd ended before it answered")]
    Disconnected,
    /// There is no such unit.
    #[error("systemd has no such unit: {0}")]
    NoUnit(String),
    /// It says something else.
    #[error("Unable to invoke systemd DBus method: {0}")]
    Refused(zbus::Error),
}

/// What can be done with a unit that takes a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Start,
    Stop,
    Restart,
}

impl Job {
    fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
            Self::Restart => "RestartUnit",
        }
    }
}

/// systemd.
pub(super) struct Manager {
    bus: Bus,
    connection: Mutex<Option<Connection>>,
}

impl Manager {
    pub(super) fn new(bus: Bus) -> Self {
        Self {
            bus,
            connection: Mutex::new(None),
        }
    }

    /// Has it load a unit; says where the unit is then. Also of a unit that does not exist.
    pub(super) async fn load(&self, unit: &str) -> Result<OwnedObjectPath, ManagerError> {
        let reply = self.ask("LoadUnit", &(unit,)).await?;
        object_path(&reply)
    }

    /// A property of a loaded unit: `ActiveState`, `LoadState`, `Description`.
    pub(super) async fn property(
        &self,
        unit: &OwnedObjectPath,
        name: &str,
    ) -> Result<String, ManagerError> {
        let connection = self.connection().await?;
        let asked = (UNIT, name);
        let reply = connection
            .call_method(Some(NAME), unit, Some(PROPERTIES), "Get", &asked)
            .await
            .map_err(read_error)?;
        let body = reply.body();
        let value: OwnedVariant = body.deserialize().map_err(ManagerError::Refused)?;
        String::try_from(value).map_err(ManagerError::Refused)
    }

    /// Has it read all unit files anew; returns when it has.
    pub(super) async fn reload(&self) -> Result<(), ManagerError> {
        self.ask("Reload", &()).await.map(|_| ())
    }

    /// All unit files, by their paths.
    pub(super) async fn unit_files(&self) -> Result<Vec<String>, ManagerError> {
        let reply = self.ask("ListUnitFiles", &()).await?;
        let body = reply.body();
        let files: Vec<(String, String)> = body.deserialize().map_err(ManagerError::Refused)?;
        Ok(files.into_iter().map(|(path, _state)| path).collect())
    }

    /// Does something with a unit and waits until that is over; the result is in systemd's words:
    /// `done`, `failed`, `timeout`, `canceled`, `dependency`, `skipped`.
    pub(super) async fn carry_out(&self, job: Job, unit: &str) -> Result<String, ManagerError> {
        let connection = self.connection().await?;
        // Before the job is there: it may be over before we know its name.
        let mut signals = removed_jobs(&connection).await.map_err(read_error)?;
        let reply = self.ask(job.method(), &(unit, "replace")).await?;
        let queued = object_path(&reply)?;
        let header = reply.header();
        let systemd = header.sender();
        while let Some(signal) = signals.next().await {
            let signal = signal.map_err(read_error)?;
            // Anybody on the bus can send a signal.
            if signal.header().sender() != systemd {
                continue;
            }
            let body = signal.body();
            type JobRemoved = (u32, OwnedObjectPath, String, String);
            let (_, path, _, result): JobRemoved =
                body.deserialize().map_err(ManagerError::Refused)?;
            if path == queued {
                return Ok(result);
            }
        }
        Err(ManagerError::Disconnected)
    }

    async fn ask<B>(&self, method: &str, body: &B) -> Result<Message, ManagerError>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let connection = self.connection().await?;
        connection
            .call_method(Some(NAME), PATH, Some(MANAGER), method, body)
            .await
            .map_err(read_error)
    }

    async fn connection(&self) -> Result<Connection, ManagerError> {
        let mut kept = self.connection.lock().await;
        match &*kept {
            Some(connection) if !connection.is_closed() => Ok(connection.clone()),
            _ => {
                let made = self.connect().await.map_err(ManagerError::NoConnection)?;
                Ok(kept.insert(made).clone())
            }
        }
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        let builder = match &self.bus {
            Bus::System => zbus::connection::Builder::system(),
            Bus::Manager(socket) => {
                let address = format!("unix:path={}", socket.display());
                zbus::connection::Builder::address(address.as_str()).p2p()
            }
        };
        let connection = builder.build().await?;
        // It sends signals once somebody wants them.
        connection
            .call_method(Some(NAME), PATH, Some(MANAGER), "Subscribe", &())
            .await?;
        Ok(connection)
    }
}

async fn removed_jobs(connection: &Connection) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .path(PATH)
        .interface(MANAGER)
        .member(JOB_REMOVED)
        .build()?;
    MessageStream::for_match_rule(rule, connection, None).await
}

fn object_path(reply: &Message) -> Result<OwnedObjectPath, ManagerError> {
    reply.body().deserialize().map_err(ManagerError::Refused)
}

fn read_error(error: zbus::Error) -> ManagerError {
    match error {
        zbus::Error::InputOutput(_) => ManagerError::Disconnected,
        zbus::Error::MethodError(name, text, _) if NO_UNIT.contains(&name.as_str()) => {
            ManagerError::NoUnit(text.unwrap_or_default())
        }
        // By the bus, when systemd went away from it.
        zbus::Error::FDO(error) if matches!(&*error, fdo::Error::NoReply(_)) => {
            ManagerError::Disconnected
        }
        other => ManagerError::Refused(other),
    }
}
