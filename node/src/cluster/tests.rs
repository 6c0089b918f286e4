//! The state machine, driven by commands as the log would bring them.

mod agreement;
mod configuration;
mod nodes;
mod plans;
mod results;
mod upgrade;
