//! The scenario as it is run from the command line, with real processes, in short.

use std::process::Command;

#[test]
fn the_rules_hold_when_controllers_are_killed() {
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep-testbed"))
        .args(["kill-controllers", "--seed", "2", "--rounds", "2"])
        .env_remove("LOCKSTEP_LOG")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("It held."), "{text}");
}
