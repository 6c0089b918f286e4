//! A Raft group over opaque commands: what one member is told is committed, every member applies,
//! in the same order, whatever crashes in between.
//!
//! ```text
//!   application                    one member                         the others
//!  ┌───────────┐ propose, read ┌──────────────────────┐          ┌──────────────┐
//!  │           ├──────────────▶│ runtime              │ messages │              │
//!  │  applies  │               │  driver ── group ────┼─transport┼─▶            │
//!  │  commands │◀──────────────┤    │     (raft-rs)   │◀─────────┼─             │
//!  └───────────┘ events, in    │    └─▶ disk ── log   │          └──────────────┘
//!                log order     └──────────────────────┘
//! ```
//!
//! - [`group`] is the member as a state machine: inputs in, effects out. It does no I/O, reads no
//!   clock, and draws no randomness but from its seed. Raft itself is raft-rs, kept behind it.
//! - [`log`] makes log, hard state and snapshots durable together, and reads them back: a torn
//!   tail is cut, damage stops the member and names the place.
//! - [`transport`] connects members; strangers and garbage are dropped and counted. [`tls`] says
//!   who is a stranger.
//! - [`runtime`] is the thin tokio shell that joins the three, and what an application uses:
//!   [`runtime::start`], a [`runtime::Handle`], and a stream of [`runtime::Event`]s.
//! - [`sim`] runs whole groups in one thread, with simulated time, network and disks, from a seed.
//! - [`codec`] is the one place that knows how structures become bytes; [`message`] and [`types`]
//!   are those structures.
//!
//! What holds, and is checked in the simulator under every fault it knows: at most one leader in
//! a term; no two members apply different commands at an index; nothing that was acknowledged is
//! lost; a read sees everything that was acknowledged before it; a refused command has no effect;
//! once the faults end, the group settles.

pub mod codec;
pub mod group;
pub mod log;
pub mod message;
pub mod random;
pub mod runtime;
pub mod sim;
pub mod tls;
pub mod transport;
pub mod types;
