//! What else waits for probes, once orderings have become links?
//!
//! A probe may find a resource active, and then something else would be done. So whatever relies
//! on "it is stopped" or "it will start" has to wait for the probe as well:
//! - instances that could start although the probe of their clone cannot run;
//! - stops and demotions, if what makes the resource restart or be promoted again waits for the
//!   probe;
//! - whatever waits for the resource's stop.

use std::sync::Arc;

use crate::World;
use crate::action::{Draft, Task};
use crate::assign::Placement;
use crate::config::Variant;
use crate::id::{ActionId, Id, ResourceId};
use crate::relate::{Cause, Effects, End, LinkId, Ordering, instances, link, topology};

const CAUSE: Cause = Cause::Rule("what relies on a resource's state waits for its probe");

/// Adds links from probes to all actions that have to wait for them.
pub fn order(world: World<'_>, placement: &Placement, draft: &mut Draft) {
    let visited = vec![0; draft.actions.len()];
    let mut pass = Pass {
        world,
        placement,
        draft,
        visited,
        walk: 0,
    };
    for &resource in &placement.top {
        pass.resource(resource);
    }
    let orderings = std::mem::take(&mut pass.draft.orderings);
    for ordering in &orderings {
        after_stop(world, pass.draft, ordering);
    }
    pass.draft.orderings = orderings;
}

struct Pass<'a, 'd> {
    world: World<'a>,
    placement: &'a Placement,
    draft: &'d mut Draft,
    /// By action, the last walk that came by.
    visited: Vec<u32>,
    walk: u32,
}

impl Pass<'_, '_> {
    fn resource(&mut self, resource: ResourceId) {
        if !self.is_primitive(resource) {
            for &child in Arc::clone(&self.draft.resource[resource].children).iter() {
                self.resource(child);
            }
            return;
        }
        // What a walk finds depends on the resource only, not on where it is probed.
        let mut found: Vec<(ActionId, Vec<ActionId>)> = Vec::new();
        for probe in self.draft.once(resource, &Task::Monitor).to_vec() {
            for id in self.links_after(probe) {
                self.starts_of_instances(probe, resource, id);
                let then = self.draft.links[id].then;
                let known = found.iter().position(|(from, _)| *from == then);
                let known = known.unwrap_or_else(|| {
                    found.push((then, self.restarts_after(resource, then)));
                    found.len() - 1
                });
                for &down in &found[known].1 {
                    link(self.draft, probe, down, Effects::ORDERED, CAUSE);
                }
            }
        }
    }

    fn is_primitive(&self, resource: ResourceId) -> bool {
        matches!(
            self.world.state.resources[resource].variant,
            Variant::Primitive(_)
        )
    }

    fn is_clone_or_bundle(&self, resource: ResourceId) -> bool {
        let variant = &self.world.state.resources[resource].variant;
        matches!(variant, Variant::Clone(_) | Variant::Bundle(_))
    }

    /// Newest first, as they are now.
    fn links_after(&self, action: ActionId) -> Vec<LinkId> {
        self.draft.links.after(action).collect()
    }

    /// A probe that cannot run holds up the start of its clone without blocking it, lest active
    /// instances stop. Inactive instances must not start, though: there could be too many.
    fn starts_of_instances(&mut self, probe: ActionId, resource: ResourceId, id: LinkId) {
        let after = &self.draft.links[id];
        let (start, effects) = (after.then, after.effects_of_first);
        let top = topology::top_below_bundle(self.world.state, resource);
        if self.draft.actions[start].resource != Some(top)
            || !self.is_clone_or_bundle(top)
            || self.draft.actions[start].task != Task::Start
            || self.draft.actions[probe].runnable
            || effects.contains(Effects::UNRUNNABLE_FIRST_BLOCKS)
        {
            return;
        }
        for id in self.links_after(start) {
            let then = self.draft.links[id].then;
            let action = &self.draft.actions[then];
            let Some(instance) = action.resource.filter(|_| action.task == Task::Start) else {
                continue;
            };
            if self.world.state.resource[instance].active_on.is_empty()
                && topology::top_below_bundle(self.world.state, instance) == top
            {
                let effects = Effects::ORDERED | Effects::UNRUNNABLE_FIRST_BLOCKS;
                link(self.draft, probe, then, effects, CAUSE);
            }
        }
    }

    /// Walks, from what comes right after a probe of `resource`, along everything that is required
    /// in turn and into collectives; collects the real stops of other primitives that may restart
    /// because of it, the demotions of those that may be promoted again.
    fn restarts_after(&mut self, resource: ResourceId, from: ActionId) -> Vec<ActionId> {
        self.walk += 1;
        let mut found = Vec::new();
        let mut pending = vec![from];
        while let Some(action) = pending.pop() {
            if std::mem::replace(&mut self.visited[action.index()], self.walk) == self.walk {
                continue;
            }
            self.collect_down(resource, action, &mut found);
            let only = self.interleaved_with(resource, action);
            let start = pending.len();
            let followed = |id: &LinkId| self.follows(resource, action, *id, only);
            let after = self.draft.links.after(action).filter(followed);
            pending.extend(after.map(|id| self.draft.links[id].then));
            // The newest is followed first.
            pending[start..].reverse();
        }
        found
    }

