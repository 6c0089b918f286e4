//! relate: what comes before what.

mod types;

pub use types::*;
