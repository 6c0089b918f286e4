use super::*;

fn all_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for membership in [
        Membership::Unknown,
        Membership::Left,
        Membership::Member { since: 1 },
    ] {
        for join in [
            Join::Member,
            Join::Pending,
            Join::Down,
            Join::Banned,
            Join::Other,
        ] {
            for flags in 0..1 << 5 {
                let flag = |bit: u32| flags & (1 << bit) != 0;
                all.push(Facts {
                    membership,
                    join,
                    controller: flag(0),
                    expected_down: flag(1),
                    shutdown: flag(2),
                    terminate: flag(3),
                    overdue: flag(4),
                });
            }
        }
    }
    all
}

/// The rules in the words of the specification.
fn specified(node: &Facts) -> Judgement {
    use Judgement::{Fence, FenceLost, Fine, Pending};
    let member = node.membership == Membership::Member { since: 1 };
    if node.shutdown {
        Fine
    } else if node.membership == Membership::Unknown {
        Fence("peer has not been seen by the cluster")
    } else if node.join == Join::Banned {
        Fence("peer failed Pacemaker membership criteria")
    } else if node.terminate {
        if !member && !node.controller && node.join == Join::Down {
            Fine
        } else {
            Fence("fencing was requested")
        }
    } else if node.expected_down {
        match (node.overdue, member || node.controller) {
            (true, _) => Fence("peer pending timed out on joining the process group"),
            (false, true) => Pending,
            (false, false) => Fine,
        }
    } else if !member {
        FenceLost("peer is no longer part of the cluster")
    } else if !node.controller {
        Fence("peer process is no longer available")
    } else {
        match node.join {
            Join::Member => Fine,
            Join::Pending | Join::Down => Pending,
            _ => Fence("peer was in an unknown state"),
        }
    }
}

#[test]
fn every_combination_is_judged_as_specified() {
    let all = all_facts();
    assert_eq!(all.len(), 3 * 5 * 32);
    for facts in all {
        assert_eq!(judge_with_fencing(&facts).0, specified(&facts), "{facts:?}");
    }
}

#[test]
fn a_node_that_left_unexpectedly_is_fenced_or_down_but_never_up() {
    for facts in all_facts() {
        if facts.membership == Membership::Left && !facts.shutdown {
            let (_, online) = judge_with_fencing(&facts);
            assert!(!online, "{facts:?}");
            assert!(!judge_without_fencing(&facts, true).1, "{facts:?}");
        }
    }
}

#[test]
fn without_fencing_only_a_joined_node_is_up_and_only_a_missing_controller_is_unclean() {
    for facts in all_facts() {
        for expected_up in [false, true] {
            let (judgement, online) = judge_without_fencing(&facts, expected_up);
            let member = facts.is_member();
            assert_eq!(
                online,
                member && facts.controller && facts.join == Join::Member
            );
            let unclean = member && !facts.controller && expected_up;
            assert_eq!(judgement != Judgement::Fine, unclean, "{facts:?}");
        }
    }
}

#[test]
fn memberships_are_read_as_times_and_as_booleans() {
    let now = 1000;
    for (text, expected) in [
        (None, Membership::Unknown),
        (Some("true"), Membership::Member { since: now }),
        (Some("1"), Membership::Member { since: now }),
        (Some("false"), Membership::Left),
        (Some("0"), Membership::Left),
        (Some("700"), Membership::Member { since: 700 }),
        (Some("-5"), Membership::Unknown),
        (Some("maybe"), Membership::Unknown),
    ] {
        assert_eq!(membership(text, now), expected, "{text:?}");
    }
    for (text, expected) in [
        (None, false),
        (Some("online"), true),
        (Some("Offline"), false),
        (Some("0"), false),
        (Some("700"), true),
        (Some("-1"), false),
        (Some("x"), false),
    ] {
        assert_eq!(is_connected(text), expected, "{text:?}");
    }
}
