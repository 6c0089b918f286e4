//! How is a list sorted when the order may be cyclic?
//!
//! Votes over several capacities, and instances compared by what they are active on, do not always
//! agree with each other: A before B, B before C, C before A. The result then depends on which
//! elements are compared, so the sort is part of the behaviour. This is a stable merge sort with
//! GLib's split (the shorter half first), and unlike `slice::sort_by` it accepts any comparison.

use std::cmp::Ordering;

/// Sorts `items` by `compare`.
pub(super) fn merge_sort<T: Copy>(items: &mut [T], compare: &mut impl FnMut(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    merge_sort(left, compare);
    merge_sort(right, compare);

    let mut merged = Vec::with_capacity(items.len());
    let (left, right) = items.split_at(items.len() / 2);
    let (mut next_left, mut next_right) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(next_left), right.get(next_right)) {
        if compare(a, b).is_le() {
            merged.push(*a);
            next_left += 1;
        } else {
            merged.push(*b);
            next_right += 1;
        }
    }
    merged.extend_from_slice(&left[next_left..]);
    merged.extend_from_slice(&right[next_right..]);
    items.copy_from_slice(&merged);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_elements_keep_their_order() {
        let mut items = [(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (0, 'e'), (2, 'f')];
        merge_sort(&mut items, &mut |a, b| a.0.cmp(&b.0));
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
