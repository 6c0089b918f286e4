//! A Raft group over opaque commands.

pub mod codec;
pub mod group;
pub mod log;
pub mod message;
pub mod random;
pub mod runtime;
pub mod sim;
pub mod transport;
pub mod types;
