//! What is the matter with a node?

use super::{Explainer, NoFencing, NodeExplanation, Why};
use crate::action::{self, OnFail, Task};
use crate::config::{HealthStrategy, NoQuorumPolicy, NodeKind};
use crate::id::NodeId;
use crate::relate::topology;
use crate::state;

impl Explainer<'_> {
    /// Everything about a node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> NodeExplanation {
        let roster = &self.state().nodes[node];
        let mut facts = self.unusable(node);
        let usable = facts.is_empty();
        let health = self.health(node);
        if usable && health.is_none() {
            facts.push(Why::Usable);
        }
        facts.extend(health);
        if self.needs_fencing(node) {
            facts.extend(self.fencing_failures(node));
            let obstacle = self.no_fencing(node);
            facts.extend(obstacle.map(|why| Why::CannotFence { why }));
        }
        let running = self.state().node[node].running.iter();
        let top = self.state().top.iter();
        let placed = top.flat_map(|&id| self.placed(id));
        let about = |task: &Task| matches!(task, Task::Fence | Task::Shutdown);
        let actions = self.draft().actions.enumerate();
        let actions = actions.filter(|(_, action)| {
            action.node == Some(node) && about(&action.task) && !action.optional
        });
        NodeExplanation {
            node: roster.name.clone(),
            kind: match roster.kind {
                NodeKind::Cluster => "cluster node",
                NodeKind::Remote => "remote node",
                NodeKind::Guest => "guest node",
            },
            usable,
            facts,
            running: running.map(|&id| self.name(id)).collect(),
            placed: placed.filter(|placed| placed.node == roster.name).collect(),
            actions: actions.map(|(id, _)| self.action(id)).collect(),
        }
    }

    /// Why a node cannot run anything; empty if it can.
    pub(super) fn unusable(&self, node: NodeId) -> Vec<Why> {
        let observed = &self.state().node[node];
        let placed = self.plan.placement.node[node];
        let drafted = &self.draft().node[node];
        let mut found = Vec::new();
        if placed.unclean || drafted.unclean {
            found.push(match &observed.unclean_reason {
                Some(reason) => Why::Unclean {
                    reason: reason.clone(),
                },
                None => self.unclean_since(node),
            });
        }
        if observed.pending {
            found.push(Why::JoinPending);
        } else if observed.standby_on_fail {
            found.extend(self.standby_failures(node));
        } else if observed.standby {
            found.push(Why::Standby);
        }
        if observed.maintenance {
            found.push(Why::Maintenance);
        }
        if placed.shutdown {
            found.push(Why::ShuttingDown);
        }
        if !placed.online {
            let connection = topology::connection(self.state(), node);
            let launcher = topology::guest_launcher(self.state(), node);
            found.push(match (launcher, connection) {
                (Some(launcher), _) => Why::LauncherDown {
                    launcher: self.name(launcher),
                },
                (None, Some(connection)) => Why::Unconnected {
                    connection: self.name(connection),
                },
                (None, None) if !observed.seen => Why::NeverSeen,
                (None, None) => Why::Offline,
            });
        }
        found
    }

    /// Why a node needs fencing that the status alone had not shown to.
    fn unclean_since(&self, node: NodeId) -> Why {
        let actions = self.draft().actions.iter();
        let mut fencing = actions.filter(|action| {
            action.task == Task::Fence && action.node == Some(node) && action.reason.is_some()
        });
        let reason = fencing.next().and_then(|action| action.reason.as_ref());
        match reason {
            Some(reason) if self.state().node[node].seen => Why::Unclean {
                reason: reason.text(self.world),
            },
            _ => Why::NeverSeen,
        }
    }

    fn needs_fencing(&self, node: NodeId) -> bool {
        let drafted = &self.draft().node[node];
        drafted.unclean || drafted.remote_reset
    }

    /// Failures that ask for the fencing of their node.
    pub(super) fn fencing_failures(&self, node: NodeId) -> Vec<Why> {
        let notes = self.state().notes.iter();
        let on_connection = |note: &state::Note| {
            self.state().nodes[node].connection == Some(note.resource)
                && matches!(
                    note.effect,
                    state::Effect::Reaction(OnFail::ResetRemote) | state::Effect::ConnectionLost
                )
        };
        let fences = |note: &&state::Note| {
            on_connection(note)
                || (note.node == node
                    && matches!(note.effect, state::Effect::Reaction(OnFail::FenceNode)))
        };
        notes.filter(fences).map(|note| self.note(note)).collect()
    }

    fn standby_failures(&self, node: NodeId) -> Vec<Why> {
        let notes = self.state().notes.iter();
        let mut found: Vec<Why> = notes
            .filter(|note| {
                note.node == node && note.effect == state::Effect::Reaction(OnFail::StandbyNode)
            })
            .map(|note| match self.note(note) {
                Why::Failed { operation, .. } => Why::StandbyAfter {
                    operation: Some(operation),
                },
                _ => Why::StandbyAfter { operation: None },
            })
            .collect();
        if found.is_empty() {
            found.push(Why::StandbyAfter { operation: None });
        }
        found
    }

    fn health(&self, node: NodeId) -> Option<Why> {
        if self.world.config.options.health_strategy == HealthStrategy::None {
            return None;
        }
        let attributes = self.state().node[node].attributes.iter();
        let values: Vec<(String, String)> = attributes
            .filter(|(name, _)| name.starts_with("#health"))
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        (!values.is_empty()).then_some(Why::HealthAttributes { values })
    }

    /// What keeps the cluster from fencing a node, if anything does.
    pub(super) fn no_fencing(&self, node: NodeId) -> Option<NoFencing> {
        let options = &self.world.config.options;
        if topology::guest_launcher(self.state(), node).is_some() {
            return None;
        }
        if !options.fencing_enabled {
            return Some(NoFencing::Disabled);
        }
        if !self.state().have_fencing {
            return Some(NoFencing::NoDevice);
        }
        if !action::fencing::possible(self.world, self.draft(), node) {
            let ignores = options.no_quorum_policy == NoQuorumPolicy::Ignore;
            return (!options.quorate && !ignores).then_some(NoFencing::NoQuorum);
        }
        let managed = self.draft().resource.iter().any(|one| one.managed);
        (!managed).then_some(NoFencing::NothingManaged)
    }
}
