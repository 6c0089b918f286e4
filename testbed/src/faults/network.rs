//! Which links does a fault of the network concern?

use crate::hosts::wire::{Link, Wire};

/// Directions between hosts, which are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All.
    All,
    /// Those to and from a host.
    Around(usize),
    /// Those to a host.
    To(usize),
    /// Those from a host.
    From(usize),
    /// Those between two halves of the others: the host itself hears all.
    Bridge(usize),
    /// Those between a host and the next one.
    Pair(usize),
}

impl Shape {
    /// Whether a direction between two different hosts is one of these.
    #[must_use]
    pub fn has(self, from: usize, to: usize, hosts: usize) -> bool {
        match self {
            Self::All => true,
            Self::Around(host) => from == host || to == host,
            Self::To(host) => to == host,
            Self::From(host) => from == host,
            Self::Bridge(host) => {
                // Places after the bridge, around the circle of hosts.
                let place = |other: usize| (other + hosts - host) % hosts;
                let half = |other| 2 * place(other) > hosts;
                from != host && to != host && half(from) != half(to)
            }
            Self::Pair(host) => {
                let next = host % hosts + 1;
                (from, to) == (host, next) || (from, to) == (next, host)
            }
        }
    }

    /// Makes all of them so.
    pub fn apply(self, wire: &Wire, hosts: usize, link: &Link) {
        for from in 1..=hosts {
            for to in (1..=hosts).filter(|to| *to != from) {
                if self.has(from, to, hosts) {
                    wire.set(from, to, link.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    fn directions(shape: Shape, hosts: usize) -> Vec<(usize, usize)> {
        let all = (1..=hosts).flat_map(|from| (1..=hosts).map(move |to| (from, to)));
        all.filter(|(from, to)| from != to && shape.has(*from, *to, hosts))
            .collect()
    }

    #[test]
    fn a_partition_cuts_both_directions_and_a_one_way_fault_one() {
        assert_eq!(
            directions(Shape::Around(2), 3),
            [(1, 2), (2, 1), (2, 3), (3, 2)]
        );
        assert_eq!(directions(Shape::To(2), 3), [(1, 2), (3, 2)]);
        assert_eq!(directions(Shape::From(2), 3), [(2, 1), (2, 3)]);
        assert_eq!(directions(Shape::Pair(3), 3), [(1, 3), (3, 1)]);
        assert_eq!(directions(Shape::All, 3).len(), 6);
    }

    #[test]
    fn a_bridge_hears_both_halves_which_do_not_hear_each_other() {
        let cut = directions(Shape::Bridge(1), 5);
        assert!(cut.iter().all(|(from, to)| *from != 1 && *to != 1));
        // Two halves of two: each of four directions, both ways.
        assert_eq!(cut.len(), 8);
        assert_eq!(directions(Shape::Bridge(2), 3), [(1, 3), (3, 1)]);
    }
}
