//! What makes an action needed? Who asked for it first, or which action's verdict it took over.

use super::chain::Reached;
use super::{Explainer, Link, Why};
use crate::action::{Action, BecauseVerb, Key, Need, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{Effects, topology};

impl Explainer<'_> {
    /// What makes an action needed, the likeliest first.
    pub(super) fn demands(&self, id: ActionId) -> Vec<Reached> {
        let action = &self.draft().actions[id];
        if let Some(need) = action.need {
            return vec![self.need(id, action, need)];
        }
        let mut found: Vec<Reached> = Vec::new();
        found.extend(self.verdict_on(id, BecauseVerb::Required).map(|reached| {
            match reached {
                // What should start again and cannot is stopped all the same.
                Reached::Action(start, tie) if self.is_vain_restart(action, start) => {
                    Reached::Cannot(start, tie)
                }
                // The other way round: that it is stopped is not why it should start.
                Reached::Action(stop, _)
                    if self.is_vain_restart(&self.draft().actions[stop], id) =>
                {
                    Reached::Facts(vec![Why::Restarts])
                }
                other => other,
            }
        }));
        let members = self.member_actions(id, |member| !member.optional);
        let member = |id| Reached::Action(id, Link::Member);
        found.extend(members.into_iter().map(member));
        found.extend(self.neighbour(id, true));
        found.extend(self.neighbour(id, false));
        if found.is_empty() {
            found.push(Reached::Facts(match (&action.reason, action.resource) {
                (Some(reason), _) => vec![Why::Said(reason.text(self.world))],
                (None, Some(resource)) => self.shall_be(resource),
                (None, None) => vec![Why::HistoryAsks],
            }));
        }
        found
    }

    /// Whether a stop is for a start of the same resource that cannot happen.
    fn is_vain_restart(&self, stop: &Action, start: ActionId) -> bool {
        let start = &self.draft().actions[start];
        let same = stop.resource.is_some() && stop.resource == start.resource;
        same && stop.task == Task::Stop && start.task == Task::Start && !start.runnable
    }

    /// Actions of members that a collective's action stands for.
    pub(super) fn member_actions(
        &self,
        id: ActionId,
        wanted: impl Fn(&Action) -> bool,
    ) -> Vec<ActionId> {
        let action = &self.draft().actions[id];
        let of = match &action.key {
            Key::Notify { of, .. } => of,
            _ => &action.task,
        };
        let Some(resource) = action.resource else {
            return Vec::new();
        };
        if matches!(
            self.state().resources[resource].variant,
            Variant::Primitive(_)
        ) {
            return Vec::new();
        }
        let task = match of {
            Task::Started => &Task::Start,
            Task::Stopped => &Task::Stop,
            Task::Promoted => &Task::Promote,
            Task::Demoted => &Task::Demote,
            other => other,
        };
        let primitives = self.primitives(resource).into_iter();
        let actions = primitives.flat_map(|id| self.draft().of(id).iter().copied());
        let suits = |id: &ActionId| {
            let member = &self.draft().actions[*id];
            member.task == *task && wanted(member)
        };
        actions.filter(suits).collect()
    }

    /// An action that pulls this one into the graph (or any required one next to it).
    fn neighbour(&self, id: ActionId, pulls: bool) -> Option<Reached> {
        let draft = self.draft();
        let required = |id: ActionId| !draft.actions[id].optional;
        let suits = |effects: Effects, effect: Effects| !pulls || effects.contains(effect);
        let before = draft.links.before(id).find(|link| {
            let link = &draft.links[*link];
            required(link.first)
                && suits(link.effects_of_first, Effects::FIRST_IMPLIES_THEN_GRAPHED)
        });
        let after = || {
            draft.links.after(id).find(|link| {
                let link = &draft.links[*link];
                required(link.then)
                    && suits(link.effects_of_first, Effects::THEN_IMPLIES_FIRST_GRAPHED)
            })
        };
        if let Some(link) = before {
            let first = draft.links[link].first;
            return Some(Reached::Action(first, self.link(link)));
        }
        let link = after()?;
        let then = draft.links[link].then;
        Some(Reached::Action(then, self.link(link)))
    }

    /// What stands behind a need.
    fn need(&self, id: ActionId, action: &Action, need: Need) -> Reached {
        let Some(resource) = action.resource else {
            return Reached::Facts(self.node_need(action, need));
        };
        let facts = match need {
            Need::Moves => self.moves(resource),
            Need::Role => self.role_need(resource, &action.task, action.node),
            Need::NoNode => vec![self.no_node(resource)],
            Need::Restarts => {
                let start = self.draft().newest(resource, &Task::Start, None);
                match start.filter(|start| *start != id) {
                    Some(start) => {
                        let rule = Link::Rule("a restart stops first");
                        return Reached::Action(start, rule);
                    }
                    None => vec![Why::Restarts],
                }
            }
            Need::Failed | Need::Blocked => self.failures(resource, None),
            Need::History => self.history_need(resource, action),
            Need::MultiplyActive => vec![self.multiply_active(resource)],
            Need::NoPeer => self.no_peer(resource).into_iter().collect(),
            Need::MigrationLost => vec![Why::MigrationLost],
            Need::Dangling => vec![Why::Dangling],
            Need::DefinitionChanged => vec![Why::DefinitionChanged],
            Need::AgentChanged => vec![Why::AgentChanged],
            Need::HistoryVoid => vec![Why::HistoryVoid],
            Need::Probe => vec![Why::ProbeNeeded {
                resource: self.name(resource),
            }],
            Need::Monitor => vec![Why::Monitored {
                interval_ms: action.key.interval_ms(),
            }],
            Need::MonitorRemoved => vec![Why::MonitorRemoved],
            Need::MonitorUnwanted => vec![Why::MonitorUnwanted],
            Need::FailuresVoid => vec![Why::FailuresVoid],
            Need::LockVoid => vec![Why::LockVoid],
            Need::NodeLeaves | Need::Fencing => self.node_need(action, need),
        };
        Reached::Facts(facts)
    }

    fn node_need(&self, action: &Action, need: Need) -> Vec<Why> {
        let mut found = Vec::new();
        if let (Need::NodeLeaves, Some(node)) = (need, action.node) {
            let node = self.node_name(node);
            return vec![match action.task {
                Task::Shutdown => Why::ShutdownAsked { node },
                _ => Why::NodeLeaves { node },
            }];
        }
        if let Some(reason) = &action.reason {
            found.push(Why::Said(reason.text(self.world)));
        }
        if let Some(node) = action.node {
            found.extend(self.fencing_failures(node));
        }
        if found.is_empty() {
            found.push(Why::HistoryAsks);
        }
        found
    }

    fn moves(&self, resource: ResourceId) -> Vec<Why> {
        let drafted = &self.draft().resource[resource];
        let current = self.draft().current_node(self.state(), resource);
        match (current, drafted.node) {
            (Some(from), Some(to)) => vec![Why::Moves {
                resource: self.name(resource),
                to: self.node_name(to),
                from: Box::new(self.verdict(resource, from)),
            }],
            _ => vec![self.no_node(resource)],
        }
    }

    fn role_need(&self, resource: ResourceId, task: &Task, node: Option<NodeId>) -> Vec<Why> {
        let drafted = &self.draft().resource[resource];
        let leaves = drafted.node.is_none();
        match task {
            Task::Stop | Task::Demote if leaves => vec![self.no_node(resource)],
            Task::Stop | Task::Demote if drafted.next_role == Role::Stopped => {
                self.wanted_stopped(resource)
            }
            Task::Stop if drafted.node != node => self.moves(resource),
            Task::Demote => {
                let mut found = Vec::new();
                let target = self.state().resources[resource].meta.target_role;
                if let Some(role) = target.filter(|&role| role <= Role::Unpromoted) {
                    found.push(self.target_role(resource, role));
                }
                found.extend(self.not_promoted(resource));
                found
            }
            Task::Start => {
                let mut found = self.shall_be(resource);
                let failures = self.failures(resource, None);
                if self.draft().resource[resource].failed {
                    found.extend(failures);
                }
                found
            }
            _ => self.shall_be(resource),
        }
    }

    fn not_promoted(&self, resource: ResourceId) -> Option<Why> {
        let clone = self.collective_of(resource)?;
        match &self.state().resources[clone].variant {
            Variant::Clone(settings) => Some(Why::NotPromoted {
                resource: self.name(resource),
                max: settings.promoted_max,
            }),
            _ => None,
        }
    }

    fn shall_be(&self, resource: ResourceId) -> Vec<Why> {
        let drafted = &self.draft().resource[resource];
        vec![Why::ShallBe {
            resource: self.name(resource),
            role: drafted.next_role,
            node: drafted.node.map(|node| self.node_name(node)),
        }]
    }

    /// The failures of a resource (on one node), or that it counts as failed.
    fn failures(&self, resource: ResourceId, node: Option<NodeId>) -> Vec<Why> {
        let there = node.map(|node| self.node_name(node));
        let mut found = self.failures_noted(resource);
        found.retain(|why| match (&there, why) {
            (Some(there), Why::Failed { operation, .. }) => operation.node == *there,
            _ => true,
        });
        let launched = &self.state().resources[resource].launched;
        for &launched in launched {
            let guest = self.state().resources[launched].connection_to;
            let fencing = guest
                .into_iter()
                .flat_map(|guest| self.fencing_failures(guest));
            for why in self.failures_noted(launched).into_iter().chain(fencing) {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
        if found.is_empty() {
            let active_on = self.state().resource[resource].active_on.iter();
            let lost = active_on.filter(|&&node| self.draft().node[node].unclean);
            for &node in lost {
                found.push(Why::NodeLost {
                    node: self.node_name(node),
                    because: self.unusable(node),
                });
            }
        }
        if found.is_empty() {
            found.extend(self.guest_recovers(resource));
        }
        if found.is_empty() {
            found.push(Why::CountsAsFailed {
                resource: self.name(resource),
            });
        }
        found
    }

    /// What runs in a guest fails with it.
    fn guest_recovers(&self, resource: ResourceId) -> Vec<Why> {
        let active_on = &self.state().resource[resource].active_on;
        let launchers = active_on
            .iter()
            .filter_map(|&node| topology::guest_launcher(self.state(), node));
        let failed = launchers.filter(|&launcher| self.draft().resource[launcher].failed);
        let whys = failed.flat_map(|launcher| {
            let first = Why::GuestRecovers {
                launcher: self.name(launcher),
            };
            std::iter::once(first).chain(self.failures(launcher, None))
        });
        whys.collect()
    }

    fn history_need(&self, resource: ResourceId, action: &Action) -> Vec<Why> {
        match action.task {
            Task::LrmDelete => vec![Why::LockVoid],
            Task::ClearFailCount => match &action.reason {
                Some(reason) => vec![Why::Said(reason.text(self.world))],
                None => vec![Why::FailuresVoid],
            },
            _ => self.failures(resource, action.node),
        }
    }
}
