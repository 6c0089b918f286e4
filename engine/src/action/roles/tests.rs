use super::Change::{self, Demote, Promote, Start, Stop};
use super::step;
use crate::config::Role::{self, Promoted, Started, Stopped, Unknown, Unpromoted};

const ROLES: [Role; 5] = [Unknown, Stopped, Started, Unpromoted, Promoted];

#[test]
fn every_pair_of_roles_has_its_step() {
    let stop = Some((Stopped, Stop));
    let start = Some((Started, Start));
    let start_unpromoted = Some((Unpromoted, Start));
    let promote = Some((Promoted, Promote));
    let demote = Some((Unpromoted, Demote));
    let expected = [
        // to:  Unknown, Stopped, Started, Unpromoted, Promoted
        [None, stop, stop, stop, stop],
        [None, None, start, start_unpromoted, start_unpromoted],
        [None, stop, None, None, promote],
        [None, stop, stop, None, promote],
        [None, demote, demote, demote, None],
    ];
    for (from, row) in ROLES.into_iter().zip(expected) {
        for (to, cell) in ROLES.into_iter().zip(row) {
            assert_eq!(step(from, to), cell, "{from:?} → {to:?}");
        }
    }
}

/// All steps from a role to another.
fn path(from: Role, to: Role) -> impl Iterator<Item = Change> {
    let mut role = from;
    std::iter::from_fn(move || {
        let (next, change) = step(role, to)?;
        role = next;
        Some(change)
    })
}

#[test]
fn every_path_ends_where_it_should() {
    for from in ROLES {
        for to in ROLES {
            assert!(
                path(from, to).take(9).count() < 5,
                "{from:?} → {to:?} goes on forever"
            );
        }
    }
    let changes = |from, to| path(from, to).collect::<Vec<_>>();
    assert_eq!(changes(Promoted, Stopped), [Demote, Stop]);
    assert_eq!(changes(Stopped, Promoted), [Start, Promote]);
    assert_eq!(changes(Unpromoted, Started), [Stop, Start]);
    assert_eq!(changes(Promoted, Started), [Demote, Stop, Start]);
    assert_eq!(changes(Unknown, Promoted), [Stop, Start, Promote]);
}
