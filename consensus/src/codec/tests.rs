use super::*;
use crate::types::{Entry, EntryKind};

fn entry(payload: &[u8]) -> Entry {
    let payload = Bytes::copy_from_slice(payload).into();
    Entry {
        index: 7,
        term: 3,
        kind: EntryKind::Command,
        payload,
    }
}

#[test]
fn a_value_comes_back_as_it_went() {
    for size in [0, 1, 300, 70_000, 1 << 20] {
        let value = vec![entry(&vec![0x5a; size]), entry(b"")];
        assert_eq!(decode::<Vec<Entry>>(&encode(&value)), Ok(value));
    }
}

#[test]
fn every_truncation_and_any_extra_byte_is_an_error() {
    let mut bytes = encode(&entry(b"some command"));
    for cut in 0..bytes.len() {
        assert!(decode::<Entry>(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    bytes.push(0);
    assert_eq!(decode::<Entry>(&bytes), Err(CodecError::Trailing(1)));
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = encode(&entry(b"x"));
    bytes[0] = CODING_VERSION + 1;
    assert_eq!(
        decode::<Entry>(&bytes),
        Err(CodecError::Version {
            found: CODING_VERSION + 1
        })
    );
}

#[test]
fn a_hostile_length_asks_for_no_memory() {
    // A vector of u64::MAX bytes, and one of 2^32 entries: both claim what is not there.
    let huge = [CODING_VERSION, 253, 255, 255, 255, 255, 255, 255, 255, 255];
    assert!(matches!(
        decode::<Payload>(&huge),
        Err(CodecError::Malformed(_))
    ));
    let many = [CODING_VERSION, 252, 255, 255, 255, 255];
    assert!(matches!(
        decode::<Vec<Entry>>(&many),
        Err(CodecError::Malformed(_))
    ));
}
