//! Which of two history entries is newer, and which part of a history is about the present?

use std::cmp::Ordering;

use super::history::{Entry, Kind, TransitionKey};
use crate::merge_sort::merge_sort;

/// Compares the ages of two entries; `Greater` means that `a` is newer.
///
/// Call ids count up on each node. Entries of different nodes, and a failure that is recorded
/// beside the latest result of the same call, are compared by time. A pending operation has no
/// call id yet: there the number of the transition that asked for it decides.
///
/// This is no total order (pending operations compare equal to each other, and unequal keys may
/// form cycles), so sort with [`sort`] only.
#[must_use]
pub fn compare<'d>(a: &Entry<'d>, b: &Entry<'d>) -> Ordering {
    let same_node = match (a.on_node, b.on_node) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    if same_node && a.id == b.id {
        return Ordering::Equal;
    }
    let (call_a, call_b) = (a.call_id.unwrap_or(-1), b.call_id.unwrap_or(-1));
    if call_a == -1 && call_b == -1 {
        return Ordering::Equal;
    }
    if call_a < 0 || call_b < 0 {
        return compare_transitions(a, b, call_a, call_b);
    }
    if same_node && call_a != call_b {
        return call_a.cmp(&call_b);
    }
    let (time_a, time_b) = (a.last_rc_change, b.last_rc_change);
    match (time_a.unwrap_or(-1), time_b.unwrap_or(-1)) {
        (a, b) if (a >= 0 && a < b) || (b >= 0 && a > b) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

/// One of the two is pending.
fn compare_transitions<'d>(a: &Entry<'d>, b: &Entry<'d>, call_a: i32, call_b: i32) -> Ordering {
    let decode = |magic: Option<&'d str>| TransitionKey::from_magic(magic?);
    let (Some(key_a), Some(key_b)) = (decode(a.transition_magic), decode(b.transition_magic))
    else {
        return Ordering::Equal;
    };
    let (id_a, id_b) = (key_a.transition, key_b.transition);
    if !key_a.uuid.eq_ignore_ascii_case(key_b.uuid) || id_a == id_b {
        // Results do not survive a change of the controller, so what is pending is newer.
        match (call_a, call_b) {
            (_, -1) => Ordering::Less,
            (-1, _) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    } else if (id_a >= 0 && id_a < id_b) || id_b == -1 {
        Ordering::Less
    } else if (id_b >= 0 && id_a > id_b) || id_a == -1 {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

/// Sorts entries (given in document order) oldest first, as the peer does: from reverse document
/// order, by a merge sort that splits where GLib's list sort does. The comparison may be cyclic,
/// so both decide the result.
pub fn sort(entries: &mut [Entry<'_>]) {
    entries.reverse();
    merge_sort(entries, compare);
}

/// The part of a sorted history since which the resource is as it is: entries before `start` are
/// past, and if the last stop came after it, those up to the stop as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    start: Option<usize>,
    stop: Option<usize>,
}

impl Active {
    /// Whether the last thing that counts is a stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop > self.start
    }

    /// Looks for the last start and stop in a sorted history.
    ///
    /// Where no start is recorded, the last role change implies one, else the first monitor after
    /// the last stop that found the resource active.
    #[must_use]
    pub fn find(entries: &[Entry<'_>]) -> Active {
        let (mut start, mut stop) = (None, None);
        let (mut monitored, mut changed_role) = (None, None);
        for (at, entry) in entries.iter().enumerate() {
            match entry.kind() {
                Some(Kind::Stop) if entry.status == Some(0) => stop = Some(at),
                Some(Kind::Start | Kind::MigrateFrom) => start = Some(at),
                Some(Kind::Monitor) if monitored <= stop && matches!(entry.rc, Some(0 | 8)) => {
                    monitored = Some(at);
                }
                Some(Kind::Promote | Kind::Demote) => changed_role = Some(at),
                _ => {}
            }
        }
        Active {
            start: start.or(changed_role).or(monitored),
            stop,
        }
    }

    /// Whether the entry at this position is about the present.
    #[must_use]
    pub fn contains(self, at: usize) -> bool {
        let stopped = self.start < self.stop && Some(at) <= self.stop;
        !stopped && Some(at) >= self.start
    }
}

#[cfg(test)]
mod tests;
