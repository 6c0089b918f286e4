//! Over real sockets on loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const BEAT: Heartbeat = Heartbeat {
    every: Duration::from_millis(20),
    silence: Duration::from_millis(400),
};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

fn hello() -> Hello {
    Hello {
        cluster: "c".into(),
        role: Role::Controller { id: 2 },
    }
}

#[tokio::test]
async fn a_greeting_is_heard_and_answered() {
    for (answer, expected) in [
        (Welcome::Yes { controller: 1 }, Some(1)),
        (Welcome::No("another cluster".into()), None),
    ] {
        let (mut near, mut far) = pair().await;
        let hello = hello();
        let (greeted, heard) = tokio::join!(greet(&mut near, &hello), async {
            let heard = hear(&mut far).await;
            welcome(&mut far, &answer).await.unwrap();
            heard
        });
        assert_eq!(heard.unwrap(), hello);
        assert_eq!(greeted.ok(), expected);
    }
}

#[tokio::test]
async fn a_stranger_is_recognised_whatever_it_says() {
    let mut newer = PREFACE.to_vec();
    newer[7] = 9;
    let mut huge = PREFACE.to_vec();
    huge.extend(u32::MAX.to_le_bytes());
    let mut garbage = PREFACE.to_vec();
    garbage.extend(3u32.to_le_bytes());
    garbage.extend([0xff; 3]);
    let cases: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        &newer,
        &huge,
        &garbage,
    ];
    for bytes in cases {
        let (mut near, mut far) = pair().await;
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let heard = hear(&mut far).await;
        assert!(heard.is_err(), "{bytes:?}");
        if bytes == newer {
            assert!(matches!(heard, Err(GreetingError::Version(9))));
        }
    }
}

#[tokio::test]
async fn messages_arrive_in_order_and_heartbeats_are_not_messages() {
    let (near, far) = pair().await;
    let near: Link<u64, u64> = Link::new(near, BEAT);
    let mut far: Link<u64, u64> = Link::new(far, BEAT);
    for number in 0..100 {
        near.send.send(number).await.unwrap();
    }
    for number in 0..100 {
        assert_eq!(far.receive.recv().await, Some(number));
    }
    // Longer than the silence that would end it.
    tokio::time::sleep(BEAT.silence * 2).await;
    near.send.send(7).await.unwrap();
    assert_eq!(far.receive.recv().await, Some(7));
}

#[tokio::test]
async fn silence_garbage_and_a_close_end_a_connection() {
    for talk in ["silence", "garbage", "close", "long"] {
        let (mut near, far) = pair().await;
        let mut far: Link<u64, u64> = Link::new(far, BEAT);
        match talk {
            "garbage" => {
                let bytes = [&9u32.to_le_bytes()[..], &[0xff; 9]].concat();
                near.write_all(&bytes).await.unwrap();
            }
            "long" => near.write_all(&u32::MAX.to_le_bytes()).await.unwrap(),
            "close" => near.shutdown().await.unwrap(),
            _ => {}
        }
        let ended = tokio::time::timeout(BEAT.silence * 10, far.receive.recv());
        assert_eq!(ended.await.expect("it ends"), None, "{talk}");
    }
}

#[tokio::test]
async fn dropping_a_link_closes_the_connection() {
    let (mut near, far) = pair().await;
    let far: Link<u64, u64> = Link::new(far, BEAT);
    drop(far);
    let mut rest = Vec::new();
    let read = tokio::time::timeout(BEAT.silence * 10, near.read_to_end(&mut rest));
    read.await.expect("it ends").unwrap();
}
