//! What is the first process of a host? It starts and signals what it is told to, and reaps.
//!
//! It is told over its standard input, which only the testbed has the other end of: when that is
//! gone, however it went, the first process ends, and the host with it.
//!
//! | line | means |
//! |---|---|
//! | `start NAME LOG PROGRAM ARGUMENT …` | starts a program, with its output appended to a file |
//! | `signal NAME NUMBER` | signals it |
//!
//! It says `booted PID`, with its number outside of the host, and `ended NAME HOW`. Words are separated by tabs.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The command by which this program becomes a host's first process.
pub const COMMAND: &str = "host-init";

/// Names of what was started, by process id.
type Started = Arc<Mutex<BTreeMap<i32, String>>>;

/// Does what the testbed says until it says no more.
///
/// # Errors
/// If this is no first process, or nobody listens.
pub fn run(mut arguments: impl Iterator<Item = String>) -> io::Result<ExitCode> {
    let outside = arguments.next().unwrap_or_default();
    let mut child_ended = SigSet::empty();
    child_ended.add(Signal::SIGCHLD);
    // Before there are threads: all of them leave the signal to this one.
    child_ended.thread_block()?;
    tell(&["booted", &outside])?;
    let started = Started::default();
    let told = started.clone();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split('\t').collect();
            if let Err(error) = obey(&words, &told) {
                let name = words.get(1).copied().unwrap_or_default();
                let _ = tell(&["ended", name, &format!("not started: {error}")]);
            }
        }
        std::process::exit(0);
    });
    loop {
        child_ended.wait()?;
        reap(&started)?;
    }
}

fn tell(words: &[&str]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", words.join("\t"))?;
    out.flush()
}

fn obey(words: &[&str], started: &Started) -> io::Result<()> {
    let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
    match words {
        ["start", name, log, program, arguments @ ..] => {
            let log = OpenOptions::new().create(true).append(true).open(log)?;
            let child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .process_group(0)
                .spawn()?;
            // Reaped with everything else; the lock is held until its name is known.
            started.insert(child.id().cast_signed(), (*name).to_owned());
            Ok(())
        }
        ["signal", name, number] => {
            let signal = number.parse().ok().and_then(|n: i32| n.try_into().ok());
            let signal: Signal = signal.ok_or_else(|| io::Error::other("no such signal"))?;
            for (pid, _) in started.iter().filter(|(_, started)| started == name) {
                kill(Pid::from_raw(*pid), signal)?;
            }
            Ok(())
        }
        _ => Err(io::Error::other("this is no order")),
    }
}

fn reap(started: &Started) -> io::Result<()> {
    loop {
        let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
        let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exit code {code}")),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, format!("{signal}")),
            Ok(WaitStatus::StillAlive) | Err(nix::Error::ECHILD) => return Ok(()),
            Ok(_) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some(name) = started.remove(&pid.as_raw()) {
            tell(&["ended", &name, &how])?;
        }
    }
}
