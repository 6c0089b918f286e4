//! Messages that no correct peer sends.

use super::*;
use crate::message::Plain;
use crate::random::Random;

fn message(from: NodeId, to: NodeId, term: u64, plain: Plain) -> Message {
    Message {
        from,
        to,
        term,
        body: Body::Plain(plain),
    }
}

fn entry(index: u64, term: u64) -> Entry {
    let payload = Bytes::from_static(b"x").into();
    Entry {
        index,
        term,
        kind: EntryKind::Command,
        payload,
    }
}

fn append(prev_index: u64, prev_term: u64, entries: Vec<Entry>) -> Plain {
    Plain::Append {
        prev_index,
        prev_term,
        commit: 1,
        entries,
    }
}

fn snapshot(index: u64, term: u64, members: Members) -> Body {
    Body::Snapshot(Snapshot {
        meta: SnapshotMeta {
            index,
            term,
            members,
        },
        data: Bytes::new(),
    })
}

#[test]
fn each_of_them_is_named_and_has_no_effect() {
    let (net, leader) = Net::with_leader(3);
    let follower = leader % 3 + 1;
    let position = net.group(follower).position();
    let (term, last) = (position.role.term, position.last_index);
    let mut change = entry(last + 1, term);
    change.kind = EntryKind::Members;
    let heartbeat = |commit, mark: usize| Plain::Heartbeat {
        commit,
        context: Bytes::from(vec![1; mark]).into(),
    };
    let members = |change: fn(&mut Members)| {
        let mut members = Members::clone(&position.members);
        change(&mut members);
        snapshot(last + 9, term, members)
    };
    let plain = |plain| message(leader, follower, term, plain);
    let body = |body| Message {
        from: leader,
        to: follower,
        term,
        body,
    };
    let cases = [
        message(0, follower, term, heartbeat(1, 0)),
        message(follower, follower, term, heartbeat(1, 0)),
        message(leader, 9, term, heartbeat(1, 0)),
        message(leader, follower, 0, heartbeat(1, 0)),
        message(leader, follower, u64::MAX, heartbeat(1, 0)),
        message(leader, follower, term + (1 << 40), heartbeat(1, 0)),
        plain(heartbeat(last + 1, 0)),
        plain(heartbeat(1, 1_000)),
        plain(append(0, 0, vec![])),
        plain(append(last + 5, 0, vec![entry(last + 6, term)])),
        plain(append(last, term, vec![entry(last + 2, term)])),
        plain(append(
            last,
            term,
            vec![entry(last + 1, term), entry(last + 1, term)],
        )),
        plain(append(last, term, vec![entry(last + 1, term + 1)])),
        plain(append(last, term, vec![entry(last + 1, term - 1)])),
        plain(append(last, term, vec![change])),
        plain(append(u64::MAX, term, vec![])),
        plain(Plain::AppendResponse {
            index: u64::MAX,
            commit: 0,
            reject: None,
        }),
        plain(Plain::AppendResponse {
            index: 1,
            commit: 0,
            reject: Some((2, 1)),
        }),
        plain(Plain::ReadIndexResponse {
            index: 1,
            context: Bytes::new().into(),
        }),
        message(
            leader,
            follower,
            term,
            Plain::ReadIndex {
                context: Bytes::from("x").into(),
            },
        ),
        message(
            leader,
            follower,
            0,
            Plain::ReadIndex {
                context: Bytes::new().into(),
            },
        ),
        body(snapshot(0, 1, Members::clone(&position.members))),
        body(snapshot(
            last + 9,
            term + 1,
            Members::clone(&position.members),
        )),
        body(members(|m| m.voters.clear())),
        body(members(|m| _ = m.voters.insert(0))),
        body(members(|m| m.learners = m.voters.clone())),
        body(members(|m| _ = m.learners_next.insert(7))),
        body(members(|m| m.auto_leave = true)),
        body(members(|m| _ = m.addresses.insert(77, "nowhere".into()))),
    ];
    for case in cases {
        let (mut net, _) = Net::with_leader(3);
        net.input(follower, Input::Message(case.clone()));
        assert_eq!(net.seen[&follower].malformed.len(), 1, "{case:?}");
        assert_eq!(net.group(follower).position(), position, "{case:?}");
        assert!(net.messages.is_empty(), "{case:?}");
    }
}

#[test]
fn a_leader_is_not_fooled_by_another_one_or_by_entries_that_it_does_not_have() {
    let (mut net, leader) = Net::with_leader(3);
    let peer = leader % 3 + 1;
    let position = net.group(leader).position();
    let (term, last) = (position.role.term, position.last_index);
    let ack = Plain::AppendResponse {
        index: last + 1,
        commit: 0,
        reject: None,
    };
    let heartbeat = Plain::Heartbeat {
        commit: 1,
        context: Bytes::new().into(),
    };
    for plain in [ack, heartbeat, append(last, term, vec![])] {
        net.input(leader, Input::Message(message(peer, leader, term, plain)));
    }
    assert_eq!(net.seen[&leader].malformed.len(), 3);
    assert_eq!(net.group(leader).position(), position);
}

