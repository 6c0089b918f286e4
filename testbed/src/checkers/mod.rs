//! Did what happened keep the safety rules? Checkers of what was witnessed, without I/O.
//!
//! | file | answers |
//! |---|---|
//! | `exclusive.rs` | was anything active twice, or recovered before its node was fenced? |
//! | `linearizable.rs` | is there one order of operations that explains all answers? |

pub mod exclusive;
pub mod linearizable;
