//! graph: which actions are carried out, and what each waits for.
//!
//! [`build`] walks the settled actions in the order of the output, makes the notifications that
//! only now are known to be needed, merges what each action waits for, and keeps what is to be
//! done: a [`Transition`]. [`describe()`] turns that into the [`Graph`] that is written, digested
//! and carried out, with every attribute spelled out.

mod describe;
mod emit;
mod host;
mod prune;
mod types;

pub(crate) use describe::dot_name;
pub use describe::{FEATURE_SET, describe};
pub use emit::{Input, Inputs, Transition, build};
pub(crate) use prune::uses_input;
pub use types::*;
