//! A whole cluster on this host, for whoever shows or tries it: how are its processes started,
//! killed and brought back?
//!
//! Controllers and executors are real processes on loopback, with all that they keep in one folder.
//! `cluster.rs` says which cluster, `evidence.rs` what its processes themselves left behind.
//!
//! Every process reads the same pipe, whose other end only this process has: when it is gone, by
//! Ctrl-C or by SIGKILL, all of them see the end of the pipe and go. A killed controller leaves its
//! node's executor running, as on a real host.

pub mod cluster;
pub mod evidence;
pub mod ports;

use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use cluster::{FOLDER, LabCluster};
use lockstep_engine::parse::escape_attribute;

use crate::clock::Clock;
use crate::config::{AgentSettings, Config, ControllerAddress};
use crate::exit::Exit;
use crate::http::client::Client;
use crate::lock::{self, FolderLock};
use crate::security::{self, files::Files};

/// The commands of `lockstep` that the processes of a lab run. A program other than `lockstep` that
/// starts a lab hands these to [`crate::cli::main`], so that what it tries is of its own build.
pub const COMMANDS: [&str; 3] = ["node", "executor", "agent"];

/// Why a lab does not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct LabError {
    /// The exit code that says so.
    pub exit: Exit,
    /// What and where.
    pub message: String,
}

impl LabError {
    fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        let message = message.to_string();
        Self { exit, message }
    }
}

/// A process of the lab.
#[derive(Debug)]
struct Process {
    command: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// A controller.
#[derive(Debug)]
pub struct Controller {
    /// Its number.
    pub id: u64,
    /// Its node.
    pub node: String,
    /// Where it can be asked.
    pub api: SocketAddr,
    process: Process,
}

/// A whole cluster on this host.
#[derive(Debug)]
pub struct Lab {
    /// Where everything is kept.
    pub folder: PathBuf,
    /// All controllers; they are named by their place here.
    pub controllers: Vec<Controller>,
    /// Counts from the start of the lab.
    pub clock: Clock,
    /// Whether bundled agents play every resource.
    pub stand_in: bool,
    workers: Vec<Process>,
    /// Nodes with an executor.
    pub nodes: Vec<String>,
    lifeline: Option<PipeWriter>,
    lifeline_end: PipeReader,
    program: PathBuf,
}

impl Lab {
    /// Writes all files into a folder, which should be empty, and starts everything. Unless the
    /// cluster names another program, the processes run this one, which therefore must know
    /// `lockstep`'s commands.
    ///
    /// # Errors
    /// If a file cannot be written, there are no free ports, or a process cannot be started.
    pub fn start(folder: &Path, cluster: &LabCluster) -> Result<Self, LabError> {
        let failed = |error: std::io::Error| {
            LabError::new(Exit::CannotCreate, format!("{}: {error}", folder.display()))
        };
        let clock = Clock::start();
        let mut ports = ports::free(2 * cluster.controllers.len())
            .ok_or_else(|| LabError::new(Exit::OsError, "there are no free ports on loopback"))?;
        let mut port = || SocketAddr::from((Ipv4Addr::LOCALHOST, ports.pop().unwrap_or_default()));
        let controllers: Vec<_> = (1..)
            .zip(&cluster.controllers)
            .map(|(id, (node, _))| ControllerAddress {
                id,
                node: node.clone(),
                address: port(),
            })
            .collect();
        let apis: Vec<_> = cluster.controllers.iter().map(|_| port()).collect();
        let first_cib = folder.join("cluster.xml");
        let mut place = String::new();
        escape_attribute(&folder.to_string_lossy(), &mut place);
        std::fs::write(&first_cib, cluster.cib.replace(FOLDER, &place)).map_err(failed)?;
        let ocf_root = cluster.ocf_root.clone();
        let ocf_root = ocf_root.unwrap_or(AgentSettings::default().ocf_root);
        let config = |node: &str, api: SocketAddr, executor: bool| Config {
            cluster: cluster.name.clone(),
            node: node.to_owned(),
            data_dir: folder.join(node),
            api,
            executor,
            first_cib: Some(first_cib.clone()),
            watchdog: None,
            listen: None,
            controllers: controllers.clone(),
            agents: AgentSettings {
                witness: Some(folder.join("witness.jsonl")),
                stand_in: cluster.stand_in,
                ocf_root: ocf_root.clone(),
                ..AgentSettings::default()
            },
            timers: cluster.timers.clone(),
        };
        let now = clock.unix_s();
        let authority = security::files::found(&cluster.name, now).map_err(std::io::Error::other);
        let authority = authority.map_err(failed)?;
        let process = |config: Config, command| -> std::io::Result<Process> {
            std::fs::create_dir_all(&config.data_dir)?;
            let id = config.controller().map(|controller| controller.id);
            Files::of_config(&config)
                .admit_by(&authority, &config.node, id, now)
                .map_err(std::io::Error::other)?;
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
            program: match &cluster.program {
                Some(program) => program.clone(),
                None => std::env::current_exe().map_err(|error| {
                    LabError::new(Exit::OsError, format!("cannot find myself: {error}"))
                })?,
            },
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
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start_controller(&mut self, at: usize) -> Result<(), LabError> {
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

    fn spawn(&self, process: &mut Process) -> Result<(), LabError> {
        let failed = |error: std::io::Error| {
            let command = process.command;
            LabError::new(
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
    pub fn client(&self, at: usize) -> Client {
        Client::new(self.controllers[at].api)
    }

    /// Which controller has this number.
    pub fn position(&self, id: u64) -> Option<usize> {
        self.controllers
            .iter()
            .position(|controller| controller.id == id)
    }

    /// Process number of a running controller.
    pub fn pid(&self, at: usize) -> Option<u32> {
        self.controllers[at].process.child.as_ref().map(Child::id)
    }

    /// Whether a controller runs, as far as is known.
    pub fn runs(&self, at: usize) -> bool {
        self.controllers[at].process.child.is_some()
    }

    /// `kill -9`. Returns when the process is gone; its node's executor runs on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self, at: usize) -> Result<(), LabError> {
        let Some(mut child) = self.controllers[at].process.child.take() else {
            return Ok(());
        };
        child
            .kill()
            .and_then(|()| child.wait())
            .map(|_| ())
            .map_err(|error| LabError::new(Exit::OsError, format!("cannot kill: {error}")))
    }

    /// A node loses its power: its controller and its executor are killed. What its bundled agents
    /// kept running is only known to have ended when it was fenced.
    pub fn power_off(&mut self, node: &str) -> Result<(), LabError> {
        if let Some(at) = self.controllers.iter().position(|c| c.node == node) {
            self.kill(at)?;
        }
        if let Some(executor) = lock::holder(&self.executor_folder(node)) {
            executor.kill();
        }
        Ok(())
    }

    /// Controllers that ended by themselves since the last question, and how.
    pub fn ended(&mut self) -> Vec<(usize, String)> {
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
    pub fn log_end(&self, at: usize) -> String {
        let text = std::fs::read(&self.controllers[at].process.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The executor's folder of a node.
    pub fn executor_folder(&self, node: &str) -> PathBuf {
        self.folder.join(node).join("executor")
    }

    /// Where a node's bundled agents keep what "runs".
    pub fn agents_folder(&self, node: &str) -> PathBuf {
        self.folder.join(node).join("agents")
    }

    /// What the agents did.
    pub fn witness(&self) -> PathBuf {
        self.folder.join("witness.jsonl")
    }

    /// Ends everything, and waits until it has ended.
    pub async fn stop(mut self) {
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
