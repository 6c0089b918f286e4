use super::*;

/// Pinned values: factor, score, what Pacemaker makes of them.
#[test]
fn scores_are_weakened_in_single_precision_steps() {
    let table: [(i32, i32, i32); 14] = [
        (1_000_000, 100, 100),
        (1_000_000, 1_000_000, 1_000_000),
        (1_000_000, -1_000_000, -1_000_000),
        (-1_000_000, 100, -100),
        (500_000, 3, 2),
        (500_000, -3, -2),
        (500_000, 1, 1),
        (499_999, 1, 1),
        (1, 1, 1),
        (-1, 1, -1),
        (-1, -1, -1),
        (100, 1_000_000, 100),
        (333_333, 999_999, 333_333),
        (0, 5, 0),
    ];
    for (colocation, score, expected) in table {
        let weakened = weaken(factor(Score::from(colocation)), Score::from(score));
        assert_eq!(weakened.value(), expected, "{score} through {colocation}");
    }
}

#[test]
fn factors_multiply_step_by_step() {
    let first = factor(Score::from(10_000));
    let second = deeper_factor(first, Score::from(333));
    assert_eq!(first.to_bits(), 0x3c23_d70a);
    assert_eq!(second.to_bits(), (0.01f32 * 333.0 / 1_000_000.0).to_bits());
    assert_eq!(weaken(second, Score::INFINITY).value(), 3);
}
