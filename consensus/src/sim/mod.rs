//! A whole group in one thread, with virtual time, a simulated network and simulated disks, all
//! of it from one seed: what a seed does, it does each time.
//!
//! The members are the real thing: [`Group`](crate::group::Group) on
//! [`LogStore`](crate::log::LogStore). Around them [`world`] plays network, disks, clocks and
//! clients (`application`), and is unkind (`trouble`): messages are lost, late, doubled and out of order, links and whole
//! nodes fail, disks fill up and tear what they were writing, clocks stop. [`check`] watches
//! what must hold whatever happens; [`network`] decides what becomes of a message.
//!
//! ```
//! use lockstep_consensus::sim::{Settings, run};
//! let summary = run(&Settings::new(7)).expect("the group keeps its promises");
//! assert!(summary.committed > 0);
//! ```

mod application;
pub mod check;
pub mod network;
mod trouble;
pub mod world;

pub use check::Violation;
pub use network::Faults;
pub use world::{Settings, Summary, run};

#[cfg(test)]
mod tests;
