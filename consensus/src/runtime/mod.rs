//! The thin shell that joins group, store and transport on tokio.

mod config;
mod handle;

pub use config::{MAX_CLUSTER_ID_BYTES, MAX_COMMAND_BYTES, RuntimeConfig, StartError};
pub use handle::{
    CommitIndex, Event, FatalError, GroupStatus, Handle, PeerStatus, ProposeError, SnapshotError,
};
