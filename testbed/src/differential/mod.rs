//! Does the engine decide what Pacemaker decides? Clusters at random, planned for by both, compared,
//! and what differs made small.
//!
//! A run is a seed: every case has a random sequence of its own that follows from the seed and the
//! case's number, so that any of them can be repeated alone.
//!
//! - [`random`] is where chance comes from, [`tree`] what is edited;
//! - [`generate`] makes clusters from nothing, [`mutate`] disturbs them and existing CIBs;
//! - [`planner`] asks the peer and the engine, [`normalise`] and [`compare`] say how they differ;
//! - [`coverage`] counts what the clusters had of all that matters to decisions;
//! - [`exceptions`] names differences in which the peer is wrong;
//! - [`known`] spares asking the peer again after a change of the engine;
//! - [`shrink`] makes a case small, [`run`] does all that for many cases and keeps what it finds.

pub mod case;
pub mod compare;
pub mod coverage;
pub mod exceptions;
pub mod generate;
pub mod known;
pub mod mutate;
pub mod normalise;
pub mod planner;
pub mod random;
pub mod run;
pub mod shrink;
pub mod tree;

#[cfg(test)]
mod tests;
