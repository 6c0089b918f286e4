//! What does an ordering imply for live migration?

use super::{Effects, End, Ordering, topology};
use crate::World;
use crate::action::{Draft, Key, Task};
use crate::id::ResourceId;

/// Records `ordering` and, at once, what it means if one of its resources migrates live instead
/// of stopping and starting (Pacemaker's `pcmk__order_migration_equivalents`).
pub fn order(world: World<'_>, draft: &mut Draft, ordering: Ordering) {
    let equivalents = migration_equivalents(world, draft, &ordering);
    draft.orderings.push(ordering);
    draft.orderings.extend(equivalents);
}

fn migration_equivalents(world: World<'_>, draft: &Draft, ordering: &Ordering) -> Vec<Ordering> {
    let Some((first, then)) = unrelated_tasks(world, draft, ordering) else {
        return Vec::new();
    };
    let make = |(first_task, then_task, effects): Extra| {
        let (first, then) = (End::task(first.0, first_task), End::task(then.0, then_task));
        Ordering::rule(
            first,
            then,
            effects,
            "an order also holds for live migrations",
        )
    };
    extras(draft, &first, &then).into_iter().map(make).collect()
}

type TaskOf = (ResourceId, Task);
type Extra = (Task, Task, Effects);

/// Both ends, if they belong to resources of which none contains the other and one can migrate.
fn unrelated_tasks(
    world: World<'_>,
    draft: &Draft,
    ordering: &Ordering,
) -> Option<(TaskOf, TaskOf)> {
    let first = end_resource(draft, &ordering.first)?;
    let then = end_resource(draft, &ordering.then)?;
    let migratable = |resource: ResourceId| draft.resource[resource].migratable;
    if first == then
        || !(migratable(first) || migratable(then))
        || topology::is_inside(world.state, first, then)
        || topology::is_inside(world.state, then, first)
    {
        return None;
    }
    Some((
        (first, end_task(draft, &ordering.first)?),
        (then, end_task(draft, &ordering.then)?),
    ))
}

fn end_resource(draft: &Draft, end: &End) -> Option<ResourceId> {
    match end {
        End::Action(action) => draft.actions[*action].resource,
        End::Requested(_) => None,
        End::Key { resource, .. } => Some(*resource),
    }
}

fn end_task(draft: &Draft, end: &End) -> Option<Task> {
    match end {
        End::Action(action) => Some(draft.actions[*action].task.clone()),
        End::Key {
            key: Key::Operation { task, .. },
            ..
        } => Some(task.clone()),
        End::Requested(_) | End::Key { .. } => None,
    }
}

/// The table of equivalents: `(first task, then task, effects)`.
fn extras(draft: &Draft, (first, first_task): &TaskOf, (then, then_task): &TaskOf) -> Vec<Extra> {
    let then_migratable = draft.resource[*then].migratable;
    if !then_migratable {
        return Vec::new();
    }
    let half_migrated = draft.resource[*then].partial_migration.is_some();
    let first_migratable = draft.resource[*first].migratable;
    let unless_first_migrates = if first_migratable {
        Effects::ORDERED | Effects::IF_FIRST_UNMIGRATABLE
    } else {
        Effects::ORDERED
    };
    let mut extras = Vec::new();
    match (first_task, then_task) {
        (Task::Start, Task::Start) => {
            if first_migratable {
                extras.push((Task::MigrateFrom, Task::MigrateTo, Effects::ORDERED));
            }
            extras.push((Task::Start, Task::MigrateTo, unless_first_migrates));
        }
        (Task::Stop, Task::Stop) => {
            extras.push((Task::Stop, Task::MigrateTo, unless_first_migrates));
            if half_migrated {
                extras.push((Task::Stop, Task::MigrateFrom, unless_first_migrates));
            }
        }
        (Task::Promote, Task::Start) => {
            extras.push((Task::Promote, Task::MigrateTo, Effects::ORDERED));
        }
        (Task::Demote, Task::Stop) => {
            extras.push((Task::Demote, Task::MigrateTo, Effects::ORDERED));
            if half_migrated {
                extras.push((Task::Demote, Task::MigrateFrom, Effects::ORDERED));
            }
        }
        _ => {}
    }
    extras
}
