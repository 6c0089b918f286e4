//! What the device gets to hear.

use super::*;

/// What a stand-in has heard after some fates, with a chance to put off the reset after each.
fn heard(fates: &[WithoutQuorum]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut watchdog = Watchdog::new(file.path());
    watchdog.put_off().unwrap();
    for fate in fates {
        watchdog.take(fate).unwrap();
        watchdog.put_off().unwrap();
    }
    std::fs::read(file.path()).unwrap()
}

#[test]
fn it_is_armed_only_while_something_is_to_stop() {
    use WithoutQuorum::{Acts, Done, Regained};
    assert_eq!(heard(&[Acts(0), Done, Regained]), b"");
    assert_eq!(heard(&[Acts(2), Done]), b"\0V");
    assert_eq!(heard(&[Acts(2), Regained]), b"\0V");
}

#[test]
fn a_node_that_cannot_stop_is_let_go_for_good() {
    use WithoutQuorum::{Acts, FenceSelf, Regained};
    let fence = || FenceSelf(String::new());
    assert_eq!(
        heard(&[Acts(2), fence(), Regained]),
        b"\0",
        "no magic close"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut watchdog = Watchdog::new(file.path());
    watchdog.take(&fence()).unwrap();
    assert!(watchdog.device.is_some(), "it runs down");
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let mut watchdog = Watchdog::new(Path::new("/nonexistent/watchdog"));
    assert!(watchdog.take(&WithoutQuorum::Acts(1)).is_err());
}
