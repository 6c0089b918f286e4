//! Is a schedule repeatable, and does it do what it says?

use super::{Schedule, Who, Work};

#[test]
fn the_same_seed_gives_the_same_schedule() {
    assert_eq!(Schedule::new(7, 40), Schedule::new(7, 40));
    assert_ne!(Schedule::new(7, 40), Schedule::new(8, 40));
}

#[test]
fn a_longer_schedule_begins_as_a_shorter_one() {
    let long = Schedule::new(3, 20).rounds;
    assert_eq!(Schedule::new(3, 5).rounds, long[..5]);
}

#[test]
fn at_most_one_node_is_in_standby() {
    for seed in 0..50 {
        let mut standby = None;
        for round in Schedule::new(seed, 40).rounds {
            match round.work {
                Work::Standby { node } => assert_eq!(standby.replace(node), None, "seed {seed}"),
                Work::Active { node } => assert_eq!(standby.take(), Some(node), "seed {seed}"),
                Work::Restart { .. } => {}
            }
        }
    }
}

#[test]
fn every_kind_of_kill_comes_and_the_leader_dies_often() {
    let rounds = Schedule::new(1, 400).rounds;
    let with_leader = rounds
        .iter()
        .filter(|round| round.victims.iter().any(|v| v.who == Who::Leader))
        .count();
    assert!((200..360).contains(&with_leader), "{with_leader} of 400");
    let without_quorum = rounds.iter().filter(|round| !round.keeps_quorum()).count();
    assert!(
        (60..200).contains(&without_quorum),
        "{without_quorum} of 400"
    );
    for round in rounds {
        let who: Vec<_> = round.victims.iter().map(|victim| victim.who).collect();
        assert!(
            matches!(who.len(), 1 | 2) && who.first() != who.get(1),
            "{round}"
        );
    }
}
