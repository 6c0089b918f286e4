//! A data folder that crashes, loses what was not synced, and is damaged: recovery never panics,
//! what was acknowledged is there after a crash, and nothing is ever made up.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lockstep_consensus::log::folder::{Folder, FolderFile};
use lockstep_consensus::log::memory::MemoryFolder;
use lockstep_consensus::log::{Batch, Identity, LogSizes, LogStore, NewSnapshot, Recovered, Store};
use lockstep_consensus::random::Random;
use lockstep_consensus::types::{Entry, EntryKind, HardState, Members, Snapshot, SnapshotMeta};
use lockstep_fuzz::few;

/// Segments of a few records, so that short stories have several.
const SMALL: LogSizes = LogSizes {
    segment_bytes: 2_000,
    grow_bytes: 700,
};

#[derive(Debug, Arbitrary)]
struct Story {
    #[arbitrary(with = few::<Life, 4>)]
    lives: Vec<Life>,
    #[arbitrary(with = few::<Damage, 4>)]
    damage: Vec<Damage>,
}

/// From one start to the next crash.
#[derive(Debug, Arbitrary)]
struct Life {
    /// The process dies after so many changes of the disk, if it does.
    changes: Option<u8>,
    #[arbitrary(with = few::<Write, 8>)]
    writes: Vec<Write>,
    /// Which unsynced sectors survive; none: the machine stays up.
    crash: Option<u64>,
}

#[derive(Debug, Arbitrary)]
struct Write {
    /// Where new entries begin, counted back from the end of the log.
    back: u8,
    #[arbitrary(with = few::<u16, 4>)]
    lengths: Vec<u16>,
    new_term: bool,
    vote: u8,
    commit: u8,
    snapshot: bool,
    keep_log: bool,
}

#[derive(Debug, Arbitrary)]
struct Damage {
    file: u8,
    kind: DamageKind,
}

#[derive(Debug, Arbitrary)]
enum DamageKind {
    Flip { at: u16, bits: u8 },
    Cut { to: u16 },
    Zeros { at: u16, len: u16 },
    Replace(Vec<u8>),
    Insert { at: u16, bytes: Vec<u8> },
    Remove,
    Rename(String),
}

/// What should be stored, kept in the simplest way.
#[derive(Clone, Debug, Default)]
struct Model {
    hard_state: HardState,
    snapshot: Option<Snapshot>,
    entries: BTreeMap<u64, Entry>,
}

fuzz_target!(|story: Story| {
    let mut folder = MemoryFolder::new();
    // Everything that was ever acknowledged as a whole, oldest first.
    let mut past = vec![Model::default()];
    for life in &story.lives {
        folder = live(&folder, life, &mut past);
    }
    let intact = story.damage.is_empty();
    for damage in &story.damage {
        harm(&mut folder, damage);
    }
    match LogStore::open_with(folder.restart(), &identity(), SMALL) {
        Err(error) => {
            assert!(!intact, "{error}");
            assert!(!error.to_string().is_empty());
        }
        Ok((_, recovered)) if intact => {
            assert!(
                past.last().is_some_and(|last| last.matches(&recovered)),
                "{recovered:?}"
            );
        }
        // Damage may look like a write that was never finished, or like a new folder.
        Ok((_, recovered)) => {
            let known = past.iter().any(|model| model.matches(&recovered));
            assert!(known, "made up: {recovered:?}");
        }
    }
});

fn identity() -> Identity {
    Identity {
        cluster_id: "fuzz".into(),
        node_id: 1,
    }
}

fn live(folder: &MemoryFolder, life: &Life, past: &mut Vec<Model>) -> MemoryFolder {
    let mut model = past.last().cloned().unwrap_or_default();
    if let Some(changes) = life.changes {
        folder.die_after(changes.into());
    }
    let mut under_way = None;
    if let Ok((mut store, recovered)) = LogStore::open_with(folder.clone(), &identity(), SMALL) {
        assert!(model.matches(&recovered), "{recovered:?}");
        for write in &life.writes {
            let batch = model.batch(write);
            let mut next = model.clone();
            next.apply(&batch);
            if store.persist(std::slice::from_ref(&batch)).is_err() {
                under_way = Some(next);
                break;
            }
            model = next;
            past.push(model.clone());
        }
    }
    let folder = match life.crash {
        Some(seed) => folder.crash(&mut Random::new(seed)),
        None => folder.restart(),
    };
    // The write under way is there whole, or not at all.
    let (_, recovered) = LogStore::open_with(folder.clone(), &identity(), SMALL)
        .unwrap_or_else(|error| panic!("a crash does no damage: {error}"));
    match under_way {
        Some(next) if next.matches(&recovered) => past.push(next),
        _ => assert!(model.matches(&recovered), "lost: {model:?}\n{recovered:?}"),
    }
    folder.restart()
}

