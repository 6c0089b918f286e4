//! Which changed parameters does a resource take without a restart?
//!
//! Its agent's meta-data says. An agent of OCF 1.1 with an action `reload-agent` takes all that it
//! marks `reloadable`; one of OCF 1.0 with `reload` takes, by Pacemaker's custom, all that is not
//! `unique`. The engine reads it from the history of operations that succeeded, so that is where it is
//! noted. Meta-data is asked for again when an agent's file has changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockstep_engine::value::compare_versions;

use super::metadata::Metadata;
use super::process::Invocation;
use super::{Operation, Outcome, ResultCode};

/// Meta-data is not waited for longer: without it, every change is a restart.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nor are longer lists of names kept, in bytes.
const MAX_NAMES: usize = 4096;

/// What an agent can do about changed parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reload {
    /// Parameters whose change takes a restart; `None` if all do.
    pub(super) restart_for: Option<Vec<String>>,
    /// Whether its action is called `reload`.
    pub(super) is_legacy: bool,
}

impl Reload {
    /// As an agent's meta-data says.
    pub(super) fn of(told: &Metadata) -> Self {
        let modern = compare_versions(&told.ocf_version, "1.1").is_ge();
        let is_legacy = !modern && told.has_action("reload");
        let can_reload = is_legacy || (modern && told.has_action("reload-agent"));
        if !can_reload {
            return Self::default();
        }
        let parameters = told.parameters.iter();
        let restarting = parameters.filter(|parameter| match is_legacy {
            true => parameter.unique,
            false => !parameter.reloadable,
        });
        let names: Vec<_> = restarting.map(|parameter| parameter.name.clone()).collect();
        let is_short = names.iter().map(String::len).sum::<usize>() <= MAX_NAMES;
        Self {
            restart_for: is_short.then_some(names),
            is_legacy,
        }
    }
}

/// Whether an operation's result is one by which the engine compares parameters later.
pub(super) fn is_compared(operation: &Operation, outcome: &Outcome) -> bool {
    const TASKS: [&str; 8] = [
        "start",
        "monitor",
        "promote",
        "demote",
        "reload",
        "reload-agent",
        "migrate_to",
        "migrate_from",
    ];
    operation.interval_ms == 0
        && TASKS.contains(&operation.task.as_str())
        && [ResultCode::OK, ResultCode::RUNNING_PROMOTED].contains(&outcome.code)
}

/// What is known of the agents of this machine, by their files.
#[derive(Default)]
pub(super) struct Reloads(Mutex<BTreeMap<PathBuf, (Version, Reload)>>);

/// When a file was last changed, in seconds and nanoseconds.
type Version = (i64, i64);

impl Reloads {
    /// What an agent can do; `asked` is how it is asked for its meta-data.
    pub(super) async fn of_agent(&self, asked: Invocation) -> Reload {
        let file = asked.program.clone();
        let Some(version) = version(&file) else {
            return Reload::default();
        };
        let kept = self.known().get(&file).cloned();
        if let Some((of, reload)) = kept
            && of == version
        {
            return reload;
        }
        let asked = Invocation {
            timeout: Some(PATIENCE),
            ..asked
        };
        let reload = match Metadata::ask(asked).await {
            Ok((_, told)) => Reload::of(&told),
            Err(error) => {
                tracing::debug!(agent = %file.display(), %error, "changed parameters will restart");
                Reload::default()
            }
        };
        self.known().insert(file, (version, reload.clone()));
        reload
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (Version, Reload)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(file: &Path) -> Option<Version> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec()))
}

#[cfg(test)]
mod tests;
