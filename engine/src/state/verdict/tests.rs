use super::*;

const ON_FAILS: [OnFail; 10] = [
    OnFail::Ignore,
    OnFail::Demote,
    OnFail::Restart,
    OnFail::ResetRemote,
    OnFail::RestartContainer,
    OnFail::Ban,
    OnFail::Block,
    OnFail::Stop,
    OnFail::StandbyNode,
    OnFail::FenceNode,
];

/// Every combination of facts: all statuses, all exit codes, all ways to be expected or not.
fn all_facts() -> impl Iterator<Item = Facts> {
    let flags = 0..1 << 5;
    flags.flat_map(|flags: u32| {
        Status::ALL.into_iter().flat_map(move |status| {
            (0..=rc::MAX).flat_map(move |code| {
                let other = if code == 1 { 0 } else { 1 };
                [None, Some(code), Some(other), Some(rc::NOT_RUNNING)].map(|expected| {
                    let flag = |bit: u32| flags & (1 << bit) != 0;
                    Facts {
                        status,
                        rc: code,
                        expected,
                        probe: flag(0),
                        recurring: flag(1) && !flag(0),
                        bundled: flag(2),
                        managed: flag(3),
                        expired: flag(4),
                    }
                })
            })
        })
    })
}

/// The rules of judging in the words of the specification, one after another.
fn specified(facts: &Facts) -> Verdict {
    let mut rc = match facts.rc {
        190 => 0,
        191 => 8,
        rc => rc,
    };
    let degraded = rc != facts.rc;
    let mut status = facts.status;
    if facts.probe
        && !facts.bundled
        && (facts.rc == 5 || facts.rc == 2 || status == Status::NotInstalled)
    {
        (status, rc) = (Status::Done, 7);
    }
    let mut finding = Finding::Nothing;
    let mut unrecoverable_stop = false;
    if matches!(status, Status::NoFenceDevice | Status::NoSecrets) {
        status = Status::HardError;
    } else if matches!(status, Status::Done | Status::Error) {
        let expected = facts.expected == Some(rc);
        status = if expected {
            Status::Done
        } else {
            Status::Error
        };
        match rc {
            0 if facts.probe && facts.expected == Some(7) => status = Status::Done,
            0 => {}
            7 if facts.probe || expected || !facts.managed => {
                status = Status::Done;
                finding = Finding::NotRunning;
            }
            7 => {}
            8 => {
                if facts.probe && !expected {
                    status = Status::Done;
                }
                if !facts.expired || expected {
                    finding = Finding::Promoted;
                }
            }
            9 => {
                status = Status::Error;
                if !facts.expired {
                    finding = Finding::Promoted;
                }
            }
            6 => status = Status::FatalError,
            3 if facts.recurring => status = Status::Unsupported,
            2..=5 => {
                status = Status::HardError;
                unrecoverable_stop = !facts.expired;
            }
            _ => status = Status::Error,
        }
    }
    Verdict {
        status,
        rc,
        degraded,
        finding,
        unrecoverable_stop,
    }
}

#[test]
fn every_combination_is_judged_as_specified() {
    let mut count = 0;
    for facts in all_facts() {
        assert_eq!(judge(&facts), specified(&facts), "{facts:?}");
        count += 1;
    }
    assert_eq!(count, 32 * 12 * 256 * 4);
}

#[test]
fn a_probe_that_finds_nothing_running_is_no_failure() {
    for facts in all_facts().filter(|facts| facts.probe && facts.rc == rc::NOT_RUNNING) {
        if matches!(facts.status, Status::Done | Status::Error) {
            let verdict = judge(&facts);
            assert_eq!(response(verdict.status), Response::Succeed, "{facts:?}");
            assert_eq!(verdict.finding, Finding::NotRunning, "{facts:?}");
        }
    }
}

#[test]
fn an_unexpected_result_of_a_managed_resource_never_counts_as_done_but_for_probes() {
    for facts in all_facts().filter(|facts| facts.managed && !facts.probe) {
        let verdict = judge(&facts);
        if verdict.status == Status::Done {
            assert_eq!(facts.expected, Some(verdict.rc), "{facts:?}");
        }
    }
}

#[test]
fn each_status_is_reacted_to_by_kind_and_severity() {
    for status in Status::ALL {
        let (waits, succeeds) = (status == Status::Pending, status == Status::Done);
        match response(status) {
            Response::Wait => assert!(waits),
            Response::Succeed => assert!(succeeds),
            Response::Fail {
                ban,
                cannot_ignore,
                lost_connection,
            } => {
                assert!(!waits && !succeeds);
                assert_eq!(ban == Ban::Everywhere, status == Status::FatalError);
                assert_eq!(cannot_ignore, status == Status::NotInstalled);
                assert_eq!(lost_connection, status == Status::NotConnected);
            }
        }
    }
    for code in -3..=20 {
        let known = (-1..=11).contains(&code) && code != 1;
        assert_eq!(Status::from_code(code).is_some(), known, "{code}");
    }
}

#[test]
fn each_success_leaves_the_role_that_its_operation_is_for() {
    use Forgets::{Demotion, Failures, Nothing, SameOperation};
    for kind in Kind::ALL {
        for code in -1..=rc::MAX {
            for masked in [false, true] {
                let expected = match (masked, code, kind) {
                    (true, _, _) | (_, 5, _) => (NewRole::Stopped, Nothing),
                    (_, 7, _) => (NewRole::Keep, Failures),
                    (_, _, Kind::Monitor) => (NewRole::AtLeastActive, SameOperation),
                    (_, _, Kind::AsyncMonitor) => (NewRole::AtLeastActive, Nothing),
                    (_, _, Kind::Start | Kind::MigrateFrom) => (NewRole::Started, Failures),
                    (_, _, Kind::Stop) => (NewRole::Stopped, Failures),
                    (_, _, Kind::Promote) => (NewRole::Promoted, Failures),
                    (_, _, Kind::Demote) => (NewRole::Unpromoted, Demotion),
                    (_, _, Kind::MigrateTo) => (NewRole::MigrateTo, Nothing),
                };
                assert_eq!(success(kind, code, masked), expected);
            }
        }
    }
}

#[test]
fn each_failure_leaves_the_role_that_has_to_be_assumed() {
    for kind in Kind::ALL {
        for on_fail in ON_FAILS {
            for code in 0..=rc::MAX {
                let expected = match kind {
                    Kind::Promote => NewRole::Promoted,
                    Kind::Demote => match (on_fail, code) {
                        (OnFail::Block, _) => NewRole::Promoted,
                        (_, 7) => NewRole::Stopped,
                        _ => NewRole::Unpromoted,
                    },
                    Kind::MigrateTo => NewRole::MigrateTo,
                    Kind::MigrateFrom => NewRole::MigrateFrom,
                    _ => NewRole::Keep,
                };
                assert_eq!(failure(kind, on_fail, code), expected);
            }
        }
    }
}

#[test]
fn reactions_that_reach_beyond_the_resource_are_not_forgotten() {
    let kept = [
        OnFail::Ban,
        OnFail::Stop,
        OnFail::StandbyNode,
        OnFail::FenceNode,
    ];
    for on_fail in ON_FAILS {
        for reconnect in [false, true] {
            let forgets = match on_fail {
                OnFail::ResetRemote => !reconnect,
                _ => !kept.contains(&on_fail),
            };
            assert_eq!(is_forgettable(on_fail, reconnect), forgets, "{on_fail:?}");
        }
    }
}
