//! Is there an executor on this node?
//!
//! It is a process of its own that a controller starts and does not stop: a controller that was
//! restarted finds it at work, by the lock on its folder, and leaves it alone.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::lock::{FolderLock, LockError};

/// How often a running executor that is not our child is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// An executor that ended is started again after this,
const AGAIN: Duration = Duration::from_millis(200);
/// or twice as long each time that it ended at once, up to this.
const AGAIN_LAST: Duration = Duration::from_secs(5);
/// A log file longer than this is put aside when an executor starts, in bytes.
const MAX_LOG: u64 = 16 << 20;

/// How to start an executor.
#[derive(Clone, Debug)]
pub struct ExecutorProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<std::ffi::OsString>,
    /// Whether it gets our standard input, whose end then ends it as well.
    pub inherit_stdin: bool,
}

/// Keeps an executor running while this node `stays`.
pub(super) async fn run(config: Config, executor: ExecutorProgram, stays: watch::Receiver<bool>) {
    let folder = config.executor_dir();
    let clock = Clock::start();
    let mut pause = AGAIN;
    loop {
        match FolderLock::take(&folder) {
            // Free: nobody runs. It takes the lock itself.
            Ok(lock) => drop(lock),
            Err(LockError::Taken { .. }) => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "cannot start the executor");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        }
        if !*stays.borrow() {
            return;
        }
        match start(&config, &executor) {
            Ok(mut child) => {
                let begun_ms = clock.monotonic_ms();
                tracing::info!(pid = child.id(), "executor started");
                let ended = child.wait().await;
                tracing::warn!(?ended, "executor ended");
                let at_once = clock.monotonic_ms() < begun_ms + AGAIN_LAST.as_millis() as u64;
                pause = if at_once {
                    (pause * 2).min(AGAIN_LAST)
                } else {
                    AGAIN
                };
            }
            Err(error) => tracing::error!(%error, "cannot start the executor"),
        }
        tokio::time::sleep(pause).await;
    }
}

fn start(config: &Config, executor: &ExecutorProgram) -> std::io::Result<tokio::process::Child> {
    let path = config.data_dir.join("executor.log");
    if path.metadata().is_ok_and(|meta| meta.len() > MAX_LOG) {
        std::fs::rename(&path, path.with_extension("log.1"))?;
    }
    let log = OpenOptions::new().create(true).append(true).open(path)?;
    Command::new(&executor.program)
        .args(&executor.arguments)
        .stdin(if executor.inherit_stdin {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        // What a terminal sends to us is not meant for it.
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
}
