//! settle: runnable and optional verdicts of all actions, to a fixpoint.

use crate::action::Draft;

/// A draft whose verdicts have settled: no ordering changes anything any more.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Actions and links with their final verdicts.
    pub draft: Draft,
}
