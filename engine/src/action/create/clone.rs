//! Actions of a clone: its instances', then the clone's own ordering points and notifications.

use super::actions_of;
use crate::World;
use crate::action::{Draft, TOP_PRIORITY, Task, notify};
use crate::id::{ActionId, ResourceId};

pub(super) fn create(world: World<'_>, draft: &mut Draft, clone: ResourceId, promotable: bool) {
    let instances = draft.resource[clone].children.clone();
    let [start, started, stop, stopped] = start_and_stop(world, draft, clone, &instances);
    notify::around_start_and_stop(world, draft, clone, [start, started, stop, stopped]);
    if promotable {
        promote_and_demote(world, draft, clone, &instances);
    }
}

/// Makes the actions of instances (of a bundle: of its containers) and the collective's starting,
/// started, stopping and stopped points.
pub(super) fn start_and_stop(
    world: World<'_>,
    draft: &mut Draft,
    collective: ResourceId,
    instances: &[ResourceId],
) -> [ActionId; 4] {
    let mut change = Change::default();
    for instance in instances {
        actions_of(world, draft, *instance);
        change.look_at(world, draft, *instance);
    }
    let (starting, stopping) = (!change.starting, !change.stopping);
    let start = draft.pseudo(world, collective, Task::Start, starting, true);
    let started = draft.pseudo(
        world,
        collective,
        Task::Started,
        starting,
        change.active || change.starting,
    );
    let stop = draft.pseudo(world, collective, Task::Stop, stopping, true);
    let stopped = draft.pseudo(world, collective, Task::Stopped, stopping, true);
    draft.actions[started].priority = TOP_PRIORITY;
    draft.actions[stopped].priority = TOP_PRIORITY;
    draft.actions[stop].migratable |= !change.restarting;
    [start, started, stop, stopped]
}

/// What is going to happen to the instances of a collective.
#[derive(Default)]
struct Change {
    starting: bool,
    stopping: bool,
    /// A primitive stops and starts.
    restarting: bool,
    active: bool,
}

impl Change {
    fn look_at(&mut self, world: World<'_>, draft: &Draft, resource: ResourceId) {
        let children = &draft.resource[resource].children;
        if !children.is_empty() {
            for child in children.iter() {
                self.look_at(world, draft, *child);
            }
            return;
        }
        let (mut starting, mut stopping) = (false, false);
        for id in draft.of(resource) {
            let action = &draft.actions[*id];
            match action.task {
                _ if action.optional => {}
                Task::Start => starting |= action.runnable,
                // The stop of something on a node to be fenced is implied by the fencing.
                Task::Stop => stopping |= action.runnable || action.pseudo,
                _ => {}
            }
        }
        self.starting |= starting;
        self.stopping |= stopping;
        self.restarting |= starting && stopping;
        self.active |= !world.state.resource[resource].active_on.is_empty();
    }
}

/// Makes the actions of a promotable clone's instances again (roles are settled now), and the
/// clone's promoting, promoted, demoting and demoted points.
fn promote_and_demote(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    instances: &[ResourceId],
) {
    let (mut promoting, mut demoting) = (false, false);
    for instance in instances {
        actions_of(world, draft, *instance);
        look_for_role_change(draft, *instance, &mut promoting, &mut demoting);
    }
    let points = |draft: &mut Draft, begin: Task, end: Task, needed: bool| {
        let begin = draft.pseudo(world, clone, begin, !needed, true);
        let end = draft.pseudo(world, clone, end, !needed, true);
        draft.actions[end].priority = TOP_PRIORITY;
        [begin, end]
    };
    let promote = points(draft, Task::Promote, Task::Promoted, promoting);
    notify::around_promote(world, draft, clone, promote);
    let demote = points(draft, Task::Demote, Task::Demoted, demoting);
    notify::around_demote(world, draft, clone, demote);
}

fn look_for_role_change(
    draft: &Draft,
    resource: ResourceId,
    promoting: &mut bool,
    demoting: &mut bool,
) {
    for child in draft.resource[resource].children.iter() {
        look_for_role_change(draft, *child, promoting, demoting);
    }
    let required = |task: Task| {
        let found = draft.with_task(resource, &task);
        found.into_iter().any(|id| !draft.actions[id].optional)
    };
    let primitive = draft.resource[resource].children.is_empty();
    *promoting |= primitive && required(Task::Promote);
    *demoting |= primitive && required(Task::Demote);
}
