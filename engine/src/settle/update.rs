//! What do the links before an action do to it, and how do changes travel on?

use super::effects::Push;
use super::sides::Side;
use super::{Changed, Settler};
use crate::action::{BecauseVerb, Key, NotifyPhase, Task};
use crate::config::Variant;
use crate::id::{ActionId, ResourceId};
use crate::relate::{Effects, LinkId, link, topology};
use crate::stack;

impl Settler<'_> {
    /// Asks every link before `then`, and goes on with whatever that changes.
    pub(super) fn update(&mut self, then: ActionId) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        stack::deeper(|| self.update_on_this_stack(then));
    }

    fn update_on_this_stack(&mut self, then: ActionId) {
        let was = self.verdicts_of(then);
        let counts_inputs = self.action(then).required_runnable_before > 0;
        if counts_inputs {
            self.draft.actions[then].runnable_before = 0;
            self.set_runnable(then, false);
        }
        let mut changed = Changed::default();
        let mut next = self.draft.links.newest_before(then);
        while let Some(input) = next {
            next = self.link(input).older_before;
            changed.first = false;
            self.ask(then, input, &mut changed);
        }
        if counts_inputs {
            changed.then = was != self.verdicts_of(then);
        }
        if !changed.then {
            return;
        }
        if was.runnable && !self.action(then).runnable {
            self.block_dependents(then);
        }
        self.update(then);
        self.update_after(then);
    }

    /// Updates what is ordered after `first`, newest link first. Links are only ever added, and
    /// those that this adds are not visited.
    pub(super) fn update_after(&mut self, first: ActionId) {
        let mut next = self.draft.links.newest_after(first);
        while let Some(after) = next {
            next = self.link(after).older_after;
            self.update(self.link(after).then);
        }
    }

    /// Asks one link. `changed.then` adds up over all links of `then`.
    fn ask(&mut self, then: ActionId, input: LinkId, changed: &mut Changed) {
        let listed = self.link(input).first;
        let first_node = self.ordering_node(listed);
        let then_node = self.ordering_node(then);
        if self.link(input).effects.contains(Effects::SAME_NODE)
            && first_node.is_some()
            && then_node.is_some()
            && first_node != then_node
        {
            self.disable(input);
            return;
        }
        self.cancel_first_if_so(then, input);

        let first = self.counterpart(listed, then);
        if first == listed {
            let first_side = self.side_for_ordering(first, then_node);
            let then_side = self.side_for_ordering(then, first_node);
            let more = self.apply_link(first, then, first_side, then_side, input);
            changed.join(more);
        } else {
            let (effects, cause) = (self.link(input).effects, self.link(input).cause.clone());
            // Already associated in another way: this link stays as it is.
            if link(self.draft, first, then, effects, cause) {
                changed.then = true;
                self.disable(input);
            }
        }
        if changed.first {
            self.update_after(first);
            self.update(first);
        }
    }

    fn disable(&mut self, link: LinkId) {
        self.draft.links[link].effects = Effects::NONE;
    }

    /// A required `then` makes `first` needless: a stop cancels a reload.
    fn cancel_first_if_so(&mut self, then: ActionId, input: LinkId) {
        let (first, effects) = (self.link(input).first, self.link(input).effects);
        let Some(resource) = self.action(first).resource else {
            return;
        };
        if effects.contains(Effects::THEN_CANCELS_FIRST) && !self.action(then).optional {
            self.set_optional(first, true);
            if self.action(first).task == Task::ReloadAgent {
                self.draft.resource[resource].reload = false;
            }
        }
    }

    /// The action that `first` really means in an ordering before `then`: of a collective, the
    /// completion of what it starts (or of the notifications about that).
    fn counterpart(&self, first: ActionId, then: ActionId) -> ActionId {
        let (Some(resource), Some(then_resource)) =
            (self.action(first).resource, self.action(then).resource)
        else {
            return first;
        };
        if resource == then_resource
            || topology::is_inside(self.world.state, then_resource, resource)
            || matches!(self.variant(resource), Variant::Primitive(_))
        {
            return first;
        }
        let Some(key) = self.completion_key(resource, &self.action(first).key) else {
            return first;
        };
        let completion = self.draft.with_key(&key).last().copied();
        // The peer recognises notifications by this word anywhere in the key, ids included.
        let id = &self.world.state.resources[resource].id;
        let counts = |completion: &ActionId| *completion != first && !id.contains("notify");
        completion.filter(counts).unwrap_or(first)
    }

    fn completion_key(&self, resource: ResourceId, key: &Key) -> Option<Key> {
        let Key::Operation {
            resource: named,
            task,
            interval_ms: 0,
        } = key
        else {
            return None;
        };
        let done = match task {
            Task::Start | Task::Started => Task::Started,
            Task::Stop | Task::Stopped => Task::Stopped,
            Task::Promote | Task::Promoted => Task::Promoted,
            Task::Demote | Task::Demoted => Task::Demoted,
            _ => return None,
        };
        let roster = &self.world.state.resources[resource];
        let clone = matches!(roster.variant, Variant::Clone(_));
        Some(
            if roster.meta.notify && (clone || topology::is_bundled(self.world.state, resource)) {
                Key::Notify {
                    resource: *named,
                    phase: NotifyPhase::ConfirmedPost,
                    of: done,
                }
            } else {
                Key::Operation {
                    resource: *named,
                    task: done,
                    interval_ms: 0,
                }
            },
        )
    }

    /// Applies the effects of a link one after the other, in the peer's order.
    fn apply_link(
        &mut self,
        first: ActionId,
        then: ActionId,
        first_side: Side,
        then_side: Side,
        via: LinkId,
    ) -> Changed {
        let mut node = self.action(then).node;
        if self
            .link(via)
            .effects
            .contains(Effects::FIRST_IMPLIES_SAME_NODE_THEN)
        {
            // Unfencing: only what runs on the unfenced node is concerned.
            let effects = &mut self.draft.links[via].effects;
            *effects = effects.without(Effects::FIRST_IMPLIES_SAME_NODE_THEN)
                | Effects::FIRST_IMPLIES_THEN;
            node = self.action(first).node;
        }
        let mut effects = self.link(via).effects;
        let mut changed = Changed::default();
        let push = |effect: Effects| Push {
            first,
            then,
            node,
            side: first_side,
            effect,
            via,
        };

        if effects.contains(Effects::FIRST_IMPLIES_THEN) {
            match self.action(then).resource {
                Some(owner) => {
                    changed.join(self.spread(owner, push(Effects::FIRST_IMPLIES_THEN)));
                }
                None if !first_side.optional && self.action(then).optional => {
                    self.lose_quietly(then, BecauseVerb::Required, first, via);
                    changed.then = true;
                }
                None => {}
            }
        }
        if effects.contains(Effects::INTERMEDIATE_STOP) {
            changed.join(self.spread_to_then(push(Effects::INTERMEDIATE_STOP)));
        }
        if effects.contains(Effects::THEN_IMPLIES_FIRST) {
            match self.action(first).resource {
                Some(owner) => {
                    let push = push(Effects::THEN_IMPLIES_FIRST);
                    changed.join(self.spread(owner, push));
                }
                None if !first_side.optional && self.action(first).runnable => {
                    self.lose_quietly(first, BecauseVerb::Unrunnable, then, via);
                    changed.first = true;
                }
                None => {}
            }
        }
        if effects.contains(Effects::PROMOTED_THEN_IMPLIES_FIRST) {
            changed.join(self.spread_to_then(push(Effects::PROMOTED_THEN_IMPLIES_FIRST)));
        }
        if effects.contains(Effects::MIN_RUNNABLE) {
            changed.join(self.count_runnable(push(Effects::MIN_RUNNABLE)));
        }
        let blocks = push(Effects::UNRUNNABLE_FIRST_BLOCKS);
        if effects.contains(Effects::NESTED_REMOTE_PROBE) && self.action(then).resource.is_some() {
            if !first_side.runnable && self.is_active(first) {
                // What is to be probed is stopping anyway.
                self.disable(via);
                effects = Effects::NONE;
            } else {
                changed.join(self.spread_to_then(blocks));
            }
        }
        if effects.contains(Effects::UNRUNNABLE_FIRST_BLOCKS) {
            if self.action(then).resource.is_some() {
                changed.join(self.spread_to_then(blocks));
            } else if !first_side.runnable && self.action(then).runnable {
                self.lose_quietly(then, BecauseVerb::Unrunnable, first, via);
                changed.then = true;
            }
        }
        for effect in [
            Effects::UNMIGRATABLE_THEN_BLOCKS,
            Effects::FIRST_ELSE_THEN,
            Effects::ORDERED,
            Effects::ASYMMETRIC,
        ] {
            if effects.contains(effect) {
                changed.join(self.spread_to_then(push(effect)));
            }
        }
        self.pull_into_graph(first, then, first_side, then_side, effects);
        changed.then |= self.block_after_unmanaged_stop(first, then, effects, via);
        changed
    }

    /// Whether the resource of an action is active anywhere.
    fn is_active(&self, action: ActionId) -> bool {
        let resource = self.action(action).resource;
        resource.is_some_and(|id| !self.world.state.resource[id].active_on.is_empty())
    }

    fn spread_to_then(&mut self, push: Push) -> Changed {
        match self.action(push.then).resource {
            Some(owner) => self.spread(owner, push),
            None => Changed::default(),
        }
    }

    /// One more runnable input of an action that needs some number of them.
    fn count_runnable(&mut self, push: Push) -> Changed {
        let Push { then, side, .. } = push;
        if self.action(then).resource.is_some() {
            return self.spread_to_then(push);
        }
        let mut changed = Changed::default();
        if side.runnable {
            let action = &mut self.draft.actions[then];
            action.runnable_before += 1;
            if action.runnable_before >= action.required_runnable_before && !action.runnable {
                self.set_runnable(then, true);
                changed.then = true;
            }
        }
        changed
    }

    fn pull_into_graph(
        &mut self,
        first: ActionId,
        then: ActionId,
        first_side: Side,
        then_side: Side,
        effects: Effects,
    ) {
        if self.action(first).runnable
            && effects.contains(Effects::FIRST_IMPLIES_THEN_GRAPHED)
            && !first_side.optional
        {
            self.draft.actions[then].always_in_graph = true;
        }
        if effects.contains(Effects::THEN_IMPLIES_FIRST_GRAPHED) && !then_side.optional {
            self.draft.actions[first].always_in_graph = true;
        }
    }

    /// What a blocked resource will not stop cannot be followed by anything.
    fn block_after_unmanaged_stop(
        &mut self,
        first: ActionId,
        then: ActionId,
        effects: Effects,
        via: LinkId,
    ) -> bool {
        let mandatory =
            Effects::FIRST_IMPLIES_THEN | Effects::THEN_IMPLIES_FIRST | Effects::INTERMEDIATE_STOP;
        let Some(resource) = self.action(first).resource else {
            return false;
        };
        let drafted = &self.draft.resource[resource];
        let stuck = effects.intersects(mandatory)
            && !drafted.managed
            && drafted.blocked
            && !self.action(first).runnable
            && self.action(first).task == Task::Stop;
        if stuck && self.action(then).runnable {
            self.lose_quietly(then, BecauseVerb::Unrunnable, first, via);
            return true;
        }
        false
    }

    /// As `lose`, but without a reason for summaries: the peer gives none here.
    fn lose_quietly(
        &mut self,
        action: ActionId,
        change: BecauseVerb,
        because: ActionId,
        via: LinkId,
    ) {
        let reason = self.draft.actions[action].reason.take();
        self.lose(action, change, because, via);
        self.draft.actions[action].reason = reason;
    }
}
