//! act: which actions the placement needs.

mod types;

pub use types::*;
