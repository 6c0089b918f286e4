//! Against real files: what a crash or a bad disk leaves behind.

use lockstep_consensus::log::memory::MemoryFolder;
use lockstep_consensus::random::Random;

use super::*;

fn header() -> Header {
    Header {
        cluster: "c".into(),
        node: "n1".into(),
        journal: 7,
    }
}

fn open(path: &Path, fresh: Header) -> Result<(Journal, Vec<Record>), JournalError> {
    Journal::open(PrivateFolder::new(path.parent().unwrap()), fresh)
}

fn written(batches: &[&[Record]]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (mut journal, records) = open(&path, header()).unwrap();
    assert!(records.is_empty());
    for batch in batches {
        journal.append(batch, true).unwrap();
    }
    (folder, path)
}

#[test]
fn what_is_written_is_read_back_with_its_identity() {
    let (_folder, path) = written(&[&[Record::Term(1), Record::Newest(2)], &[Record::Term(3)]]);
    let other_id = Header {
        journal: 8,
        ..header()
    };
    let (journal, records) = open(&path, other_id).unwrap();
    assert_eq!(
        records,
        [Record::Term(1), Record::Newest(2), Record::Term(3)]
    );
    assert_eq!(journal.header().journal, 7, "the first identity stays");
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_and_the_journal_goes_on() {
    let (_folder, path) = written(&[&[Record::Term(1)], &[Record::Term(2), Record::Newest(9)]]);
    let whole = std::fs::read(&path).unwrap();
    let first_end = whole.len() - frame(&vec![Record::Term(2), Record::Newest(9)], 0).len();
    for length in first_end..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (mut journal, records) = open(&path, header()).unwrap();
        assert_eq!(records, [Record::Term(1)], "cut to {length} bytes");
        journal.append(&[Record::Term(5)], true).unwrap();
        let (_, records) = open(&path, header()).unwrap();
        assert_eq!(records, [Record::Term(1), Record::Term(5)]);
    }
}

#[test]
fn a_file_torn_before_its_first_record_starts_anew() {
    let (_folder, path) = written(&[]);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (_, records) = open(&path, header()).unwrap();
        assert!(records.is_empty(), "cut to {length} bytes");
    }
}

#[test]
fn a_flipped_bit_before_the_last_frame_stops_and_says_where() {
    let (_folder, path) = written(&[&[Record::Term(1)], &[Record::Term(2)], &[Record::Term(3)]]);
    let whole = std::fs::read(&path).unwrap();
    let frames = frame(&vec![Record::Term(1)], 0).len();
    let second = whole.len() - 2 * frames;
    for at in second + 4..second + frames {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        match open(&path, header()) {
            Err(JournalError::Damaged { offset, .. }) => assert_eq!(offset, second as u64),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_foreign_file_or_another_nodes_journal_is_refused_untouched() {
    let (_folder, path) = written(&[&[Record::Term(1)]]);
    let mine = std::fs::read(&path).unwrap();
    for (cluster, node) in [("other", "n1"), ("c", "n2")] {
        let fresh = Header {
            cluster: cluster.into(),
            node: node.into(),
            journal: 9,
        };
        let error = open(&path, fresh).unwrap_err();
        assert!(matches!(error, JournalError::OfAnother { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), mine);

    let mut newer = mine.clone();
    newer[7] += 1;
    for bytes in [newer, b"#!/bin/sh\nexit 0\n".to_vec()] {
        std::fs::write(&path, &bytes).unwrap();
        let error = open(&path, header()).unwrap_err();
        assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn compaction_keeps_the_identity_and_replaces_the_records() {
    let (_folder, path) = written(&[&[Record::Term(1)], &[Record::Term(2)]]);
    let (mut journal, _) = open(&path, header()).unwrap();
    journal.compact(&[Record::Term(2)]).unwrap();
    journal.append(&[Record::Newest(4)], true).unwrap();
    let (journal, records) = open(&path, header()).unwrap();
    assert_eq!(records, [Record::Term(2), Record::Newest(4)]);
    assert_eq!(journal.header().journal, 7);
}

#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = written(&[]);
    assert_eq!(
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_was_not_durable_may_be_missing_before_what_was_being_written() {
    let (_folder, path) = written(&[&[Record::Term(1)]]);
    let first = std::fs::read(&path).unwrap().len();
    let (mut journal, _) = open(&path, header()).unwrap();
    journal.append(&[Record::Term(2)], true).unwrap();
    let second = std::fs::read(&path).unwrap().len();
    journal.append(&[Record::Acknowledged(3)], false).unwrap();
    let third = std::fs::read(&path).unwrap().len();
    // The power goes while this one is being written: of the two frames only it gets to the disk.
    journal.append(&[Record::Term(4)], true).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[second..third].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let (_, records) = open(&path, header()).unwrap();
    assert_eq!(records, [Record::Term(1), Record::Term(2)]);
    // What was durable before is not missed so lightly.
    bytes[first..second].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&path, header()).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { offset, .. } if offset == first as u64));
}

/// What a file may hold after a crash.
struct Written {
    batches: Vec<Vec<Record>>,
    /// So many of them are durable.
    kept: usize,
}

impl Written {
    fn just(records: Vec<Record>) -> Self {
        Self {
            batches: vec![records],
            kept: 1,
        }
    }

    fn allows(&self, records: &[Record]) -> bool {
        let mut counts = self.kept..=self.batches.len();
        counts.any(|count| self.batches[..count].concat() == records)
    }
}

/// Opens the journal, which must hold what one of `files` may, and writes to it until the disk fails.
/// The files are those that a compaction may leave in place, the newest last.
fn live(
    folder: &MemoryFolder,
    files: &mut Vec<Written>,
    place: &str,
    random: &mut Random,
) -> Result<(), JournalError> {
    let (mut journal, records) = Journal::open(folder.clone(), header())?;
    let known = files.iter().any(|file| file.allows(&records));
    assert!(known, "{place}: {records:?}");
    *files = vec![Written::just(records)];
    loop {
        if random.chance(100) {
            let short = vec![Record::Newest(random.below(1_000))];
            files.push(Written::just(short.clone()));
            journal.compact(&short)?;
        }
        let batch: Vec<Record> = (0..=random.below(60))
            .map(|_| Record::Term(random.below(1_000)))
            .collect();
        let durable = random.chance(500);
        let mut newest = files.pop().expect("there is one");
        newest.batches.push(batch.clone());
        let outcome = journal.append(&batch, durable);
        if durable && outcome.is_ok() {
            newest.kept = newest.batches.len();
            files.clear();
        }
        files.push(newest);
        outcome?;
    }
}

#[test]
fn whatever_moment_it_ends_at_what_was_durable_is_there() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut folder = MemoryFolder::new();
        let mut files = vec![Written::just(Vec::new())];
        for life in 0..6 {
            let place = format!("seed {seed}, life {life}");
            folder.die_after(random.below(40));
            let error = live(&folder, &mut files, &place, &mut random)
                .expect_err("it writes until it dies");
            assert!(matches!(error, JournalError::Io { .. }), "{place}: {error}");
            // Either the machine goes down, or only the process: then what it wrote and did not sync
            // is there at first, and may be lost at the next crash all the same.
            folder = if random.chance(700) {
                folder.crash(&mut random)
            } else {
                folder.restart()
            };
        }
    }
}
