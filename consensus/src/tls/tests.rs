//! Over real sockets on loopback.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::port::{Accepted, Port};
use super::testing::*;
use super::*;

const JOINS: Protocol = Protocol {
    name: "test-join",
    anonymous: true,
};

/// A port of member 1 for peers and for nodes that join.
async fn port(credentials: Arc<Credentials>) -> (Port, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (Port::open(listener, credentials, &[PEERS, JOINS]), address)
}

async fn tcp(address: std::net::SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it listens")
}

/// Says something over what looks like a connection, and reads all that comes.
async fn talk(connected: std::io::Result<TlsStream<TcpStream>>) -> std::io::Result<Vec<u8>> {
    let mut stream = connected?;
    stream.write_all(b"hello").await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn members_of_one_cluster_know_each_other_by_name() {
    let authority = authority();
    let (mut port, address) = port(member(&authority, 1)).await;
    let two = member(&authority, 2);
    let name = member_name(1);
    let (connected, accepted) = tokio::join!(
        two.connect(tcp(address).await, &name, PEERS),
        port.connections[0].recv()
    );
    let Accepted { mut stream, .. } = accepted.expect("the port is open");
    assert!(is_called(&stream, &member_name(2)) && is_called(&stream, ANY_MEMBER));
    assert!(!is_called(&stream, &member_name(3)) && !is_called(&stream, "no name at all"));
    let mut connected = connected.expect("both are members");
    connected.write_all(b"hello").await.expect("it is open");
    connected.flush().await.expect("it is open");
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await.expect("it is open");
    assert_eq!(&heard, b"hello");
    // Whoever wants another member does not take this one for it.
    let wrong = two
        .connect(tcp(address).await, &member_name(3), PEERS)
        .await;
    assert!(is_distrust(&wrong.expect_err("it is member 1")));
}

#[tokio::test]
async fn a_foreign_an_expired_and_no_certificate_get_nothing() {
    let authority = authority();
    let (mut port, address) = port(member(&authority, 1)).await;
    let name = member_name(1);
    let names = [member_name(2), ANY_MEMBER.to_owned()];

    // Of another authority, even one of the same name: neither side believes the other. One that
    // believes the server only gets no further.
    let other = super::testing::authority();
    let foreign = member(&other, 2);
    let refused = foreign.connect(tcp(address).await, &name, PEERS).await;
    assert!(is_distrust(&refused.expect_err("another authority")));
    let key = KeyPair::generate().expect("a key");
    let own = other.certify(&key.public(), &names, days(10)).expect("one");
    let believing = Credentials::from_pem(authority.certificate_pem(), &own, &key.to_pem());
    let believing = believing.expect("they fit");
    let talked = talk(believing.connect(tcp(address).await, &name, PEERS).await).await;
    assert!(is_distrust(&talked.expect_err("a foreign certificate")));

    // Of this one, and out of date, or not in date yet.
    let now = days(0).until;
    for (from, until) in [(now - 7_200, now - 3_600), (now + 3_600, now + 7_200)] {
        let dated = of_names(&authority, &names, Validity { from, until });
        let talked = talk(dated.connect(tcp(address).await, &name, PEERS).await).await;
        assert!(
            is_distrust(&talked.expect_err("out of date")),
            "{from} {until}"
        );
    }

    // None at all is good for joining, and for nothing else.
    let pin = authority.fingerprint();
    let talked = talk(connect_pinned(tcp(address).await, pin, PEERS).await).await;
    assert!(talked.map_or(true, |answer| answer.is_empty()));
    let unknown = Protocol {
        name: "test-unknown",
        anonymous: true,
    };
    let talked = talk(connect_pinned(tcp(address).await, pin, unknown).await).await;
    assert!(talked.map_or(true, |answer| answer.is_empty()));

    assert_eq!(port.strangers.read(), 6);
    assert!(port.connections[0].try_recv().is_err());
}

#[tokio::test]
async fn who_joins_believes_the_authority_of_the_fingerprint_and_no_other() {
    let authority = authority();
    let (mut port, address) = port(member(&authority, 1)).await;
    let (connected, accepted) = tokio::join!(
        connect_pinned(tcp(address).await, authority.fingerprint(), JOINS),
        port.connections[1].recv()
    );
    connected.expect("it is the one");
    let Accepted { stream, .. } = accepted.expect("the port is open");
    assert!(!is_called(&stream, &member_name(2)), "it has no name");

    let other = super::testing::authority().fingerprint();
    let connected = connect_pinned(tcp(address).await, other, JOINS).await;
    assert!(is_distrust(&connected.expect_err("another authority")));

    // A node of the cluster that is no member may not take joins either.
    let worker = of_names(&authority, &["node-1.lockstep".to_owned()], days(10));
    let (_port, address) = super::tests::port(Arc::new(worker)).await;
    let connected = connect_pinned(tcp(address).await, authority.fingerprint(), JOINS).await;
    assert!(is_distrust(&connected.expect_err("no member")));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_then_on() {
    let authority = authority();
    let now = days(0).until;
    let names = [member_name(1), ANY_MEMBER.to_owned()];
    let expired = Validity {
        from: now - 7_200,
        until: now - 3_600,
    };
    let credentials = Arc::new(of_names(&authority, &names, expired));
    let (_port, address) = port(credentials.clone()).await;
    let two = member(&authority, 2);
    let refused = two.connect(tcp(address).await, &names[0], PEERS).await;
    assert!(is_distrust(&refused.expect_err("out of date")));
    credentials.replace(of_names(&authority, &names, days(1)));
    let connected = two.connect(tcp(address).await, &names[0], PEERS).await;
    connected.expect("it is good now");
}

#[test]
fn an_authority_that_was_kept_signs_as_before() {
    let made = authority();
    let kept =
        Authority::load("test", made.certificate_pem(), made.key_pem()).expect("it is whole");
    assert_eq!(kept.fingerprint(), made.fingerprint());
    assert_eq!(
        fingerprint(made.certificate_pem()).expect("a certificate"),
        made.fingerprint()
    );
    // Whether others believe it is checked where they connect.
    of_names(&kept, &[member_name(1)], days(1));
    for (certificate, key) in [("", made.key_pem()), (made.certificate_pem(), "garbage")] {
        assert!(Authority::load("test", certificate, key).is_err());
    }
}