impl Model {
    fn apply(&mut self, batch: &Batch) {
        if let Some(new) = &batch.snapshot {
            let after = new.snapshot.meta.index + 1;
            let kept = self.entries.split_off(&after);
            self.entries = if new.keep_log { kept } else { BTreeMap::new() };
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

    fn matches(&self, recovered: &Recovered) -> bool {
        self.hard_state == recovered.hard_state
            && self.snapshot == recovered.snapshot
            && self.entries.values().eq(&recovered.entries)
    }

    fn last(&self) -> u64 {
        let of_snapshot = self
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.meta.index);
        self.entries
            .last_key_value()
            .map_or(of_snapshot, |(index, _)| *index)
    }

    /// A batch that a group could ask for in this state.
    fn batch(&self, write: &Write) -> Batch {
        if self.snapshot.is_none() {
            return Batch {
                snapshot: Some(snapshot(1, 1, false)),
                entries: Vec::new(),
                hard_state: Some(HardState {
                    term: 1,
                    vote: 0,
                    commit: 1,
                }),
            };
        }
        let HardState { term, commit, .. } = self.hard_state;
        let of_snapshot = self
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.meta.index);
        if write.snapshot && commit > of_snapshot {
            let at = self.entries.get(&commit).map_or(1, |entry| entry.term);
            return Batch {
                snapshot: Some(snapshot(commit, at, true)),
                entries: Vec::new(),
                hard_state: None,
            };
        }
        if write.snapshot && !write.keep_log {
            // From a leader that is far ahead.
            let index = self.last() + 1 + u64::from(write.back);
            let vote = u64::from(write.vote % 3);
            return Batch {
                snapshot: Some(snapshot(index, term, false)),
                entries: Vec::new(),
                hard_state: Some(HardState {
                    term,
                    vote,
                    commit: index,
                }),
            };
        }
        // What is committed is not replaced.
        let first = (self.last() + 1)
            .saturating_sub(write.back.into())
            .max(commit + 1);
        let term = term + u64::from(write.new_term);
        let entry = |(index, length): (u64, &u16)| Entry {
            index,
            term,
            kind: EntryKind::Command,
            // Never zero, so that a sector that was written does not look like one that was not.
            payload: Bytes::from(vec![(index % 250) as u8 + 1; usize::from(length % 1_500)]).into(),
        };
        let entries: Vec<Entry> = (first..).zip(&write.lengths).map(entry).collect();
        let last = entries.last().map_or(self.last(), |entry| entry.index);
        let commit = commit + u64::from(write.commit) % (last - commit + 1);
        let vote = u64::from(write.vote % 3);
        Batch {
            snapshot: None,
            entries,
            hard_state: Some(HardState { term, vote, commit }),
        }
    }
}

fn snapshot(index: u64, term: u64, keep_log: bool) -> NewSnapshot {
    let members = Members::of_voters([(1, "a:1".to_owned()), (2, "b:1".to_owned())]);
    let data = Bytes::from(format!("state at {index}").repeat(20));
    let snapshot = Snapshot {
        meta: SnapshotMeta {
            index,
            term,
            members,
        },
        data,
    };
    NewSnapshot { snapshot, keep_log }
}

fn harm(folder: &mut MemoryFolder, damage: &Damage) {
    let names = folder.list_now();
    let Some(at) = usize::from(damage.file).checked_rem(names.len()) else {
        return;
    };
    let name = &names[at];
    let mut bytes = folder.read_now(name);
    let len = bytes.len();
    let place = |at: u16| usize::from(at) % (len + 1);
    let done = match &damage.kind {
        DamageKind::Remove => folder.remove(name),
        DamageKind::Rename(to) => folder.rename(name, to),
        DamageKind::Flip { at, bits } => {
            if let Some(byte) = bytes.get_mut(place(*at)) {
                *byte ^= bits;
            }
            overwrite(folder, name, &bytes)
        }
        DamageKind::Cut { to } => overwrite(folder, name, &bytes[..place(*to)]),
        DamageKind::Zeros { at, len } => {
            let zeros = bytes.iter_mut().skip(place(*at)).take((*len).into());
            zeros.for_each(|byte| *byte = 0);
            overwrite(folder, name, &bytes)
        }
        DamageKind::Replace(with) => overwrite(folder, name, with),
        DamageKind::Insert { at, bytes: new } => {
            let at = place(*at);
            bytes.splice(at..at, new.iter().copied());
            overwrite(folder, name, &bytes)
        }
    };
    done.expect("it is in memory");
}

fn overwrite(folder: &mut MemoryFolder, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = folder.create(name)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    folder.sync()
}
