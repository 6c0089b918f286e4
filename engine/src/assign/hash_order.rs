//! In which order does a GLib hash table give its strings back?
//!
//! Where several nodes have equally much capacity, the first one in a hash table of node ids is
//! taken, so that this order is part of the behaviour. It depends on the ids and, where they
//! collide, on the order in which they were put in. Tables are copied by putting the entries of
//! one into the next in iteration order, which can change the order once more.

/// The order of strings with these hashes, put in one after another and then copied `copies` times.
/// Elements are positions in `hashes`.
pub(super) fn iteration_order(hashes: &[u32], copies: u32) -> Vec<usize> {
    let mut order = fill(hashes, 0..hashes.len());
    for _ in 0..copies {
        let next = fill(hashes, order.iter().copied());
        if next == order {
            break;
        }
        order = next;
    }
    order
}

/// The string hash of Pacemaker's tables (times 31), as GLib stores it: 0 and 1 mark free and
/// deleted slots.
pub(super) fn string_hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31)
            .wrapping_add(byte.cast_signed() as u32)
    });
    hash.max(2)
}

const EMPTY: usize = usize::MAX;
const SMALLEST_SHIFT: u32 = 3;
/// For each size 2^n the largest prime below it, as GLib lists them.
const PRIMES: [u32; 32] = [
    1,
    2,
    3,
    7,
    13,
    31,
    61,
    127,
    251,
    509,
    1021,
    2039,
    4093,
    8191,
    16381,
    32749,
    65521,
    131_071,
    262_139,
    524_287,
    1_048_573,
    2_097_143,
    4_194_301,
    8_388_593,
    16_777_213,
    33_554_393,
    67_108_859,
    134_217_689,
    268_435_399,
    536_870_909,
    1_073_741_789,
    2_147_483_647,
];

fn fill(hashes: &[u32], elements: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut table = Slots::new(SMALLEST_SHIFT);
    for element in elements {
        table.insert(hashes, element);
    }
    table
        .slots
        .into_iter()
        .filter(|&element| element != EMPTY)
        .collect()
}

struct Slots {
    slots: Vec<usize>,
    used: usize,
    prime: u32,
}

impl Slots {
    fn new(shift: u32) -> Slots {
        Slots {
            slots: vec![EMPTY; 1 << shift],
            used: 0,
            prime: PRIMES[shift as usize],
        }
    }

    fn first_slot(&self, hash: u32) -> usize {
        (hash.wrapping_mul(11) % self.prime) as usize
    }

    fn insert(&mut self, hashes: &[u32], element: usize) {
        let mut slot = self.first_slot(hashes[element]);
        let mut step = 0;
        while self.slots[slot] != EMPTY {
            step += 1;
            slot = (slot + step) & (self.slots.len() - 1);
        }
        self.slots[slot] = element;
        self.used += 1;
        if self.slots.len() <= self.used + self.used / 16 {
            self.grow(hashes);
        }
    }

    /// Moves every element to its place in a larger table. What it meets there that has not been
    /// moved yet gives way and is moved next.
    fn grow(&mut self, hashes: &[u32]) {
        let wanted = self.used * 1333 / 1000;
        let shift = (usize::BITS - wanted.leading_zeros()).max(SMALLEST_SHIFT);
        let old_size = self.slots.len();
        self.slots.resize(1 << shift, EMPTY);
        self.prime = PRIMES[shift as usize];
        let mut moved = vec![false; self.slots.len()];
        for start in 0..old_size {
            if moved[start] || self.slots[start] == EMPTY {
                continue;
            }
            let mut element = std::mem::replace(&mut self.slots[start], EMPTY);
            while element != EMPTY {
                let mut slot = self.first_slot(hashes[element]);
                let mut step = 0;
                while moved[slot] {
                    step += 1;
                    slot = (slot + step) & (self.slots.len() - 1);
                }
                moved[slot] = true;
                element = std::mem::replace(&mut self.slots[slot], element);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(ids: &[&str], copies: u32) -> Vec<String> {
        let hashes: Vec<u32> = ids.iter().map(|id| string_hash(id)).collect();
        iteration_order(&hashes, copies)
            .into_iter()
            .map(|index| ids[index].to_string())
            .collect()
    }

    /// Which of three equal nodes Pacemaker prefers, seen by running it.
    #[test]
    fn the_first_of_equal_nodes_is_the_one_that_pacemaker_takes() {
        assert_eq!(order_of(&["2", "3", "1"], 0)[0], "1");
        assert_eq!(order_of(&["2", "3", "9"], 0)[0], "3");
    }

    #[test]
    fn every_element_is_given_back_once_at_every_size() {
        for count in 0..200 {
            let ids: Vec<String> = (0..count).map(|id| format!("node-{id}")).collect();
            let hashes: Vec<u32> = ids.iter().map(|id| string_hash(id)).collect();
            for copies in [0, 1, 5] {
                let mut order = iteration_order(&hashes, copies);
                order.sort_unstable();
                assert_eq!(order, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
