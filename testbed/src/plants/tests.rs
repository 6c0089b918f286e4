//! What can be planted, and what is asked for in vain.

use super::{PLANTS, Plant};
use crate::hosts::levers::Levers;
use crate::scenarios;
use crate::sim::{BUGS, Bug};

#[test]
fn each_is_a_bug_of_the_simulator_with_a_scenario_that_there_is() {
    for plant in PLANTS {
        assert!(!plant.about().is_empty(), "{plant:?} is not known");
        let found = scenarios::find(plant.scenario);
        assert!(found.is_some(), "{} is no scenario", plant.scenario);
        let again = Plant::by_name(plant.bug.name()).expect("it has a name");
        assert_eq!(again.bug, plant.bug);
    }
    assert!(PLANTS.len() < BUGS.len());
}

#[test]
fn what_takes_a_core_that_is_wrong_is_refused_with_those_that_there_are() {
    let refused = Plant::by_name("forget-vote")
        .expect_err("hosts cannot")
        .to_string();
    assert!(
        refused.contains("only be planted in the simulator"),
        "{refused}"
    );
    assert!(refused.contains("skip-fsync"), "{refused}");
    let unknown = Plant::by_name("nonsense")
        .expect_err("it is none")
        .to_string();
    assert!(unknown.contains("is not known"), "{unknown}");
}

#[test]
fn disks_and_clocks_are_wrong_where_the_bug_is_theirs_and_nowhere_else() {
    for plant in PLANTS {
        let all_well = (1..=3).all(|host| plant.levers(host) == Levers::default());
        assert_eq!(all_well, !plant.needs_levers, "{plant:?}");
    }
    let clocks = Plant::by_name("local-clock").expect("it is one");
    assert_eq!(clocks.bug, Bug::LocalClock);
    assert!(clocks.levers(2).clock_ms < clocks.levers(3).clock_ms);
    assert!(
        clocks.levers(3).clock_ms < 3_600_000,
        "certificates would not be valid yet"
    );
}
