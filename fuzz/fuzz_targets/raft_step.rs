//! A group of three with everything that can happen to it, and messages that no correct peer sends:
//! no member ever panics; as long as all are honest, no two apply different commands.
#![no_main]

use std::collections::{BTreeMap, VecDeque};

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lockstep_consensus::group::{Apply, Group, GroupConfig, Input, bootstrap, bootstrapped};
use lockstep_consensus::message::Message;
use lockstep_consensus::types::Members;
use lockstep_fuzz::few;
use lockstep_fuzz::hostile::{Change, Hostile};

const VOTERS: u64 = 3;
/// More under way than this, and the oldest is lost.
const MAX_UNDER_WAY: usize = 200;

#[derive(Debug, Arbitrary)]
enum Step {
    Ticks(u8),
    /// Everything arrives, so many times around.
    Settle(u8),
    Deliver(u8),
    Lose(u8),
    Twice(u8),
    Propose {
        at: u8,
        data: u8,
    },
    Read(u8),
    Campaign(u8),
    Change {
        at: u8,
        change: Change,
    },
    Transfer {
        at: u8,
        to: u8,
    },
    Eligible {
        at: u8,
        is: bool,
    },
    Closed {
        at: u8,
        peer: u8,
    },
    Opened {
        at: u8,
        peer: u8,
    },
    Unreachable {
        at: u8,
        peer: u8,
    },
    SnapshotSent {
        at: u8,
        to: u8,
        delivered: bool,
    },
    Snapshot {
        at: u8,
        back: u8,
    },
    /// The disk stands still until it is let go.
    Stick(u8),
    Release(u8),
    Hostile {
        to: u8,
        message: Hostile,
    },
}

#[derive(Debug, Arbitrary)]
struct Scenario {
    seed: u8,
    #[arbitrary(with = few::<Step, 60>)]
    steps: Vec<Step>,
}

struct Member {
    group: Group,
    /// Writes that wait for the disk: the last one's number.
    unwritten: Option<u64>,
    stuck: bool,
}

struct Net {
    members: BTreeMap<u64, Member>,
    under_way: VecDeque<Message>,
    /// What anybody has applied, by index.
    applied: BTreeMap<u64, Bytes>,
    honest: bool,
    requests: u64,
}

fuzz_target!(|scenario: Scenario| {
    let mut net = Net::new(u64::from(scenario.seed));
    for step in &scenario.steps {
        net.take(step);
    }
});

