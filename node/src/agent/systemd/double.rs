//! A systemd for tests: its D-Bus interface at a socket, with units that do what a test says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use tokio::net::{UnixListener, UnixStream};
use zbus::message::{Header, Type};
use zbus::{Connection, Guid, ObjectPath, Variant};

const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PATH: &str = "/org/freedesktop/systemd1";

/// What a unit does.
#[derive(Clone, Debug)]
pub(in crate::agent) struct Unit {
    /// Its states as they are asked for, one after the other; the last one stays.
    pub(in crate::agent) states: Vec<&'static str>,
    /// How its jobs end, if they do.
    pub(in crate::agent) jobs_end: Option<&'static str>,
    /// Whether the connection ends when it is started, as when systemd is replaced meanwhile.
    pub(in crate::agent) hangs_up: bool,
}

impl Unit {
    pub(in crate::agent) fn in_states(states: &[&'static str]) -> Self {
        Self {
            states: states.to_vec(),
            jobs_end: Some("done"),
            hangs_up: false,
        }
    }
}

/// The double.
pub(in crate::agent) struct Double {
    pub(in crate::agent) socket: PathBuf,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    units: BTreeMap<String, Unit>,
    /// What it was asked to do, as `METHOD UNIT`.
    calls: Vec<String>,
    jobs: u32,
}

impl Double {
    /// Listens at a socket in `folder`.
    pub(in crate::agent) fn start(folder: &Path, units: &[(&str, Unit)]) -> Self {
        let socket = folder.join("systemd.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let units = units.iter().cloned();
        let world = Arc::new(Mutex::new(World {
            units: units.map(|(name, unit)| (name.to_owned(), unit)).collect(),
            ..World::default()
        }));
        let shared = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { socket, world }
    }

    /// What it was asked to do so far, without questions.
    pub(in crate::agent) fn calls(&self) -> Vec<String> {
        self.world.lock().unwrap().calls.clone()
    }
}

async fn serve(stream: UnixStream, world: Arc<Mutex<World>>) {
    let stream = stream.into_std().unwrap();
    let builder = zbus::connection::Builder::unix_stream(stream)
        .server(Guid::generate())
        .p2p();
    // From the beginning: the client asks as soon as it is let in.
    let mut calls = builder.build_message_stream().await.unwrap();
    let connection = Connection::from(&calls);
    while let Some(Ok(message)) = calls.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let header = message.header();
        let goes_on = answer(&connection, &header, message.body(), &world).await;
        if !goes_on {
            connection.close().await.unwrap();
            return;
        }
    }
}

/// Answers one call; `false` to hang up instead.
async fn answer(
    connection: &Connection,
    call: &Header<'_>,
    body: zbus::message::Body,
    world: &Mutex<World>,
) -> bool {
    let method = call.member().unwrap().as_str();
    match method {
        "Subscribe" => connection.reply(call, &()).await.unwrap(),
        "Reload" => {
            world.lock().unwrap().calls.push("Reload".into());
            connection.reply(call, &()).await.unwrap();
        }
        "LoadUnit" => {
            let name: String = body.deserialize().unwrap();
            connection.reply(call, &unit_path(&name)).await.unwrap();
        }
        "Get" => {
            let (_, property): (String, String) = body.deserialize().unwrap();
            let value = world
                .lock()
                .unwrap()
                .property(call.path().unwrap(), &property);
            connection.reply(call, &Variant::from(value)).await.unwrap();
        }
        "ListUnitFiles" => {
            let world = world.lock().unwrap().units.clone();
            let files = world
                .keys()
                .map(|name| (format!("/etc/systemd/{name}"), "enabled"));
            connection
                .reply(call, &files.collect::<Vec<_>>())
                .await
                .unwrap();
        }
        "StartUnit" | "StopUnit" | "RestartUnit" => {
            let (name, mode): (String, String) = body.deserialize().unwrap();
            assert_eq!(mode, "replace");
            return job(connection, call, &name, world).await;
        }
        _ => {
            let name = "org.freedesktop.DBus.Error.UnknownMethod";
            connection.reply_error(call, name, &method).await.unwrap();
        }
    }
    true
}

async fn job(connection: &Connection, call: &Header<'_>, name: &str, world: &Mutex<World>) -> bool {
    let method = call.member().unwrap().as_str();
    let (unit, id) = {
        let mut world = world.lock().unwrap();
        world.calls.push(format!("{method} {name}"));
        world.jobs += 1;
        (world.units.get(name).cloned(), world.jobs)
    };
    let Some(unit) = unit else {
        let error = "org.freedesktop.systemd1.NoSuchUnit";
        let text = format!("Unit {name} not found.");
        connection.reply_error(call, error, &text).await.unwrap();
        return true;
    };
    if unit.hangs_up {
        return false;
    }
    // Others have jobs as well, and theirs end otherwise.
    removed(connection, 1_000 + id, "other.service", "failed").await;
    connection.reply(call, &job_path(id)).await.unwrap();
    if let Some(result) = unit.jobs_end {
        removed(connection, id, name, result).await;
    }
    true
}

async fn removed(connection: &Connection, id: u32, unit: &str, result: &str) {
    let told = (id, job_path(id), unit, result);
    let to: Option<&str> = None;
    connection
        .emit_signal(to, PATH, MANAGER, "JobRemoved", &told)
        .await
        .unwrap();
}

impl World {
    fn property(&mut self, path: &ObjectPath<'_>, name: &str) -> String {
        let unit = self
            .units
            .iter_mut()
            .find(|(name, _)| unit_path(name) == *path);
        let value = match (name, unit) {
            ("LoadState", Some(_)) => "loaded",
            ("LoadState", None) => "not-found",
            ("Description", Some((name, _))) => return format!("{name} & friends"),
            ("Description", None) => "",
            ("ActiveState", None) => "inactive",
            ("ActiveState", Some((_, unit))) if unit.states.len() > 1 => unit.states.remove(0),
            ("ActiveState", Some((_, unit))) => unit.states[0],
            (property, _) => panic!("nobody asks for {property}"),
        };
        value.to_owned()
    }
}

fn unit_path(name: &str) -> ObjectPath<'static> {
    let escaped: String = name.bytes().map(|byte| format!("_{byte:02x}")).collect();
    ObjectPath::try_from(format!("{PATH}/unit/{escaped}")).unwrap()
}

fn job_path(id: u32) -> ObjectPath<'static> {
    ObjectPath::try_from(format!("{PATH}/job/{id}")).unwrap()
}
