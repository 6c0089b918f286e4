//! The deterministic policy engine of Lockstep: a CIB and a time in, an ordered graph of actions
//! out. See `ARCHITECTURE.md` for the passes.

pub mod id;
pub mod nvset;
pub mod parse;
pub mod rule;
pub mod time;
pub mod value;
