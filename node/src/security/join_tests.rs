//! Over real sockets on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockstep_consensus::tls::PEERS;
use lockstep_consensus::tls::port::{Accepted, Port};
use tokio::net::TcpListener;

use super::super::files::found;
use super::*;
use crate::clock::Clock;
use crate::security::node_name;

/// A group that takes everyone and counts.
#[derive(Default)]
struct Group(AtomicU64);

impl Members for Group {
    async fn add(&self, newcomer: &Newcomer) -> Result<NodeId, String> {
        if newcomer.node == "unwanted" {
            return Err("it is unwanted".into());
        }
        Ok(2 + self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn all(&self) -> BTreeMap<NodeId, (String, String)> {
        BTreeMap::from([(1, ("n1".to_owned(), "127.0.0.1:1".to_owned()))])
    }
}

/// A controller that lets machines in.
struct Host {
    _home: tempfile::TempDir,
    address: SocketAddr,
    files: Files,
    group: Arc<Group>,
}

impl Host {
    async fn start() -> Host {
        let home = tempfile::tempdir().expect("a folder");
        let now = Clock::start().unix_s();
        let files = Files::of(home.path());
        let authority = found("c", now).expect("an authority");
        let admitted = files.admit_by(&authority, "n1", Some(1), now);
        admitted.expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let credentials = Arc::new(files.credentials().expect("they are there"));
        let port = Port::open(listener, credentials, &[PEERS, JOINS]);
        let group = Arc::new(Group::default());
        let host = Host {
            _home: home,
            address,
            files: files.clone(),
            group: group.clone(),
        };
        let doorkeeper = Doorkeeper {
            cluster: "c".into(),
            files,
            timers: Timers {
                election_ms: 777,
                ..Timers::default()
            },
        };
        tokio::spawn(async move {
            // All of it, so that it stays open.
            let mut port = port;
            while let Some(Accepted { mut stream, .. }) = port.connections[1].recv().await {
                let _ = doorkeeper.attend(&mut stream, &*group, now).await;
            }
        });
        host
    }

    fn token(&self, admits: Admits) -> Token {
        let now = Clock::start().unix_s();
        let given = token::give_out(&self.files, "c", self.address, admits, None, (now, 60));
        given.expect("a controller")
    }

    /// A machine tries to join.
    async fn join(&self, token: &Token, node: &str) -> (Result<Node, JoinError>, Files) {
        let home = tempfile::tempdir().expect("a folder");
        let files = Files::of(&home.keep());
        let address = "127.0.0.1:7".parse().expect("an address");
        (join(token, node, address, &files).await, files)
    }

    fn count(&self) -> u64 {
        self.group.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_machine_with_a_token_becomes_a_controller_once() {
    let host = Host::start().await;
    let token = host.token(Admits::Controller);
    let (joined, files) = host.join(&token, "n2").await;
    let node = joined.expect("the token is good");
    assert_eq!((node.cluster.as_str(), node.id), ("c", Some(2)));
    assert_eq!(node.timers.election_ms, 777);
    let names: Vec<_> = node.controllers.iter().map(|c| c.node.as_str()).collect();
    assert_eq!(names, ["n1", "n2"]);
    // It can let others in, and is known by its names.
    files.authority("c").expect("it has the key");
    let credentials = files.credentials().expect("they fit");
    let stream = TcpStream::connect(host.address).await.expect("it listens");
    let name = lockstep_consensus::tls::member_name(1);
    let connected = credentials.connect(stream, &name, PEERS).await;
    connected.expect("both are members");

    let (again, files) = host.join(&token, "n3").await;
    assert!(matches!(again, Err(JoinError::Refused(_))));
    files.ensure_new().expect("it got nothing");
    assert_eq!(host.count(), 1);
}

#[tokio::test]
async fn a_worker_gets_no_key_of_the_authority_and_is_no_member() {
    let host = Host::start().await;
    let (joined, files) = host.join(&host.token(Admits::Worker), "w1").await;
    assert_eq!(joined.expect("the token is good").id, None);
    assert!(files.authority("c").is_err());
    files.credentials().expect("it has a certificate");
    assert_eq!(host.count(), 0);
    assert!(node_name("w1") != node_name("w2"));
}

#[tokio::test]
async fn a_wrong_secret_an_old_token_and_another_authority_get_nothing() {
    let host = Host::start().await;
    let good = host.token(Admits::Controller);
    let mut guessed = good.clone();
    guessed.secret[15] ^= 1;
    let mut unknown = good.clone();
    unknown.number[0] ^= 1;
    let now = Clock::start().unix_s();
    let past = (now - 100, 60);
    let old = token::give_out(
        &host.files,
        "c",
        host.address,
        Admits::Controller,
        None,
        past,
    );
    for token in [guessed, unknown, old.expect("a controller")] {
        let (joined, files) = host.join(&token, "n2").await;
        let error = joined.expect_err("the token is no good");
        // Whoever guesses does not learn what was wrong.
        let text = error.to_string();
        assert!(
            text.contains("unknown here, was used already, or is out of date"),
            "{text}"
        );
        files.ensure_new().expect("it got nothing");
    }
    let mut elsewhere = good.clone();
    elsewhere.authority[0] ^= 1;
    let (joined, _) = host.join(&elsewhere, "n2").await;
    assert!(matches!(joined, Err(JoinError::Stranger { .. })));
    assert_eq!(host.count(), 0);
    // All that did not use the good one up.
    host.join(&good, "n2").await.0.expect("it is good still");
}

#[tokio::test]
async fn senseless_requests_are_refused_before_the_token_is_used_up() {
    let host = Host::start().await;
    let token = host.token(Admits::Controller);
    let home = tempfile::tempdir().expect("a folder");
    let files = Files::of(home.path());
    for (node, address) in [
        ("two words", "127.0.0.1:7"),
        ("", "127.0.0.1:7"),
        ("n2", "0.0.0.0:7"),
        ("n2", "127.0.0.1:0"),
    ] {
        let address = address.parse().expect("an address");
        let refused = join(&token, node, address, &files).await;
        assert!(
            matches!(refused, Err(JoinError::Refused(_))),
            "{node} {address}"
        );
    }
    // One that the group will not have has used its token up, and is told so.
    let (refused, _) = host.join(&token, "unwanted").await;
    let text = refused.expect_err("it is unwanted").to_string();
    assert!(text.contains("make another"), "{text}");
}

/// What a controller makes of bytes that a stranger sends as a request.
async fn attend(bytes: &[u8]) -> Result<String, NotAdmitted> {
    let home = tempfile::tempdir().expect("a folder");
    let doorkeeper = Doorkeeper {
        cluster: "c".into(),
        files: Files::of(home.path()),
        timers: Timers::default(),
    };
    let (mut near, mut far) = tokio::io::duplex(64 << 10);
    use tokio::io::AsyncWriteExt;
    near.write_all(bytes).await.expect("there is room");
    near.shutdown().await.expect("it is open");
    let group = Group::default();
    doorkeeper.attend_on(&mut far, &[0; 32], &group, 0).await
}

#[tokio::test]
async fn no_bytes_of_a_stranger_do_harm() {
    let request = Request {
        version: VERSION,
        token: [1; 8],
        node: "n2".into(),
        address: "127.0.0.1:7".into(),
        key: [2; 32],
    };
    let request = codec::encode(&request);
    let proof = prove(&[3; 16], &[0; 32], &request);
    let mut whole = Vec::new();
    let payload = codec::encode(&Proven { request, proof });
    write_frame(&mut whole, &payload)
        .await
        .expect("into memory");
    assert!(matches!(attend(&whole).await, Err(NotAdmitted::Refused(_))));
    for cut in 0..whole.len() {
        let outcome = attend(&whole[..cut]).await;
        assert!(
            matches!(outcome, Err(NotAdmitted::Malformed(_))),
            "cut at {cut}"
        );
    }
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            assert!(attend(&bytes).await.is_err(), "byte {at} ^ {flip:#x}");
        }
    }
    let mut long = whole.clone();
    long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        attend(&long).await,
        Err(NotAdmitted::Malformed(_))
    ));
}

#[tokio::test]
async fn a_machine_of_another_release_is_told_so() {
    let request = Request {
        version: 2,
        token: [1; 8],
        node: "n2".into(),
        address: String::new(),
        key: [2; 32],
    };
    // Whatever else it says.
    let request = [codec::encode(&request), vec![7; 100]].concat();
    let proof = [0; 32];
    let mut whole = Vec::new();
    let payload = codec::encode(&Proven { request, proof });
    write_frame(&mut whole, &payload)
        .await
        .expect("into memory");
    match attend(&whole).await {
        Err(NotAdmitted::Refused(why)) => assert!(why.contains("version 2"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_proof_is_good_for_one_connection_only() {
    let request = b"a request";
    let secret = [3; 16];
    let proof = prove(&secret, &[1; 32], request);
    let verify = |secret, binding| {
        hmac::verify(&proof_key(secret), &message(binding, request), &proof).is_ok()
    };
    assert!(verify(&secret, &[1; 32]));
    assert!(!verify(&secret, &[2; 32]) && !verify(&[4; 16], &[1; 32]));
}
