//! What does each schema version permit?
//!
//! `cib.grammar` says it for all versions at once, in a notation of its own. The build script
//! compiles it (`engine/build/`), so that nothing has to be read when a process starts:
//!
//! - `tables` holds what it made: for each element its alternatives, in each version;
//! - `attributes` knows which alternatives are left after some attributes;
//! - `children` knows what is still permitted after some children;
//! - `arena` numbers the patterns in which that is said, here and in the build script;
//! - `types` knows which values attributes have.

mod arena;
mod attributes;
mod children;
mod tables;
#[cfg(test)]
mod tests;
mod types;

pub(super) use arena::{PatternId, Symbol};
pub(super) use attributes::Attributes;
pub(super) use children::{AfterChild, Grammar};
pub(super) use tables::ContentId;
pub(super) use types::{IdKind, trim};
