//! Why does an action have to happen, or cannot? From the nearest reason back to the root.

use super::{ActionExplanation, ActionName, Explainer, Fate, Link, Step, Wait, Why};
use crate::action::{self, Action, BecauseVerb, Key, Need, Reason, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, Id, IdSet, NodeId, ResourceId};
use crate::relate::{self, Effects, LinkId, topology};
use crate::settle::Via;
use crate::state;

/// What makes an action needed, or blocked: another one, or facts.
enum Reached {
    Action(ActionId, Link),
    Facts(Vec<Why>),
}

impl Explainer<'_> {
    /// Everything about an action.
    #[must_use]
    pub fn action(&self, id: ActionId) -> ActionExplanation {
        let fate = self.fate(id);
        let needed = match fate {
            Fate::NotNeeded => Vec::new(),
            _ => self.chain(id, Self::demand),
        };
        let blocked = match fate {
            Fate::Blocked | Fate::Untouched => self.chain(id, |this, at| Some(this.obstacle(at))),
            Fate::Done | Fate::Marked | Fate::NotNeeded => Vec::new(),
        };
        ActionExplanation {
            action: self.action_name(id),
            fate,
            needed,
            blocked,
            waits_for: self.waits(id),
        }
    }

    /// What is done with the primitives in a resource, and what cannot be; in the order in which
    /// it was asked for.
    pub(super) fn actions_of(
        &self,
        resource: ResourceId,
        only: Option<NodeId>,
    ) -> Vec<ActionExplanation> {
        let primitives = self.primitives(resource).into_iter();
        let mut ids: Vec<ActionId> = primitives
            .flat_map(|id| self.draft().of(id).iter().copied())
            .filter(|&id| self.is_of_interest(id, only))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| self.action(id)).collect()
    }

    fn is_of_interest(&self, id: ActionId, only: Option<NodeId>) -> bool {
        let action = &self.draft().actions[id];
        let there = only.is_none() || action.node.is_none() || action.node == only;
        let notifies = matches!(action.task, Task::Notify | Task::Notified);
        there
            && !notifies
            && match self.fate(id) {
                Fate::Done | Fate::Marked => true,
                Fate::Blocked => action.key.interval_ms() == 0,
                Fate::NotNeeded | Fate::Untouched => false,
            }
    }

    pub(super) fn synapse(&self, id: ActionId) -> Option<u32> {
        let synapse_of = &self.plan.transition.synapse_of;
        synapse_of.get(id.index()).copied().flatten()
    }

    fn fate(&self, id: ActionId) -> Fate {
        let action = &self.draft().actions[id];
        let unmanaged = action
            .resource
            .is_some_and(|resource| !self.draft().resource[resource].managed);
        match self.synapse(id) {
            Some(_) if action.pseudo => Fate::Marked,
            Some(_) => Fate::Done,
            None if action.optional && !action.always_in_graph => Fate::NotNeeded,
            None if unmanaged => Fate::Untouched,
            None => Fate::Blocked,
        }
    }

    pub(super) fn key(&self, id: ActionId) -> String {
        self.draft().actions[id].key.text(self.world)
    }

    fn action_name(&self, id: ActionId) -> ActionName {
        let action = &self.draft().actions[id];
        ActionName {
            number: id.0 + 1,
            key: self.key(id),
            node: action.node.map(|node| self.node_name(node)),
            cancels: action.task == Task::Cancel,
        }
    }

    /// Follows reasons until there is nothing behind one.
    fn chain(
        &self,
        id: ActionId,
        reason: impl Fn(&Self, ActionId) -> Option<Reached>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut seen = IdSet::new();
        seen.insert(id);
        let mut at = id;
        loop {
            match reason(self, at) {
                Some(Reached::Action(next, tie)) => {
                    if !seen.insert(next) {
                        break;
                    }
                    let action = self.action_name(next);
                    steps.push(Step::Action { action, tie });
                    at = next;
                }
                Some(Reached::Facts(facts)) => {
                    steps.extend(facts.into_iter().map(Step::Fact));
                    break;
                }
                None => break,
            }
        }
        steps
    }

    /// The verdict that first changed an action so.
    fn verdict_on(&self, id: ActionId, change: BecauseVerb) -> Option<Reached> {
        let verdicts = self.plan.transition.verdicts.iter();
        let mut found = verdicts.filter(|one| one.action == id && one.change == change);
        let verdict = found.next()?;
        let tie = match verdict.via {
            Via::Link(link) => self.link(link),
            Via::Colocation(index) => {
                let colocation = &self.plan.placement.colocations[index as usize];
                Link::Colocation(colocation.id.clone())
            }
        };
        Some(Reached::Action(verdict.because, tie))
    }

    fn link(&self, id: LinkId) -> Link {
        match self
            .draft()
            .links
            .get(id.0 as usize)
            .map(|link| &link.cause)
        {
            Some(relate::Cause::Constraint(id)) => Link::Constraint {
                kind: self.kind_of_constraint(id),
                id: id.to_string(),
            },
            Some(relate::Cause::Rule(rule)) => Link::Rule(rule),
            None => Link::Member,
        }
    }

    /// What makes an action needed.
    fn demand(&self, id: ActionId) -> Option<Reached> {
        let action = &self.draft().actions[id];
        if let Some(need) = action.need {
            return Some(self.need(id, action, need));
        }
        if let Some(reached) = self.verdict_on(id, BecauseVerb::Required) {
            return Some(reached);
        }
        let neighbour = self
            .member_action(id, |member| !member.optional)
            .map(|member| Reached::Action(member, Link::Member))
            .or_else(|| self.neighbour(id, true))
            .or_else(|| self.neighbour(id, false));
        if neighbour.is_some() {
            return neighbour;
        }
        let facts = match (&action.reason, action.resource) {
            (Some(reason), _) => vec![Why::Said(reason.text(self.world))],
            (None, Some(resource)) => self.shall_be(resource),
            (None, None) => vec![Why::HistoryAsks],
        };
        Some(Reached::Facts(facts))
    }

    /// An action of a member that a collective's action stands for.
    fn member_action(
        &self,
        id: ActionId,
        wanted: impl Fn(&Action) -> bool + Copy,
    ) -> Option<ActionId> {
        let action = &self.draft().actions[id];
        let of = match &action.key {
            Key::Notify { of, .. } => of,
            _ => &action.task,
        };
        let resource = action.resource?;
        if matches!(
            self.state().resources[resource].variant,
            Variant::Primitive(_)
        ) {
            return None;
        }
        let task = match of {
            Task::Started => &Task::Start,
            Task::Stopped => &Task::Stop,
            Task::Promoted => &Task::Promote,
            Task::Demoted => &Task::Demote,
            other => other,
        };
        let primitives = self.primitives(resource).into_iter();
        let mut actions = primitives.flat_map(|id| self.draft().of(id).iter().copied());
        actions.find(|&id| {
            let member = &self.draft().actions[id];
            member.task == *task && wanted(member)
        })
    }

    /// An action that pulls this one into the graph (or any required one next to it).
    fn neighbour(&self, id: ActionId, pulls: bool) -> Option<Reached> {
        let action = &self.draft().actions[id];
        let draft = self.draft();
        let required = |id: ActionId| !draft.actions[id].optional;
        let suits = |effects: Effects, effect: Effects| !pulls || effects.contains(effect);
        let before = action.before.iter().rev().find(|link| {
            let link = &draft.links[link.0 as usize];
            required(link.first)
                && suits(link.effects_of_first, Effects::FIRST_IMPLIES_THEN_GRAPHED)
        });
        let after = || {
            action.after.iter().rev().find(|link| {
                let link = &draft.links[link.0 as usize];
                required(link.then)
                    && suits(link.effects_of_first, Effects::THEN_IMPLIES_FIRST_GRAPHED)
            })
        };
        if let Some(&link) = before {
            let first = draft.links[link.0 as usize].first;
            return Some(Reached::Action(first, self.link(link)));
        }
        let &link = after()?;
        let then = draft.links[link.0 as usize].then;
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
            return vec![Why::NodeLeaves { node }];
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

    /// No node was found for a resource: why not, in general or node by node.
    pub(super) fn no_node(&self, resource: ResourceId) -> Why {
        let mut facts = self.facts(resource);
        facts.retain(|why| {
            matches!(
                why,
                Why::TargetRole { .. }
                    | Why::StopAll
                    | Why::Removed { .. }
                    | Why::OperationBansEverywhere { .. }
            )
        });
        let nodes = self.state().nodes_by_name.iter();
        let nodes = match facts[..] {
            [] => nodes.map(|&node| self.verdict(resource, node)).collect(),
            _ => Vec::new(),
        };
        Why::NoNode {
            resource: self.name(resource),
            facts,
            nodes,
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
        let notes = self.notes_on(resource);
        let mut found: Vec<Why> = Vec::new();
        for note in notes.filter(|note| node.is_none_or(|node| note.node == node)) {
            let why = self.note(note);
            let bans = matches!(note.effect, state::Effect::Banned);
            if !bans && !found.contains(&why) {
                found.push(why);
            }
        }
        let launched = &self.state().resources[resource].launched;
        for &connection in launched {
            let guest = self.state().resources[connection].connection_to;
            for why in guest
                .into_iter()
                .flat_map(|guest| self.fencing_failures(guest))
            {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
        if found.is_empty() {
            found.push(Why::CountsAsFailed {
                resource: self.name(resource),
            });
        }
        found
    }

    fn history_need(&self, resource: ResourceId, action: &Action) -> Vec<Why> {
        match action.task {
            Task::LrmDelete => vec![Why::LockVoid],
            Task::ClearFailCount => vec![Why::FailuresVoid],
            _ => self.failures(resource, action.node),
        }
    }

    /// What keeps an action from happening.
    fn obstacle(&self, id: ActionId) -> Reached {
        let action = &self.draft().actions[id];
        if action.runnable {
            return Reached::Facts(self.not_carried_out(action));
        }
        if let Some(reached) = self.verdict_on(id, BecauseVerb::Unrunnable) {
            return reached;
        }
        if matches!(action.reason, Some(Reason::NoQuorum | Reason::QuorumFreeze))
            && let Some(why) = self.no_quorum()
        {
            return Reached::Facts(vec![why]);
        }
        if action.required_runnable_before > action.runnable_before {
            return Reached::Facts(vec![Why::TooFew {
                needed: action.required_runnable_before,
                runnable: action.runnable_before,
            }]);
        }
        if let Some(member) = self.member_action(id, |member| !member.runnable) {
            return Reached::Action(member, Link::Member);
        }
        if action.key.interval_ms() > 0
            && let Some(start) = self.start_before(action)
        {
            let rule = Link::Rule("a resource is watched once it has started");
            return Reached::Action(start, rule);
        }
        Reached::Facts(self.obstacles(action))
    }

    /// The start that a monitor waits for in vain.
    fn start_before(&self, monitor: &Action) -> Option<ActionId> {
        let key = Key::once(monitor.resource?, Task::Start);
        let start = self.draft().on_node(&key, monitor.node?)?;
        (!self.draft().actions[start].runnable).then_some(start)
    }

    fn obstacles(&self, action: &Action) -> Vec<Why> {
        let resource = action.resource;
        let managed = resource.is_none_or(|id| self.draft().resource[id].managed);
        let mut found = Vec::new();
        if let Some(resource) = resource.filter(|_| !managed) {
            found.push(Why::MayNotTouch {
                resource: self.name(resource),
            });
            found.extend(self.unmanaged(resource));
        }
        match (action.node, resource) {
            (Some(node), _) if found.is_empty() => {
                found.extend(self.cannot_act(node));
                let guest = topology::guest_launcher(self.state(), node).is_some();
                if guest && !action::fencing::possible(self.world, self.draft(), node) {
                    let node = self.node_name(node);
                    found.push(Why::HostCannotBeFenced { node });
                }
            }
            (None, Some(resource)) if found.is_empty() => found.push(self.no_node(resource)),
            _ => {}
        }
        if let (Some(resource), true) = (resource, managed)
            && self.draft().resource[resource].node.is_none()
            && action.task == Task::Start
        {
            found = vec![self.no_node(resource)];
        }
        if found.is_empty() {
            let reason = action.reason.as_ref().map(|reason| reason.text(self.world));
            found.push(Why::Said(reason.unwrap_or_else(|| {
                "what it would follow cannot happen".to_owned()
            })));
        }
        found
    }

    /// Why a node cannot be asked to do something; empty if it can.
    fn cannot_act(&self, node: NodeId) -> Vec<Why> {
        let unusable = self.unusable(node);
        let first = (!unusable.is_empty()).then(|| Why::NodeCannotAct {
            node: self.node_name(node),
        });
        first.into_iter().chain(unusable).collect()
    }

    /// It can run, and is needed, but is in no graph.
    fn not_carried_out(&self, action: &Action) -> Vec<Why> {
        match (action.resource, action.node) {
            (Some(resource), _) if !self.draft().resource[resource].managed => {
                let mut found = vec![Why::MayNotTouch {
                    resource: self.name(resource),
                }];
                found.extend(self.unmanaged(resource));
                found
            }
            (_, Some(node)) => {
                let mut found = self.cannot_act(node);
                if self.draft().node[node].unclean {
                    let obstacle = self.no_fencing(node);
                    found.extend(obstacle.map(|why| Why::CannotFence { why }));
                }
                if found.is_empty() {
                    found.push(Why::NodeCannotAct {
                        node: self.node_name(node),
                    });
                }
                found
            }
            (Some(resource), None) => vec![self.no_node(resource)],
            (None, None) => vec![Why::Said("nobody is there to do it".to_owned())],
        }
    }

    /// What an action waits for, with what ties the two together.
    fn waits(&self, id: ActionId) -> Vec<Wait> {
        let inputs = self.plan.transition.inputs.get(id.index());
        let waiting = inputs.into_iter().flatten().filter(|input| input.waits);
        waiting
            .map(|input| {
                let before = self.draft().actions[id].before.iter();
                let between = before.filter(|link| {
                    let link = &self.draft().links[link.0 as usize];
                    link.first == input.first && !link.effects_of_first.is_empty()
                });
                let mut ties: Vec<Link> = Vec::new();
                for &link in between {
                    let tie = self.link(link);
                    if !ties.contains(&tie) {
                        ties.push(tie);
                    }
                }
                Wait {
                    action: self.action_name(input.first),
                    marked: self.draft().actions[input.first].pseudo,
                    ties,
                }
            })
            .collect()
    }
}
