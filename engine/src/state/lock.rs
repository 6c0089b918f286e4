//! Does a resource wait for the node that it was shut down with?

use super::builder::Builder;
use super::history::integer;
use crate::action::Task;
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::value;

impl Builder<'_> {
    /// Reads the shutdown lock of a resource's history: it holds until the limit is over; then the
    /// history is erased, as nothing is known any more.
    pub(super) fn read_lock(&mut self, resource: ResourceId, node: NodeId, history: ElementId) {
        let since = self.document.attr_by(history, names::SHUTDOWN_LOCK);
        let Some(since) = since.and_then(integer).filter(|&since| since != 0) else {
            return;
        };
        let limit_ms = self.config.options.shutdown_lock_limit_ms;
        let limit = i64::from(value::ms_to_s(u32::try_from(limit_ms).unwrap_or(u32::MAX)));
        if limit_ms > 0 && self.now > since.saturating_add(limit) {
            self.require(resource, node, Task::LrmDelete);
        } else {
            self.state.resource[resource].lock = Some((node, since));
        }
    }
}
