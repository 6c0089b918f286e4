//! How deep can chains be followed?
//!
//! Chains of colocations and orderings are as long as people write them, and following one takes
//! some stack for each link. Whoever follows chains grows the stack where it runs out.

use std::cell::Cell;

/// Stack kept free before going deeper, and what is added when it runs out.
const RED_ZONE: usize = 64 * 1024;
const SEGMENT: usize = 4 * 1024 * 1024;

/// So many links fit on any stack. How much of it is left is looked at only beyond them: asking the
/// system for that takes a good part of the time of a small plan.
const SHALLOW: u32 = 64;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Goes one link deeper.
pub(crate) fn deeper<R>(follow: impl FnOnce() -> R) -> R {
    struct Link;
    impl Drop for Link {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _link = Link;
    if DEPTH.get() <= SHALLOW {
        follow()
    } else {
        stacker::maybe_grow(RED_ZONE, SEGMENT, follow)
    }
}
