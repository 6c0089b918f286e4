//! Are hosts out of namespaces what the scenarios need? Each test is one run of the testbed's own
//! command; without root it says what is missing, and is skipped.

use std::process::Command;

fn run(args: &[&str]) {
    let ended = Command::new(env!("CARGO_BIN_EXE_lockstep-testbed"))
        .args(["run", "--quiet", "--seed", "1"])
        .args(args)
        .output()
        .expect("it can be run");
    let told = String::from_utf8_lossy(&ended.stdout);
    let complaints = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}\n{complaints}");
    if let Some(skipped) = told.lines().find(|line| line.starts_with("SKIPPED")) {
        println!("{skipped}");
    }
}

#[test]
fn hosts_lose_what_was_not_synced_and_links_carry_nothing_when_cut() {
    run(&["levers"]);
}

#[test]
fn a_switch_that_lies_about_fencing_is_found_out() {
    run(&["canary"]);
}

#[test]
fn a_controller_that_plans_otherwise_than_the_others_is_found_out() {
    run(&["stop", "--plant", "unstable-plan"]);
}
