//! resolve: from a document to a typed configuration.

mod types;

pub use types::*;
