//! relate: what comes before what.
//!
//! Two kinds of statement: an [`Ordering`] names its ends by resource and task, and is applied once
//! all actions exist ([`order()`], with what it means for live migration); a [`Link`] joins two
//! actions that exist already ([`link()`]). They are made, in this order and interleaved with the
//! making of actions:
//!
//! 1. [`locks`]: histories erased because their shutdown lock is void;
//! 2. [`internal()`]: what every resource implies by what it is, before anything is assigned;
//! 3. [`probe::schedule`]: where states are unknown, and what waits for knowing them;
//! 4. [`remote`]: actions across a connection, relative to that connection;
//! 5. [`fencing::schedule`]: nodes to be fenced or shut down, and what follows from that;
//! 6. [`probe::order`], once orderings have become links: what else has to wait for probes.
//!
//! The order of creation is visible (action numbers; which of two orderings between the same
//! actions counts), so each file keeps Pacemaker's.

pub mod fencing;
pub mod instances;
mod internal;
mod link;
pub mod locks;
mod order;
pub mod probe;
pub mod remote;
mod shutdown;
pub mod topology;
mod types;
mod unfencing;

pub use internal::internal;
pub use link::{LinkId, Links, link};
pub use order::{order, repeat};
pub use types::*;

#[cfg(test)]
mod tests;
