//! How fast is it, beside its peers?
//!
//! - [`cluster`] measures clusters of real processes.

pub mod cluster;