/// A number near one that means something, or far from all.
fn twist(number: &mut u64, random: &mut Random) {
    *number = match random.below(6) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => random.below(12),
        3 => number.saturating_add(random.below(1 << 20)),
        4 => u64::MAX - random.below(3),
        _ => *number,
    };
}

fn twist_message(message: &mut Message, random: &mut Random) {
    let n = |number: &mut u64, random: &mut Random| {
        if random.chance(300) {
            twist(number, random);
        }
    };
    n(&mut message.term, random);
    match &mut message.body {
        Body::Snapshot(snapshot) => {
            n(&mut snapshot.meta.index, random);
            n(&mut snapshot.meta.term, random);
            let members = &mut snapshot.meta.members;
            let sets = [
                &mut members.voters,
                &mut members.learners,
                &mut members.outgoing,
                &mut members.learners_next,
            ];
            for set in sets {
                if random.chance(200) {
                    set.insert(random.below(6));
                    set.remove(&random.below(6));
                }
            }
            members.auto_leave ^= random.chance(100);
        }
        Body::Plain(plain) => match plain {
            Plain::Append {
                prev_index,
                prev_term,
                commit,
                entries,
            } => {
                n(prev_index, random);
                n(prev_term, random);
                n(commit, random);
                for entry in entries.iter_mut() {
                    n(&mut entry.index, random);
                    n(&mut entry.term, random);
                    if random.chance(50) {
                        entry.kind = EntryKind::Members;
                    }
                }
                if random.chance(100) {
                    entries.reverse();
                }
            }
            Plain::AppendResponse {
                index,
                commit,
                reject,
            } => {
                n(index, random);
                n(commit, random);
                if random.chance(200) {
                    *reject = Some((random.below(12), random.below(4)));
                }
            }
            Plain::RequestVote {
                pre,
                transfer,
                last_index,
                last_term,
                commit,
                commit_term,
            } => {
                *pre ^= random.chance(200);
                *transfer ^= random.chance(200);
                for number in [last_index, last_term, commit, commit_term] {
                    n(number, random);
                }
            }
            Plain::Vote {
                pre,
                granted,
                commit,
                commit_term,
            } => {
                *pre ^= random.chance(200);
                *granted ^= random.chance(300);
                n(commit, random);
                n(commit_term, random);
            }
            Plain::Heartbeat { commit, .. } | Plain::HeartbeatResponse { commit, .. } => {
                n(commit, random);
            }
            Plain::TimeoutNow | Plain::ReadIndex { .. } => {}
            Plain::ReadIndexResponse { index, .. } => n(index, random),
        },
    }
    if random.chance(20) {
        let term = message.term.min(1 << 40);
        *message = Message {
            term,
            ..message.clone()
        };
        message.body = Body::Plain(match random.below(4) {
            0 => Plain::TimeoutNow,
            1 => Plain::Vote {
                pre: false,
                granted: true,
                commit: 0,
                commit_term: 0,
            },
            2 => Plain::Vote {
                pre: true,
                granted: true,
                commit: 3,
                commit_term: 1,
            },
            _ => Plain::Heartbeat {
                commit: 1,
                context: Bytes::new().into(),
            },
        });
    }
}

/// Real traffic, twisted, at members in all kinds of states: no lie may bring one down.
#[test]
fn no_message_brings_a_member_down() {
    let mut malformed = 0;
    for seed in 0..120 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let mut net = Net::new(3);
        for step in 0..600 {
            let id = 1 + random.below(3);
            match random.below(12) {
                0 => net.input(
                    id,
                    Input::Propose {
                        id: step,
                        data: Bytes::from_static(b"c"),
                    },
                ),
                1 => net.input(id, Input::ReadIndex { id: step }),
                2 if random.chance(100) => net.input(id, Input::PeerClosed(1 + random.below(3))),
                3 if random.chance(100) => {
                    net.stuck.entry(id).or_default();
                }
                4 => {
                    let waiting = net.stuck.remove(&id).unwrap_or_default();
                    for persist in waiting {
                        net.input(
                            id,
                            Input::Persisted {
                                upto: persist.number,
                            },
                        );
                    }
                }
                5 => {
                    let index = net.group(id).position().applied;
                    let data = Bytes::from_static(b"state");
                    net.input(
                        id,
                        Input::Snapshot {
                            id: step,
                            index,
                            data,
                        },
                    );
                }
                _ => {
                    for id in 1..=3 {
                        for _ in 0..random.below(30) {
                            net.input(id, Input::Tick);
                        }
                    }
                }
            }
            for _ in 0..random.below(20) {
                let Some(mut message) = net.messages.pop_front() else {
                    break;
                };
                let to = message.to;
                if random.chance(150) {
                    let honest = message.clone();
                    twist_message(&mut message, &mut random);
                    if random.chance(500) {
                        net.input(to, Input::Message(honest));
                    }
                }
                net.input(to, Input::Message(message));
            }
        }
        malformed += net
            .seen
            .values()
            .map(|seen| seen.malformed.len())
            .sum::<usize>();
    }
    assert!(
        malformed > 1_000,
        "the test must test something: {malformed}"
    );
}
