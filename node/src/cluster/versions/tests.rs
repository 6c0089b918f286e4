//! What a group relies on while it is upgraded.

use super::*;
use crate::cluster::command::VERSION;

fn group(members: impl IntoIterator<Item = ControllerId>) -> Versions {
    let mut versions = Versions::founded_at(1);
    versions.set_voters(members.into_iter().collect());
    versions
}

fn new_command() -> Command {
    Command::ConfirmFenced { node: "n1".into() }
}

#[test]
fn something_new_is_said_only_when_the_last_controller_is_upgraded() {
    let mut versions = group(1..=3);
    assert_eq!(versions.says(1, 2), None);
    assert_eq!(versions.says(3, 2), None);
    let refused = versions.permit(&new_command()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "not before every controller is upgraded: this needs version 2 of the commands, and \
         up to version 1 only is known to controller 2"
    );
    assert_eq!(versions.says(2, 2), Some(2));
    assert_eq!(versions.permit(&new_command()), Ok(()));
}

#[test]
fn a_controller_that_is_not_upgraded_holds_nobody_up_once_it_is_removed() {
    let mut versions = group(1..=3);
    versions.says(1, 2);
    versions.says(2, 2);
    assert_eq!(versions.set_voters(BTreeSet::from([1, 2])), Some(2));
}

#[test]
fn a_level_never_falls() {
    let mut versions = group(1..=1);
    assert_eq!(versions.says(1, 2), Some(2));
    // An older program on a member, or an older member that joins, is too old.
    assert_eq!(versions.says(1, 1), None);
    assert_eq!(versions.set_voters(BTreeSet::from([1, 2])), None);
    assert_eq!(versions.level(), 2);
}

#[test]
fn the_level_jumps_to_what_the_oldest_member_knows() {
    let mut versions = group(1..=2);
    versions.says(1, 5);
    assert_eq!(versions.says(2, 3), Some(3));
    assert_eq!(versions.of(1), 5);
    assert_eq!(versions.says(2, 4), Some(4));
}

#[test]
fn a_new_group_of_this_version_needs_no_upgrade() {
    assert_eq!(Versions::default().level(), VERSION);
}
