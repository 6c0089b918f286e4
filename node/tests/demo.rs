//! The README's first command, with real processes: start, converge, kill the leader in the middle
//! of a plan, and prove that the next one finished the same plan.

use std::process::Command;

#[test]
fn the_next_leader_finishes_the_same_plan() {
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["demo", "--check"])
        .env_remove("LOCKSTEP_LOG")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("It held."), "{text}");
}
