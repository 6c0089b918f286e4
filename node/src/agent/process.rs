//! How is a program run so that it ends in time and cannot flood us?
//!
//! The program gets a process group of its own; at its deadline the whole group is killed. Of what
//! it writes only the end is kept. When the program itself ends we take what is in the pipes and
//! leave: a service that it started may hold them open for ever.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Of each output stream this many bytes are kept, from the end.
pub const KEPT: usize = 16 << 10;

/// Whether there is a program at a path.
pub fn is_program(path: &Path) -> bool {
    let meta = std::fs::metadata(path);
    meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A program with all that it is given. Nothing of our own environment leaks into it.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Which program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What it reads from standard input.
    pub input: Vec<u8>,
    /// When to kill it; `None` means never.
    pub timeout: Option<Duration>,
    /// How many bytes of each output stream are kept, from the end, if not [`KEPT`].
    pub keep: Option<usize>,
}

/// How a program ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself, or by a signal that we did not send.
    Exited(ExitStatus),
    /// It was killed at its deadline.
    TimedOut,
    /// It could not be started.
    NotStarted(std::io::Error),
}

/// How a program ended and the end of what it wrote.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// End of its standard output.
    pub stdout: Vec<u8>,
    /// End of its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Whether it ended by itself and all went well.
    pub fn succeeded(&self) -> bool {
        matches!(self.ended, Ended::Exited(status) if status.success())
    }
}

/// Runs a program to its end; `started` gets its process group.
pub async fn run(invocation: Invocation, started: impl FnOnce(u32)) -> Finished {
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.arguments)
        .env_clear()
        .envs(invocation.environment)
        .current_dir("/")
        .stdin(if invocation.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let ended = Ended::NotStarted(error);
            return Finished {
                ended,
                stdout: Vec::new(),
                stderr: Vec::new(),
            };
        }
    };
    let group = child.id();
    if let Some(group) = group {
        started(group);
    }

    let mut output = Output::of(&mut child, invocation.keep.unwrap_or(KEPT));
    let input = child.stdin.take().map(|pipe| (pipe, invocation.input));
    let ended = tokio::select! {
        ended = attend(&mut child, &mut output, input) => ended,
        () = deadline(invocation.timeout) => {
            kill_group(group);
            // Reaps it; the kill cannot be ignored, only delayed by the kernel.
            let _ = child.wait().await;
            Ended::TimedOut
        }
    };
    output.take_what_is_left();
    Finished {
        ended,
        stdout: output.stdout.kept,
        stderr: output.stderr.kept,
    }
}

async fn deadline(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Feeds and reads the program until it exits.
async fn attend(
    child: &mut Child,
    output: &mut Output,
    input: Option<(tokio::process::ChildStdin, Vec<u8>)>,
) -> Ended {
    let feed = async {
        if let Some((mut pipe, bytes)) = input {
            // A program may end without reading what it was given: its exit code tells.
            let _ = pipe.write_all(&bytes).await;
        }
    };
    let exit = async {
        match child.wait().await {
            Ok(status) => Ended::Exited(status),
            Err(error) => Ended::NotStarted(error),
        }
    };
    tokio::pin!(feed, exit);
    let mut fed = false;
    loop {
        tokio::select! {
            ended = &mut exit => return ended,
            () = &mut feed, if !fed => fed = true,
            () = output.stdout.read_some() => {}
            () = output.stderr.read_some() => {}
        }
    }
}

fn kill_group(group: Option<u32>) {
    let group = group
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(group) = group {
        // The group may be gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

struct Output {
    stdout: Tail<tokio::process::ChildStdout>,
    stderr: Tail<tokio::process::ChildStderr>,
}

impl Output {
    fn of(child: &mut Child, keep: usize) -> Self {
        Self {
            stdout: Tail::new(child.stdout.take(), keep),
            stderr: Tail::new(child.stderr.take(), keep),
        }
    }

    fn take_what_is_left(&mut self) {
        self.stdout.take_what_is_left();
        self.stderr.take_what_is_left();
    }
}

/// The end of a stream.
struct Tail<R> {
    source: Option<R>,
    keep: usize,
    kept: Vec<u8>,
    buffer: Box<[u8; 4096]>,
}

impl<R: AsyncRead + AsFd + Unpin> Tail<R> {
    fn new(source: Option<R>, keep: usize) -> Self {
        Self {
            source,
            keep,
            kept: Vec::new(),
            buffer: Box::new([0; 4096]),
        }
    }

    /// Waits for some bytes; never returns after the end of the stream.
    async fn read_some(&mut self) {
        let Some(source) = &mut self.source else {
            return std::future::pending().await;
        };
        match source.read(&mut self.buffer[..]).await {
            Ok(count) if count > 0 => self.keep(count),
            Ok(_) | Err(_) => self.source = None,
        }
    }

    /// Reads what is in the pipe now. Goes to the descriptor itself (which tokio made
    /// non-blocking): the runtime may not yet know that there is something to read.
    fn take_what_is_left(&mut self) {
        // More than a pipe holds, so that a program that goes on writing cannot keep us here.
        for _ in 0..64 {
            let Some(source) = &self.source else { return };
            match rustix::io::read(source.as_fd(), &mut self.buffer[..]) {
                Ok(count) if count > 0 => self.keep(count),
                Ok(_) | Err(_) => self.source = None,
            }
        }
    }

    fn keep(&mut self, count: usize) {
        self.kept.extend_from_slice(&self.buffer[..count]);
        let excess = self.kept.len().saturating_sub(self.keep);
        self.kept.drain(..excess);
    }
}
