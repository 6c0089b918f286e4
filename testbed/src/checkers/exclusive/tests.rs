use super::{Exclusive, Violation, check};
use crate::witness::Testimony;

/// Events as `NODE RESOURCE ACTION PHASE CODE` or `NODE ACTION WHO`, one a line.
fn violations(story: &str) -> Vec<String> {
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
    let told: Vec<Testimony> = lines
        .zip(1..)
        .map(|(line, at_us)| {
            let words: Vec<&str> = line.split(' ').collect();
            let (node, resource, action, phase, code) = match words[..] {
                [node, resource, action, phase, code] => (node, resource, action, phase, code),
                [node, action, who] => (node, "", action, who, "0"),
                _ => panic!("{line}"),
            };
            Testimony {
                at_us,
                node: node.into(),
                resource: resource.into(),
                action: action.into(),
                phase: phase.into(),
                code: code.parse().expect("a code"),
            }
        })
        .collect();
    let exclusive = Exclusive {
        resources: ["db".to_owned()].into(),
        promotable: ["store".to_owned()].into(),
    };
    let found = check(&told, &exclusive);
    found.iter().map(Violation::to_string).collect()
}

#[test]
fn a_resource_that_is_stopped_before_it_is_started_elsewhere_is_fine() {
    let story = "n1 db start begin 0
                 n1 db start end 0
                 n1 db stop begin 0
                 n1 db stop end 0
                 n2 db start begin 0";
    assert!(violations(story).is_empty());
}

#[test]
fn a_start_beside_a_stop_that_goes_on_is_found() {
    let story = "n1 db start begin 0
                 n1 db stop begin 0
                 n2 db start begin 0";
    let found = violations(story);
    assert_eq!(
        found,
        ["rule 1: db became active on n2 while it was active on n1"]
    );
}

#[test]
fn a_stop_that_failed_is_no_stop() {
    let story = "n1 db start begin 0
                 n1 db stop end 1
                 n2 db start begin 0";
    assert_eq!(violations(story).len(), 1);
}

#[test]
fn a_failed_start_may_have_started_it() {
    let story = "n1 db start begin 0
                 n1 db start end 1
                 n2 db start begin 0";
    assert_eq!(violations(story).len(), 1);
}

#[test]
fn a_probe_that_finds_it_not_running_ends_a_claim() {
    let story = "n1 db start begin 0
                 n1 off fault
                 n1 on fault
                 n1 db monitor end 7
                 n2 db start begin 0";
    assert!(violations(story).is_empty());
}

#[test]
fn recovery_of_a_lost_node_waits_for_its_fencing() {
    let lost = "n1 db start begin 0
                n1 off fault\n";
    let early = violations(&format!("{lost}n2 db start begin 0\nn1 off fence"));
    assert_eq!(
        early,
        ["rule 2: db became active on n2 before n1, which had lost its power, was fenced"]
    );
    assert!(violations(&format!("{lost}n1 off fence\nn2 db start begin 0")).is_empty());
    assert!(violations(&format!("{lost}n1 confirmed admin\nn2 db start begin 0")).is_empty());
}

#[test]
fn two_instances_of_a_clone_are_fine_and_two_promoted_ones_are_not() {
    let story = "n1 store start begin 0
                 n2 store start begin 0
                 n1 store promote begin 0
                 n1 store promote end 0
                 n2 store promote begin 0";
    let found = violations(story);
    assert_eq!(
        found,
        ["rule 1: store (promoted) became active on n2 while it was active on n1"]
    );
    let story = "n1 store promote begin 0
                 n1 store demote end 0
                 n2 store promote begin 0";
    assert!(violations(story).is_empty());
}
