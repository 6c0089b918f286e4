//! Constraints: one file a kind.

mod types;

pub use types::*;
