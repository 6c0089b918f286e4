//! What do the actions of a collective's members amount to?
//!
//! Every link of a collective's action asks for it, and there are several links for each member. So
//! the members are counted once; after that, the count follows each verdict that changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Settler;
use crate::action::Task;
use crate::config::Variant;
use crate::id::{ActionId, Id as _, NodeId, ResourceId};

/// The members' side of one action of a group, clone or bundle.
pub(super) struct Tally {
    /// Of a group: those actions of members that do what the group's action does.
    pub(super) same: Arc<[ActionId]>,
    /// The members do it under another name: `start` for `running`.
    pub(super) folded: bool,
    /// How many members have an action that is counted,
    pub(super) counted: u32,
    /// How many of those are required,
    pub(super) required: u32,
    /// and how many cannot run.
    pub(super) unrunnable: u32,
    /// It cannot be told by counting: a member of a group has no such action, although it ought
    /// to, or instances are collectives themselves.
    pub(super) incomplete: bool,
    /// Of a clone: on each node what its instances do there. Found when first asked for, as most
    /// actions are never asked about a node.
    there: Option<BTreeMap<NodeId, Arc<[ActionId]>>>,
}

/// The tallies of all actions that were asked for.
#[derive(Default)]
pub(super) struct Tallies {
    tallies: Vec<Tally>,
    /// By collective's action: the place of its tally.
    of: Places,
    /// Tallies that count a member's action, each with the place of the next one in this list.
    counting: Vec<(u32, Option<u32>)>,
    /// By member's action: the first in that list.
    counted_by: Places,
    /// How many actions there were. When there are more, everything is counted again.
    actions: usize,
}

impl Tallies {
    /// Forgets all, in the time of what is known.
    fn clear(&mut self, actions: usize) {
        self.tallies.clear();
        self.of.clear();
        self.counting.clear();
        self.counted_by.clear();
        self.actions = actions;
    }

    fn tally_mut(&mut self, action: ActionId) -> Option<&mut Tally> {
        let place = self.of.get(action)?;
        self.tallies.get_mut(place as usize)
    }
}

/// Places in another table, by action. To forget all of them takes no time, however many actions
/// there are.
#[derive(Default)]
struct Places {
    round: u32,
    /// Each with the round in which it was set.
    of: Vec<(u32, u32)>,
}

impl Places {
    fn get(&self, action: ActionId) -> Option<u32> {
        let known = self.of.get(action.index())?;
        (known.0 == self.round).then_some(known.1)
    }

    /// Returns the place before.
    fn set(&mut self, action: ActionId, place: u32) -> Option<u32> {
        let before = self.get(action);
        if self.of.len() <= action.index() {
            // No round is the last one, so that these are not set.
            self.of.resize(action.index() + 1, (u32::MAX, 0));
        }
        self.of[action.index()] = (self.round, place);
        before
    }

    fn clear(&mut self) {
        self.round += 1;
        if self.round == u32::MAX {
            *self = Self::default();
        }
    }
}

/// One of the two verdicts that are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Required,
    Unrunnable,
}

