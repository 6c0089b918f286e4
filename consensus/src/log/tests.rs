mod recovery;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::memory::MemoryFolder;
use super::*;
use crate::random::Random;
use crate::types::{EntryKind, Members, SnapshotMeta};

fn identity() -> Identity {
    Identity {
        cluster_id: "test".into(),
        node_id: 1,
    }
}

/// Segments of a few records, so that short tests have several.
const SMALL: LogSizes = LogSizes {
    segment_bytes: 2_000,
    grow_bytes: 700,
};

fn entry(index: u64, term: u64, size: usize) -> Entry {
    // Never zero, so that a sector that was written does not look like one that was not.
    let byte = (index % 250) as u8 + 1;
    Entry {
        index,
        term,
        kind: EntryKind::Command,
        payload: Bytes::from(vec![byte; size]).into(),
    }
}

fn entries(indexes: std::ops::RangeInclusive<u64>, term: u64) -> Vec<Entry> {
    indexes.map(|index| entry(index, term, 100)).collect()
}

fn snapshot(index: u64, term: u64, keep_log: bool) -> Option<NewSnapshot> {
    let members = Members::of_voters([(1, "a:1".to_owned()), (2, "b:1".to_owned())]);
    let meta = SnapshotMeta {
        index,
        term,
        members,
    };
    let data = Bytes::from(format!("state at {index}").repeat(20));
    Some(NewSnapshot {
        snapshot: Snapshot { meta, data },
        keep_log,
    })
}

fn hard(term: u64, commit: u64) -> Option<HardState> {
    Some(HardState {
        term,
        vote: 1,
        commit,
    })
}

fn bootstrap() -> Batch {
    Batch {
        snapshot: snapshot(1, 1, false),
        entries: vec![],
        hard_state: hard(1, 1),
    }
}

fn append(indexes: std::ops::RangeInclusive<u64>, term: u64) -> Batch {
    let commit = indexes.start() - 1;
    Batch {
        snapshot: None,
        entries: entries(indexes, term),
        hard_state: hard(term, commit),
    }
}

type Opened = (LogStore<MemoryFolder>, Recovered);

fn open(folder: &MemoryFolder) -> Result<Opened, StoreError> {
    LogStore::open_with(folder.restart(), &identity(), SMALL)
}

/// A folder with the given batches, each a record of its own.
fn folder_with(batches: &[Batch]) -> MemoryFolder {
    let folder = MemoryFolder::new();
    let (mut store, recovered) = open(&folder).expect("a new folder opens");
    assert_eq!(recovered, Recovered::default());
    for batch in batches {
        store
            .persist(std::slice::from_ref(batch))
            .expect("there is room");
    }
    folder
}

/// The place and kind of damage that keeps the folder from opening.
fn damage_found(folder: &MemoryFolder) -> String {
    match open(folder) {
        Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        other => panic!("{:?}", other.map(|(_, recovered)| recovered)),
    }
}

fn reopen(folder: &MemoryFolder) -> Recovered {
    open(folder).expect("an intact folder opens").1
}

fn files(folder: &MemoryFolder, prefix: &str) -> Vec<String> {
    let names = folder.restart();
    names
        .list()
        .expect("it is in memory")
        .into_iter()
        .filter(|n| n.starts_with(prefix))
        .collect()
}

use super::folder::{Folder, FolderFile};

fn content(folder: &MemoryFolder, name: &str) -> Vec<u8> {
    folder.restart().read(name).expect("the file is there")
}

fn overwrite(folder: &MemoryFolder, name: &str, bytes: &[u8]) {
    let mut folder = folder.restart();
    let mut file = folder.create(name).expect("in memory");
    file.write_at(0, bytes).expect("in memory");
    file.sync().expect("in memory");
    folder.sync().expect("in memory");
}

/// Offsets of the records in a segment, found by their magic.
fn record_offsets(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(b"LSr\x01"))
        .collect()
}

/// Length of what is not preallocated zeros.
fn used_len(bytes: &[u8]) -> usize {
    bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == 0).count()
}

