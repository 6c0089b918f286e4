//! Who belonged to the group at which index, and how that changes.

use std::sync::Arc;

use raft::eraftpb::{self, ConfState};
use raft::{Changer, StateRole};

use super::convert::{conf_change, members_after, members_change, members_entry};
use super::io::{Apply, MembersChanged, Rejection};
use super::{Group, proposal};
use crate::types::{MAX_INDEX, MemberStep, Members, MembersChange};

/// The members by index, from the latest snapshot on.
#[derive(Debug)]
pub(super) struct MembersLog {
    /// Each in force from its index on; ascending, never empty.
    changes: Vec<(u64, Arc<Members>)>,
}

impl MembersLog {
    pub(super) fn new(index: u64, members: Members) -> Self {
        MembersLog {
            changes: vec![(index, Arc::new(members))],
        }
    }

    pub(super) fn now(&self) -> &Members {
        &self.changes[self.changes.len() - 1].1
    }

    pub(super) fn now_shared(&self) -> Arc<Members> {
        self.changes[self.changes.len() - 1].1.clone()
    }

    /// The members as of `index`, which is not before the latest snapshot.
    pub(super) fn at(&self, index: u64) -> &Members {
        let after = self.changes.partition_point(|(since, _)| *since <= index);
        &self.changes[after.saturating_sub(1)].1
    }

    pub(super) fn forget_before(&mut self, index: u64) {
        let after = self.changes.partition_point(|(since, _)| *since <= index);
        self.changes.drain(..after.saturating_sub(1));
    }

    pub(super) fn restore(&mut self, index: u64, members: Members) {
        self.changes = vec![(index, Arc::new(members))];
    }

    fn push(&mut self, index: u64, members: Members) {
        self.changes.push((index, Arc::new(members)));
    }
}

impl Group {
    /// Proposes a membership change, if it makes sense.
    pub(super) fn change_members(&mut self, id: u64, change: &MembersChange) {
        // Commands that came first are proposed first.
        self.flush_requests();
        if let Err(rejection) = self.try_change_members(id, change) {
            self.effects.rejected.push((id, rejection));
        }
    }

    fn try_change_members(&mut self, id: u64, change: &MembersChange) -> Result<(), Rejection> {
        let raft = &self.node.raft;
        if raft.state != StateRole::Leader {
            return Err(Rejection::NotLeader {
                leader: self.role().leader,
            });
        }
        if raft.has_pending_conf() || self.members.now().is_joint() {
            return Err(Rejection::ChangeInProgress);
        }
        self.check_change(change)?;
        // Would raft take it? Better to hear that now than from a committed entry.
        let steps = conf_change(change);
        let mut changer = Changer::new(raft.prs());
        let tried = match steps.enter_joint() {
            Some(auto_leave) => changer.enter_joint(auto_leave, &steps.changes),
            None => changer.simple(&steps.changes),
        };
        tried.map_err(|error| Rejection::Invalid(error.to_string()))?;

        let entry = members_entry(change)
            .ok_or_else(|| Rejection::Invalid("the change cannot be coded".into()))?;
        let message = proposal(self.config.id, vec![entry]);
        self.node.raft.step(message).map_err(|_| Rejection::Busy)?;
        let raft = &self.node.raft;
        self.requests
            .proposed(id, raft.raft_log.last_index(), raft.term, &mut self.effects);
        Ok(())
    }

    fn check_change(&self, change: &MembersChange) -> Result<(), Rejection> {
        let now = self.members.now();
        let invalid = |what: String| Err(Rejection::Invalid(what));
        if change.steps.is_empty() {
            return invalid("no step in the membership change".into());
        }
        for step in &change.steps {
            match step {
                _ if step.id() == 0 => return invalid("0 is no node id".into()),
                MemberStep::AddVoter { id, .. } | MemberStep::AddLearner { id, .. }
                    if now.has_removed(*id) =>
                {
                    let next = now.next_id;
                    return invalid(format!(
                        "id {id} was a member's that was removed: the next one is {next}"
                    ));
                }
                MemberStep::AddVoter { id, .. } | MemberStep::AddLearner { id, .. }
                    if *id >= MAX_INDEX =>
                {
                    return invalid(format!("{id} is no node id"));
                }
                MemberStep::AddVoter { id, address, .. }
                | MemberStep::AddLearner { id, address, .. }
                    if address.is_empty() && !now.addresses.contains_key(id) =>
                {
                    return invalid(format!("node {id} is new: say where it listens"));
                }
                MemberStep::Remove { id } if !now.contains(*id) => {
                    return invalid(format!("node {id} is no member"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A leader that is no voter any more stops leading, and names a successor, so that nobody
    /// has to wait for a timeout. (Raft-rs leaves this to its user, and would panic later.)
    fn step_down(&mut self) {
        if self.node.raft.state != StateRole::Leader {
            return;
        }
        let successor = self.successor();
        let raft = &mut self.node.raft;
        if let Some(successor) = successor {
            raft.send_timeout_now(successor);
        }
        let term = raft.term;
        raft.become_follower(term, raft::INVALID_ID);
    }

    /// Puts a committed membership change into force.
    pub(super) fn apply_members(&mut self, entry: &eraftpb::Entry, proposal: Option<u64>) {
        // What cannot be read was refused when it came; were there one, every member would pass
        // over it alike.
        let change = members_change(&entry.context).unwrap_or_default();
        let conf: ConfState = match self.node.apply_conf_change(&conf_change(&change)) {
            Ok(conf) => conf,
            Err(error) => {
                tracing::warn!(index = entry.index, %error, "a membership change has no effect");
                let rejection = Rejection::Invalid(error.to_string());
                self.effects
                    .rejected
                    .extend(proposal.map(|id| (id, rejection)));
                return;
            }
        };
        let members = members_after(self.members.now(), &change, &conf);
        let may_lead = members.is_voter(self.config.id);
        self.members.push(entry.index, members.clone());
        if !may_lead {
            self.step_down();
        }
        let changed = MembersChanged {
            index: entry.index,
            members,
            proposal,
        };
        self.effects.apply.push(Apply::Members(changed));
    }
}
