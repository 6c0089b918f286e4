//! What is told of a run? One page that needs nothing else, and a few lines of text.
//!
//! | file | answers |
//! |---|---|
//! | `chronicle.rs` | what happened when, as the testbed saw it? |
//! | `record.rs` | what is kept of a run? |
//! | `timeline.rs` | how is it drawn? |
//! | `graph.rs` | how is a plan drawn? |
//! | `page.rs` | what is on the page? |

pub mod chronicle;
pub mod graph;
pub mod page;
pub mod record;
mod timeline;
