//! How is it changed who the controllers are? From any of them: the leader does it.
//!
//! A new controller comes as a learner, when a machine joins ([`crate::security::join`]). The leader
//! makes it a voter when it has caught up. All changes go through Raft's joint consensus.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use lockstep_consensus::runtime::{GroupStatus, Handle, ProposeError};
use lockstep_consensus::types::{MemberStep, MembersChange, NodeId, Role};
use tokio::sync::watch;

use super::proposer::{Forwarder, NotProposed};
use crate::fabric::GroupRequest;
use crate::security::join::{self, Newcomer};

/// What needs a leader is tried for so long.
const PATIENCE: Duration = Duration::from_secs(15);
/// And so often.
const AGAIN: Duration = Duration::from_millis(200);
/// A learner that is not further behind than this, in entries, has caught up.
const CAUGHT_UP: u64 = 64;
/// Another controller may take the same number at the same time; then the next one is tried.
const TRIES: usize = 5;

/// Access to the group of controllers.
#[derive(Clone)]
pub struct Membership {
    me: NodeId,
    group: Handle,
    forwarder: Forwarder,
    leave: watch::Sender<bool>,
}

impl Membership {
    pub(super) fn new(me: NodeId, group: Handle, forwarder: Forwarder) -> Self {
        Self {
            me,
            group,
            forwarder,
            leave: watch::Sender::new(false),
        }
    }

    /// This controller.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// Where the group stands.
    pub fn status(&self) -> GroupStatus {
        self.group.status()
    }

    /// Has this node leave the cluster for good: the daemon does it, and ends.
    pub fn leave(&self) -> Result<(), String> {
        let members = self.group.status().members;
        if members.voters.len() == 1 && members.voters.contains(&self.me) {
            return Err("this is the last controller: there is no cluster without it".into());
        }
        self.leave.send_replace(true);
        Ok(())
    }

    /// Resolves when this node shall leave.
    pub(super) async fn wait_for_leave(&self) {
        // The sender is held here.
        let _ = self.leave.subscribe().wait_for(|leave| *leave).await;
    }

    /// Which controller has this number, or this node.
    pub fn find(&self, who: &str) -> Result<NodeId, String> {
        let members = self.group.status().members;
        let by_name = members.names.iter().find(|(_, name)| *name == who);
        let by_id = || who.parse().ok().filter(|id| members.contains(*id));
        by_name.map(|(id, _)| *id).or_else(by_id).ok_or_else(|| {
            format!("'{who}' is no controller: `lockstep cluster members` lists them")
        })
    }

    /// Removes a controller.
    pub async fn remove(&self, id: NodeId) -> Result<(), String> {
        let members = self.group.status().members;
        if members.voters.contains(&id) && members.voters.len() == 1 {
            return Err("this is the last controller that votes".into());
        }
        let gone = |status: &GroupStatus| !status.members.contains(id);
        self.ask(
            GroupRequest::Change(change([MemberStep::Remove { id }])),
            gone,
        )
        .await
    }

