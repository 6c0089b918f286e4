//! Actions of a bundle: its replicas' parts, the bundle's own ordering points, the clone inside.

use super::{actions_of, clone};
use crate::World;
use crate::action::{Draft, TOP_PRIORITY, Task};
use crate::config::{Bundle, Variant};
use crate::id::ResourceId;

pub(super) fn create(world: World<'_>, draft: &mut Draft, id: ResourceId, bundle: &Bundle) {
    for replica in &bundle.replicas {
        let parts = [replica.ip, Some(replica.container), replica.connection];
        for part in parts.into_iter().flatten() {
            actions_of(world, draft, part);
        }
    }
    let containers: Vec<ResourceId> = bundle
        .replicas
        .iter()
        .map(|replica| replica.container)
        .collect();
    clone::start_and_stop(world, draft, id, &containers);

    let Some(inner) = bundle.child else { return };
    actions_of(world, draft, inner);
    let variant = &world.state.resources[inner].variant;
    if matches!(variant, Variant::Clone(settings) if settings.promotable) {
        for [begin, end] in [
            [Task::Promote, Task::Promoted],
            [Task::Demote, Task::Demoted],
        ] {
            draft.pseudo(world, id, begin, true, true);
            let end = draft.pseudo(world, id, end, true, true);
            draft.actions[end].priority = TOP_PRIORITY;
        }
    }
}
