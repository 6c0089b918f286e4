//! What does an ordering imply for live migration?

use std::ops::Range;

use super::{Effects, End, Ordering, Repeat, topology};
use crate::World;
use crate::action::{Draft, Task};
use crate::id::ResourceId;

/// Records `ordering` and, at once, what it means if one of its resources migrates live instead
/// of stopping and starting (Pacemaker's `pcmk__order_migration_equivalents`).
pub fn order(world: World<'_>, draft: &mut Draft, ordering: Ordering) {
    let equivalents = migration_equivalents(world, draft, &ordering);
    draft.orderings.push(ordering);
    draft.orderings.extend(equivalents);
}

/// Records that the orderings at these positions are asked for again, now.
pub fn repeat(draft: &mut Draft, orderings: Range<usize>) {
    let at = draft.orderings.len();
    draft.repeats.push(Repeat { orderings, at });
}

fn migration_equivalents(world: World<'_>, draft: &Draft, ordering: &Ordering) -> Vec<Ordering> {
    let Some((first, then)) = unrelated(world, draft, ordering) else {
        return Vec::new();
    };
    let (Some(first_task), Some(then_task)) = (
        end_task(draft, &ordering.first),
        end_task(draft, &ordering.then),
    ) else {
        return Vec::new();
    };
    let can_migrate = CanMigrate {
        first: draft.resource[first].migratable,
        then: draft.resource[then].migratable,
        then_is_half_way: draft.resource[then].partial_migration.is_some(),
    };
    let make = |(first_task, then_task, effects): Equivalent| {
        let (first, then) = (End::task(first, first_task), End::task(then, then_task));
        Ordering {
            first,
            then,
            effects,
            cause: ordering.cause.clone(),
        }
    };
    equivalents(&first_task, &then_task, can_migrate)
        .into_iter()
        .map(make)
        .collect()
}

/// The resources of both ends, if neither contains the other and one can migrate.
fn unrelated(
    world: World<'_>,
    draft: &Draft,
    ordering: &Ordering,
) -> Option<(ResourceId, ResourceId)> {
    let first = end_resource(draft, &ordering.first)?;
    let then = end_resource(draft, &ordering.then)?;
    let relevant = first != then
        && (draft.resource[first].migratable || draft.resource[then].migratable)
        && !topology::is_inside(world.state, first, then)
        && !topology::is_inside(world.state, then, first);
    relevant.then_some((first, then))
}

fn end_resource(draft: &Draft, end: &End) -> Option<ResourceId> {
    match end {
        End::Action(action) => draft.actions[*action].resource,
        End::Requested(_) => None,
        End::Task { resource, .. } => Some(*resource),
    }
}

fn end_task(draft: &Draft, end: &End) -> Option<Task> {
    match end {
        End::Action(action) => Some(draft.actions[*action].task.clone()),
        End::Task { task, .. } => Some(task.clone()),
        End::Requested(_) => None,
    }
}

/// Which resources of an ordering can migrate live.
#[derive(Clone, Copy, Debug)]
struct CanMigrate {
    first: bool,
    then: bool,
    /// Then's resource is in the middle of a migration that goes on.
    then_is_half_way: bool,
}

/// First's task, then's task, and what orders them.
type Equivalent = (Task, Task, Effects);

/// What `first_task` before `then_task` means if the resources migrate.
fn equivalents(first_task: &Task, then_task: &Task, can_migrate: CanMigrate) -> Vec<Equivalent> {
    let ordered = Effects::ORDERED;
    let unless_first_migrates = if can_migrate.first {
        ordered | Effects::IF_FIRST_UNMIGRATABLE
    } else {
        ordered
    };
    let going_down = |task: Task, effects: Effects| {
        let mut found = vec![(task.clone(), Task::MigrateTo, effects)];
        if can_migrate.then_is_half_way {
            found.push((task, Task::MigrateFrom, effects));
        }
        found
    };
    if !can_migrate.then {
        return Vec::new();
    }
    match (first_task, then_task) {
        (Task::Start, Task::Start) => {
            let mut found = Vec::new();
            if can_migrate.first {
                found.push((Task::MigrateFrom, Task::MigrateTo, ordered));
            }
            found.push((Task::Start, Task::MigrateTo, unless_first_migrates));
            found
        }
        (Task::Stop, Task::Stop) => going_down(Task::Stop, unless_first_migrates),
        (Task::Promote, Task::Start) => vec![(Task::Promote, Task::MigrateTo, ordered)],
        (Task::Demote, Task::Stop) => going_down(Task::Demote, ordered),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
