//! How are the demo's processes started, killed and brought back?
//!
//! Every process reads the same pipe, whose other end only this process has: when it is gone, by
//! Ctrl-C or by SIGKILL, all of them see the end of the pipe and go. A killed controller leaves its
//! node's executor running, as on a real host.

use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::cluster::DemoCluster;
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{AgentSettings, Config, ControllerAddress, Timers};
use crate::exit::Exit;
use crate::http::client::Client;
use crate::lock::FolderLock;

/// Ports are taken from here: below those that the system gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A process of the demo.
#[derive(Debug)]
struct Process {
    command: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// A controller.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) id: u64,
    pub(super) node: String,
    pub(super) api: SocketAddr,
    process: Process,
}

/// A whole cluster on this host.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) folder: PathBuf,
    pub(super) controllers: Vec<Controller>,
    pub(super) clock: Clock,
    pub(super) stand_in: bool,
    workers: Vec<Process>,
    /// Nodes with an executor.
    pub(super) nodes: Vec<String>,
    lifeline: Option<PipeWriter>,
    lifeline_end: PipeReader,
    program: PathBuf,
}

impl Lab {
    /// Writes all files and starts everything.
    pub(super) fn start(folder: &Path, cluster: &DemoCluster) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::CannotCreate, format!("{}: {error}", folder.display()))
        };
        let clock = Clock::start();
        let mut ports = free_ports(3 * cluster.controllers.len(), clock.unix_us())?;
        let mut port = || SocketAddr::from((Ipv4Addr::LOCALHOST, ports.pop().unwrap_or_default()));
        let controllers: Vec<_> = (1..)
            .zip(&cluster.controllers)
            .map(|(id, (node, _))| ControllerAddress {
                id,
                node: node.clone(),
                peers: port(),
                nodes: port(),
            })
            .collect();
        let apis: Vec<_> = cluster.controllers.iter().map(|_| port()).collect();
        let first_cib = folder.join("cluster.xml");
        std::fs::write(&first_cib, &cluster.cib).map_err(failed)?;
        let config = |node: &str, api: SocketAddr, executor: bool| Config {
            cluster: "demo".into(),
            node: node.to_owned(),
            data_dir: folder.join(node),
            api,
            executor,
            first_cib: Some(first_cib.clone()),
            controllers: controllers.clone(),
            agents: AgentSettings {
                witness: Some(folder.join("witness.jsonl")),
                stand_in: cluster.stand_in,
                ..AgentSettings::default()
            },
            timers: Timers::default(),
        };
        let process = |config: Config, command| -> std::io::Result<Process> {
            std::fs::create_dir_all(&config.data_dir)?;
            let path = config.data_dir.join("lockstep.toml");
            std::fs::write(
                &path,
                toml::to_string(&config).map_err(std::io::Error::other)?,
            )?;
            let log = config.data_dir.join(format!("{command}.log"));
            Ok(Process {
                command,
                config: path,
                log,
                child: None,
            })
        };
        let (lifeline_end, lifeline) = std::io::pipe().map_err(failed)?;
        let mut lab = Self {
            folder: folder.to_owned(),
            controllers: Vec::new(),
            clock,
            stand_in: cluster.stand_in,
            workers: Vec::new(),
            nodes: Vec::new(),
            lifeline: Some(lifeline),
            lifeline_end,
            program: std::env::current_exe().map_err(|error| {
                Failure::new(Exit::OsError, format!("cannot find myself: {error}"))
            })?,
        };
        let described = controllers.iter().zip(&apis).zip(&cluster.controllers);
        for ((address, api), (node, executor)) in described {
            let process = process(config(node, *api, *executor), "node").map_err(failed)?;
            let node = node.clone();
            if *executor {
                lab.nodes.push(node.clone());
            }
            lab.controllers.push(Controller {
                id: address.id,
                node,
                api: *api,
                process,
            });
        }
        // A worker has no API; the address is not used.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        for node in &cluster.others {
            lab.workers
                .push(process(config(node, nowhere, true), "executor").map_err(failed)?);
            lab.nodes.push(node.clone());
        }
        for at in 0..lab.controllers.len() {
            lab.start_controller(at)?;
        }
        let mut workers = std::mem::take(&mut lab.workers);
        let started = workers.iter_mut().try_for_each(|worker| lab.spawn(worker));
        lab.workers = workers;
        started.map(|()| lab)
    }

    /// Starts a controller that does not run.
    pub(super) fn start_controller(&mut self, at: usize) -> Result<(), Failure> {
        let process = &mut self.controllers[at].process;
        let mut process = std::mem::replace(
            process,
            Process {
                command: "",
                config: PathBuf::new(),
                log: PathBuf::new(),
                child: None,
            },
        );
        let started = self.spawn(&mut process);
        self.controllers[at].process = process;
        started
    }

    fn spawn(&self, process: &mut Process) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            let command = process.command;
            Failure::new(
                Exit::OsError,
                format!("cannot start `lockstep {command}`: {error}"),
            )
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(&process.log)
            .map_err(failed)?;
        let child = Command::new(&self.program)
            .arg(process.command)
            .arg("--config")
            .arg(&process.config)
            .arg("--exit-with-stdin")
            .stdin(Stdio::from(self.lifeline_end.try_clone().map_err(failed)?))
            .stdout(Stdio::from(log.try_clone().map_err(failed)?))
            .stderr(Stdio::from(log))
            // Ctrl-C is for this process; the others end in their order.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        process.child = Some(child);
        Ok(())
    }

    /// The API of a controller.
    pub(super) fn client(&self, at: usize) -> Client {
        Client::new(self.controllers[at].api)
    }

    /// Which controller has this number.
    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.controllers
            .iter()
            .position(|controller| controller.id == id)
    }

    /// Process number of a running controller.
    pub(super) fn pid(&self, at: usize) -> Option<u32> {
        self.controllers[at].process.child.as_ref().map(Child::id)
    }

    /// Whether a controller runs, as far as is known.
    pub(super) fn runs(&self, at: usize) -> bool {
        self.controllers[at].process.child.is_some()
    }

    /// `kill -9`. Returns when the process is gone.
    pub(super) fn kill(&mut self, at: usize) -> Result<(), Failure> {
        let Some(mut child) = self.controllers[at].process.child.take() else {
            return Ok(());
        };
        child
            .kill()
            .and_then(|()| child.wait())
            .map(|_| ())
            .map_err(|error| Failure::new(Exit::OsError, format!("cannot kill: {error}")))
    }

    /// Controllers that ended by themselves since the last question, and how.
    pub(super) fn ended(&mut self) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        for (at, controller) in self.controllers.iter_mut().enumerate() {
            let Some(child) = &mut controller.process.child else {
                continue;
            };
            if let Ok(Some(status)) = child.try_wait() {
                controller.process.child = None;
                all.push((at, describe(status)));
            }
        }
        all
    }

    /// The end of a controller's log, for when it ended by itself.
    pub(super) fn log_end(&self, at: usize) -> String {
        let text = std::fs::read(&self.controllers[at].process.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The executor's folder of a node.
    pub(super) fn executor_folder(&self, node: &str) -> PathBuf {
        self.folder.join(node).join("executor")
    }

    /// Where a node's bundled agents keep what "runs".
    pub(super) fn agents_folder(&self, node: &str) -> PathBuf {
        self.folder.join(node).join("agents")
    }

    /// What the agents did.
    pub(super) fn witness(&self) -> PathBuf {
        self.folder.join("witness.jsonl")
    }

    /// Ends everything, and waits until it has ended.
    pub(super) async fn stop(mut self) {
        self.lifeline = None;
        for at in 0..self.controllers.len() {
            // It ends by itself as well, but nothing it does now is of use.
            let _ = self.kill(at);
        }
        for worker in &mut self.workers {
            if let Some(child) = &mut worker.child {
                let _ = child.wait();
            }
        }
        let all_gone = async {
            for node in &self.nodes {
                while FolderLock::take(&self.executor_folder(node)).is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), all_gone).await;
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "it was killed".to_owned(),
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (_, Some(code)) => format!("it ended with code {code}"),
        _ => "it ended".to_owned(),
    }
}

/// Ports that nobody listens on, from a place in the range that differs from run to run.
fn free_ports(count: usize, seed: u64) -> Result<Vec<u16>, Failure> {
    let width = u64::from(PORTS.end - PORTS.start);
    let first = PORTS.start + u16::try_from(seed % width).unwrap_or(0);
    let candidates = (first..PORTS.end).chain(PORTS.start..first);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let found: Vec<u16> = candidates.filter(free).take(count).collect();
    if found.len() < count {
        return Err(Failure::new(
            Exit::OsError,
            "there are no free ports on loopback",
        ));
    }
    Ok(found)
}
