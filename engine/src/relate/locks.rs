//! Which shutdown locks are void? What a lock was kept for may have been started elsewhere.

use crate::World;
use crate::action::{Draft, Key, Need, Task};
use crate::config::Variant;
use crate::id::ResourceId;

/// Erases the history that keeps a lock of a resource which is active all the same. Such a lock
/// should not exist; the resource is not disturbed because of it.
pub fn erase_void(world: World<'_>, draft: &mut Draft) {
    if world.config.options.shutdown_lock {
        for &resource in &world.state.top {
            erase_if_void(world, draft, resource);
        }
    }
}

fn erase_if_void(world: World<'_>, draft: &mut Draft, resource: ResourceId) {
    let configured = &world.state.resources[resource];
    match configured.variant {
        Variant::Group(_) => {
            for &member in &configured.children {
                erase_if_void(world, draft, member);
            }
        }
        Variant::Primitive(_) if !configured.fence_device && !configured.remote_connection => {
            let observed = &world.state.resource[resource];
            if let Some((node, _)) = observed.lock
                && !observed.active_on.is_empty()
            {
                let key = Key::once(resource, Task::LrmDelete);
                let erase = draft.request(world, key, Some(node), false);
                draft.needs(erase, Need::LockVoid);
            }
        }
        // Instances and replicas are never locked.
        Variant::Primitive(_) | Variant::Clone(_) | Variant::Bundle(_) => {}
    }
}
