//! How fast is a cluster of real processes?
//!
//! Real processes, real disks, real mutual TLS; figures are medians of several runs. What the peers
//! take for the same work stands beside each figure: etcd 3.4.23, Pacemaker 2.1.5 with Corosync 3.1.7,
//! measured on the kind of machine that the targets were set for.
//!
//! - [`commit`] is the order of events for commits, [`member`] one process of the group that is
//!   measured;
//! - [`recovery`] is how long it takes until another one does what a lost one did.

pub mod commit;
pub mod member;
pub mod recovery;

use std::io;

/// A figure, and what it is to be compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was done.
    pub work: &'static str,
    /// How long it took, or how much of it was done.
    pub value: f64,
    /// In which unit.
    pub unit: &'static str,
    /// The peer's figure.
    pub peer: f64,
    /// What is to be reached.
    pub target: f64,
}

impl Figure {
    /// Whether it is as good as it is to be: smaller is better for times, larger for rates.
    pub fn is_reached(&self) -> bool {
        if self.unit == "ms" {
            self.value <= self.target
        } else {
            self.value >= self.target
        }
    }

    /// One line of the table.
    pub fn to_text(&self) -> String {
        let Figure {
            work,
            value,
            unit,
            peer,
            target,
        } = self;
        let verdict = if self.is_reached() {
            "reached"
        } else {
            "MISSED"
        };
        format!(
            "{work:52} {value:>10.2} {unit:5} peer {peer:>8.2}  target {target:>8.2}  {verdict}"
        )
    }
}

/// The median; of an even number the upper one.
pub(crate) fn median(mut values: Vec<f64>) -> io::Result<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied();
    middle.ok_or_else(|| io::Error::other("nothing was measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_to_be_short_and_rates_high() {
        let figure = |value, unit| Figure {
            work: "w",
            value,
            unit,
            peer: 1.0,
            target: 1.0,
        };
        assert!(figure(0.9, "ms").is_reached() && !figure(1.1, "ms").is_reached());
        assert!(figure(1.1, "per s").is_reached() && !figure(0.9, "per s").is_reached());
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).ok(), Some(2.0));
        assert_eq!(median(vec![9.0]).ok(), Some(9.0));
        assert!(median(Vec::new()).is_err());
    }
}