impl Settler<'_> {
    /// The tally of a collective's action.
    pub(super) fn tally(&mut self, action: ActionId, collective: ResourceId) -> &Tally {
        if self.tallies.actions != self.draft.actions.len() {
            self.forget_tallies();
        }
        let place = self.tallies.of.get(action).unwrap_or_else(|| {
            let place = self.tallies.tallies.len() as u32;
            let tally = match self.variant(collective) {
                Variant::Group(_) => self.count_members(action, collective),
                _ => self.count_instances(action, collective),
            };
            self.tallies.tallies.push(tally);
            self.tallies.of.set(action, place);
            place
        });
        &self.tallies.tallies[place as usize]
    }

    /// What the instances of a clone or bundle do on `node` when it does `action`, in their order;
    /// none if that cannot be told by counting.
    pub(super) fn instances_there(
        &mut self,
        action: ActionId,
        collective: ResourceId,
        node: NodeId,
    ) -> Option<Arc<[ActionId]>> {
        let tally = self.tally(action, collective);
        if tally.incomplete {
            return None;
        }
        if tally.there.is_none() {
            let by_node = self.instances_by_node(action, collective);
            self.tallies.tally_mut(action)?.there = Some(by_node);
        }
        let there = self.tallies.tally_mut(action)?.there.as_ref()?;
        Some(there.get(&node).cloned().unwrap_or_default())
    }

    fn instances_by_node(
        &self,
        action: ActionId,
        collective: ResourceId,
    ) -> BTreeMap<NodeId, Arc<[ActionId]>> {
        let mut by_node: BTreeMap<NodeId, Vec<ActionId>> = BTreeMap::new();
        if let Some(task) = self.instance_task(action, collective) {
            for &instance in self.acting(action, collective).iter() {
                let mut nodes = Vec::new();
                // Newest first: of an instance's actions on one node, that one counts.
                for id in self.draft.with_task(instance, &task) {
                    if let Some(node) = self.action(id).node
                        && !nodes.contains(&node)
                    {
                        nodes.push(node);
                        by_node.entry(node).or_default().push(id);
                    }
                }
            }
        }
        let shared = by_node.into_iter().map(|(node, ids)| (node, ids.into()));
        shared.collect()
    }

    /// Something other than this pass has changed verdicts.
    pub(super) fn forget_tallies(&mut self) {
        self.tallies.clear(self.draft.actions.len());
    }

    fn count_members(&mut self, action: ActionId, group: ResourceId) -> Tally {
        let task = &self.draft.actions[action].task;
        let members = &self.draft.resource[group].children;
        let same = self.actions_of(members, task);
        let folded = members
            .first()
            .and_then(|&first| self.member_task(first, task));
        let counted = match &folded {
            Some(folded) => self.actions_of(members, folded),
            None => Vec::new(),
        };
        let may_miss = matches!(folded, Some(Task::Stop | Task::Demote));
        Tally {
            folded: folded.as_ref() != Some(task),
            incomplete: counted.len() < members.len() && !may_miss,
            same: same.into(),
            ..self.count(&counted)
        }
    }

    fn count_instances(&mut self, action: ActionId, collective: ResourceId) -> Tally {
        let instances = self.acting(action, collective);
        let incomplete = instances
            .iter()
            .any(|&instance| !self.is_primitive(instance));
        let counted = match self.instance_task(action, collective) {
            Some(task) if !incomplete => self.actions_of(&instances, &task),
            _ => Vec::new(),
        };
        Tally {
            incomplete,
            ..self.count(&counted)
        }
    }

    /// The members' actions with a task.
    fn actions_of(&self, members: &[ResourceId], task: &Task) -> Vec<ActionId> {
        let found = members.iter().map(|&member| self.find(member, task, None));
        found.flatten().collect()
    }

    /// The next tally: one that counts these.
    fn count(&mut self, counted: &[ActionId]) -> Tally {
        let Tallies {
            tallies,
            counting,
            counted_by,
            ..
        } = &mut self.tallies;
        for &member in counted {
            let others = counted_by.set(member, counting.len() as u32);
            counting.push((tallies.len() as u32, others));
        }
        let verdicts = || counted.iter().map(|&id| self.action(id));
        Tally {
            same: Arc::default(),
            folded: false,
            counted: counted.len() as u32,
            required: verdicts().filter(|member| !member.optional).count() as u32,
            unrunnable: verdicts().filter(|member| !member.runnable).count() as u32,
            incomplete: false,
            there: None,
        }
    }

    /// Sets a verdict: the only way in which this pass does.
    pub(super) fn set_optional(&mut self, id: ActionId, optional: bool) {
        let before = std::mem::replace(&mut self.draft.actions[id].optional, optional);
        if before != optional {
            self.recount(id, Counted::Required, !optional);
        }
    }

    /// Sets a verdict: the only way in which this pass does.
    pub(super) fn set_runnable(&mut self, id: ActionId, runnable: bool) {
        let before = std::mem::replace(&mut self.draft.actions[id].runnable, runnable);
        if before != runnable {
            self.recount(id, Counted::Unrunnable, !runnable);
        }
    }

    fn recount(&mut self, id: ActionId, what: Counted, now: bool) {
        let Tallies {
            tallies,
            counting,
            counted_by,
            ..
        } = &mut self.tallies;
        let mut next = counted_by.get(id);
        while let Some(&(tally, others)) = next.and_then(|place| counting.get(place as usize)) {
            let tally = &mut tallies[tally as usize];
            let count = match what {
                Counted::Required => &mut tally.required,
                Counted::Unrunnable => &mut tally.unrunnable,
            };
            *count = if now { *count + 1 } else { *count - 1 };
            next = others;
        }
    }
}