#[test]
fn what_was_persisted_is_recovered() {
    let folder = folder_with(&[bootstrap(), append(2..=4, 1), append(5..=6, 2)]);
    let recovered = reopen(&folder);
    assert_eq!(
        recovered.hard_state,
        HardState {
            term: 2,
            vote: 1,
            commit: 4
        }
    );
    assert_eq!(
        recovered.entries,
        [entries(2..=4, 1), entries(5..=6, 2)].concat()
    );
    assert_eq!(
        recovered.snapshot,
        snapshot(1, 1, false).map(|new| new.snapshot)
    );
    assert_eq!(recovered.torn, None);
}

#[test]
fn new_entries_replace_old_ones_from_their_index_on() {
    let folder = folder_with(&[bootstrap(), append(2..=9, 1), append(4..=5, 3)]);
    assert_eq!(
        reopen(&folder).entries,
        [entries(2..=3, 1), entries(4..=5, 3)].concat()
    );
}

#[test]
fn a_snapshot_of_our_own_keeps_the_log_after_it_and_one_from_the_leader_does_not() {
    for (keep_log, kept) in [(true, entries(5..=9, 1)), (false, vec![])] {
        let batch = Batch {
            snapshot: snapshot(4, 1, keep_log),
            entries: vec![],
            hard_state: hard(1, 4),
        };
        let folder = folder_with(&[bootstrap(), append(2..=9, 1), batch]);
        let recovered = reopen(&folder);
        assert_eq!(recovered.entries, kept);
        assert_eq!(
            recovered.snapshot,
            snapshot(4, 1, keep_log).map(|new| new.snapshot)
        );
        assert_eq!(
            files(&folder, "snapshot-").len(),
            1,
            "the old snapshot is gone"
        );
    }
}

#[test]
fn old_segments_go_once_a_snapshot_replaces_them() {
    let mut batches = vec![bootstrap()];
    batches.extend((0..40).map(|n| append(2 + 5 * n..=6 + 5 * n, 1)));
    let folder = folder_with(&batches);
    let before = files(&folder, "log-").len();
    assert!(before > 5, "the test needs several segments, has {before}");

    let (mut store, _) = open(&folder).expect("opens");
    let batch = Batch {
        snapshot: snapshot(190, 1, true),
        entries: vec![],
        hard_state: hard(1, 195),
    };
    store.persist(&[batch]).expect("there is room");
    assert!(files(&folder, "log-").len() <= 2);
    let recovered = reopen(&folder);
    assert_eq!(recovered.entries, entries(191..=201, 1));
    assert_eq!(recovered.hard_state.commit, 195);
}

