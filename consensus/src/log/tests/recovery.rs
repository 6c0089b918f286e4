//! What is read back when records, or what they name, are not what a member would have written;
//! and what the store does to the files of a real disk.

use super::super::replay::{Replay, record_of};
use super::super::snapshot::SnapshotRecord;
use super::*;

/// What batches, each a record of its own, lead to.
fn replayed(batches: &[Batch]) -> Result<Replay, String> {
    let mut replay = Replay::default();
    for batch in batches {
        let described = batch
            .snapshot
            .as_ref()
            .map(|new| SnapshotRecord::of(&new.snapshot));
        replay.apply(&record_of(std::slice::from_ref(batch), &[described]))?;
    }
    replay.finish()
}

fn of_entries(entries: Vec<Entry>, hard_state: Option<HardState>) -> Batch {
    Batch {
        snapshot: None,
        entries,
        hard_state,
    }
}

#[test]
fn records_that_check_out_and_do_not_fit_together_are_damage() {
    let one = |index, term| entry(index, term, 1);
    let joining_voted = of_entries(vec![], hard(3, 0));
    for (batches, expected) in [
        (
            vec![bootstrap(), of_entries(vec![one(2, 1), one(4, 1)], None)],
            "entries 2 and 4 do not follow",
        ),
        (
            vec![bootstrap(), of_entries(vec![one(2, 2), one(3, 1)], None)],
            "entries 2 and 3 do not follow",
        ),
        (
            vec![bootstrap(), of_entries(vec![one(3, 1)], hard(1, 1))],
            "entries 2 to 2 are missing",
        ),
        (
            vec![Batch {
                snapshot: snapshot(1, 2, false),
                entries: vec![one(2, 1)],
                hard_state: hard(2, 1),
            }],
            "entry 2 has a lower term than the snapshot",
        ),
        (
            vec![bootstrap(), of_entries(vec![one(2, 1)], hard(1, 3))],
            "3 was committed, and the log ends at 2",
        ),
        (
            vec![bootstrap(), of_entries(vec![one(2, 2)], hard(1, 1))],
            "the term is 1, and the log's last entry has 2",
        ),
        (
            vec![joining_voted.clone(), of_entries(vec![one(1, 1)], None)],
            "there is a log and no snapshot",
        ),
        (
            vec![joining_voted, of_entries(vec![], hard(3, 1))],
            "there is a log and no snapshot",
        ),
    ] {
        let what = replayed(&batches).expect_err(expected);
        assert_eq!(what, expected);
    }
}

#[test]
fn what_fits_together_in_an_unusual_way_is_recovered() {
    let rising = vec![entry(2, 1, 1), entry(3, 1, 1), entry(4, 2, 1)];
    let replay = replayed(&[bootstrap(), of_entries(rising.clone(), hard(2, 4))])
        .expect("terms may rise within a write");
    assert_eq!(replay.entries, rising);
    assert_eq!(replay.hard_state.commit, 4, "all of it is committed");

    let snapshot = Batch {
        snapshot: snapshot(4, 1, true),
        entries: vec![],
        hard_state: None,
    };
    let again = of_entries(entries(3..=6, 1), hard(1, 2));
    let replay = replayed(&[bootstrap(), append(2..=5, 1), snapshot, again])
        .expect("what the snapshot has may be written again");
    assert_eq!(replay.entries, entries(5..=6, 1));
    assert_eq!(replay.hard_state.commit, 4, "the snapshot was committed");

    let waiting = of_entries(vec![], hard(3, 0));
    let replay = replayed(&[waiting]).expect("who joins may have voted");
    assert_eq!(replay.hard_state.term, 3);
}

#[test]
fn a_snapshot_may_be_empty() {
    let mut batch = bootstrap();
    let new = batch.snapshot.as_mut().expect("it has one");
    new.snapshot.data = Bytes::new();
    let folder = folder_with(&[batch.clone()]);
    assert_eq!(
        reopen(&folder).snapshot,
        batch.snapshot.map(|new| new.snapshot)
    );
}

#[test]
fn another_snapshot_in_place_of_the_one_that_was_written_is_noticed() {
    let folder = folder_with(&[bootstrap()]);
    let mut other = bootstrap();
    let new = other.snapshot.as_mut().expect("it has one");
    new.snapshot.data = Bytes::from_static(b"another state");
    let other = folder_with(&[other]);
    let name = files(&folder, "snapshot-").pop().expect("a snapshot");
    overwrite(&folder, &name, &content(&other, &name));
    let what = damage_found(&folder);
    assert!(what.contains("describes it differently"), "{what}");
    assert!(what.contains(&name), "the file is named: {what}");

    for len in [0, 15, 16] {
        overwrite(&folder, &name, &content(&other, &name)[..len]);
        damage_found(&folder);
    }
}

