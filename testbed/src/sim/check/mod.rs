//! What must hold, whatever happens? The safety rules of the design, watched from outside.
//!
//! | rule | watched by |
//! |---|---|
//! | 1: what may run once is never active on two nodes | `services`: after every change of what really runs |
//! | 2: nothing of a lost node is recovered before it was fenced | `services`: at every start |
//! | 3: what was acknowledged is never lost | `log`: every controller applies the same entries; `orders`: nothing is run twice |
//! | 4: executors check terms; one leader a term | `orders`, `log` |
//! | 5: all controllers have the same state and graphs | `log`: at every index, every plan, every snapshot |
//! | 6: after the faults, the cluster converges | `settled` |
//! | 7: losing the control plane ends nothing | `services`, in runs where nothing else is lost |

mod log;
mod orders;
mod services;
mod settled;

pub(super) use log::LogChecks;
pub(super) use orders::OrderChecks;

/// What the checks remember.
pub(super) struct Checks {
    pub(super) log: LogChecks,
    pub(super) orders: OrderChecks,
}

impl Checks {
    pub(super) fn new(compare_every: u64) -> Self {
        Self {
            log: LogChecks::new(compare_every),
            orders: OrderChecks::default(),
        }
    }
}
