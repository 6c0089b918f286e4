//! What is one host, and how is it switched on and off?

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::door::Door;
use super::levers::{Levers, Page};
use super::system::{self, run, until};
use super::wire::Wire;

/// Size of a host's disk; only what is used takes room.
const DISK: &str = "1G";
/// Booting and switching off take milliseconds; longer than this is an error.
const BOUND: Duration = Duration::from_secs(20);
/// Has an ext4 file system forget what was not written to its disk: `EXT4_IOC_SHUTDOWN` with
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const FORGET: &str = "my $how = pack('L', 2); open(D, '<', '/disk/upper') && ioctl(D, 0x8004587d, $how) or die \"$!\\n\"";

/// How a host loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// Everything that was written stays, synced or not.
    Gently,
    /// What was not synced is lost.
    LosingUnsynced,
}

/// A program that is started at boot, as a unit of an init system would be.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// A host out of namespaces.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its number, from 1.
    pub number: usize,
    /// What is started at boot.
    pub units: Vec<Unit>,
    folder: PathBuf,
    shared: PathBuf,
    cgroup: Option<PathBuf>,
    wire: Arc<Wire>,
    levers: Page,
    /// What is always wrong with its disk and its clock.
    planted: Levers,
    running: Option<Running>,
}

/// A host that is on.
#[derive(Debug)]
struct Running {
    /// What made the namespaces, and ends with their first process.
    parent: Child,
    /// The first process.
    pid: u32,
    orders: ChildStdin,
    /// What ended by itself or was killed: name and how.
    ended: Arc<Mutex<Vec<(String, String)>>>,
    /// Held only to be dropped.
    _door: Door,
}

/// A way to run programs on a host; it may be off by then.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    pid: u32,
}

impl Inside {
    /// Runs a program to its end, within two minutes.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn output(self, words: &[&str]) -> io::Result<Output> {
        Command::new("nsenter")
            .args(self.entering("120", words))
            .stdin(Stdio::null())
            .output()
    }

    /// Runs a program to its end, within a minute; returns what it printed.
    ///
    /// # Errors
    /// If it fails, with what it said.
    pub fn run(self, words: &[&str]) -> io::Result<String> {
        let mut all = vec!["nsenter".to_owned()];
        all.extend(self.entering("60", words));
        run(&all)
    }

    /// The arguments of `nsenter` for a program that may take so many seconds.
    fn entering(self, seconds: &str, words: &[&str]) -> Vec<String> {
        let pid = self.pid.to_string();
        let enter = ["-t", &pid, "-m", "-u", "-i", "-n", "-p", "--"];
        let bound = ["timeout", seconds];
        let all = enter.iter().chain(&bound).chain(words);
        all.map(|&word| word.to_owned()).collect()
    }
}

impl Host {
    /// A host that is off, with an empty disk in `folder`.
    ///
    /// # Errors
    /// If the disk cannot be made.
    pub fn new(number: usize, folder: &Path, shared: &Path, wire: Arc<Wire>) -> io::Result<Self> {
        let name = format!("n{number}");
        std::fs::create_dir_all(folder)?;
        let disk = folder.join("disk.img");
        run(&[
            "truncate".as_ref(),
            "-s".as_ref(),
            DISK.as_ref(),
            disk.as_os_str(),
        ])?;
        run(&[
            "mkfs.ext4".as_ref(),
            "-q".as_ref(),
            "-F".as_ref(),
            disk.as_os_str(),
        ])?;
        let cgroup = system::cgroups().and_then(|root| {
            let group = root.join(format!("lockstep-testbed-{}-{name}", std::process::id()));
            std::fs::create_dir(&group).ok()?;
            group.join("cgroup.freeze").exists().then_some(group)
        });
        let levers = Page::new(shared, &name)?;
        Ok(Self {
            name,
            number,
            units: Vec::new(),
            folder: folder.to_owned(),
            shared: shared.to_owned(),
            cgroup,
            wire,
            levers,
            planted: Levers::default(),
            running: None,
        })
    }

