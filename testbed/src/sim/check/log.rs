//! Do all controllers apply the same entries, and come to the same state by them?

use std::collections::BTreeMap;

use bytes::Bytes;
use lockstep_node::cluster::digest_of;
use lockstep_node::controller::Effect;

use super::super::world::{MachineId, World};

/// What the first controller that got somewhere had there.
#[derive(Debug)]
pub(crate) struct LogChecks {
    compare_every: u64,
    leaders: BTreeMap<u64, MachineId>,
    /// Entries by index.
    entries: BTreeMap<u64, Bytes>,
    /// The last index that each controller applied.
    applied: BTreeMap<MachineId, u64>,
    /// Events and refusals by index.
    effects: BTreeMap<u64, u64>,
    /// The configuration and status by index.
    cibs: BTreeMap<u64, [u8; 32]>,
    /// The whole state by index.
    states: BTreeMap<u64, [u8; 32]>,
    /// Graphs by transition.
    graphs: BTreeMap<u64, [u8; 32]>,
}

impl LogChecks {
    pub(crate) fn new(compare_every: u64) -> Self {
        Self {
            compare_every,
            leaders: BTreeMap::new(),
            entries: BTreeMap::new(),
            applied: BTreeMap::new(),
            effects: BTreeMap::new(),
            cibs: BTreeMap::new(),
            states: BTreeMap::new(),
            graphs: BTreeMap::new(),
        }
    }

    /// A controller begins with nothing applied.
    pub(crate) fn controller_starts(&mut self, machine: MachineId) {
        self.applied.remove(&machine);
    }

    /// A controller leads; returns another one that led in the same term.
    pub(crate) fn leads(&mut self, machine: MachineId, term: u64) -> Option<MachineId> {
        let other = *self.leaders.entry(term).or_insert(machine);
        (other != machine).then_some(other)
    }

    /// A controller is given an entry.
    pub(crate) fn commits(
        &mut self,
        machine: MachineId,
        index: u64,
        data: &Bytes,
    ) -> Result<(), String> {
        let known = self.entries.entry(index).or_insert_with(|| data.clone());
        if known != data {
            return Err(format!(
                "controller {} applies another entry at {index} than others did",
                machine + 1
            ));
        }
        let before = self.applied.insert(machine, index);
        match before {
            Some(before) if before >= index => Err(format!(
                "controller {} is given {index} after {before}",
                machine + 1
            )),
            _ => Ok(()),
        }
    }

    /// The last index that anybody applied.
    pub(crate) fn last(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// All entries that anybody applied.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.values()
    }

    /// A controller's whole state at an index.
    pub(crate) fn state(
        &mut self,
        machine: MachineId,
        index: u64,
        snapshot: &[u8],
    ) -> Result<(), String> {
        let digest = digest_of(snapshot);
        same(&mut self.states, index, digest, machine, "state")
    }
}

fn same<T: PartialEq + Copy>(
    known: &mut BTreeMap<u64, T>,
    at: u64,
    value: T,
    machine: MachineId,
    what: &str,
) -> Result<(), String> {
    if *known.entry(at).or_insert(value) == value {
        return Ok(());
    }
    Err(format!(
        "controller {} has another {what} at {at} than others have",
        machine + 1
    ))
}

impl World {
    /// A controller's core has applied an entry.
    pub(crate) fn check_applied(&mut self, machine: MachineId, index: u64, effects: &[Effect]) {
        if let Err(what) = self.compare(machine, index, effects) {
            self.violate("5 (all controllers agree)", what);
        }
    }

    fn compare(
        &mut self,
        machine: MachineId,
        index: u64,
        effects: &[Effect],
    ) -> Result<(), String> {
        let Some(controller) = self.machines[machine].controller.as_ref() else {
            return Ok(());
        };
        let log = &mut self.checks.log;
        let mut hash = 0u64;
        for effect in effects {
            let text = match effect {
                Effect::Event(event) => format!("{} {:?}", event.at, event.what),
                Effect::Answered {
                    request, outcome, ..
                } => format!("{request:?} {outcome:?}"),
                _ => continue,
            };
            for byte in text.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        let cluster = controller.core.cluster();
        if let Some(transition) = cluster.transition() {
            let (number, digest) = (transition.number, transition.digest);
            same(&mut log.graphs, number, digest, machine, "graph")?;
        }
        same(&mut log.effects, index, hash, machine, "set of events")?;
        if index.is_multiple_of(log.compare_every) {
            let xml = cluster.cib().to_xml();
            let digest = digest_of(xml.as_bytes());
            same(&mut log.cibs, index, digest, machine, "CIB")?;
        }
        if index.is_multiple_of(16 * log.compare_every) {
            let digest = digest_of(&cluster.snapshot());
            same(&mut log.states, index, digest, machine, "state")?;
        }
        Ok(())
    }

    /// A controller has taken up a snapshot.
    pub(crate) fn check_restored(&mut self, machine: MachineId, data: &[u8]) {
        let Some(controller) = self.machines[machine].controller.as_ref() else {
            return;
        };
        let cluster = controller.core.cluster();
        let index = cluster.index();
        let again = cluster.snapshot();
        let checked = if again == data {
            self.checks.log.state(machine, index, data)
        } else {
            Err(format!(
                "controller {} restores a snapshot at {index} and makes another of it",
                machine + 1
            ))
        };
        if let Err(what) = checked {
            self.violate("5 (all controllers agree)", what);
        }
    }
}
