//! Which links must not be?
//!
//! Orderings between what runs in a guest and what makes the guest, and waits for load to go that
//! would wait for themselves.

use super::Settler;
use crate::Diagnostic;
use crate::action::{Action, Task};
use crate::graph::uses_input;
use crate::id::{ActionId, IdSet, ResourceId};
use crate::relate::{Effects, LinkId};
use crate::state::State;

impl Settler<'_> {
    pub(super) fn disable_invalid_links(&mut self) {
        let launchers = self.launchers();
        for action in self.newest_first() {
            let Action { resource, task, .. } = self.action(action);
            let Some(resource) = *resource else {
                continue;
            };
            // Only what makes a guest, and migrations, can have invalid inputs: see `is_invalid`.
            if !launchers.contains(resource) && *task != Task::MigrateTo {
                continue;
            }
            let mut next = self.draft.links.newest_before(action);
            while let Some(input) = next {
                next = self.link(input).older_before;
                if self.is_invalid(action, input) {
                    self.report_if_configured(action, input);
                    self.draft.links[input].effects = Effects::NONE;
                }
            }
        }
    }

    /// Resources that make guest nodes.
    fn launchers(&self) -> IdSet<ResourceId> {
        let State {
            nodes, resources, ..
        } = self.world.state;
        let mut launchers = IdSet::new();
        for connection in nodes.iter().filter_map(|node| node.connection) {
            if let Some(launcher) = resources[connection].launcher {
                launchers.insert(launcher);
            }
        }
        launchers
    }

    /// Says that an ordering between a guest's resources and what makes the guest is ignored.
    fn report_if_configured(&mut self, action: ActionId, input: LinkId) {
        let link = self.link(input);
        if link.effects.contains(Effects::GUEST_ALLOWED) || !self.runs_in_guest_of(action, input) {
            return;
        }
        let first = self.action(link.first).resource;
        let (Some(first), Some(then)) = (first, self.action(action).resource) else {
            return;
        };
        let resources = &self.world.state.resources;
        let [first, then] = [first, then].map(|id| &resources[id]);
        let message = format!(
            "Invalid ordering constraint between {} and {}",
            first.id, then.id
        );
        let message = Diagnostic::warning(first.element, message);
        self.draft.diagnostics.push(message);
    }

    fn is_invalid(&mut self, action: ActionId, input: LinkId) -> bool {
        let link = self.link(input);
        if !link.effects.contains(Effects::GUEST_ALLOWED) && self.runs_in_guest_of(action, input) {
            return true;
        }
        link.effects == Effects::SAME_NODE_OR_TARGET
            && self.action(action).task == Task::MigrateTo
            && self.waits_for_itself(action, input)
    }

    /// Whether `input` runs on the guest node that the resource of `action` makes.
    fn runs_in_guest_of(&self, action: ActionId, input: LinkId) -> bool {
        let first = self.action(self.link(input).first);
        let (Some(launcher), Some(node), Some(_)) =
            (self.action(action).resource, first.node, first.resource)
        else {
            return false;
        };
        let state = self.world.state;
        state.nodes[node]
            .connection
            .is_some_and(|connection| state.resources[connection].launcher == Some(launcher))
    }

    /// Whether following inputs from `input` leads back to `action`.
    fn waits_for_itself(&mut self, action: ActionId, input: LinkId) -> bool {
        let mut seen = IdSet::new();
        let mut stack = vec![(action, input)];
        while let Some((then, input)) = stack.pop() {
            let first = self.link(input).first;
            if seen.contains(first) {
                continue;
            }
            let link = self.link(input);
            let used = uses_input(self.world, self.draft, then, first, link.effects);
            if let Some(effects) = used.disable {
                self.draft.links[input].effects = effects;
            }
            if !used.used {
                continue;
            }
            if first == action {
                return true;
            }
            seen.insert(first);
            let from = stack.len();
            stack.extend(self.draft.links.before(first).map(|before| (first, before)));
            // The newest is followed first.
            stack[from..].reverse();
        }
        false
    }
}
