//! unpack: from a configuration and a status to the observed state.

mod types;

pub use types::*;
