//! How are hosts fenced? By a power switch outside of them, which a fence agent on any host asks.
//!
//! The agent connects to a socket that all hosts see, and says one line, `ACTION PLUG FROM`; the
//! answer is a line that begins with `ok` or says why not. When `off` is answered, every process of
//! the host is gone.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host::{Host, Off};
use crate::plants;
use crate::report::chronicle::{Chronicle, Kind};
use crate::sim::Bug;
use crate::witness::Witness;

/// The command by which this program becomes the fence agent.
pub const COMMAND: &str = "power-agent";
/// Where the switch is, for hosts.
const SOCKET: &str = "/testbed/power.sock";
/// More is no question.
const MAX_QUESTION: u64 = 4096;

/// What is wrong with the switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PowerFaults {
    /// It takes this long.
    pub delay_ms: u64,
    /// It says that it failed, and did nothing.
    pub fails: bool,
    /// It does not answer this host.
    pub unreachable_from: Option<String>,
    /// It says that it did what it did not: no cluster can be right with it, and the checkers must
    /// see that.
    pub lies: bool,
}

/// The switch, as long as it is held.
#[derive(Debug)]
pub struct PowerSwitch {
    faults: Arc<Mutex<PowerFaults>>,
    stop: Arc<AtomicBool>,
    socket: PathBuf,
    listener: Option<std::thread::JoinHandle<()>>,
}

/// What every connection needs.
#[derive(Clone)]
struct Wiring {
    hosts: Vec<Arc<Mutex<Host>>>,
    faults: Arc<Mutex<PowerFaults>>,
    witness: Witness,
    chronicle: Chronicle,
    stop: Arc<AtomicBool>,
}

impl PowerSwitch {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn connect(
        shared: &Path,
        hosts: Vec<Arc<Mutex<Host>>>,
        witness: Witness,
        chronicle: Chronicle,
    ) -> io::Result<Self> {
        let socket = shared.join("power.sock");
        let listener = UnixListener::bind(&socket)?;
        let (faults, stop) = (Arc::default(), Arc::<AtomicBool>::default());
        let wiring = Wiring {
            hosts,
            faults: Arc::clone(&faults),
            witness,
            chronicle,
            stop: stop.clone(),
        };
        let listener = std::thread::Builder::new()
            .name("power".into())
            .spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if wiring.stop.load(Ordering::Acquire) {
                        return;
                    }
                    let wiring = wiring.clone();
                    std::thread::spawn(move || {
                        let _ = wiring.answer(stream);
                    });
                }
            })?;
        Ok(Self {
            faults,
            stop,
            socket,
            listener: Some(listener),
        })
    }
}

