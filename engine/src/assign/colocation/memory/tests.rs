use super::*;

const SCORES: [i32; 11] = [
    -1_000_000, -999_999, -600_000, -1, 0, 1, 400_000, 600_000, 999_998, 999_999, 1_000_000,
];

/// Every sequence of three sums, from every score: at once as one after the other.
#[test]
fn a_kept_sum_is_what_single_steps_make() {
    let steps = SCORES.map(|score| OnNode::adding(Score::from(score)).looking());
    for (a, first) in SCORES.into_iter().zip(steps) {
        for (b, second) in SCORES.into_iter().zip(steps) {
            for (c, third) in SCORES.into_iter().zip(steps) {
                let left = first.then(second).then(third);
                let right = first.then(second.then(third));
                for start in SCORES {
                    let mut score = Score::from(start);
                    let mut never_negative = true;
                    for step in [a, b, c] {
                        score += Score::from(step);
                        never_negative &= !score.is_negative();
                    }
                    for sum in [left, right] {
                        let context = format!("{start} + {a} + {b} + {c}");
                        assert_eq!(sum.apply(Score::from(start)), score, "{context}");
                        assert_eq!(start >= sum.least, never_negative, "{context}");
                    }
                }
            }
        }
    }
}

/// A score that would become negative is left out until the rest is done, and is 1 then; 0 stays.
#[test]
fn nonnegative_sums_are_kept_where_they_are_certain() {
    let steps = SCORES.map(|score| OnNode::adding(Score::from(score)).looking());
    let mut certain = 0;
    for (a, first) in SCORES.into_iter().zip(steps) {
        for (b, second) in SCORES.into_iter().zip(steps) {
            for start in SCORES {
                let (mut score, mut frozen) = (Score::from(start), false);
                for step in [a, b] {
                    let new = score + Score::from(step);
                    if new.is_negative() && score >= Score::ZERO {
                        frozen |= score > Score::ZERO;
                    } else if !frozen {
                        score = new;
                    }
                }
                let expected = if frozen { Score::new(1) } else { score };
                if let Some(kept) = first.then(second).apply_nonnegative(Score::from(start)) {
                    assert_eq!(kept, expected, "{start} + {a} + {b}");
                    certain += 1;
                }
            }
        }
    }
    assert!(certain > SCORES.len().pow(3) / 3, "only {certain}");
}
