//! How is a list sorted when the order may be cyclic?
//!
//! Votes over several capacities, instances compared by what they are active on, and entries of a
//! history do not always agree with each other: A before B, B before C, C before A. The result then
//! depends on which elements are compared, so the sort is part of the behaviour. This is a stable
//! merge sort with GLib's split (the shorter half first), and unlike `slice::sort_by` it accepts any
//! comparison.

use std::cmp::Ordering;

/// Sorts `items` by `compare`.
pub(crate) fn merge_sort<T: Copy>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    if items.len() > 1 {
        let mut left = Vec::with_capacity(items.len() / 2);
        sort_halves(items, &mut left, &mut compare);
    }
}

/// `left` is where left halves are while they are merged.
fn sort_halves<T: Copy>(
    items: &mut [T],
    left: &mut Vec<T>,
    compare: &mut impl FnMut(&T, &T) -> Ordering,
) {
    let middle = items.len() / 2;
    if middle == 0 {
        return;
    }
    sort_halves(&mut items[..middle], left, compare);
    sort_halves(&mut items[middle..], left, compare);

    left.clear();
    left.extend_from_slice(&items[..middle]);
    let mut next_right = middle;
    for (taken, a) in left.iter().enumerate() {
        while let Some(b) = items.get(next_right).copied()
            && compare(a, &b).is_gt()
        {
            items[taken + next_right - middle] = b;
            next_right += 1;
        }
        items[taken + next_right - middle] = *a;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_elements_keep_their_order() {
        let mut items = [(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (0, 'e'), (2, 'f')];
        merge_sort(&mut items, |a, b| a.0.cmp(&b.0));
        assert_eq!(
            items,
            [(0, 'e'), (1, 'b'), (1, 'd'), (2, 'a'), (2, 'c'), (2, 'f')]
        );
    }

    /// Rock, paper, scissors: which one is first depends on the split alone.
    #[test]
    fn a_cyclic_order_gives_what_the_split_gives() {
        let mut beats = |a: &u32, b: &u32| {
            if a == b {
                Ordering::Equal
            } else if (a + 1) % 3 == *b {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        };
        for (given, sorted) in [
            ([0, 1, 2], [0, 1, 2]),
            ([2, 1, 0], [2, 0, 1]),
            ([1, 0, 2], [1, 2, 0]),
        ] {
            let mut items = given;
            merge_sort(&mut items, &mut beats);
            assert_eq!(items, sorted, "from {given:?}");
        }
    }
}
