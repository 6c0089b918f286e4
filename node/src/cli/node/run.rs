//! `lockstep node` alone: this node's controller.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::super::{ConfigFile, Failure, Logging, Outcome, runtime};
use crate::cluster::policy::Policy;
use crate::daemon::{self, ExecutorProgram};
use crate::exit::Exit;

/// Runs until SIGTERM: then the cluster moves what runs here to other nodes first. A second
/// signal stops at once and leaves services as they are.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    logging: Logging,
    /// End when standard input ends: for whoever runs whole clusters and may be killed
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

pub(in crate::cli) fn run(arguments: Args, policy: Arc<dyn Policy>) -> Outcome {
    arguments.logging.start()?;
    let config = arguments.file.read()?;
    let executor = executor_program(&arguments)?;
    let runtime = runtime(2)?;
    if arguments.exit_with_stdin {
        exit_with_stdin();
    }
    runtime.block_on(async {
        let stop = signals()?;
        let path = arguments.file.config.clone();
        let ended = daemon::run(config, path, executor, policy, stop).await;
        ended.map_err(|error| Failure::new(error.exit(), error))
    })
}

/// The executor is this program with this configuration.
fn executor_program(arguments: &Args) -> Result<ExecutorProgram, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::OsError, format!("cannot find myself: {error}")))?;
    let config = std::path::absolute(&arguments.file.config)
        .map_err(|error| Failure::new(Exit::OsError, error))?;
    let mut all = vec![
        "executor".into(),
        "--config".into(),
        config.into_os_string(),
    ];
    all.extend(["--log".into(), arguments.logging.log.clone().into()]);
    if arguments.logging.log_json {
        all.push("--log-json".into());
    }
    if arguments.exit_with_stdin {
        all.push("--exit-with-stdin".into());
    }
    Ok(ExecutorProgram {
        program,
        arguments: all,
        inherit_stdin: arguments.exit_with_stdin,
    })
}

/// Counts requests to stop.
pub(in crate::cli) fn signals() -> Result<watch::Receiver<u32>, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::new(Exit::OsError, format!("signals: {error}")))
    };
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let (count, counted) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            count.send_modify(|count| *count += 1);
        }
    });
    Ok(counted)
}

/// Ends the process when whoever started it is gone, in whatever way.
pub(in crate::cli) fn exit_with_stdin() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(i32::from(Exit::Ok as u8));
    });
}
