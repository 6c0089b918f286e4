//! graph: prune, number, check.

mod types;

pub use types::*;
