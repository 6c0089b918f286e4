//! Live migration: whether it can be done, and its actions.

use super::{Draft, Need, Task};
use crate::World;
use crate::id::{NodeId, ResourceId};
use crate::relate::{self, Cause, Effects, End, Ordering};

/// Stops what interrupted migrations left behind.
pub(super) fn stop_dangling(world: World<'_>, draft: &mut Draft, resource: ResourceId) {
    for source in world.state.resource[resource].dangling_on.iter().copied() {
        let stop = draft.operation(world, resource, Task::Stop, Some(source), false);
        draft.needs(stop, Need::Dangling);
        draft.actions[stop].migration_abort = true;
    }
}

/// Whether a resource can migrate from `source` to the node that it is assigned to.
#[must_use]
pub(super) fn possible(draft: &Draft, resource: ResourceId, source: Option<NodeId>) -> bool {
    let drafted = &draft.resource[resource];
    let clean = |node: Option<NodeId>| node.is_some_and(|node| !draft.node[node].unclean);
    drafted.migratable
        && drafted.managed
        && !drafted.failed
        && !drafted.start_pending
        && clean(source)
        && clean(drafted.node)
}

/// Makes the actions of a migration from `source` (or only its second half, if the first one has
/// happened). They are needed only if the stop and the start that they stand for are.
pub(super) fn create(world: World<'_>, draft: &mut Draft, resource: ResourceId, source: NodeId) {
    let Some(target) = draft.resource[resource].node else {
        return;
    };
    let whole = draft.resource[resource].partial_migration.is_none();
    let start = draft.operation(world, resource, Task::Start, Some(target), true);
    let stop = draft.operation(world, resource, Task::Stop, Some(source), true);
    let migrate_to =
        whole.then(|| draft.operation(world, resource, Task::MigrateTo, Some(source), true));
    let migrate_from = draft.operation(world, resource, Task::MigrateFrom, Some(target), true);

    draft.actions[stop].migratable = true;
    draft.actions[start].migratable = true;
    // The resource runs on the target already: its start is an ordering point only.
    draft.actions[start].pseudo = true;
    draft.actions[migrate_from].migratable = true;
    let needs = draft.actions[start].needs;
    if let Some(migrate_to) = migrate_to {
        draft.actions[migrate_to].migratable = true;
        draft.actions[migrate_to].needs = needs;
    } else {
        draft.actions[migrate_from].needs = needs;
    }
    order(world, draft, resource, whole);

    let name = |node: NodeId| world.state.nodes[node].name.clone();
    for action in migrate_to.into_iter().chain([migrate_from]) {
        draft.actions[action]
            .meta
            .set("migrate_source", name(source));
        draft.actions[action]
            .meta
            .set("migrate_target", name(target));
    }
    let connection = world.state.resources[resource].remote_connection;
    if let Some(migrate_to) = migrate_to.filter(|_| !connection) {
        // What happens on the source may have changed the target, even if the source is lost
        // before it can tell.
        draft.actions[migrate_to].meta.set("record-pending", "true");
    }
}

/// monitor → migrate_to → migrate_from → stop, start.
fn order(world: World<'_>, draft: &mut Draft, resource: ResourceId, whole: bool) {
    let in_turn = Effects::ORDERED;
    let blocking = Effects::ORDERED | Effects::UNMIGRATABLE_THEN_BLOCKS;
    let mut order = |first: Task, then: Task, effects: Effects| {
        let end = |task: Task| End::task(resource, task);
        let cause = Cause::Rule("a live migration in place of a stop and a start");
        relate::order(
            world,
            draft,
            Ordering {
                first: end(first),
                then: end(then),
                effects,
                cause,
            },
        );
    };
    if whole {
        order(Task::Monitor, Task::MigrateTo, in_turn);
        order(Task::MigrateTo, Task::MigrateFrom, blocking);
    } else {
        order(Task::Monitor, Task::MigrateFrom, in_turn);
    }
    order(Task::MigrateFrom, Task::Stop, blocking);
    order(
        Task::MigrateFrom,
        Task::Start,
        blocking | Effects::FIRST_ELSE_THEN,
    );
}
