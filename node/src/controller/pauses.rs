//! What if this controller itself stood still?
//!
//! A process that was stopped, or whose machine had other things to do, heard nobody meanwhile. That
//! is no absence of theirs: whoever is measured by how long nothing came from him gets that time
//! again, before anything is made of it.

use super::{Controller, Moment};

/// A controller that takes no step for so long stood still, in milliseconds: its shell has it take one
/// every 50.
const STOOD_STILL_MS: u64 = 500;

impl Controller {
    /// Notes that a step is taken; after a pause, nobody's silence during it counts.
    pub(super) fn wake(&mut self, now: Moment) {
        let last_ms = self.stepped_ms.replace(now.monotonic_ms);
        let pause_ms = last_ms.map_or(0, |last| now.monotonic_ms.saturating_sub(last));
        if pause_ms < STOOD_STILL_MS {
            return;
        }
        // Who was about to come back finds nobody until now, so has at least as long as the pause was.
        // Not all its patience: who is away for good is lost even if pauses come one after the other.
        let at_least = now.monotonic_ms.saturating_add(pause_ms);
        let at_least = at_least.saturating_sub(self.settings.node_lost_ms);
        for since in self.absent_since_ms.values_mut() {
            *since = (*since + pause_ms).max(at_least).min(now.monotonic_ms);
        }
        if let Some(started_ms) = &mut self.started_ms {
            *started_ms += pause_ms;
        }
        if let Some(leading) = &mut self.leading {
            leading.grant(pause_ms);
        }
    }
}
