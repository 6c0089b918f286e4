use super::*;

/// A failure names the seed; `cargo run -p lockstep-consensus --example sim -- SEED --trace`
/// repeats it.
fn run_seeds(seeds: std::ops::Range<u64>) -> Vec<Summary> {
    seeds
        .map(|seed| run(&Settings::new(seed)).unwrap_or_else(|violation| panic!("{violation}")))
        .collect()
}

#[test]
fn the_group_keeps_its_promises_under_faults() {
    let summaries = run_seeds(0..200);
    let total = |count: fn(&Summary) -> usize| summaries.iter().map(count).sum::<usize>();
    println!(
        "acknowledged {}, reads {}, crashes {}, restores {}, elections {}, membership changes {}, full disks {}",
        total(|s| s.acknowledged),
        total(|s| s.reads),
        total(|s| s.crashes),
        total(|s| s.restores),
        total(|s| s.elections),
        total(|s| s.membership_changes),
        total(|s| s.full_disks),
    );
    // The runs must contain what they are meant to test.
    assert!(total(|s| s.acknowledged) > 30_000);
    assert!(total(|s| s.reads) > 1_000);
    assert!(total(|s| s.crashes) > 200);
    assert!(total(|s| s.restores) > 100);
    assert!(total(|s| s.elections) > 300);
    assert!(total(|s| s.membership_changes) > 50);
    assert!(total(|s| s.full_disks) > 100);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1_000..1_005 {
        let settings = Settings::new(seed);
        assert_eq!(run(&settings), run(&settings), "seed {seed}");
    }
}