    fn collect_down(&self, resource: ResourceId, action: ActionId, found: &mut Vec<ActionId>) {
        let action = &self.draft.actions[action];
        let Some(other) = action.resource.filter(|id| *id != resource) else {
            return;
        };
        let down = match action.task {
            Task::Start => Task::Stop,
            Task::Promote => Task::Demote,
            _ => return,
        };
        if self.is_primitive(other) {
            // Pseudo-actions are implied by fencing: nothing is done that could wait.
            let real = |id: &&ActionId| !self.draft.actions[**id].pseudo;
            found.extend(self.draft.once(other, &down).iter().filter(real));
        }
    }

    /// For an action of an interleaved collective, the one instance that matters to `resource`
    /// (`Some(None)`: none does).
    fn interleaved_with(
        &self,
        resource: ResourceId,
        action: ActionId,
    ) -> Option<Option<ResourceId>> {
        let collective = self.draft.actions[action].resource?;
        let interleave = self.world.state.resources[collective]
            .meta_text
            .get("interleave");
        let interleaved = self.is_clone_or_bundle(collective)
            && crate::value::is_true(interleave.map(AsRef::as_ref));
        interleaved.then(|| {
            let Pass {
                world,
                placement,
                ref draft,
                ..
            } = *self;
            instances::compatible(world, placement, draft, resource, collective, false)
        })
    }

    fn follows(
        &self,
        resource: ResourceId,
        action: ActionId,
        id: LinkId,
        only: Option<Option<ResourceId>>,
    ) -> bool {
        let link = &self.draft.links[id];
        if link.effects_of_first.contains(Effects::FIRST_IMPLIES_THEN) {
            return true;
        }
        // A collective's action leads to those of its parts without requiring them.
        let parent = |id: ResourceId| self.world.state.resources[id].parent;
        match (
            self.draft.actions[action].resource,
            self.draft.actions[link.then].resource,
        ) {
            (Some(collective), Some(part)) => {
                parent(part) == Some(collective)
                    && parent(resource) != Some(collective)
                    && !self.is_clone_or_bundle(part)
                    && only.is_none_or(|only| only == Some(part))
            }
            _ => false,
        }
    }
}

/// As long as it is unknown whether a resource is active, what waits for its stop waits for its
/// probes: if they find it active, the stop is still to come.
fn after_stop(world: World<'_>, draft: &mut Draft, ordering: &Ordering) {
    // Few orderings begin with a stop, and that is cheap to see.
    if ordering.effects.is_empty() || !is_stop(draft, &ordering.first) {
        return;
    }
    let Some(resource) = resource_of(draft, &ordering.first) else {
        return;
    };
    let then_resource = resource_of(draft, &ordering.then);
    if then_resource == Some(resource) {
        return;
    }
    // A launched resource could be probed only after its launcher has started again.
    let launcher = world.state.resources[resource].launcher;
    if launcher.is_some() && launcher == then_resource && is_stop(draft, &ordering.then) {
        return;
    }
    let probes = draft.once(resource, &Task::Monitor).to_vec();
    if probes.is_empty() {
        return;
    }
    let thens = match &ordering.then {
        End::Action(then) => vec![*then],
        End::Task { resource, task } => draft.once(*resource, task).to_vec(),
        End::Requested(_) => Vec::new(),
    };
    let effects = kept(ordering.effects);
    for probe in probes {
        for &then in &thens {
            if has_to_wait(draft, probe, then) {
                link(draft, probe, then, effects, CAUSE);
            }
        }
    }
}

fn resource_of(draft: &Draft, end: &End) -> Option<ResourceId> {
    match end {
        End::Action(action) => draft.actions[*action].resource,
        End::Task { resource, .. } => Some(*resource),
        End::Requested(_) => None,
    }
}

fn is_stop(draft: &Draft, end: &End) -> bool {
    match end {
        End::Action(action) => draft.actions[*action].task == Task::Stop,
        End::Task { task, .. } => *task == Task::Stop,
        End::Requested(_) => false,
    }
}

/// The conditions of an ordering hold for what is derived from it.
fn kept(effects: Effects) -> Effects {
    let sole = [Effects::REQUIRED_SAME_NODE, Effects::SAME_NODE_OR_TARGET];
    if sole.contains(&effects) {
        return effects;
    }
    let conditions = [Effects::IF_FIRST_UNMIGRATABLE, Effects::SAME_NODE];
    let kept = conditions
        .into_iter()
        .filter(|condition| effects.contains(*condition));
    kept.fold(Effects::ORDERED, Effects::with)
}

/// Probes come after the unfencing of their node, and only before its own shutdown.
fn has_to_wait(draft: &Draft, probe: ActionId, then: ActionId) -> bool {
    let (probe, then) = (&draft.actions[probe], &draft.actions[then]);
    let same_node = probe.node.is_some() && probe.node == then.node;
    match then.task {
        Task::Fence => !(same_node && then.meta.get("stonith_action") == Some("on")),
        Task::Shutdown => same_node || probe.node.is_none() || then.node.is_none(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
