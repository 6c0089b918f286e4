//! What does each schema version permit?
//!
//! `cib.grammar` says it for all versions at once, in a notation of its own. [`notation`] reads
//! that into expressions, once; [`pattern`] turns the expressions of one version into patterns, as
//! they are needed, and knows what is still permitted after some attributes and children;
//! [`types`] knows which values the types of attributes have.

mod notation;
mod pattern;
#[cfg(test)]
mod tests;
mod types;

pub(super) use pattern::{AfterChild, Grammar, PatternId, Symbol};
pub(super) use types::IdKind;
