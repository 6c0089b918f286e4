//! What keeps an action from happening? And what keeps a resource from having a node?

use super::chain::Reached;
use super::{Explainer, Link, Why};
use crate::action::{self, Action, BecauseVerb, Key, Reason, Task};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::topology;

impl Explainer<'_> {
    /// What keeps an action from happening.
    pub(super) fn obstacle(&self, id: ActionId) -> Reached {
        let action = &self.draft().actions[id];
        if action.runnable {
            return Reached::Facts(self.not_carried_out(action));
        }
        if let Some(reached) = self.verdict_on(id, BecauseVerb::Unrunnable) {
            return reached;
        }
        if matches!(
            action.reason.as_deref(),
            Some(Reason::NoQuorum | Reason::QuorumFreeze)
        ) && let Some(why) = self.no_quorum()
        {
            return Reached::Facts(vec![why]);
        }
        if action.required_runnable_before > action.runnable_before {
            return Reached::Facts(vec![Why::TooFew {
                needed: action.required_runnable_before,
                runnable: action.runnable_before,
            }]);
        }
        let members = self.member_actions(id, |member| !member.runnable);
        if let Some(&member) = members.first() {
            return Reached::Action(member, Link::Member);
        }
        let rule = match action.task {
            Task::Promote => "only what runs can be promoted",
            _ => "a resource is watched once it has started",
        };
        if (action.key.interval_ms() > 0 || action.task == Task::Promote)
            && let Some(start) = self.start_before(action)
        {
            let rule = Link::Rule(rule);
            return Reached::Action(start, rule);
        }
        Reached::Facts(self.obstacles(action))
    }

    /// The start that a monitor or a promotion waits for in vain.
    fn start_before(&self, action: &Action) -> Option<ActionId> {
        let key = Key::once(action.resource?, Task::Start);
        let start = self.draft().on_node(&key, action.node?)?;
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

    /// Why a resource lost its node after it had been assigned.
    pub(super) fn no_peer(&self, resource: ResourceId) -> Option<Why> {
        let given_up = self.plan.transition.given_up.iter();
        let mut found = given_up.filter(|one| one.resource == resource);
        let given_up = found.next()?;
        let first = self.draft().actions[given_up.first].resource?;
        Some(Why::NoPeer {
            of: self.name(first),
            order: match self.link(given_up.via) {
                Link::Constraint { id, .. } => Some(id),
                _ => None,
            },
        })
    }

    /// No node was found for a resource: why not, in general or node by node.
    pub(super) fn no_node(&self, resource: ResourceId) -> Why {
        if let Some(why) = self.no_peer(resource) {
            return why;
        }
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
}
