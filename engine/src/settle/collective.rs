//! How does an effect on a collective's action spread to its members?

use super::effects::About;
use super::sides::Side;
use super::{Changed, Settler, Verdicts};
use crate::action::{Action, Key, Task};
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{Cause, Effects, instances, link, topology};

impl Settler<'_> {
    /// Applies one effect as the kind of `owner` (the resource of one of the two actions) does.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site a kind, all arguments differ"
    )]
    pub(super) fn spread(
        &mut self,
        owner: ResourceId,
        first: ActionId,
        then: ActionId,
        node: Option<NodeId>,
        side: Side,
        about: About,
        effects: Effects,
    ) -> Changed {
        match self.variant(owner) {
            Variant::Primitive(_) => self.apply_effects(first, then, side, about, effects),
            Variant::Group(_) => self.spread_to_members(first, then, node, side, about, effects),
            Variant::Clone(_) | Variant::Bundle(_) => {
                self.spread_to_instances(first, then, node, side, about, effects)
            }
        }
    }

    fn spread_to_members(
        &mut self,
        first: ActionId,
        then: ActionId,
        node: Option<NodeId>,
        side: Side,
        about: About,
        effects: Effects,
    ) -> Changed {
        let mut changed = self.apply_effects(first, then, side, about, effects);
        let Some(group) = self.action(then).resource else {
            return changed;
        };
        for member in self.draft.resource[group].children.clone() {
            let task = self.action(then).task.clone();
            if let Some(member_action) = self.find(member, &task, node)
                && member_action != first
            {
                let more = self.spread(member, first, member_action, node, side, about, effects);
                changed.join(more);
            }
        }
        changed
    }

    fn spread_to_instances(
        &mut self,
        first: ActionId,
        then: ActionId,
        node: Option<NodeId>,
        side: Side,
        about: About,
        effects: Effects,
    ) -> Changed {
        let Some(collective) = self.action(then).resource else {
            return Changed::default();
        };
        if self.interleaves(first, then) {
            return self.interleave(first, then, node, about, effects);
        }
        let mut changed = self.apply_effects(first, then, side, about, effects);
        for instance in self.instances(collective) {
            let task = self.action(then).task.clone();
            let Some(instance_action) = self.find(instance, &task, node) else {
                continue;
            };
            if instance_action == first || !self.side(instance_action, node).runnable {
                continue;
            }
            let more = self.spread(instance, first, instance_action, node, side, about, effects);
            if more.then {
                for after in self.links_after(instance_action) {
                    self.update(self.link(after).then);
                }
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
        let text = self.world.state.resources[decider]
            .meta_text
            .get("interleave");
        crate::value::is_true(text.map(String::as_str))
    }

    fn interleave(
        &mut self,
        first: ActionId,
        then: ActionId,
        node: Option<NodeId>,
        about: About,
        effects: Effects,
    ) -> Changed {
        let mut changed = Changed::default();
        let (Some(first_resource), Some(then_resource)) =
            (self.action(first).resource, self.action(then).resource)
        else {
            return changed;
        };
        let first_task = self.instance_task(first, first_resource);
        // What goes down is paired with the instance where it is, not where it will be.
        let current = is_about(self.action(first), &[Task::Stopped, Task::Demoted]);
        for then_instance in self.instances(then_resource) {
            let Some(first_instance) = instances::compatible(
                self.world,
                self.placement,
                self.draft,
                then_instance,
                first_resource,
                current,
            ) else {
                changed.then |= self.unassign_if_mandatory(then_instance, effects, current);
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
            let cause = Cause::Rule("interleaved instances");
            if link(self.draft, first_action, then_action, effects, cause) {
                changed.join(Changed {
                    first: true,
                    then: true,
                });
            }
            let side = self.side(first_action, node);
            let more = self.spread(
                then_instance,
                first_action,
                then_action,
                node,
                side,
                about,
                effects,
            );
            changed.join(more);
        }
        changed
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
        effects: Effects,
        current: bool,
    ) -> bool {
        let mandatory = Effects::UNRUNNABLE_FIRST_BLOCKS.with(Effects::FIRST_IMPLIES_THEN);
        !current && effects.intersects(mandatory) && self.unassign(instance)
    }

    fn unassign(&mut self, resource: ResourceId) -> bool {
        let children = self.draft.resource[resource].children.clone();
        if !children.is_empty() {
            let mut changed = false;
            for child in children {
                changed |= self.unassign(child);
            }
            return changed;
        }
        let drafted = &mut self.draft.resource[resource];
        let changed = drafted.node.take().is_some();
        drafted.next_role = Role::Stopped;
        for id in self.draft.of(resource).to_vec() {
            let action = &mut self.draft.actions[id];
            match action.task {
                Task::Stop => action.optional = false,
                Task::Start => action.runnable = false,
                _ => {
                    let recurring = action.meta.get("interval").is_some_and(|text| text != "0");
                    let expects_stopped = action
                        .meta
                        .get("op_target_rc")
                        .is_some_and(|text| text == "7");
                    if recurring && !expects_stopped {
                        action.runnable = false;
                    }
                }
            }
        }
        changed
    }

    /// The node that counts for "same node" conditions: a group's start happens where all its
    /// members go.
    pub(super) fn ordering_node(&self, action: ActionId) -> Option<NodeId> {
        let action = self.action(action);
        match action.resource {
            Some(resource)
                if action.task == Task::Start
                    && matches!(self.variant(resource), Variant::Group(_)) =>
            {
                topology::location(self.world.state, self.draft, resource, false)
            }
            _ => action.node,
        }
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
