//! What runs on this node, ordered by whichever controller leads?
//!
//! An executor is a process of its own, so that the death of a controller kills nothing: services
//! run on, monitors go on, and the next leader is followed over its own connection. It promises:
//!
//! - **at most once**: an order is journaled durably before it runs and is known by its
//!   [`OrderKey`]; a repeat is answered with the recorded result, never run again;
//! - **one leader**: a lower term than the highest seen is refused, also after a restart;
//! - **one at a time**: orders for one resource run in the order in which they came;
//! - **nothing lost**: a result is kept, and told again, until the leader says that it is committed.
//!
//! | file | question |
//! |---|---|
//! | `order.rs` | what may be ordered, and what is reported |
//! | `core.rs` | which order runs when, and what is answered: pure, driven by inputs |
//! | `journal.rs` | what survives a crash: records in a checksummed file |
//! | `callbacks.rs`, `relay.rs` | what agents ask: their local socket, and the way to a controller |
//! | `shell.rs` | sockets, clock, disk and processes around the core |

mod callbacks;
mod core;
pub mod journal;
mod order;
mod relay;
pub mod shell;

pub use core::{ConnectionId, Effects, Executor, Identity, Input, RunId, StartRun};
pub use journal::Record;
pub use order::{FromExecutor, Order, OrderKey, Refusal, Report, ToExecutor, Work};
