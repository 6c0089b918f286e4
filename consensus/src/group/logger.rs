//! Raft's own log lines, passed on to `tracing`.

use std::fmt::Write as _;

use slog::{Drain, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};

/// A logger for raft.
pub(super) fn logger() -> Logger {
    Logger::root(ToTracing, o!())
}

struct ToTracing;

impl Drain for ToTracing {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), Never> {
        // Raft's "info" tells each vote and each probe: detail, next to our own lines.
        match record.level() {
            Level::Critical | Level::Error => tracing::error!(target: "raft", "{}", line(record)),
            Level::Warning => tracing::warn!(target: "raft", "{}", line(record)),
            Level::Info => tracing::debug!(target: "raft", "{}", line(record)),
            Level::Debug | Level::Trace => tracing::trace!(target: "raft", "{}", line(record)),
        }
        Ok(())
    }
}

fn line(record: &Record<'_>) -> String {
    let mut text = Text(record.msg().to_string());
    // A value that cannot be shown is left out.
    let _ = slog::KV::serialize(&record.kv(), record, &mut text);
    text.0
}

struct Text(String);

impl Serializer for Text {
    fn emit_arguments(&mut self, key: Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, " {key}={value}").map_err(slog::Error::from)
    }
}
