//! The Lockstep daemon and command line.
//!
//! One binary, `lockstep`, in two kinds of process on each node:
//!
//! ```text
//!   lockstep node                                lockstep executor
//!   ┌────────────────────────────────┐           ┌───────────────────────────┐
//!   │ consensus ──committed──▶ cluster│  orders   │ core ── journal           │
//!   │     ▲                     │     │ ────────▶ │   │                       │
//!   │     └──proposals── controller ◀─┼─ reports ─│   └─▶ agents (OCF, fence) │
//!   │ http (JSON for the CLI)        │           └───────────────────────────┘
//!   └────────────────────────────────┘   every executor is connected to every controller
//! ```
//!
//! - [`cluster`] is the replicated state machine: commands in, the same state on every controller.
//! - [`controller`] decides, as a state machine without I/O, when to plan, what to dispatch and
//!   what to propose.
//! - [`executor`] runs what a leader orders, at most once, and outlives its node's controller.
//! - [`agent`] knows how resource agents and fence agents are called.
//! - [`edit`] changes configurations as operators' commands ask.
//! - [`fabric`] carries messages between controllers and executors.
//! - [`security`] says who belongs to the cluster, and lets new machines in.
//! - [`daemon`] is the thin shell around the controller: sockets, timers, threads.
//! - [`lab`] runs a whole cluster as processes of one host, for the demo and for tests.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod codec;
pub mod config;
pub mod controller;
pub mod daemon;
pub mod edit;
pub mod executor;
pub mod exit;
pub mod fabric;
pub mod http;
pub mod lab;
pub mod lock;
pub mod policy;
pub mod process;
pub mod security;
