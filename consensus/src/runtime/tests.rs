use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::*;
use crate::log::StoreError;
use crate::log::faulty::{FaultSwitch, FaultyStore};
use crate::log::memory::MemoryFolder;
use crate::tls::{Authority, PEERS, member_name, testing};
use crate::types::{MemberStep, Members, MembersChange, Role};

/// For things that take milliseconds, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not in time"))
}

struct Member {
    handle: Handle,
    events: Receiver<Event>,
}

impl Member {
    /// The next command applied.
    async fn applied(&mut self) -> (u64, Vec<u8>) {
        loop {
            match soon("a command", self.events.recv()).await {
                Some(Event::Committed(committed)) => {
                    return (committed.index, committed.data.to_vec());
                }
                Some(Event::Fatal(error)) => panic!("{error}"),
                Some(_) => {}
                None => panic!("the member has stopped"),
            }
        }
    }

    async fn wait(&self, what: &str, wanted: impl FnMut(&GroupStatus) -> bool) -> GroupStatus {
        soon(what, self.handle.wait_for(wanted))
            .await
            .expect("the member runs")
    }
}

struct Cluster {
    home: tempfile::TempDir,
    addresses: BTreeMap<u64, SocketAddr>,
    members: BTreeMap<u64, Member>,
}

/// The authority of all clusters of these tests.
fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(testing::authority)
}

fn config(home: &Path, id: u64, peers: &BTreeMap<u64, SocketAddr>) -> RuntimeConfig {
    let listen = peers
        .get(&id)
        .copied()
        .unwrap_or(([127, 0, 0, 1], 0).into());
    let data_dir = home.join(id.to_string());
    let credentials = testing::member(authority(), id);
    RuntimeConfig::new("test", id, listen, peers.clone(), data_dir, credentials)
}

