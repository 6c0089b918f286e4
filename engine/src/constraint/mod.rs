//! Constraints: one file a kind.

mod types;

pub use types::*;

/// Reads the constraints of a cluster.
#[must_use]
pub fn unpack(
    _document: &crate::parse::Document,
    _config: &crate::config::Config,
    _state: &crate::state::State,
    _now: crate::time::Timestamp,
) -> Constraints {
    Constraints::default()
}
