//! Which resources wait for their node to come back from a shutdown?
//!
//! With `shutdown-lock`, what is active on a node that shuts down cleanly stays assigned to it, and
//! so stays stopped, until the node is back or the lock expires.

use super::scratch::Assigner;
use crate::config::Variant;
use crate::id::{NodeId, ResourceId};
use crate::score::Cause;
use crate::value::{integer, ms_to_s};

impl Assigner<'_> {
    /// Applies and takes shutdown locks of primitives and group members.
    pub(super) fn apply_shutdown_locks(&mut self) {
        if !self.world.config.options.shutdown_lock {
            return;
        }
        for position in 0..self.top.len() {
            let resource = self.top[position];
            match self.config(resource).variant {
                Variant::Primitive(_) => self.lock(resource),
                Variant::Group(_) => {
                    for &member in &self.config(resource).children {
                        self.lock(member);
                    }
                }
                Variant::Clone(_) | Variant::Bundle(_) => {}
            }
        }
    }

    fn lock(&mut self, resource: ResourceId) {
        let config = self.config(resource);
        if config.fence_device || config.remote_connection {
            return;
        }
        let active_on = self.active_on(resource);
        let lock = match (self.resources[resource].lock, active_on) {
            (Some(lock), []) => Some(lock),
            // Active somewhere in spite of the lock: leave it in peace.
            (Some(_), _) => None,
            (None, &[node]) => {
                let condition = self.nodes.condition(node);
                (condition.shutdown && !condition.unclean).then(|| (node, self.shutdown_time(node)))
            }
            (None, _) => None,
        };
        self.resources[resource].lock = lock;
        let Some((locked_to, since)) = lock else {
            return;
        };
        let limit_ms = self.world.config.options.shutdown_lock_limit_ms;
        if let Ok(limit_ms @ 1..) = u32::try_from(limit_ms) {
            self.recheck_at(since.saturating_add(i64::from(ms_to_s(limit_ms)) + 1));
        }
        for &node in &self.world.state.nodes_by_name {
            if node != locked_to {
                self.ban(resource, node, Cause::ShutdownLock);
            }
        }
    }

    /// When the node began to shut down: its attribute says so, else now.
    fn shutdown_time(&self, node: NodeId) -> i64 {
        let attribute = self.world.state.node[node].attributes.get("shutdown");
        match attribute.and_then(|text| integer(text)) {
            Some(time) if time != 0 => time,
            _ => self.world.now.seconds,
        }
    }

    fn recheck_at(&mut self, time: i64) {
        if time > self.world.now.seconds {
            self.recheck_by = Some(self.recheck_by.map_or(time, |known| known.min(time)));
        }
    }
}
