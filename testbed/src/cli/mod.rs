//! The commands of the testbed: one file a command.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod bench_cluster;
pub(crate) mod determinism;
pub(crate) mod differential;
pub(crate) mod guide;
pub(crate) mod kill_controllers;
pub(crate) mod scenario;
pub(crate) mod sim;
