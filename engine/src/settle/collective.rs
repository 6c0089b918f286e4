//! How does an effect on a collective's action spread to its members?

use std::sync::Arc;

use super::effects::Push;
use super::{Changed, GivenUp, Settler, Verdicts};
use crate::action::{Action, Key, Need, Task};
use crate::assign::Loads;
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{Effects, LinkId, instances, link, topology};

impl Settler<'_> {
    /// Applies an effect as the kind of `owner` (the resource of one of the two actions) does.
    pub(super) fn spread(&mut self, owner: ResourceId, push: Push) -> Changed {
        match self.variant(owner) {
            Variant::Primitive(_) => self.apply_effect(push),
            Variant::Group(_) => self.spread_to_members(push),
            Variant::Clone(_) | Variant::Bundle(_) => self.spread_to_instances(push),
        }
    }

    fn spread_to_members(&mut self, push: Push) -> Changed {
        if self.is_idle(&push) {
            return Changed::default();
        }
        let mut changed = self.apply_effect(push);
        let Some(group) = self.action(push.then).resource else {
            return changed;
        };
        let members = match push.node {
            None => Arc::clone(&self.tally(push.then, group).same),
            node => {
                let task = &self.action(push.then).task;
                let members = self.draft.resource[group].children.iter();
                members
                    .filter_map(|&member| self.find(member, task, node))
                    .collect()
            }
        };
        for &then in members.iter() {
            changed.join(self.apply_effect(Push { then, ..push }));
        }
        changed
    }

    fn spread_to_instances(&mut self, push: Push) -> Changed {
        let Some(collective) = self.action(push.then).resource else {
            return Changed::default();
        };
        if self.interleaves(push.first, push.then) {
            return self.interleave(push);
        }
        // Looking at an instance that is a group may change the group's own verdicts.
        let instances = self.instances(collective);
        let mut kinds = instances.iter();
        if self.is_idle(&push) && kinds.all(|&instance| self.is_primitive(instance)) {
            return Changed::default();
        }
        let mut changed = self.apply_effect(push);
        for &instance in instances.iter() {
            let task = self.action(push.then).task.clone();
            let Some(then) = self.find(instance, &task, push.node) else {
                continue;
            };
            if !self.side(then, push.node).runnable {
                continue;
            }
            let more = self.spread(instance, Push { then, ..push });
            if more.then {
                self.update_after(then);
            }
            changed.join(more);
        }
        changed
    }

    /// Whether two collectives' actions are ordered instance by instance.
    fn interleaves(&self, first: ActionId, then: ActionId) -> bool {
        let (Some(first_resource), Some(then_resource)) =
            (self.action(first).resource, self.action(then).resource)
        else {
            return false;
        };
        let has_instances = |resource: ResourceId| {
            matches!(
                self.variant(resource),
                Variant::Clone(_) | Variant::Bundle(_)
            )
        };
        if first_resource == then_resource
            || !has_instances(first_resource)
            || !has_instances(then_resource)
        {
            return false;
        }
        let going_down = is_about(self.action(then), &[Task::Stop, Task::Demote]);
        let decider = if going_down {
            first_resource
        } else {
            then_resource
        };
        if let Variant::Clone(clone) = self.variant(decider) {
            return clone.interleave;
        }
        let meta = &self.world.state.resources[decider].meta_text;
        crate::value::is_true(meta.get("interleave").map(AsRef::as_ref))
    }

    fn interleave(&mut self, push: Push) -> Changed {
        let Push {
            first,
            then,
            node,
            effect: effects,
            via,
            ..
        } = push;
        let mut changed = Changed::default();
        let (Some(first_resource), Some(then_resource)) =
            (self.action(first).resource, self.action(then).resource)
        else {
            return changed;
        };
        let first_task = self.instance_task(first, first_resource);
        // What goes down is paired with the instance where it is, not where it will be.
        let current = is_about(self.action(first), &[Task::Stopped, Task::Demoted]);
        for &then_instance in self.instances(then_resource).iter() {
            let Some(first_instance) = self.partner(then_instance, first_resource, current) else {
                changed.then |=
                    self.unassign_if_mandatory(then_instance, (first, via), effects, current);
                continue;
            };
            let Some(first_action) = first_task.as_ref().and_then(|task| {
                let down = matches!(self.action(first).task, Task::Stop | Task::Stopped);
                self.instance_action(first_instance, task, node, !down)
            }) else {
                continue;
            };
            let then_task = self.action(then).task.clone();
            let inside = matches!(
                then_task,
                Task::Promote | Task::Promoted | Task::Demote | Task::Demoted
            );
            let Some(then_action) = self.instance_action(then_instance, &then_task, node, inside)
            else {
                continue;
            };
            if first_action == then_action {
                continue;
            }
            let cause = self.link(via).cause.clone();
            if link(self.draft, first_action, then_action, effects, cause) {
                changed.join(Changed {
                    first: true,
                    then: true,
                });
            }
            let side = self.side(first_action, node);
            let pair = Push {
                first: first_action,
                then: then_action,
                side,
                ..push
            };
            let more = self.spread(then_instance, pair);
            changed.join(more);
        }
        changed
    }

    /// The instance of another collective that goes with an instance. Kept, as each effect of each
    /// link between the two asks.
    fn partner(
        &mut self,
        instance: ResourceId,
        collective: ResourceId,
        current: bool,
    ) -> Option<ResourceId> {
        let Settler {
            world,
            placement,
            draft,
            partners,
            ..
        } = self;
        let find =
            || instances::compatible(*world, placement, draft, instance, collective, current);
        let asked = (instance, collective, current);
        *partners.entry(asked).or_insert_with(find)
    }

    /// An instance's own action, or that of the resource inside a bundle's container.
    fn instance_action(
        &self,
        instance: ResourceId,
        task: &Task,
        node: Option<NodeId>,
        inside: bool,
    ) -> Option<ActionId> {
        match self.inside_container(instance).filter(|_| inside) {
            // It is done on the node that the bundle makes.
            Some(contained) => self.find(contained, task, None),
            None => self.find(instance, task, node),
        }
    }

    fn inside_container(&self, container: ResourceId) -> Option<ResourceId> {
        let top = self.world.state.resources[container].parent?;
        let Variant::Bundle(bundle) = self.variant(top) else {
            return None;
        };
        bundle
            .replicas
            .iter()
            .find(|replica| replica.container == container)?
            .child
    }

    /// Without an instance to run with, a mandatory ordering keeps this one from running at all.
    fn unassign_if_mandatory(
        &mut self,
        instance: ResourceId,
        cause: (ActionId, LinkId),
        effects: Effects,
        current: bool,
    ) -> bool {
        let mandatory = Effects::UNRUNNABLE_FIRST_BLOCKS.with(Effects::FIRST_IMPLIES_THEN);
        !current && effects.intersects(mandatory) && self.unassign(instance, cause)
    }

    fn unassign(&mut self, resource: ResourceId, cause: (ActionId, LinkId)) -> bool {
        let children = self.draft.resource[resource].children.clone();
        if !children.is_empty() {
            let mut changed = false;
            for &child in children.iter() {
                changed |= self.unassign(child, cause);
            }
            return changed;
        }
        let drafted = &mut self.draft.resource[resource];
        let node = drafted.node.take();
        drafted.next_role = Role::Stopped;
        let changed = node.is_some();
        if let Some(node) = node {
            let since = || Loads::of(self.placement);
            let loads = self.draft.loads.get_or_insert_with(since);
            loads.give_up(node, resource);
            let (first, via) = cause;
            self.given_up.push(GivenUp {
                resource,
                first,
                via,
            });
            self.group_nodes.clear();
            self.partners.clear();
        }
        for at in 0..self.draft.of(resource).len() {
            let id = self.draft.of(resource)[at];
            let action = self.action(id);
            match action.task {
                Task::Stop => {
                    self.set_optional(id, false);
                    self.draft.needs(id, Need::NoPeer);
                }
                Task::Start => self.set_runnable(id, false),
                _ => {
                    let recurring = action.meta.get("interval").is_some_and(|text| text != "0");
                    let expects_stopped = action
                        .meta
                        .get("op_target_rc")
                        .is_some_and(|text| text == "7");
                    if recurring && !expects_stopped {
                        self.set_runnable(id, false);
                    }
                }
            }
        }
        changed
    }

    /// The node that counts for "same node" conditions: a group's start happens where all its
    /// members go.
    pub(super) fn ordering_node(&mut self, action: ActionId) -> Option<NodeId> {
        let action = self.action(action);
        match action.resource {
            Some(resource)
                if action.task == Task::Start
                    && matches!(self.variant(resource), Variant::Group(_)) =>
            {
                self.group_node(resource)
            }
            _ => action.node,
        }
    }

    /// Where all members of a group go. Kept, as every link of the group asks.
    fn group_node(&mut self, group: ResourceId) -> Option<NodeId> {
        let Settler {
            world,
            draft,
            group_nodes,
            ..
        } = self;
        let find = || topology::location(world.state, draft, group, false);
        *group_nodes.entry(group).or_insert_with(find)
    }

    /// Verdicts now, for "did anything change".
    pub(super) fn verdicts_of(&self, action: ActionId) -> Verdicts {
        Verdicts::of(self.action(action))
    }
}

/// Whether the key of an action ends with one of these tasks (a notification's is about them).
fn is_about(action: &Action, tasks: &[Task]) -> bool {
    match &action.key {
        Key::Operation {
            task,
            interval_ms: 0,
            ..
        } => tasks.contains(task),
        Key::Notify { of, .. } => tasks.contains(of),
        _ => false,
    }
}
