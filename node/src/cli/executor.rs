//! `lockstep executor`: this node's executor.

use tokio::sync::watch;

use super::node::{exit_with_stdin, signals};
use super::{ConfigFile, Failure, Logging, Outcome, runtime};
use crate::agent::{Callbacks, Services, Site};
use crate::executor::journal::JournalError;
use crate::executor::shell::{self, Settings, StartError};
use crate::exit::Exit;
use crate::lock::LockError;
use crate::security::files::Files;

/// Run this node's executor only.
///
/// Runs what a leader orders, and goes on when controllers come and go. SIGTERM stops it and
/// leaves services running.
#[derive(Debug, clap::Args)]
#[command(long_about = None, after_help = "Example: lockstep executor --config /etc/lockstep/lockstep.toml")]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    logging: Logging,
    /// End when standard input ends
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

pub(super) fn run(arguments: Args) -> Outcome {
    arguments.logging.start()?;
    let config = arguments.file.read()?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::OsError, format!("cannot find myself: {error}")))?;
    let agents = config.agents.clone();
    let settings = Settings {
        cluster: config.cluster.clone(),
        folder: config.executor_dir(),
        controllers: config
            .controllers
            .iter()
            .map(|c| c.address.to_string())
            .collect(),
        files: Files::of_config(&config),
        site: Site {
            node: config.node.clone(),
            ocf_root: agents.ocf_root,
            fence_folder: None,
            bundled_state_dir: agents.state_dir.unwrap_or(config.data_dir.join("agents")),
            witness: agents.witness,
            stand_in: agents.stand_in,
            program,
            callbacks: Some(Callbacks::below(&config.executor_dir())),
            services: Services::default(),
        },
        heartbeat: config.heartbeat(),
    };
    let runtime = runtime(2)?;
    if arguments.exit_with_stdin {
        exit_with_stdin();
    }
    runtime.block_on(async {
        let mut count = signals()?;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            if count.wait_for(|count| *count > 0).await.is_ok() {
                stop.send_replace(true);
            }
            // Dropping it would look like a request.
            std::future::pending::<()>().await;
        });
        let ended = shell::run(settings, stopped).await;
        ended.map_err(|error| Failure::new(exit_of(&error), error))
    })
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Lock(LockError::Taken { .. }) => Exit::Exists,
        StartError::Lock(LockError::Io { .. }) => Exit::CannotCreate,
        StartError::Journal(JournalError::Io { .. }) => Exit::Io,
        StartError::Journal(JournalError::Damaged { .. }) => Exit::BadData,
        StartError::Journal(_) => Exit::Config,
        StartError::Security(error) => error.exit(),
    }
}
