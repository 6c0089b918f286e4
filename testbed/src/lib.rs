//! What the testbed is made of: each module is a way to try Lockstep as a whole.

pub mod bench;
pub mod checkers;
pub mod convergence;
pub mod determinism;
pub mod differential;
pub mod faults;
pub mod guide;
pub mod hosts;
pub mod kill_controllers;
pub mod output;
pub mod plants;
pub mod report;
mod runtime;
pub mod scenarios;
pub mod sim;
pub mod witness;