#[test]
fn nothing_to_write_writes_nothing() {
    let folder = folder_with(&[bootstrap()]);
    let name = files(&folder, "log-").pop().expect("a segment");
    let (mut store, _) = open(&folder).expect("opens");
    let before = folder.read_now(&name);
    store
        .persist(&[Batch::default(), Batch::default()])
        .expect("nothing can fail");
    assert_eq!(folder.read_now(&name), before);
}

#[test]
fn room_is_taken_ahead_in_steps() {
    let folder = folder_with(&[bootstrap()]);
    let name = files(&folder, "log-").pop().expect("a segment");
    let (mut store, _) = open(&folder).expect("opens");
    for first in (2..20).step_by(3) {
        let batch = append(first..=first + 2, 1);
        store.persist(&[batch]).expect("there is room");
        let bytes = folder.read_now(&name);
        let steps = used_len(&bytes).next_multiple_of(SMALL.grow_bytes as usize);
        assert_eq!(bytes.len(), steps, "used: {}", used_len(&bytes));
    }
}

#[test]
fn a_segment_of_a_newer_format_is_for_a_newer_program() {
    let folder = folder_with(&[bootstrap()]);
    let name = files(&folder, "log-").pop().expect("a segment");
    assert!(folder.damage(&name, 8, 0b11), "1 becomes 2");
    let error = open(&folder).expect_err("it is newer");
    let (found, supported) = match error {
        StoreError::Newer {
            found, supported, ..
        } => (found, supported),
        other => panic!("{other}"),
    };
    assert_eq!((found, supported), (2, 1));
    assert!(folder.damage(&name, 0, 0x10), "nor is it a segment at all");
    damage_found(&folder);
}

/// The header of `log-00000000000000000001` as programs wrote it whose headers said nothing of the
/// segments before.
const SHORT_HEADER: &str =
    "4c534c4f4700000101000000dec0175a01000000000000000100000000000000ef4b021f";

#[test]
fn a_segment_of_an_older_format_is_no_damage() {
    let folder = folder_with(&[bootstrap()]);
    let name = files(&folder, "log-").pop().expect("a segment");
    let mut bytes = content(&folder, &name);
    let header = unhex(SHORT_HEADER);
    bytes.splice(..8 + 4 + 4 + 8 + 8 + 8 + 4, header.iter().copied());
    overwrite(&folder, &name, &bytes);
    let error = open(&folder).expect_err("it is older");
    assert!(
        matches!(&error, StoreError::Older { path, found: 0, supported: 1 } if path.ends_with(&name)),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("start the program that wrote it"), "{text}");

    // One that is not whole is no header of any format.
    for at in 0..header.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        overwrite(&folder, &name, &broken);
        match open(&folder) {
            // A format that is not known yet may have its checksum anywhere.
            Err(StoreError::Newer { .. }) => assert!((8..12).contains(&at), "byte {at}"),
            _ => drop(damage_found(&folder)),
        }
    }
}

