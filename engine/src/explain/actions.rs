//! What becomes of an action, and what does it wait for? (Why is in `chain`.)

use super::chain::Question;
use super::{ActionExplanation, ActionName, Explainer, Fate, Link, Wait};
use crate::action::Task;
use crate::id::{ActionId, Id, NodeId, ResourceId};
use crate::relate::LinkId;

impl Explainer<'_> {
    /// Everything about an action.
    #[must_use]
    pub fn action(&self, id: ActionId) -> ActionExplanation {
        let fate = self.fate(id);
        let needed = match fate {
            Fate::NotNeeded => Vec::new(),
            _ => self.chain(id, Question::WhyNeeded),
        };
        let blocked = match fate {
            Fate::Blocked | Fate::Untouched => self.chain(id, Question::WhyNot),
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
        ids.sort_unstable_by_key(|id| (self.order.get(id.index()), *id));
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

    pub(super) fn action_name(&self, id: ActionId) -> ActionName {
        let action = &self.draft().actions[id];
        ActionName {
            number: id.0 + 1,
            key: self.key(id),
            node: action.node.map(|node| self.node_name(node)),
            cancels: action.task == Task::Cancel,
        }
    }

    /// What an action waits for, with what ties the two together.
    fn waits(&self, id: ActionId) -> Vec<Wait> {
        let inputs = self.plan.transition.inputs.of(id).iter();
        let waiting = inputs.filter(|input| input.waits);
        waiting
            .map(|input| {
                let links = &self.draft().links;
                let between = |id: &LinkId| {
                    let link = &links[*id];
                    link.first == input.first && !link.effects_of_first.is_empty()
                };
                let mut between: Vec<LinkId> = links.before(id).filter(between).collect();
                // What tied the two together first is said first.
                between.reverse();
                let mut ties: Vec<Link> = Vec::new();
                for link in between {
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