impl Cluster {
    /// Three members on ports of the system's choice.
    async fn start() -> Cluster {
        let mut listeners = BTreeMap::new();
        for id in 1..=3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            listeners.insert(id, listener);
        }
        let addresses = listeners
            .iter()
            .map(|(id, listener)| (*id, listener.local_addr().expect("it is bound")))
            .collect();
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut cluster = Cluster {
            home,
            addresses,
            members: BTreeMap::new(),
        };
        for (id, listener) in listeners {
            let config = config(cluster.home.path(), id, &cluster.addresses);
            let (handle, events) = start_on(config, listener).await.expect("it starts");
            cluster.members.insert(id, Member { handle, events });
        }
        cluster
    }

    async fn restart(&mut self, id: u64) {
        let config = config(self.home.path(), id, &self.addresses);
        let (handle, events) = start(config).await.expect("it starts again");
        self.members.insert(id, Member { handle, events });
    }

    async fn stop(&mut self, id: u64) {
        let member = self.members.remove(&id).expect("it runs");
        soon("shutdown", member.handle.shutdown()).await;
    }

    /// Waits until all that run agree on a leader among them.
    async fn leader(&self) -> u64 {
        let mut leader = None;
        for member in self.members.values() {
            let known = member
                .wait("a leader", |status| {
                    let leader = status.leader.filter(|id| self.members.contains_key(id));
                    leader.is_some_and(|id| id != status.node_id || status.role == Role::Leader)
                })
                .await;
            leader = known.leader;
        }
        leader.expect("there are members")
    }

    async fn propose(&self, command: &str) -> u64 {
        let attempt = async {
            loop {
                let leader = self.leader().await;
                match self.members[&leader]
                    .handle
                    .propose(command.as_bytes().to_vec())
                    .await
                {
                    Ok(index) => return index,
                    // Leadership moved, or is moving: whoever leads next takes it.
                    Err(ProposeError::Rejected(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        soon("a commit", attempt).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_agree_and_go_on_without_a_dead_leader() {
    let mut cluster = Cluster::start().await;
    for n in 0..20 {
        cluster.propose(&format!("first {n}")).await;
    }
    for member in cluster.members.values_mut() {
        for n in 0..20 {
            assert_eq!(member.applied().await.1, format!("first {n}").into_bytes());
        }
    }

    let dead = cluster.leader().await;
    cluster.stop(dead).await;
    let next = cluster.leader().await;
    assert_ne!(next, dead);
    let index = cluster.propose("second").await;
    for member in cluster.members.values_mut() {
        assert_eq!(member.applied().await, (index, b"second".to_vec()));
    }

    // Back again, it is given everything once more, and what it missed.
    cluster.restart(dead).await;
    let member = cluster.members.get_mut(&dead).expect("it was restarted");
    for n in 0..20 {
        assert_eq!(member.applied().await.1, format!("first {n}").into_bytes());
    }
    assert_eq!(member.applied().await, (index, b"second".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_proposals_at_once_all_commit_in_one_order() {
    let mut cluster = Cluster::start().await;
    let leader = cluster.leader().await;
    let handle = cluster.members[&leader].handle.clone();
    let proposals: Vec<_> = (0..500u32)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.propose(n.to_le_bytes().to_vec()).await })
        })
        .collect();
    let mut indexes = Vec::new();
    for proposal in proposals {
        let committed = soon("a commit", proposal).await.expect("no panic");
        indexes.push(committed.expect("the leader stays"));
    }
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len(), 500, "each has an index of its own");
    let mut orders = Vec::new();
    for member in cluster.members.values_mut() {
        let mut order = Vec::new();
        for _ in 0..500 {
            order.push(member.applied().await);
        }
        orders.push(order);
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_missed_too_much_is_sent_the_snapshot() {
    let mut cluster = Cluster::start().await;
    cluster.propose("before").await;
    let behind = cluster.leader().await % 3 + 1;
    cluster.stop(behind).await;
    // More than the log keeps behind a snapshot.
    let large = "x".repeat(700_000);
    for _ in 0..10 {
        cluster.propose(&large).await;
    }
    let index = cluster.propose("last").await;
    let state = vec![7; 3_000_000];
    for member in cluster.members.values_mut() {
        member
            .wait("the last command", |status| status.applied >= index)
            .await;
        let offer = member.handle.offer_snapshot(index, state.clone());
        soon("the snapshot", offer).await.expect("it is wanted");
        let again = member.handle.offer_snapshot(index, state.clone()).await;
        assert!(matches!(again, Err(SnapshotError::Index { .. })));
    }

    cluster.restart(behind).await;
    let member = cluster.members.get_mut(&behind).expect("it was restarted");
    loop {
        match soon("the snapshot", member.events.recv()).await {
            Some(Event::Restore {
                index: restored,
                data,
                ..
            }) => {
                assert_eq!((restored, data.len()), (index, state.len()));
                assert_eq!(data, state);
                break;
            }
            Some(Event::Fatal(error)) => panic!("{error}"),
            Some(_) => {}
            None => panic!("the member has stopped"),
        }
    }
    // And another start begins with that snapshot.
    cluster.stop(behind).await;
    cluster.restart(behind).await;
    let member = cluster.members.get_mut(&behind).expect("it was restarted");
    let first = soon("an event", member.events.recv()).await;
    assert!(
        matches!(first, Some(Event::Restore { index: i, .. }) if i == index),
        "{first:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_transfers_and_refusals() {
    let cluster = Cluster::start().await;
    let index = cluster.propose("a").await;
    let leader = cluster.leader().await;
    let follower = leader % 3 + 1;
    for id in [leader, follower] {
        let handle = &cluster.members[&id].handle;
        let read = soon("a read", handle.read_index())
            .await
            .expect("there is a leader");
        assert!(read >= index);
    }
    let follower_handle = cluster.members[&follower].handle.clone();
    let refused = follower_handle
        .propose(b"b".to_vec())
        .await
        .expect_err("it does not lead");
    assert_eq!(refused.leader(), Some(leader));
    let leader_handle = &cluster.members[&leader].handle;
    let empty = leader_handle.propose(Vec::new()).await;
    assert_eq!(
        empty,
        Err(ProposeError::Rejected(crate::group::Rejection::Empty))
    );
    assert!(leader_handle.transfer_to(9).await.is_err());

    soon("the hand-over", leader_handle.transfer_to(follower))
        .await
        .expect("it is a voter");
    cluster.members[&follower]
        .wait("leadership", |status| status.role == Role::Leader)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_member_joins_and_a_removed_leader_makes_room() {
    let mut cluster = Cluster::start().await;
    let first = cluster.propose("before it came").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut joining = config(cluster.home.path(), 4, &BTreeMap::new());
    joining.address = address.to_string();
    let (handle, events) = start_on(joining, listener).await.expect("it starts");
    let mut newcomer = Member { handle, events };

    let leader = cluster.leader().await;
    let step = MemberStep::AddVoter {
        id: 4,
        address: address.to_string(),
        name: "four".to_owned(),
    };
    let change = MembersChange {
        steps: vec![step, MemberStep::Remove { id: leader }],
    };
    let handle = cluster.members[&leader].handle.clone();
    soon("the change", handle.change_members(change))
        .await
        .expect("it makes sense");
    assert_eq!(
        newcomer.applied().await,
        (first, b"before it came".to_vec())
    );
    let status = newcomer
        .wait("the new group", |status| {
            !status.members.is_joint() && status.members.is_voter(4)
        })
        .await;
    assert!(!status.members.contains(leader));

    // It hears of that, although nobody sends it the log any more.
    let removed = cluster.members.get_mut(&leader).expect("it runs");
    removed.wait("the news", |status| status.removed).await;
    while !matches!(
        soon("the news", removed.events.recv()).await,
        Some(Event::Removed)
    ) {}
    cluster.stop(leader).await;
    let index = cluster.propose("with it").await;
    assert_eq!(newcomer.applied().await, (index, b"with it".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_at_the_peer_port_is_dropped_and_counted() {
    let cluster = Cluster::start().await;
    let address = cluster.addresses[&1];
    let hostile: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        // TLS, and then garbage.
        b"\x16\x03\x01\xff\xff\0\0\0\0",
        b"\x16\x03\x01\0\x04\x01\x02\x03\x04",
        &[0; 4096],
    ];
    for bytes in hostile {
        let mut stranger = TcpStream::connect(address).await.expect("it listens");
        // It may be cut off before it has said everything.
        let _ = stranger.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = soon("to be cut off", stranger.read_to_end(&mut answer)).await;
        let is_alert = answer.len() == 7 && answer[0] == 21;
        assert!(
            read.is_err() || answer.is_empty() || is_alert,
            "a stranger gets nothing: {answer:?}"
        );
    }
    let member = &cluster.members[&1];
    member
        .wait("the count", |status| {
            status.network.strangers == hostile.len() as u64
        })
        .await;
    cluster.propose("undisturbed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_refused_and_told_why() {
    use crate::transport::frame::{self, Frame, Hello, Refusal};
    let cluster = Cluster::start().await;
    let hello = |cluster_id: &str, from, to, versions| Hello {
        versions,
        cluster_id: cluster_id.into(),
        from,
        to,
        address: String::new(),
        folder: 0,
    };
    let cases = [
        (
            hello("other", 2, 1, (1, 1)),
            Refusal::OtherCluster {
                cluster_id: "test".into(),
            },
        ),
        (
            hello("test", 2, 3, (1, 1)),
            Refusal::OtherNode { node_id: 1 },
        ),
        (hello("test", 1, 1, (1, 1)), Refusal::SameNode),
        (
            hello("test", 2, 1, (2, 9)),
            Refusal::Version { versions: (1, 1) },
        ),
    ];
    for (hello, expected) in cases {
        let stream = TcpStream::connect(cluster.addresses[&1]).await;
        let credentials = testing::member(authority(), hello.from);
        let connected = credentials
            .connect(stream.expect("it listens"), &member_name(1), PEERS)
            .await;
        let mut stream = connected.expect("its certificate is good");
        frame::write(&mut stream, &Frame::Hello(hello))
            .await
            .expect("it listens");
        stream.flush().await.expect("it listens");
        let answer = soon("an answer", frame::read(&mut stream, 1024))
            .await
            .expect("an answer");
        assert_eq!(answer, Frame::Refused(expected));
    }
    let member = &cluster.members[&1];
    member
        .wait("the count", |status| status.network.refused == 4)
        .await;
}

/// A group of one on a disk that can be made to fail.
async fn alone() -> (Member, FaultSwitch, MemoryFolder) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let peers = BTreeMap::from([(1, address)]);
    let folder = MemoryFolder::new();
    let identity = Identity {
        cluster_id: "test".into(),
        node_id: 1,
    };
    let (store, recovered) = LogStore::open(folder.restart(), &identity).expect("it is new");
    let (store, switch) = FaultyStore::new(store);
    let credentials = testing::member(authority(), 1);
    let peering = Peering::on(listener, credentials.clone());
    let config = RuntimeConfig::new("test", 1, address, peers, "unused", credentials);
    let started = start_with(config, peering, Folders::default(), store, recovered);
    let (handle, events) = started.expect("it starts");
    let member = Member { handle, events };
    member
        .wait("leadership", |status| status.role == Role::Leader)
        .await;
    (member, switch, folder)
}

#[tokio::test]
async fn a_full_disk_stops_acknowledgements_and_loses_nothing() {
    let (mut member, disk, folder) = alone().await;
    let first = member
        .handle
        .propose(b"fits".to_vec())
        .await
        .expect("there is room");
    assert_eq!(member.applied().await, (first, b"fits".to_vec()));

    disk.fill();
    let handle = member.handle.clone();
    let waiting = tokio::spawn(async move { handle.propose(b"waits".to_vec()).await });
    assert!(matches!(
        soon("the news", member.events.recv()).await,
        Some(Event::DiskFull)
    ));
    assert!(
        !waiting.is_finished(),
        "nothing is acknowledged that is not durable"
    );
    assert!(member.handle.status().disk_full);
    assert_eq!(
        member.handle.propose(b"refused".to_vec()).await,
        Err(ProposeError::DiskFull)
    );

    disk.heal();
    assert!(matches!(
        soon("the news", member.events.recv()).await,
        Some(Event::DiskOk)
    ));
    let second = soon("the commit", waiting)
        .await
        .expect("no panic")
        .expect("it was kept");
    assert_eq!(member.applied().await, (second, b"waits".to_vec()));
    soon("shutdown", member.handle.shutdown()).await;

    let identity = Identity {
        cluster_id: "test".into(),
        node_id: 1,
    };
    let (_, recovered) = LogStore::open(folder.restart(), &identity).expect("it is whole");
    let kept: Vec<&[u8]> = recovered
        .entries
        .iter()
        .map(|entry| entry.payload.as_ref())
        .collect();
    assert!(kept.contains(&b"fits".as_slice()) && kept.contains(&b"waits".as_slice()));
}

#[tokio::test]
async fn a_broken_disk_stops_the_member() {
    let (mut member, disk, _) = alone().await;
    disk.break_down();
    let refused = soon("an answer", member.handle.propose(b"lost".to_vec())).await;
    assert_eq!(refused, Err(ProposeError::Stopped));
    loop {
        match soon("the end", member.events.recv()).await {
            Some(Event::Fatal(FatalError::Store(StoreError::Io { .. }))) => break,
            Some(Event::Committed(_)) => panic!("nothing was durable"),
            Some(_) => {}
            None => panic!("it should say why"),
        }
    }
    assert!(soon("the end", member.events.recv()).await.is_none());
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let peers = BTreeMap::from([(1, address)]);
    let good = config(home.path(), 1, &peers);
    let started = start(good.clone()).await;
    assert!(matches!(started, Err(StartError::Bind { address: at, .. }) if at == address));
    drop(taken);

    let with = |change: fn(&mut RuntimeConfig)| {
        let mut config = good.clone();
        change(&mut config);
        start(config)
    };
    for wrong in [
        with(|config| config.node_id = 0).await,
        with(|config| config.node_id = 2).await,
        with(|config| config.cluster_id.clear()).await,
        with(|config| config.cluster_id = "two\nlines".into()).await,
        with(|config| config.heartbeat_ticks = config.election_ticks).await,
        with(|config| config.tick_ms = 0).await,
        with(|config| config.max_command_bytes = usize::MAX).await,
    ] {
        assert!(matches!(wrong, Err(StartError::Config(_))));
    }

    let (handle, _events) = start(good.clone()).await.expect("all is well");
    let mut second = good.clone();
    second.listen.set_port(0);
    let locked = start(second).await;
    assert!(matches!(
        locked,
        Err(StartError::Store(StoreError::Locked { .. }))
    ));
    soon("shutdown", handle.shutdown()).await;
    let mut other = good;
    other.cluster_id = "other".into();
    let foreign = start(other).await;
    assert!(matches!(
        foreign,
        Err(StartError::Store(StoreError::OtherCluster { .. }))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_data_folder_was_lost_is_not_let_in_again() {
    let mut cluster = Cluster::start().await;
    cluster.propose("acknowledged").await;
    let leader = cluster.leader().await;
    let lost = leader % 3 + 1;
    // All others know its folder once they have met it, and only then: a group of three begins
    // with two of them.
    for (id, member) in &cluster.members {
        let met = |status: &GroupStatus| {
            let mut peers = status.peers.iter();
            peers.any(|peer| peer.id == lost && peer.connected)
        };
        if *id != lost {
            member.wait("to have met it", met).await;
        }
    }
    cluster.stop(lost).await;
    std::fs::remove_dir_all(cluster.home.path().join(lost.to_string())).expect("it is there");
    cluster.restart(lost).await;
    let refused = |status: &GroupStatus| {
        let mut others = status.peers.iter().map(|peer| peer.refused.as_deref());
        others.all(|why| why.is_some_and(|why| why.contains("data folder")))
    };
    let forgetful = cluster.members.remove(&lost).expect("it runs");
    let status = forgetful.wait("to be refused", refused).await;
    assert_eq!((status.peers.len(), status.leader), (2, None));
    cluster.propose("without it").await;
    assert!(forgetful.handle.status().commit <= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_too_old_stays_out_and_says_so() {
    let mut cluster = Cluster::start().await;
    cluster.propose("before").await;
    let leader = cluster.leader().await;
    let other = leader % 3 + 1;
    cluster.stop(other).await;
    let mut newer = config(cluster.home.path(), other, &cluster.addresses);
    newer.versions = (2, 3);
    let (handle, events) = start(newer).await.expect("it starts");
    cluster.members.insert(other, Member { handle, events });
    let refused = |status: &GroupStatus| {
        let leader = status.peers.iter().find(|peer| peer.id == leader);
        leader.is_some_and(|peer| peer.refused.as_ref().is_some_and(|w| w.contains("too old")))
    };
    cluster.members[&other].wait("to be refused", refused).await;
    cluster.stop(other).await;
    cluster.propose("the others go on").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_two_versions_work_together_while_they_are_upgraded_one_by_one() {
    let mut cluster = Cluster::start().await;
    let mut commands = Vec::new();
    for id in [1, 2, 3] {
        commands.push(format!("before {id}"));
        cluster.propose(&commands[commands.len() - 1]).await;
        cluster.stop(id).await;
        let mut newer = config(cluster.home.path(), id, &cluster.addresses);
        newer.versions = (1, 2);
        let (handle, events) = start(newer).await.expect("it starts");
        cluster.members.insert(id, Member { handle, events });
    }
    commands.push("after".to_owned());
    cluster.propose("after").await;
    for member in cluster.members.values_mut() {
        for command in &commands {
            assert_eq!(member.applied().await.1, command.as_bytes());
        }
    }
}

#[test]
fn a_member_that_has_not_come_to_its_own_joining_says_of_nobody_that_it_was_removed() {
    let mut members = Members::of_voters([(1, "one:1".to_owned())]);
    // As a snapshot of before it joined is taken up: 2 joined in between.
    members.learners.insert(3);
    members.next_id = 4;
    assert_eq!(driver::ids_given_out(&members, 3), 0);
    assert_eq!(
        driver::ids_given_out(&members, 1),
        4,
        "others know their own"
    );
    members.addresses.insert(3, "three:1".to_owned());
    assert_eq!(driver::ids_given_out(&members, 3), 4, "now it knows");
}
