//! How deep can chains be followed?
//!
//! Chains of colocations and orderings are as long as people write them, and following one takes
//! some stack for each link. Whoever follows chains grows the stack where it runs out.

/// Stack kept free before going deeper, and what is added when it runs out.
const RED_ZONE: usize = 64 * 1024;
const SEGMENT: usize = 4 * 1024 * 1024;

/// Goes one link deeper.
pub(crate) fn deeper<R>(follow: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, SEGMENT, follow)
}
