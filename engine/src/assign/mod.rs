//! assign: every instance to a node and a role.

mod types;

pub use types::*;
