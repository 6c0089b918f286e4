//! A few seeds of each kind, what replays must be, and that planted bugs are found.

use super::*;

fn run_quietly(settings: &Settings) -> Report {
    run(settings)
}

#[track_caller]
fn assert_clean(report: &Report) {
    if let Some(finding) = &report.finding {
        let events = report.trace.join("\n");
        panic!(
            "seed {}: rule {}: {}\n{events}",
            report.seed, finding.rule, finding.what
        );
    }
}

#[test]
fn clusters_in_which_nothing_fails_do_what_their_operators_want() {
    for seed in 0..3 {
        let report = run_quietly(&Settings {
            profile: Some(Profile::Calm),
            ..Settings::new(seed)
        });
        assert_clean(&report);
        assert!(report.summary.plans > 2 && report.summary.runs > 10);
        assert_eq!((report.summary.faults, report.summary.fencings), (0, 0));
    }
}

#[test]
fn clusters_in_trouble_keep_the_rules() {
    for seed in 0..6 {
        assert_clean(&run_quietly(&Settings::new(seed)));
    }
}

#[test]
fn controllers_in_trouble_end_no_service() {
    for seed in 0..3 {
        let report = run_quietly(&Settings {
            profile: Some(Profile::ControlPlane),
            ..Settings::new(seed)
        });
        assert_clean(&report);
        assert!(report.summary.faults > 0);
    }
}

#[test]
fn a_seed_does_the_same_each_time() {
    for seed in [1, 2] {
        let settings = Settings {
            tracing: Tracing::All,
            ..Settings::new(seed)
        };
        let (first, second) = (run(&settings), run(&settings));
        assert!(first.trace.len() > 100);
        assert_eq!(first.trace, second.trace);
        assert_eq!(first, second);
    }
}

#[test]
fn seeds_differ() {
    assert_ne!(
        run(&Settings::new(1)).fingerprint,
        run(&Settings::new(2)).fingerprint
    );
}

/// Those that show quickly; `sim --plants` tries all of them.
#[test]
fn planted_bugs_are_found() {
    for (bug, within) in [
        (Bug::UnstablePlan, 10),
        (Bug::StartBeforeFencing, 40),
        (Bug::ForgetJournal, 40),
        (Bug::SkipEntry, 40),
        (Bug::SkipFsync, 40),
        (Bug::LocalClock, 80),
        (Bug::SkipTermCheck, 80),
    ] {
        let planted = |seed| Settings {
            bug: Some(bug),
            ..Settings::new(seed)
        };
        let found = (0..within).any(|seed| run(&planted(seed)).finding.is_some());
        assert!(found, "{} is not found by {within} seeds", bug.name());
    }
}

/// Seeds that once led to a violation in the cores, with what it was.
#[test]
fn what_was_found_once_is_not_found_again() {
    let kept = include_str!("../../regressions/sim.txt");
    for line in kept.lines() {
        let Some(seed) = line.split_whitespace().next().filter(|w| *w != "#") else {
            continue;
        };
        let seed = seed.parse().unwrap_or_else(|_| panic!("no seed: {line}"));
        assert_clean(&run(&Settings::new(seed)));
    }
}
