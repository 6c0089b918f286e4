//! Bytes from a connection: what is read is a frame or an error, whatever comes; what is written is
//! read as the same, and damage on the way is noticed.
#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_consensus::message::Body;
use lockstep_consensus::transport::frame::{
    self, Frame, FrameError, Hello, MAX_GREETING_BYTES, Refusal,
};
use lockstep_fuzz::hostile::Hostile;
use lockstep_node::cluster::command::Entry;
use lockstep_node::codec;
use lockstep_node::executor::{FromExecutor, ToExecutor};
use lockstep_node::fabric::{FromController, ToController};

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// As they come.
    Raw(&'a [u8]),
    /// With the right length and checksum before them.
    Body(&'a [u8]),
    Greeting {
        versions: (u16, u16),
        cluster_id: &'a str,
        from: u64,
        to: u64,
        address: &'a str,
        folder: u64,
    },
    Refusal {
        versions: (u16, u16),
        cluster_id: &'a str,
        node_id: u64,
        which: u8,
    },
    Message(Hostile),
    Chunk {
        offset: u64,
        data: &'a [u8],
    },
    /// What controllers and executors say to each other, and entries of the log.
    Node(&'a [u8]),
}

fuzz_target!(|input: (u16, u8, Input<'_>)| {
    let (at, flip, input) = input;
    match input {
        Input::Raw(bytes) => drop(read(bytes)),
        Input::Body(body) => {
            let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
            bytes.extend(crc32fast::hash(body).to_le_bytes());
            bytes.extend(body);
            // What another version wrote may be longer than what we would write for it.
            if let Ok(frame) = read(&bytes) {
                assert_eq!(read(&frame::to_bytes(&frame)).ok(), Some(frame));
            }
        }
        Input::Node(bytes) => node(bytes),
        Input::Greeting {
            versions,
            cluster_id,
            from,
            to,
            address,
            folder,
        } => {
            let (cluster_id, address) = (cluster_id.to_owned(), address.to_owned());
            written(
                &Frame::Hello(Hello {
                    versions,
                    cluster_id,
                    from,
                    to,
                    address,
                    folder,
                }),
                at,
                flip,
            );
        }
        Input::Refusal {
            versions,
            cluster_id,
            node_id,
            which,
        } => {
            let refusal = match which % 6 {
                0 => Refusal::OtherCluster {
                    cluster_id: cluster_id.to_owned(),
                },
                1 => Refusal::OtherNode { node_id },
                2 => Refusal::Version { versions },
                3 => Refusal::Removed,
                4 => Refusal::OtherFolder { node_id },
                _ => Refusal::SameNode,
            };
            assert!(!refusal.to_string().is_empty());
            written(&Frame::Refused(refusal), at, flip);
        }
        Input::Message(message) => {
            let message = message.message(1, 7, 40);
            let term = message.term;
            let frame = match message.body {
                Body::Plain(plain) => Frame::Message { term, plain },
                Body::Snapshot(snapshot) => Frame::Snapshot {
                    term,
                    meta: snapshot.meta,
                    len: u64::from(at),
                    sum: 0,
                },
            };
            written(&frame, at, flip);
        }
        Input::Chunk { offset, data } => {
            let data = bytes::Bytes::copy_from_slice(data).into();
            written(&Frame::Chunk { offset, data }, at, flip);
        }
    }
});

/// Everything that is there at once comes at once.
fn read(bytes: &[u8]) -> Result<Frame, FrameError> {
    read_at_most(bytes, frame::MAX_FRAME_BYTES)
}

fn read_at_most(mut bytes: &[u8], limit: usize) -> Result<Frame, FrameError> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(frame::read(&mut bytes, limit)).poll(&mut context) {
        Poll::Ready(read) => read,
        Poll::Pending => panic!("waits for what will not come"),
    }
}

fn written(frame: &Frame, at: u16, flip: u8) {
    let mut bytes = frame::to_bytes(frame);
    assert_eq!(read(&bytes).as_ref().ok(), Some(frame));
    let limited = read_at_most(&bytes, MAX_GREETING_BYTES);
    assert_eq!(limited.is_err(), bytes.len() > 8 + MAX_GREETING_BYTES);

    let at = usize::from(at) % bytes.len();
    assert!(read(&bytes[..at]).is_err(), "a part is no frame");
    bytes[at] ^= flip;
    if flip != 0 {
        assert!(read(&bytes).is_err(), "damage is noticed");
    }
}

fn node(bytes: &[u8]) {
    macro_rules! same {
        ($($kind:ty),*) => { $(
            if let Ok(value) = codec::decode::<$kind>(bytes) {
                let again = codec::decode::<$kind>(&codec::encode(&value)).expect("we wrote it");
                assert_eq!(value, again);
            }
        )* };
    }
    same!(ToExecutor, FromExecutor, ToController, FromController);
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(Entry::decode(&entry.encode()).expect("we wrote it"), entry);
    }
}