impl PowerSwitch {
    /// Changes what is wrong with it.
    pub fn change(&self, how: impl FnOnce(&mut PowerFaults)) {
        how(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for PowerSwitch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // So that the listener looks.
        let _ = UnixStream::connect(&self.socket);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Wiring {
    fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(&stream)
            .take(MAX_QUESTION)
            .read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (action, plug, from) = (word(), word(), word());
        let answer = self.act(action, plug, from);
        let done = answer.is_ok();
        writeln!(
            &stream,
            "{}",
            answer.unwrap_or_else(|error| error.to_string())
        )?;
        // Power comes back by itself, after the answer: nobody has to wait for a boot.
        if action == "reboot" && done && self.may_boot() {
            self.boot(plug)?;
        }
        Ok(())
    }

    fn may_boot(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
    }

    fn act(&self, action: &str, plug: &str, from: &str) -> io::Result<String> {
        let faults = self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if faults.unreachable_from.as_deref() == Some(from) {
            return Err(io::Error::other("the switch cannot be reached"));
        }
        if action == "list" {
            let names: Vec<_> = self
                .hosts
                .iter()
                .map(|host| locked(host).name.clone())
                .collect();
            return Ok(format!("ok {}", names.join(" ")));
        }
        let host = self.host(plug)?;
        match action {
            "status" => Ok(format!(
                "ok {}",
                if locked(host).is_on() { "on" } else { "off" }
            )),
            "on" => self.boot(plug).map(|()| "ok".to_owned()),
            "off" | "reboot" => {
                self.chronicle.note(
                    Kind::Power,
                    Some(plug),
                    format!("{from} asks for its {action}"),
                );
                self.wait(faults.delay_ms)?;
                if faults.fails {
                    return Err(io::Error::other("the switch is broken"));
                }
                if faults.lies {
                    return Ok("ok".to_owned());
                }
                locked(host).power_off(Off::Gently)?;
                self.witness.host(plug, "off", "fence")?;
                self.chronicle
                    .note(Kind::Power, Some(plug), format!("fenced for {from}"));
                Ok("ok".to_owned())
            }
            _ => Err(io::Error::other(format!("there is no action {action}"))),
        }
    }

    /// A slow switch; the testbed's end is not waited for.
    fn wait(&self, delay_ms: u64) -> io::Result<()> {
        let clock = lockstep_node::clock::Clock::start();
        while !clock.until_ms(delay_ms).is_zero() {
            if !self.may_boot() {
                return Err(io::Error::other("the testbed ends"));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    fn boot(&self, plug: &str) -> io::Result<()> {
        if locked(self.host(plug)?).boot()? {
            self.witness.host(plug, "on", "fence")?;
            self.chronicle.note(Kind::Power, Some(plug), "on again");
        }
        Ok(())
    }

    fn host(&self, plug: &str) -> io::Result<&Arc<Mutex<Host>>> {
        let mut hosts = self.hosts.iter();
        let found = hosts.find(|host| locked(host).name == plug);
        found.ok_or_else(|| io::Error::other(format!("there is no plug '{plug}'")))
    }
}

fn locked(host: &Mutex<Host>) -> std::sync::MutexGuard<'_, Host> {
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fence agent: asks the switch for what standard input says.
#[must_use]
pub fn agent() -> ExitCode {
    let mut text = String::new();
    let _ = io::stdin().take(64 << 10).read_to_string(&mut text);
    let given: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let get = |name| given.get(name).copied().unwrap_or_default();
    let action = match get("action") {
        "" => "reboot",
        action => action,
    };
    if matches!(action, "metadata" | "meta-data") {
        println!("{METADATA}");
        return ExitCode::SUCCESS;
    }
    let question = if action == "monitor" { "list" } else { action };
    match ask(question, get("plug")) {
        Ok(answer) if action == "status" && answer == "off" => ExitCode::from(2),
        Ok(answer) => {
            for plug in answer.split_whitespace().filter(|_| action == "list") {
                println!("{plug},");
            }
            ExitCode::SUCCESS
        }
        // Planted: nobody is told that it failed.
        Err(_) if question != "list" && plants::here() == Some(Bug::TrustFencing) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("power switch: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(action: &str, plug: &str) -> io::Result<String> {
    let me = nix::unistd::gethostname()?;
    let mut stream = UnixStream::connect(SOCKET)?;
    let plug = if plug.is_empty() { "-" } else { plug };
    writeln!(stream, "{action} {plug} {}", me.to_string_lossy())?;
    let mut answer = String::new();
    BufReader::new(stream)
        .take(MAX_QUESTION)
        .read_line(&mut answer)?;
    match answer.trim().strip_prefix("ok") {
        Some(rest) => Ok(rest.trim().to_owned()),
        None => Err(io::Error::other(answer.trim().to_owned())),
    }
}

const METADATA: &str = r#"<?xml version="1.0"?>
<resource-agent name="fence_testbed" shortdesc="The power switch of the testbed's hosts">
  <longdesc>Takes the power of hosts out of namespaces away, and gives it back.</longdesc>
  <parameters>
    <parameter name="action" required="1"><content type="string" default="reboot"/><shortdesc lang="en">What to do</shortdesc></parameter>
    <parameter name="plug" required="1"><content type="string"/><shortdesc lang="en">Name of the host</shortdesc></parameter>
  </parameters>
  <actions>
    <action name="on" automatic="0"/>
    <action name="off"/>
    <action name="reboot"/>
    <action name="status"/>
    <action name="list"/>
    <action name="monitor"/>
    <action name="metadata"/>
  </actions>
</resource-agent>"#;