#[test]
fn a_write_cut_short_anywhere_is_dropped_and_the_rest_kept() {
    let whole = folder_with(&[bootstrap(), append(2..=4, 1), append(5..=7, 1)]);
    let name = files(&whole, "log-").pop().expect("a segment");
    let bytes = content(&whole, &name);
    let last = *record_offsets(&bytes).last().expect("records");
    let kept = reopen(&folder_with(&[bootstrap(), append(2..=4, 1)]));
    for cut in last..used_len(&bytes) {
        let folder = whole.clone();
        overwrite(&folder, &name, &bytes[..cut]);
        let (mut store, recovered) = open(&folder).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        assert_eq!(recovered.entries, kept.entries, "cut at {cut}");
        assert_eq!(recovered.hard_state, kept.hard_state, "cut at {cut}");
        assert_eq!(recovered.torn.is_some(), cut > last, "cut at {cut}");
        // And the log goes on behind the cut.
        store.persist(&[append(5..=5, 2)]).expect("there is room");
        assert_eq!(
            reopen(&folder).entries.last(),
            entries(5..=5, 2).last(),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_write_of_which_some_sectors_are_missing_is_dropped() {
    let batch = Batch {
        entries: vec![entry(5, 1, 3_000)],
        hard_state: hard(1, 4),
        snapshot: None,
    };
    let whole = folder_with(&[bootstrap(), append(2..=4, 1), batch]);
    let name = files(&whole, "log-").pop().expect("a segment");
    let bytes = content(&whole, &name);
    let last = *record_offsets(&bytes).last().expect("records");
    let first_sector = last / 512;
    for sector in first_sector..=(used_len(&bytes) - 1) / 512 {
        let mut torn = bytes.clone();
        let from = (sector * 512).max(last);
        let to = ((sector + 1) * 512).min(torn.len());
        torn[from..to].fill(0);
        overwrite(&whole, &name, &torn);
        let recovered = reopen(&whole);
        assert_eq!(
            recovered.entries,
            entries(2..=4, 1),
            "sector {sector} missing"
        );
        assert!(recovered.torn.is_some(), "sector {sector} missing");
    }
}

#[test]
fn a_flipped_bit_anywhere_stops_the_member_and_names_the_place() {
    let whole = folder_with(&[
        bootstrap(),
        append(2..=4, 1),
        append(5..=7, 1),
        append(8..=8, 1),
    ]);
    let name = files(&whole, "log-").pop().expect("a segment");
    let bytes = content(&whole, &name);
    let offsets = record_offsets(&bytes);
    for at in 0..used_len(&bytes) {
        assert!(whole.damage(&name, at, 0x10));
        let record = offsets
            .iter()
            .rev()
            .find(|&&offset| offset <= at)
            .copied()
            .unwrap_or(0);
        match open(&whole) {
            Err(StoreError::Damaged { file, offset, .. }) => {
                assert_eq!(file, whole.path_of(&name), "byte {at}");
                assert_eq!(offset, record as u64, "byte {at}");
            }
            Err(StoreError::Newer { .. }) if at < 12 => {}
            other => panic!(
                "byte {at} flipped: {:?}",
                other.map(|(_, recovered)| recovered)
            ),
        }
        assert!(whole.damage(&name, at, 0x10));
    }
    assert_eq!(reopen(&whole).entries.len(), 7);
}

#[test]
fn a_damaged_or_missing_snapshot_stops_the_member() {
    let folder = folder_with(&[bootstrap(), append(2..=4, 1)]);
    let name = files(&folder, "snapshot-").pop().expect("a snapshot");
    for at in 0..content(&folder, &name).len() {
        assert!(folder.damage(&name, at, 1));
        assert!(
            matches!(open(&folder), Err(StoreError::Damaged { .. })),
            "byte {at} flipped"
        );
        assert!(folder.damage(&name, at, 1));
    }
    folder.restart().remove(&name).expect("it is there");
    assert!(matches!(open(&folder), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_missing_segment_stops_the_member() {
    let mut batches = vec![bootstrap()];
    batches.extend((0..20).map(|n| append(2 + 5 * n..=6 + 5 * n, 1)));
    let count = files(&folder_with(&batches), "log-").len();
    assert!(count >= 3);
    for missing in 0..count {
        let folder = folder_with(&batches);
        let name = files(&folder, "log-").swap_remove(missing);
        folder.restart().remove(&name).expect("it is there");
        // Without its newest segment a log looks like a shorter one: no single node can tell.
        if missing + 1 < count {
            let error = open(&folder).expect_err("a gap");
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
    }
    let folder = folder_with(&batches);
    for name in files(&folder, "log-") {
        folder.restart().remove(&name).expect("it is there");
    }
    assert!(
        matches!(open(&folder), Err(StoreError::Damaged { .. })),
        "no log at all"
    );
}

#[test]
fn without_its_oldest_segment_a_log_is_not_taken_for_an_empty_one() {
    // The entries were acknowledged, but nothing says yet that they are committed.
    let acknowledged = Batch {
        hard_state: hard(1, 1),
        ..append(2..=30, 1)
    };
    let voted = Batch {
        hard_state: hard(2, 1),
        ..Batch::default()
    };
    let folder = folder_with(&[bootstrap(), acknowledged, voted]);
    let [oldest, _newest] = &files(&folder, "log-")[..] else {
        panic!("the test needs two segments");
    };
    folder.restart().remove(oldest).expect("it is there");
    let what = damage_found(&folder);
    assert!(what.contains("entries up to 30 are missing"), "{what}");
}

#[test]
fn a_segment_without_its_first_record_is_not_taken_for_a_new_log() {
    let folder = folder_with(&[bootstrap(), append(2..=4, 1)]);
    let name = files(&folder, "log-").pop().expect("a segment");
    let bytes = content(&folder, &name);
    let first = record_offsets(&bytes)[0];
    for cut in 0..record_offsets(&bytes)[1] {
        overwrite(&folder, &name, &bytes[..cut]);
        damage_found(&folder);
    }
    let mut zeroed = bytes.clone();
    zeroed[first..].fill(0);
    overwrite(&folder, &name, &zeroed);
    damage_found(&folder);
}

#[test]
fn folders_of_others_are_refused() {
    let folder = folder_with(&[bootstrap()]);
    let open_as = |cluster: &str, node_id| {
        let identity = Identity {
            cluster_id: cluster.into(),
            node_id,
        };
        LogStore::open(folder.restart(), &identity).expect_err("not ours")
    };
    let error = open_as("other", 1);
    assert!(matches!(error, StoreError::OtherCluster { .. }));
    assert!(error.to_string().contains("'test'"), "{error}");
    assert!(matches!(
        open_as("test", 2),
        StoreError::OtherNode {
            found: 1,
            expected: 2,
            ..
        }
    ));

    let text = String::from_utf8(content(&folder, "identity")).expect("text");
    let newer = text.replace("lockstep-data-folder 1", "lockstep-data-folder 2");
    overwrite(&folder, "identity", newer.as_bytes());
    assert!(matches!(
        open_as("test", 1),
        StoreError::Newer {
            found: 2,
            supported: 1,
            ..
        }
    ));
    overwrite(&folder, "identity", text.replace("test", "tost").as_bytes());
    assert!(matches!(open_as("tost", 1), StoreError::Damaged { .. }));

    let foreign = MemoryFolder::new();
    overwrite(&foreign, "photos.zip", b"...");
    assert!(matches!(open(&foreign), Err(StoreError::NotOurs { .. })));
}

#[test]
fn a_segment_of_another_node_does_not_pass() {
    let ours = folder_with(&[bootstrap(), append(2..=4, 1)]);
    let theirs = MemoryFolder::new();
    let identity = Identity {
        cluster_id: "test".into(),
        node_id: 2,
    };
    LogStore::open(theirs.restart(), &identity).expect("a new folder opens");
    let name = files(&ours, "log-").pop().expect("a segment");
    overwrite(&ours, &name, &content(&theirs, &name));
    assert!(matches!(
        open(&ours),
        Err(StoreError::Damaged { offset: 0, .. })
    ));
}

#[test]
fn on_the_real_disk_one_process_at_a_time() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("data");
    let folder = DiskFolder::open(&path).expect("made");
    let (mut store, _) = LogStore::open(folder, &identity()).expect("a new folder opens");
    store
        .persist(&[bootstrap(), append(2..=4, 1)])
        .expect("there is room");
    assert!(matches!(
        DiskFolder::open(&path),
        Err(StoreError::Locked { .. })
    ));
    drop(store);
    let folder = DiskFolder::open(&path).expect("free again");
    let (_, recovered) = LogStore::open(folder, &identity()).expect("opens");
    assert_eq!(recovered.entries, entries(2..=4, 1));
}

#[test]
fn a_full_disk_loses_nothing_and_the_same_write_works_later() {
    let folder = folder_with(&[bootstrap()]);
    let (mut store, _) = open(&folder).expect("opens");
    let mut next = 2;
    let mut refused = 0;
    for spare in [900, 2_000, 4_000] {
        folder.set_capacity(Some(folder.used() + spare));
        let batch = loop {
            let batch = append(next..=next + 4, 1);
            match store.persist(std::slice::from_ref(&batch)) {
                Ok(()) => next += 5,
                Err(error) => {
                    assert!(error.is_full(), "{error}");
                    break batch;
                }
            }
        };
        assert!(
            store
                .persist(std::slice::from_ref(&batch))
                .is_err_and(|error| error.is_full())
        );
        refused += 1;
        let durable = reopen_copy(&folder)
            .entries
            .last()
            .map_or(1, |entry| entry.index);
        assert!(
            durable == next - 1 || durable == next + 4,
            "{durable} against {next}"
        );
        folder.set_capacity(None);
        store.persist(&[batch]).expect("there is room again");
        next += 5;
    }
    assert_eq!(refused, 3);
    drop(store);
    assert_eq!(reopen(&folder).entries, entries(2..=next - 1, 1));
}

/// What another process would find now, without disturbing the one at work.
fn reopen_copy(folder: &MemoryFolder) -> Recovered {
    let copy = MemoryFolder::new();
    for name in folder.list_now() {
        overwrite(&copy, &name, &folder.read_now(&name));
    }
    reopen(&copy)
}

/// What should be stored, kept in the simplest way.
#[derive(Clone, Default)]
struct Model {
    hard_state: HardState,
    snapshot: Option<Snapshot>,
    entries: BTreeMap<u64, Entry>,
}

impl Model {
    fn apply(&mut self, batch: &Batch) {
        if let Some(new) = &batch.snapshot {
            let after = new.snapshot.meta.index + 1;
            self.entries = if new.keep_log {
                self.entries.split_off(&after)
            } else {
                BTreeMap::new()
            };
            self.snapshot = Some(new.snapshot.clone());
        }
        if let Some(first) = batch.entries.first() {
            self.entries.split_off(&first.index);
        }
        self.entries.extend(
            batch
                .entries
                .iter()
                .map(|entry| (entry.index, entry.clone())),
        );
        self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
    }

    fn last(&self) -> (u64, u64) {
        let of_snapshot = self.snapshot.as_ref().map(|s| (s.meta.index, s.meta.term));
        self.entries
            .values()
            .next_back()
            .map(|e| (e.index, e.term))
            .or(of_snapshot)
            .unwrap_or_default()
    }

    fn matches(&self, recovered: &Recovered) -> bool {
        self.hard_state == recovered.hard_state
            && self.snapshot == recovered.snapshot
            && self.entries.values().eq(&recovered.entries)
    }
}

fn random_batch(model: &Model, random: &mut Random) -> Batch {
    let (last, _) = model.last();
    let (commit, term) = (model.hard_state.commit, model.hard_state.term);
    let first = commit + 1 + random.below(last - commit + 1);
    let term = term + random.below(2);
    let count = random.below(4);
    let new: Vec<Entry> = (first..first + count)
        .map(|index| entry(index, term, random.below(700) as usize))
        .collect();
    let last = if count > 0 { first + count - 1 } else { last };
    let commit = commit + random.below(last - commit + 1);
    let mut batch = Batch {
        snapshot: None,
        entries: new,
        hard_state: Some(HardState {
            term,
            vote: random.below(3),
            commit,
        }),
    };
    if random.chance(150)
        && model.hard_state.commit > model.snapshot.as_ref().map_or(0, |s| s.meta.index)
    {
        let index = model.hard_state.commit;
        let term = model.entries.get(&index).map_or(1, |entry| entry.term);
        batch.snapshot = snapshot(index, term, true);
        batch.entries.clear();
        batch.hard_state = hard(model.hard_state.term, index);
    }
    batch
}

#[test]
fn whatever_moment_it_ends_at_what_was_acknowledged_is_there() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut folder = MemoryFolder::new();
        let mut model = Model::default();
        for life in 0..6 {
            let place = format!("seed {seed}, life {life}");
            folder.die_after(random.below(60));
            let mut under_way = model.clone();
            let opened = LogStore::open_with(folder.clone(), &identity(), SMALL);
            if let Ok((mut store, recovered)) = opened {
                assert!(model.matches(&recovered), "{place}: {recovered:?}");
                loop {
                    let batch = if model.snapshot.is_none() {
                        bootstrap()
                    } else {
                        random_batch(&model, &mut random)
                    };
                    under_way.apply(&batch);
                    match store.persist(std::slice::from_ref(&batch)) {
                        Ok(()) => model = under_way.clone(),
                        Err(_) => break,
                    }
                }
            }
            // Either the machine goes down, or only the process: then what it wrote and did not
            // sync is there at first, and may be lost at the next crash all the same.
            folder = if random.chance(700) {
                folder.crash(&mut random)
            } else {
                folder.restart()
            };
            let (_, recovered) = LogStore::open_with(folder.clone(), &identity(), SMALL)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            // The write under way is there whole, or not at all.
            if under_way.matches(&recovered) {
                model = under_way;
            }
            assert!(model.matches(&recovered), "{place}: {recovered:?}");
            folder = folder.restart();
        }
    }
}
