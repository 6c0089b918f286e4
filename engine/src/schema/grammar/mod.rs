//! What does each schema version permit?
//!
//! `cib.grammar` says it for all versions at once, in a notation of its own.
//!
//! - `notation` knows what that says, as expressions, and `read` reads it, a part at a time;
//! - `build` turns the expressions of one version into patterns, as they are needed;
//! - `pattern` knows what is still permitted after some attributes and children;
//! - `types` knows which values attributes have.

mod build;
mod notation;
mod pattern;
mod read;
#[cfg(test)]
mod tests;
mod types;

pub(super) use pattern::{AfterChild, Grammar, PatternId, Symbol};
pub(super) use types::{IdKind, trim};
