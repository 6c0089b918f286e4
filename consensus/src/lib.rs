//! A Raft group over opaque commands.