    /// Whether it can be frozen.
    #[must_use]
    pub fn can_freeze(&self) -> bool {
        self.cgroup.is_some()
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// A file of the host's folder, which is no part of its disk.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where its controller's API can be asked while it is on.
    #[must_use]
    pub fn api(&self) -> PathBuf {
        self.file("api.sock")
    }

    /// Switches it on, and starts its units; returns whether it was off.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn boot(&mut self) -> io::Result<bool> {
        if self.running.is_some() {
            return Ok(false);
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("boot.log"))?;
        let script = self.shared.join("boot.sh");
        let mut parent = Command::new("unshare")
            .args([
                "--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "sh",
            ])
            .arg(script)
            .arg(&self.name)
            .args([&self.folder, &self.shared])
            .args(&self.cgroup)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let (Some(orders), Some(out)) = (parent.stdin.take(), parent.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let ended = Arc::default();
        let (booted, boots) = mpsc::channel();
        listen(out, booted, Arc::clone(&ended));
        let Ok(pid) = boots.recv_timeout(BOUND) else {
            drop(orders);
            let _ = parent.wait();
            let log = std::fs::read_to_string(self.file("boot.log")).unwrap_or_default();
            let last = log.lines().last().unwrap_or("it says nothing").to_owned();
            return Err(io::Error::other(format!(
                "{} does not boot: {last}",
                self.name
            )));
        };
        self.wire.plug_in(self.number, pid)?;
        let door = Door::open(&self.api(), pid)?;
        self.running = Some(Running {
            parent,
            pid,
            orders,
            ended,
            _door: door,
        });
        for unit in self.units.clone() {
            self.start(&unit)?;
        }
        Ok(true)
    }

    /// Starts a program, whose output is appended to `NAME.log` beside the host's disk.
    ///
    /// # Errors
    /// If the host is off.
    pub fn start(&mut self, unit: &Unit) -> io::Result<()> {
        let log = format!("/testbed/logs/{}.{}.log", self.name, unit.name);
        let mut words = vec!["start", &unit.name, &log];
        words.extend(unit.command.iter().map(String::as_str));
        self.order(&words.join("\t"))
    }

    /// Signals a program that was started.
    ///
    /// # Errors
    /// If the host is off.
    pub fn signal(&mut self, name: &str, signal: Signal) -> io::Result<()> {
        self.order(&format!("signal\t{name}\t{}", signal as i32))
    }

    fn order(&mut self, line: &str) -> io::Result<()> {
        let running = self.on()?;
        writeln!(running.orders, "{line}")?;
        running.orders.flush()
    }

    fn on(&mut self) -> io::Result<&mut Running> {
        let name = &self.name;
        let off = || io::Error::new(io::ErrorKind::NotConnected, format!("{name} is off"));
        self.running.as_mut().ok_or_else(off)
    }

    /// How programs are run on it.
    ///
    /// # Errors
    /// If it is off.
    pub fn inside(&mut self) -> io::Result<Inside> {
        Ok(Inside {
            pid: self.on()?.pid,
        })
    }

    /// Which programs ended since the host was booted or this was asked last, and how.
    pub fn ended(&mut self) -> Vec<(String, String)> {
        let running = self.running.as_ref();
        running.map_or_else(Vec::new, |running| {
            std::mem::take(&mut *running.ended.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Takes its power away; returns whether it was on. Its cable goes first: peers hear nothing.
    ///
    /// # Errors
    /// If its disk is not free again.
    pub fn power_off(&mut self, how: Off) -> io::Result<bool> {
        let Some(pid) = self.running.as_ref().map(|running| running.pid) else {
            return Ok(false);
        };
        self.wire.unplug(self.number);
        let mut forgot = Ok(());
        if how == Off::LosingUnsynced {
            // Before anything ends: unmounting would write what must be lost.
            forgot = self.freeze().and_then(|()| {
                let pid = pid.to_string();
                run(&["nsenter", "-t", &pid, "-m", "--", "perl", "-e", FORGET]).map(drop)
            });
        }
        let killed = i32::try_from(pid).map_err(io::Error::other)?;
        let _ = kill(Pid::from_raw(killed), Signal::SIGKILL);
        if let Some(mut running) = self.running.take() {
            running.parent.wait()?;
        }
        self.set_frozen(false)?;
        let disk = self.file("disk.img").display().to_string();
        until(BOUND, "its disk is free", || {
            run(&["losetup", "-j", &disk]).is_ok_and(|users| users.trim().is_empty())
        })?;
        forgot.map(|()| true)
    }

    /// From now on this is wrong with its disk and its clock, and nothing else; whether it is on or off.
    ///
    /// # Errors
    /// If the testbed's own disk says no.
    pub fn pull(&self, levers: Levers) -> io::Result<()> {
        self.levers.set(levers.and(self.planted))
    }

    /// From now on this is wrong all the time, whatever else is.
    ///
    /// # Errors
    /// If the testbed's own disk says no.
    pub fn plant(&mut self, levers: Levers) -> io::Result<()> {
        self.planted = levers;
        self.pull(Levers::default())
    }

    /// Stops everything on it at once, until it is thawed.
    ///
    /// # Errors
    /// If this machine cannot.
    pub fn freeze(&mut self) -> io::Result<()> {
        self.set_frozen(true)?;
        let Some(cgroup) = &self.cgroup else {
            return Err(io::Error::other("there are no control groups that freeze"));
        };
        let events = cgroup.join("cgroup.events");
        until(BOUND, "it is frozen", || {
            std::fs::read_to_string(&events).is_ok_and(|text| text.contains("frozen 1"))
        })
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If the kernel says no.
    pub fn thaw(&mut self) -> io::Result<()> {
        self.set_frozen(false)
    }

    fn set_frozen(&self, frozen: bool) -> io::Result<()> {
        match &self.cgroup {
            Some(group) => {
                std::fs::write(group.join("cgroup.freeze"), if frozen { "1" } else { "0" })
            }
            None => Ok(()),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.power_off(Off::Gently);
        if let Some(group) = &self.cgroup {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// Hears what the first process says.
fn listen(
    out: impl io::Read + Send + 'static,
    booted: mpsc::Sender<u32>,
    ended: Arc<Mutex<Vec<(String, String)>>>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["booted", pid] => {
                    let _ = pid.parse().map(|pid| booted.send(pid));
                }
                ["ended", name, how] => {
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.push((name.to_owned(), how.to_owned()));
                }
                _ => {}
            }
        }
    });
}
