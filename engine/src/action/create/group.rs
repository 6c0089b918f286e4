//! Actions of a group: its members', then the group's own ordering points.

use std::sync::Arc;

use super::actions_of;
use crate::World;
use crate::action::{Draft, Task};
use crate::id::ResourceId;
use crate::value;

pub(super) fn create(world: World<'_>, draft: &mut Draft, group: ResourceId) {
    for &member in Arc::clone(&draft.resource[group].children).iter() {
        actions_of(world, draft, member);
    }
    for task in [Task::Start, Task::Started, Task::Stop, Task::Stopped] {
        draft.pseudo(world, group, task, true, true);
    }
    if value::is_true(
        world.state.resources[group]
            .meta_text
            .get("promotable")
            .map(AsRef::as_ref),
    ) {
        for task in [Task::Demote, Task::Demoted, Task::Promote, Task::Promoted] {
            draft.pseudo(world, group, task, true, true);
        }
    }
}
