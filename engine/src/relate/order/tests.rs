use super::*;

/// Every ordering of two tasks, for every combination of resources that can migrate.
#[test]
fn an_ordering_means_for_migrations_what_pacemaker_says() {
    let tasks = [
        Task::Start,
        Task::Stop,
        Task::Promote,
        Task::Demote,
        Task::Monitor,
    ];
    let mut found = String::new();
    for first in &tasks {
        for then in &tasks {
            for bits in 0..8 {
                let can_migrate = CanMigrate {
                    first: bits & 1 != 0,
                    then: bits & 2 != 0,
                    then_is_half_way: bits & 4 != 0,
                };
                let equivalents = equivalents(first, then, can_migrate);
                if !equivalents.is_empty() {
                    found += &line(first, then, can_migrate, &equivalents);
                }
            }
        }
    }
    assert_eq!(found, EXPECTED);
}

fn line(first: &Task, then: &Task, can_migrate: CanMigrate, found: &[Equivalent]) -> String {
    let who = match (can_migrate.first, can_migrate.then_is_half_way) {
        (false, false) => "then",
        (true, false) => "both",
        (false, true) => "then half way",
        (true, true) => "both, then half way",
    };
    let mut line = format!("{} -> {} ({who}):", first.name(), then.name());
    for (first, then, effects) in found {
        let condition = effects.contains(Effects::IF_FIRST_UNMIGRATABLE);
        assert_eq!(
            effects.without(Effects::IF_FIRST_UNMIGRATABLE),
            Effects::ORDERED
        );
        let condition = if condition { "?" } else { "" };
        line += &format!(" {}{condition} -> {}", first.name(), then.name());
    }
    line + "\n"
}

/// `?`: only if first does not migrate.
const EXPECTED: &str = "\
start -> start (then): start -> migrate_to
start -> start (both): migrate_from -> migrate_to start? -> migrate_to
start -> start (then half way): start -> migrate_to
start -> start (both, then half way): migrate_from -> migrate_to start? -> migrate_to
stop -> stop (then): stop -> migrate_to
stop -> stop (both): stop? -> migrate_to
stop -> stop (then half way): stop -> migrate_to stop -> migrate_from
stop -> stop (both, then half way): stop? -> migrate_to stop? -> migrate_from
promote -> start (then): promote -> migrate_to
promote -> start (both): promote -> migrate_to
promote -> start (then half way): promote -> migrate_to
promote -> start (both, then half way): promote -> migrate_to
demote -> stop (then): demote -> migrate_to
demote -> stop (both): demote -> migrate_to
demote -> stop (then half way): demote -> migrate_to demote -> migrate_from
demote -> stop (both, then half way): demote -> migrate_to demote -> migrate_from
";