#[test]
fn a_record_of_another_format_is_neither_damage_nor_torn() {
    let folder = folder_with(&[bootstrap(), append(2..=4, 1)]);
    let name = files(&folder, "log-").pop().expect("a segment");
    let good = content(&folder, &name);
    let salt = u32::from_le_bytes(*good[12..].first_chunk().expect("a header"));
    for at in record_offsets(&good) {
        let mut bytes = good.clone();
        bytes[at + 3] = 2;
        overwrite(&folder, &name, &bytes);
        // Its sum says that this is not what was written.
        damage_found(&folder);
        let mut sum = crc32fast::Hasher::new_with_initial(salt);
        sum.update(&bytes[at..at + 20]);
        bytes[at + 20..at + 24].copy_from_slice(&sum.finalize().to_le_bytes());
        overwrite(&folder, &name, &bytes);
        let error = open(&folder).expect_err("it is newer");
        assert!(
            matches!(
                error,
                StoreError::Newer {
                    found: 2,
                    supported: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

#[test]
fn the_size_of_a_batch_is_about_that_of_what_it_carries() {
    let empty = Batch::default().size();
    let size = append(2..=11, 1).size();
    assert!(empty < 100, "{empty}");
    assert!((1_000..2_000).contains(&size), "{size}");
}

#[test]
fn files_on_the_real_disk_are_cut_removed_and_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("below").join("it");
    let open = || LogStore::open(DiskFolder::open(&path)?, &identity());
    let names = |prefix: &str| {
        let mut names: Vec<String> = std::fs::read_dir(&path)
            .expect("it was made")
            .map(|entry| entry.expect("it is there").file_name())
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        names
    };
    let (mut store, _) = open().expect("a new folder opens");
    store
        .persist(&[bootstrap(), append(2..=4, 1)])
        .expect("there is room");
    let newer = Batch {
        snapshot: snapshot(3, 1, true),
        entries: vec![],
        hard_state: hard(1, 3),
    };
    store
        .persist(&[newer])
        .and_then(|()| store.persist(&[append(5..=6, 1)]))
        .expect("there is room");
    assert_eq!(names("snapshot-").len(), 1, "the old one is removed");
    drop(store);

    let segment = path.join(names("log-").pop().expect("a segment"));
    let mut bytes = std::fs::read(&segment).expect("it is there");
    bytes.truncate(used_len(&bytes) - 10);
    std::fs::write(&segment, &bytes).expect("there is room");
    let (store, recovered) = open().expect("an unfinished write is no damage");
    let torn = recovered.torn.expect("it is told");
    assert_eq!(torn.file, segment);
    assert_eq!(recovered.entries, entries(4..=4, 1));
    let len = std::fs::metadata(&segment).expect("it is there").len();
    assert_eq!(len, torn.offset, "it is cut off");
    drop(store);

    let snapshot = path.join(names("snapshot-").pop().expect("a snapshot"));
    std::fs::remove_file(&snapshot).expect("it is there");
    let error = open().expect_err("it is needed");
    assert!(!error.is_full());
    let message = error.to_string();
    assert!(message.contains(&*snapshot.to_string_lossy()), "{message}");
    assert!(message.contains("it is missing"), "{message}");
    // In its place something that cannot be read: no damage, and nothing that waiting helps.
    std::fs::create_dir(&snapshot).expect("there is room");
    let error = open().expect_err("it is needed");
    assert!(
        matches!(error, StoreError::Io { what: "read", .. }),
        "{error}"
    );
}

/// What looks like sectors that a crash left unwritten was written when a later record was.
#[test]
fn zeros_before_the_last_record_are_damage() {
    let mut large = entry(5, 1, 0);
    let mut payload = vec![9; 3_000];
    payload[1_000..1_004].copy_from_slice(b"LSr\x01");
    large.payload = Bytes::from(payload).into();
    let large = of_entries(vec![large], hard(1, 4));
    // A segment of its own size, so that all of it is in one file.
    let sizes = LogSizes {
        segment_bytes: 1 << 20,
        ..SMALL
    };
    let folder = MemoryFolder::new();
    let (mut store, _) =
        LogStore::open_with(folder.restart(), &identity(), sizes).expect("a new folder opens");
    for batch in [bootstrap(), append(2..=4, 1), large, append(6..=6, 1)] {
        store.persist(&[batch]).expect("there is room");
    }
    let name = files(&folder, "log-").pop().expect("a segment");
    let bytes = content(&folder, &name);
    let [.., damaged, _within, last] = record_offsets(&bytes)[..] else {
        panic!("the test needs records");
    };
    let whole = std::iter::once((damaged, last));
    let sectors =
        (damaged / 512..last / 512).map(|sector| (damaged.max(sector * 512), (sector + 1) * 512));
    for (from, to) in whole.chain(sectors) {
        let mut zeroed = bytes.clone();
        zeroed[from..to].fill(0);
        overwrite(&folder, &name, &zeroed);
        let what = damage_found(&folder);
        let expected = format!("record 5 follows at byte {last}");
        assert!(what.contains(&expected), "{from}..{to} zeroed: {what}");
        assert!(what.contains(&format!("at byte {damaged}: ")), "{what}");
    }
}

#[test]
fn an_unfinished_record_is_damage_if_newer_segments_follow() {
    let folder = folder_with(&[bootstrap(), append(2..=30, 1), append(31..=31, 1)]);
    let [oldest, _newest] = &files(&folder, "log-")[..] else {
        panic!("the test needs two segments");
    };
    let bytes = content(&folder, oldest);
    let end = used_len(&bytes);
    let mut cut = bytes.clone();
    cut.truncate(end - 10);
    let mut begun = bytes;
    begun.truncate(end);
    begun.extend_from_slice(b"LSr\x01");
    for bytes in [cut, begun] {
        overwrite(&folder, oldest, &bytes);
        let what = damage_found(&folder);
        assert!(what.contains("newer segments follow"), "{what}");
    }
}

/// Also if it ends with the file, or with a sector.
#[test]
fn a_last_record_that_is_all_there_and_wrong_is_damage() {
    let mut ends_with_a_sector = 0;
    for size in 1..=512 {
        let folder = folder_with(&[bootstrap(), of_entries(vec![entry(2, 1, size)], hard(1, 1))]);
        let name = files(&folder, "log-").pop().expect("a segment");
        let bytes = content(&folder, &name);
        let end = used_len(&bytes);
        if !end.is_multiple_of(512) && size > 1 {
            continue;
        }
        ends_with_a_sector += usize::from(end.is_multiple_of(512));
        for len in [end, bytes.len()] {
            let mut damaged = bytes[..len].to_vec();
            damaged[end - 1] ^= 0x10;
            overwrite(&folder, &name, &damaged);
            let what = damage_found(&folder);
            assert!(what.contains("all of it was written"), "{what}");
        }
    }
    assert_eq!(ends_with_a_sector, 1);
}
