//! The deterministic policy engine of Lockstep: a CIB and a time in, an ordered graph of actions
//! out. See `ARCHITECTURE.md` for the passes.

pub mod config;
mod diagnostic;
pub mod id;
pub mod nvset;
pub mod parse;
pub mod rule;
pub mod score;
pub mod time;
pub mod value;

pub use diagnostic::{Diagnostic, Severity};