impl Net {
    fn new(seed: u64) -> Self {
        let members = Members::of_voters((1..=VOTERS).map(|id| (id, format!("node-{id}:1"))));
        let member = |id| {
            let config = GroupConfig {
                election_ticks: 10,
                heartbeat_ticks: 1,
                stagger_ticks: 2,
                max_command_bytes: 1_000,
                ..GroupConfig::new(id, seed, 1)
            };
            let group = Group::new(config, bootstrapped(&bootstrap(members.clone())));
            let group = group.expect("a good state");
            (
                id,
                Member {
                    group,
                    unwritten: None,
                    stuck: false,
                },
            )
        };
        Net {
            members: (1..=VOTERS).map(member).collect(),
            under_way: VecDeque::new(),
            applied: BTreeMap::new(),
            honest: true,
            requests: 0,
        }
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn take(&mut self, step: &Step) {
        let member = |at: u8| u64::from(at) % VOTERS + 1;
        match step {
            Step::Ticks(count) => {
                for _ in 0..count % 32 {
                    self.all(|| Input::Tick);
                }
            }
            Step::Settle(rounds) => {
                for _ in 0..rounds % 8 {
                    for message in std::mem::take(&mut self.under_way) {
                        self.deliver(message);
                    }
                }
            }
            Step::Deliver(at) => {
                if let Some(message) = self.pick(*at) {
                    self.deliver(message);
                }
            }
            Step::Lose(at) => drop(self.pick(*at)),
            Step::Twice(at) => {
                if let Some(message) = self.pick(*at) {
                    self.deliver(message.clone());
                    self.deliver(message);
                }
            }
            Step::Propose { at, data } => {
                let (id, data) = (
                    self.request(),
                    Bytes::from(vec![*data; 1 + usize::from(*data) * 5]),
                );
                self.input(member(*at), Input::Propose { id, data });
            }
            Step::Read(at) => {
                let id = self.request();
                self.input(member(*at), Input::ReadIndex { id });
            }
            Step::Campaign(at) => self.input(member(*at), Input::Campaign),
            Step::Change { at, change } => {
                let (id, change) = (self.request(), change.change());
                self.input(member(*at), Input::ChangeMembers { id, change });
            }
            Step::Transfer { at, to } => {
                let (id, to) = (self.request(), u64::from(to % 5));
                self.input(member(*at), Input::TransferLeader { id, to });
            }
            Step::Eligible { at, is } => self.input(member(*at), Input::Eligible(*is)),
            Step::Closed { at, peer } => {
                self.input(member(*at), Input::PeerClosed(u64::from(peer % 5)))
            }
            Step::Opened { at, peer } => {
                self.input(member(*at), Input::PeerOpened(u64::from(peer % 5)))
            }
            Step::Unreachable { at, peer } => {
                self.input(member(*at), Input::PeerUnreachable(u64::from(peer % 5)));
            }
            Step::SnapshotSent { at, to, delivered } => {
                let (to, delivered) = (u64::from(to % 5), *delivered);
                self.input(member(*at), Input::SnapshotSent { to, delivered });
            }
            Step::Snapshot { at, back } => {
                let (id, at) = (self.request(), member(*at));
                let applied = self.members[&at].group.position().applied;
                let index = applied.saturating_sub(u64::from(*back));
                let data = Bytes::from_static(b"a state");
                self.input(at, Input::Snapshot { id, index, data });
            }
            Step::Stick(at) => {
                if let Some(member) = self.members.get_mut(&member(*at)) {
                    member.stuck = true;
                }
            }
            Step::Release(at) => self.release(member(*at)),
            Step::Hostile { to, message } => {
                self.honest = false;
                let to = member(*to);
                let position = self.members[&to].group.position();
                let message = message.message(to, position.role.term, position.last_index);
                self.input(to, Input::Message(message));
            }
        }
    }

    fn all(&mut self, input: impl Fn() -> Input) {
        for id in 1..=VOTERS {
            self.input(id, input());
        }
    }

    fn pick(&mut self, at: u8) -> Option<Message> {
        let at = usize::from(at).checked_rem(self.under_way.len())?;
        self.under_way.remove(at)
    }

    fn deliver(&mut self, message: Message) {
        let (from, to, is_snapshot) = (message.from, message.to, message.is_snapshot());
        let there = self.members.contains_key(&to);
        if there {
            self.input(to, Input::Message(message));
        }
        if is_snapshot {
            self.input(
                from,
                Input::SnapshotSent {
                    to,
                    delivered: there,
                },
            );
        }
    }

    fn release(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.stuck = false;
        if let Some(upto) = member.unwritten.take() {
            self.input(id, Input::Persisted { upto });
        }
    }

    fn input(&mut self, id: u64, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let Some(member) = self.members.get_mut(&id) else {
                return;
            };
            let effects = member.group.step(std::mem::take(&mut inputs));
            if let Some(persist) = effects.persist {
                if member.stuck {
                    member.unwritten = Some(persist.number);
                } else {
                    inputs.push(Input::Persisted {
                        upto: persist.number,
                    });
                }
            }
            for step in effects.apply {
                if let (Apply::Command(command), true) = (step, self.honest) {
                    let known = self
                        .applied
                        .entry(command.index)
                        .or_insert(command.data.clone());
                    assert_eq!(*known, command.data, "two commands at {}", command.index);
                }
            }
            self.under_way.extend(effects.send);
            while self.under_way.len() > MAX_UNDER_WAY {
                self.under_way.pop_front();
            }
        }
    }
}
