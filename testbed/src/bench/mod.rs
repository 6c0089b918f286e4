//! How fast is it, and how much memory does it take, beside its peers?
//!
//! - [`cluster`] measures clusters of real processes;
//! - [`engine`] measures the engine beside Pacemaker's scheduler: both as whole processes
//!   ([`process`]), on the same files, which [`families`] makes.

pub mod cluster;
pub mod engine;
pub mod families;
pub mod process;

#[cfg(test)]
mod tests;