    /// Hands leadership to a controller, or to the one that is furthest along. Says to which.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<NodeId, String> {
        let status = self.group.status();
        let Some(leader) = status.leader else {
            return Err("nobody leads".into());
        };
        let to = match to {
            Some(to) if to == leader => return Err(format!("controller {to} leads already")),
            Some(to) if !status.members.voters.contains(&to) => {
                return Err(format!("controller {to} does not vote (yet)"));
            }
            Some(to) => to,
            None => successor(&status, leader).ok_or("there is no other controller to lead")?,
        };
        self.ask(GroupRequest::Transfer(to), |status| {
            status.leader == Some(to)
        })
        .await?;
        let done = self.group.wait_for(|status| status.leader == Some(to));
        match tokio::time::timeout(PATIENCE, done).await {
            Ok(Some(_)) => Ok(to),
            _ => Err(format!("controller {to} did not take over")),
        }
    }

    /// Has the leader do something, whoever that is; until `done` says that it is.
    async fn ask(
        &self,
        request: GroupRequest,
        done: impl Fn(&GroupStatus) -> bool,
    ) -> Result<(), String> {
        let attempts = async {
            loop {
                let status = self.group.status();
                if done(&status) {
                    return Ok(());
                }
                let outcome = match status.leader {
                    Some(leader) if leader != self.me => {
                        self.forwarder.ask(leader, request.clone()).await
                    }
                    _ => carry_out(&self.group, request.clone()).await,
                };
                match outcome {
                    Ok(()) => return Ok(()),
                    // What makes no sense now makes none later.
                    Err(not) if not.is_final => return Err(not.reason),
                    Err(not) => tracing::debug!(reason = not.reason, "asking the leader again"),
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        let bounded = tokio::time::timeout(PATIENCE, attempts);
        bounded
            .await
            .unwrap_or_else(|_| Err("no leader did it in time: it may yet happen".into()))
    }

    /// As leader, makes learners voters when they have caught up. Ends with the group.
    pub(super) async fn promote(self) {
        let ready = |status: &GroupStatus| ready_learner(status).is_some();
        while let Some(status) = self.group.wait_for(ready).await {
            let Some(id) = ready_learner(&status) else {
                continue;
            };
            tracing::info!(controller = id, "it has caught up: it votes from now on");
            let (address, name) = (String::new(), String::new());
            let step = MemberStep::AddVoter { id, address, name };
            if let Err(error) = self.group.change_members(change([step])).await {
                tracing::warn!(controller = id, %error, "it does not vote yet");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

fn change(steps: impl Into<Vec<MemberStep>>) -> MembersChange {
    MembersChange {
        steps: steps.into(),
    }
}

/// The voter that leads best after `leader`, as far as is known here.
fn successor(status: &GroupStatus, leader: NodeId) -> Option<NodeId> {
    let others = status.peers.iter().filter(|peer| {
        peer.id != leader && peer.connected && status.members.voters.contains(&peer.id)
    });
    let best = others.max_by_key(|peer| peer.matched).map(|peer| peer.id);
    let me = status.node_id;
    best.or((me != leader && status.members.voters.contains(&me)).then_some(me))
}

/// A learner that this leader may promote.
fn ready_learner(status: &GroupStatus) -> Option<NodeId> {
    if status.role != Role::Leader || status.members.is_joint() {
        return None;
    }
    let learners = status
        .peers
        .iter()
        .filter(|peer| status.members.learners.contains(&peer.id));
    let mut ready = learners.filter(|peer| {
        let matched = peer.matched.unwrap_or(0);
        peer.connected && !peer.snapshot && matched > 0 && matched + CAUGHT_UP >= status.commit
    });
    ready.next().map(|peer| peer.id)
}

/// Does it here, where the leader is.
pub(super) async fn carry_out(group: &Handle, request: GroupRequest) -> Result<(), NotProposed> {
    let outcome = match request {
        GroupRequest::Change(change) => group.change_members(change).await.map(|_| ()),
        GroupRequest::Transfer(to) => group.transfer_to(to).await,
    };
    outcome.map_err(|error| {
        use lockstep_consensus::group::Rejection;
        let is_final = matches!(error, ProposeError::Rejected(Rejection::Invalid(_)));
        NotProposed {
            unknown: error.is_unknown(),
            is_final,
            reason: error.to_string(),
        }
    })
}

impl join::Members for Membership {
    async fn add(&self, newcomer: &Newcomer) -> Result<NodeId, String> {
        let mut refused = String::new();
        for _ in 0..TRIES {
            let members = self.group.status().members;
            let Newcomer {
                node,
                address,
                replaces,
            } = newcomer;
            let namesake = members.names.iter().find(|(_, name)| *name == node);
            if let Some((id, _)) = namesake
                && Some(*id) != *replaces
            {
                return Err(format!(
                    "node '{node}' has a controller, number {id}: if its data is lost, \
                     `lockstep cluster replace {node}` gives a token for its place"
                ));
            }
            if is_taken(&members.addresses, *address, *replaces) {
                return Err(format!("another controller listens on {address}"));
            }
            let id = members.next_id;
            let mut steps = vec![MemberStep::AddLearner {
                id,
                address: address.to_string(),
                name: node.clone(),
            }];
            // The old one is no help any more; without it the others decide by themselves.
            let old = replaces.filter(|old| members.contains(*old));
            steps.extend(old.map(|id| MemberStep::Remove { id }));
            let is_in = |status: &GroupStatus| status.members.names.get(&id) == Some(node);
            match self.ask(GroupRequest::Change(change(steps)), is_in).await {
                Ok(()) => return Ok(id),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    fn all(&self) -> BTreeMap<NodeId, (String, String)> {
        let members = self.group.status().members;
        let named = |(id, address): (&NodeId, &String)| {
            let name = members.names.get(id).cloned();
            let name = name.unwrap_or_else(|| format!("controller{id}"));
            (*id, (name, address.clone()))
        };
        members.addresses.iter().map(named).collect()
    }
}

fn is_taken(
    addresses: &BTreeMap<NodeId, String>,
    address: SocketAddr,
    replaces: Option<NodeId>,
) -> bool {
    let address = address.to_string();
    addresses
        .iter()
        .any(|(id, taken)| *taken == address && Some(*id) != replaces)
}
