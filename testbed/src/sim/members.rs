//! Who are the controllers? They join as learners, vote when they have caught up, and are removed for
//! good; as `daemon::membership` has it done.

use lockstep_consensus::group::Input as GroupInput;
use lockstep_consensus::types::{MemberStep, Members, MembersChange, NodeId};

use super::world::{Event, MachineId, Part, World, note};

/// A learner that is not further behind than this, in entries, has caught up.
const CAUGHT_UP: u64 = 64;
/// What is left when controllers are removed.
const FEWEST: usize = 3;

/// How a machine stands to the group of controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be asked to join.
    Spare,
    /// It is a member, or was asked to be one.
    Member,
    /// It was removed; its number is never used again.
    Removed,
}

impl World {
    /// A spare machine, or one that was not heard, is to be a controller.
    pub(super) fn join_controller(&mut self) {
        let Some((leader, members)) = self.leaders_members() else {
            return;
        };
        let outside = |machine: &MachineId| {
            let id = *machine as NodeId + 1;
            self.machines[*machine].standing != Standing::Removed
                && !members.contains(id)
                && id >= members.next_id
        };
        let Some(machine) = (0..self.scenario.controllers).find(outside) else {
            return;
        };
        let id = machine as NodeId + 1;
        note!(self, "controller {id} is to join");
        self.machines[machine].standing = Standing::Member;
        self.after(1_000, Event::StartController(machine));
        let name = self.machines[machine].name.clone();
        let address = format!("{name}:1");
        let step = MemberStep::AddLearner { id, address, name };
        self.change_members(leader, step);
    }

    /// One of the controllers that vote is removed.
    pub(super) fn remove_controller(&mut self) {
        let Some((leader, members)) = self.leaders_members() else {
            return;
        };
        let voters: Vec<NodeId> = members.voters.iter().copied().collect();
        if voters.len() > FEWEST
            && let Some(&id) = self.random.pick(&voters)
        {
            note!(self, "controller {id} is to be removed");
            self.change_members(leader, MemberStep::Remove { id });
        }
    }

    /// As leader, makes a learner a voter when it has caught up.
    pub(super) fn promote_learners(&mut self, machine: MachineId) {
        if !self.is_leader(machine) {
            return;
        }
        let Some(controller) = self.machines[machine].controller.as_ref() else {
            return;
        };
        let position = controller.group.position();
        if position.members.is_joint() {
            return;
        }
        let ready = position.peers.iter().find(|peer| {
            position.members.learners.contains(&peer.id)
                && !peer.snapshot
                && peer.matched > 0
                && peer.matched + CAUGHT_UP >= position.commit
        });
        if let Some(id) = ready.map(|peer| peer.id) {
            let (address, name) = (String::new(), String::new());
            self.change_members(machine, MemberStep::AddVoter { id, address, name });
        }
    }

    fn change_members(&mut self, leader: MachineId, step: MemberStep) {
        let id = self.number();
        let change = MembersChange { steps: vec![step] };
        let process = self.process(leader, Part::Controller);
        let input = GroupInput::ChangeMembers { id, change };
        self.after(20, Event::GroupInput(process, input));
    }

    fn leaders_members(&self) -> Option<(MachineId, std::sync::Arc<Members>)> {
        let leader = self.leader()?;
        let controller = self.machines[leader].controller.as_ref()?;
        Some((leader, controller.group.members()))
    }

    /// The machines whose controllers take part, as the leader has it.
    pub(super) fn members(&self) -> Vec<MachineId> {
        let members = self.leaders_members().map(|(_, members)| members.ids());
        let members = members.unwrap_or_default();
        members.into_iter().map(|id| id as MachineId - 1).collect()
    }

    /// A controller learned who the members are. Those that are none any more may never hear of it
    /// through the log; whoever they try to talk to tells them.
    pub(super) fn members_change(&mut self, by: MachineId, members: &Members) {
        // One that has not come to its own joining says of nobody that it was removed, as in
        // `runtime::driver`.
        let own = by as NodeId + 1;
        if members.contains(own) && !members.addresses.contains_key(&own) {
            return;
        }
        for machine in 0..self.scenario.controllers {
            let removed = members.has_removed(machine as NodeId + 1);
            if removed && self.machines[machine].standing == Standing::Member {
                note!(self, "controller {} is a member no more", machine + 1);
                self.machines[machine].standing = Standing::Removed;
                self.summary.membership_changes += 1;
                let process = self.process(machine, Part::Controller);
                self.after(500_000, Event::Leave(process));
            }
        }
    }
}
