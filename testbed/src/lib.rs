//! What the testbed is made of: each module is a way to try Lockstep as a whole.

pub mod bench;
pub mod convergence;
pub mod differential;
pub mod kill_controllers;
pub mod sim;
