//! What does it cost to run a process?
//!
//! The kernel tells the peak memory of children only as the highest of all, and a child's memory
//! counts from the fork on. So each process is run by a small one of its own, which is this program
//! again ([`COMMAND`]).

use std::io;
use std::num::NonZero;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

/// The command with which this program runs and measures another one.
pub const COMMAND: &str = "measure";

/// What one run of a process took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// From before the start until after the end, µs.
    pub wall_us: u64,
    /// Processor time, of the process and the kernel for it, µs.
    pub cpu_us: u64,
    /// Most memory at one time, KiB.
    pub peak_kib: u64,
}

impl Cost {
    /// Of each number the lower one.
    pub(super) fn lowest(self, other: Cost) -> Cost {
        Cost {
            wall_us: self.wall_us.min(other.wall_us),
            cpu_us: self.cpu_us.min(other.cpu_us),
            peak_kib: self.peak_kib.min(other.peak_kib),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// As it should.
    Done(Cost),
    /// Not within the time that it was given.
    TimedOut,
    /// With an exit code other than 0, or by a signal.
    Failed,
}

#[derive(Serialize, Deserialize)]
struct Told {
    cost: Cost,
    success: bool,
}

/// Runs a program `runs` times and returns the lowest costs, or how the first run ended that did
/// not end as it should.
///
/// # Errors
/// If this program cannot be run again.
pub fn measure(program: &[&str], runs: NonZero<u32>, limit: Duration) -> io::Result<Run> {
    let mut lowest: Option<Cost> = None;
    for _ in 0..runs.get() {
        match measure_once(program, limit)? {
            Run::Done(cost) => {
                lowest = Some(lowest.map_or(cost, |before| before.lowest(cost)));
            }
            other => return Ok(other),
        }
    }
    Ok(lowest.map_or(Run::Failed, Run::Done))
}

fn measure_once(program: &[&str], limit: Duration) -> io::Result<Run> {
    // Ends the whole group of processes.
    let done = Command::new("timeout")
        .arg(limit.as_secs().max(1).to_string())
        .arg(std::env::current_exe()?)
        .arg(COMMAND)
        .args(program)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if done.status.code() == Some(124) {
        return Ok(Run::TimedOut);
    }
    let told: Told = serde_json::from_slice(&done.stdout).map_err(|error| {
        io::Error::other(format!("{}: not measured: {error}", program.join(" ")))
    })?;
    Ok(if told.success {
        Run::Done(told.cost)
    } else {
        Run::Failed
    })
}

/// Runs a program and tells what it took: the other side of [`measure`].
///
/// # Errors
/// If it cannot be run.
#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
pub fn run_measured(mut program: impl Iterator<Item = String>) -> io::Result<ExitCode> {
    let Some(name) = program.next() else {
        return Err(io::Error::other("measure: no program is given"));
    };
    let mut command = Command::new(&name);
    command
        .args(program)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("CIB_shadow_dir", std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = std::time::Instant::now();
    let status = command
        .status()
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    let wall = start.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time() + usage.system_time();
    let told = Told {
        cost: Cost {
            wall_us: wall.as_micros() as u64,
            cpu_us: cpu.num_microseconds().unsigned_abs(),
            peak_kib: usage.max_rss().unsigned_abs(),
        },
        success: status.success(),
    };
    println!("{}", serde_json::to_string(&told)?);
    Ok(ExitCode::SUCCESS)
}
