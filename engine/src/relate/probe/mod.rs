//! Where is it unknown whether a resource is active, and what waits until that is known?

mod order;
mod schedule;

pub use order::order;
pub use schedule::schedule;
