//! How does the log come to the disk? Everything that waits for it is written together.

use lockstep_consensus::group::{Input as GroupInput, bootstrap, bootstrapped};
use lockstep_consensus::log::{Batch, Identity, LogSizes, LogStore, Recovered, Store, StoreError};
use lockstep_consensus::types::Members;

use super::super::bugs::Bug;
use super::super::disk::Disk;
use super::super::world::{Event, MachineId, Part, Process, World, note};
use super::ControllerProcess;

/// Small, so that a short run has several segments.
const SIZES: LogSizes = LogSizes {
    segment_bytes: 96 << 10,
    grow_bytes: 8 << 10,
};

impl World {
    /// Everything that waits for the disk is written together.
    pub(super) fn begin_write(&mut self, machine: MachineId) {
        let slow = self.random.chance(10) && self.is_trouble();
        let delay = 200 + self.random.below(if slow { 200_000 } else { 2_000 });
        let delay = delay * self.machines[machine].disk_slowness;
        let process = self.process(machine, Part::Controller);
        let lies = self.bug == Some(Bug::AckBeforeWrite);
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if controller.writing > 0 || controller.writes.is_empty() {
            return;
        }
        controller.writing = controller.writes.len();
        let upto = controller.writes.back().map_or(0, |last| last.number);
        self.after(delay, Event::LogWritten(process));
        if lies {
            let input = GroupInput::Persisted { upto };
            self.after(1, Event::GroupInput(process, input));
        }
    }

    pub(in super::super) fn log_written(&mut self, process: Process) {
        if !self.lives(process) {
            return;
        }
        let machine = process.machine;
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let batches = controller.batches_in_writing();
        match controller.store.persist(&batches) {
            Ok(()) => {}
            Err(error) if error.is_full() => {
                // The very same write again, later.
                if !std::mem::replace(&mut controller.disk_full, true) {
                    self.summary.full_disks += 1;
                    self.set_eligible(machine);
                }
                self.after(200_000, Event::LogWritten(process));
                return;
            }
            Err(error) => {
                // The member stops; somebody starts it again.
                note!(self, "controller {} stops: {error}", machine + 1);
                self.end_process(machine, Part::Controller, true);
                let wait = 200_000 + self.random.below(2_000_000);
                self.after(wait, Event::StartController(machine));
                return;
            }
        }
        let upto = controller
            .writes
            .drain(..controller.writing)
            .next_back()
            .map_or(0, |last| last.number);
        controller.writing = 0;
        if std::mem::replace(&mut controller.disk_full, false) {
            self.set_eligible(machine);
        }
        self.step_group(machine, vec![GroupInput::Persisted { upto }]);
    }

    /// What a crash cuts short.
    pub(in super::super) fn write_until_death(&mut self, machine: MachineId, changes: u64) {
        let disk = self.machines[machine].log_disk.clone();
        let Some(controller) = self.controller(machine) else {
            return;
        };
        if controller.writing > 0 {
            disk.die_after(changes);
            let batches = controller.batches_in_writing();
            // How far it gets is the point; nobody is told.
            let _ = controller.store.persist(&batches);
        }
    }

    /// A leader that cannot write would hold everyone up.
    pub(super) fn set_eligible(&mut self, machine: MachineId) {
        let Some(controller) = self.controller(machine) else {
            return;
        };
        let eligible = controller.eligible && !controller.disk_full;
        self.step_group(machine, vec![GroupInput::Eligible(eligible)]);
    }
}

impl ControllerProcess {
    fn batches_in_writing(&self) -> Vec<Batch> {
        let writing = self.writes.iter().take(self.writing);
        writing.map(|persist| persist.batch.clone()).collect()
    }
}

type Opened = (LogStore<Disk>, Recovered);

/// The log as it was left, or that of a new member of a new group.
pub(super) fn open_log(
    folder: Disk,
    identity: &Identity,
    voters: u64,
) -> Result<Opened, StoreError> {
    let (mut store, mut recovered) = LogStore::open_with(folder, identity, SIZES)?;
    // One that joins waits for the leader's snapshot.
    if recovered.snapshot.is_none() && identity.node_id <= voters {
        let members = (1..=voters).map(|id| (id, format!("n{id}")));
        let batch = bootstrap(Members::of_voters(members));
        store.persist(std::slice::from_ref(&batch))?;
        recovered = bootstrapped(&batch);
    }
    Ok((store, recovered))
}
