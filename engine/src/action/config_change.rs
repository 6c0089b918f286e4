//! What changed in the configuration since operations were done: restarts, reloads, monitors to
//! be cancelled or scheduled again, histories to be erased.

use super::{Draft, Key, Need, Reason, Task, clear_failcount, fencing};
use crate::World;
use crate::config::{self, Evaluation};
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::relate::{self, Cause, Effects, End, Ordering, topology};
use crate::state::digest::{self, Verdict};
use crate::state::history::Entry;
use crate::state::order::{self, Active};

mod by_name;

use by_name::HistoryNames;

/// Goes through the histories of all nodes that can run resources or are in maintenance, and
/// asks for what changes of the configuration since then require.
pub(super) fn check<'a>(world: World<'a>, draft: &mut Draft) -> Check<'a> {
    let resources = HistoryNames::new(world.state);
    let (digests, deferred) = (world.state.digests.clone(), Vec::new());
    let mut check = Check {
        world,
        digests,
        deferred,
    };
    for node in world.state.nodes_by_name.iter().copied() {
        let observed = &world.state.node[node];
        let drafted = &draft.node[node];
        let standby = observed.standby || observed.standby_on_fail;
        let available = drafted.online && !drafted.shutdown && !drafted.unclean && !standby;
        if !observed.maintenance && !available {
            continue;
        }
        let mut familiar = observed.familiar.iter().copied().peekable();
        for history in resource_histories(world, node) {
            let known = familiar.next_if(|(element, _)| *element == history);
            if let Some((_, resource)) = known
                && resources.is_only(resource)
            {
                if world.state.resource[resource].active_on.contains(&node) {
                    check.active_history(draft, history, resource, node);
                }
                continue;
            }
            let id = world.document.id(history).unwrap_or_default();
            for resource in resources.find(id) {
                check.resource_history(draft, history, resource, node);
            }
        }
    }
    check
}

/// The non-empty histories of resources on a node, in document order.
fn resource_histories(world: World<'_>, node: NodeId) -> impl Iterator<Item = ElementId> {
    let document = world.document;
    let state = world.state.node[node].element;
    let state = state.filter(|state| {
        document.attr_by(*state, names::UNAME) == Some(&world.state.nodes[node].name)
    });
    let lrm = state.and_then(|state| document.child_by(state, names::LRM));
    let list = lrm.and_then(|lrm| document.child_by(lrm, names::LRM_RESOURCES));
    let entries = list
        .into_iter()
        .flat_map(|list| document.children_by(list, names::LRM_RESOURCE));
    entries.filter(|entry| document.first_child(*entry).is_some())
}

/// A check under way, or done but for what it deferred.
pub(super) struct Check<'a> {
    world: World<'a>,
    digests: digest::Cache,
    /// Comparisons that have to wait until it is known where containers run, in the order found.
    deferred: Vec<(ResourceId, NodeId, ElementId)>,
}

impl Check<'_> {
    /// Makes up for what had to wait for the assignment, latest first: changes of bundle
    /// connections, then failures that are forgotten because parameters have changed.
    pub(super) fn deferred(mut self, draft: &mut Draft) {
        let world = self.world;
        for (resource, node, element) in std::mem::take(&mut self.deferred).into_iter().rev() {
            let entry = Entry::read(world.document, element);
            self.active_operation(draft, &entry, resource, node);
        }
        for failure in world.state.deferred_checks.iter().rev() {
            let entry = Entry::read(world.document, failure.element);
            let verdict = self.compare(draft, &entry, failure.resource, failure.node);
            if !matches!(verdict, Verdict::Unknown | Verdict::Match) {
                clear_failcount::request(world, draft, failure.resource, failure.node);
            }
        }
    }

    fn resource_history(
        &mut self,
        draft: &mut Draft,
        history: ElementId,
        resource: ResourceId,
        node: NodeId,
    ) {
        let world = self.world;
        if world.state.resources[resource].removed {
            let top = topology::top_below_bundle(world.state, resource);
            if !topology::is_anonymous_clone(world.state, top) {
                self.erase_history(draft, resource, node);
            }
            return;
        }
        let active = world.state.resource[resource].active_on.contains(&node);
        if self.agent_changed(draft, history, resource, node, active) {
            self.erase_history(draft, resource, node);
        }
        if active {
            self.active_history(draft, history, resource, node);
        }
    }

    /// Looks at the history of a resource where it is active.
    fn active_history(
        &mut self,
        draft: &mut Draft,
        history: ElementId,
        resource: ResourceId,
        node: NodeId,
    ) {
        let document = self.world.document;
        let operations = document.children_by(history, names::LRM_RSC_OP);
        let mut entries: Vec<Entry<'_>> = operations.map(|op| Entry::read(document, op)).collect();
        order::sort(&mut entries);
        let present = Active::find(&entries);
        if present.is_stopped() {
            return;
        }
        for (at, entry) in entries.iter().enumerate() {
            if present.contains(at) {
                self.operation(draft, entry, resource, node);
            }
        }
    }

    /// Whether the resource is of another class, provider or type than history says. If it is
    /// active, it has to stop and start.
    fn agent_changed(
        &self,
        draft: &mut Draft,
        history: ElementId,
        resource: ResourceId,
        node: NodeId,
        active: bool,
    ) -> bool {
        let world = self.world;
        let Some(agent) = world.state.resources[resource].agent() else {
            return false;
        };
        let changed = !agent.is_of(world.document, history);
        if changed {
            fencing::unfence_for(world, draft, resource, node, "Device definition changed");
        }
        if changed && active {
            let stop = draft.operation(world, resource, Task::Stop, Some(node), false);
            draft.needs(stop, Need::AgentChanged);
            draft.resource[resource].start_pending = true;
        }
        changed
    }

    /// Erases a history (stop → erase → start), unless the resource failed or the node cannot do
    /// it.
    fn erase_history(&self, draft: &mut Draft, resource: ResourceId, node: NodeId) {
        if draft.resource[resource].failed || draft.node[node].unclean || !draft.node[node].online {
            return;
        }
        let world = self.world;
        let erase = draft.operation(world, resource, Task::Delete, Some(node), false);
        draft.needs(erase, Need::HistoryVoid);
        let end = |task: Task| End::task(resource, task);
        for (first, then) in [(Task::Stop, Task::Delete), (Task::Delete, Task::Start)] {
            let (effects, cause) = (
                Effects::ORDERED,
                Cause::Rule("a history is erased while its resource is stopped"),
            );
            relate::order(
                world,
                draft,
                Ordering {
                    first: end(first),
                    then: end(then),
                    effects,
                    cause,
                },
            );
        }
    }

    /// Looks at an operation that is about the present.
    fn operation(
        &mut self,
        draft: &mut Draft,
        entry: &Entry<'_>,
        resource: ResourceId,
        node: NodeId,
    ) {
        let world = self.world;
        let Some(task) = entry.operation else { return };
        let maintenance =
            world.state.resource[resource].maintenance || world.state.node[node].maintenance;
        if entry.interval_ms > 0 && maintenance {
            self.cancel(draft, entry, task, (resource, node), Need::MonitorUnwanted);
            return;
        }
        let compared = ["monitor", "start", "promote", "migrate_from"];
        if entry.interval_ms == 0 && !compared.iter().any(|name| name.eq_ignore_ascii_case(task)) {
            return;
        }
        let mut evaluation = Evaluation::new(world.document, world.now);
        let waits = digest::goes_to_host(&world.state.resources[resource], &mut evaluation);
        draft.recheck_by.merge(evaluation.recheck_by);
        if waits {
            self.deferred.push((resource, node, entry.element));
        } else {
            self.active_operation(draft, entry, resource, node);
        }
    }

    /// If the operation is not what would be done now, does what is needed and forgets failures.
    fn active_operation(
        &mut self,
        draft: &mut Draft,
        entry: &Entry<'_>,
        resource: ResourceId,
        node: NodeId,
    ) {
        let changed = self.config_changed(draft, entry, resource, node);
        if changed && clear_failcount::has_failures(self.world, resource, node) {
            clear_failcount::request(self.world, draft, resource, node);
        }
    }

    fn config_changed(
        &mut self,
        draft: &mut Draft,
        entry: &Entry<'_>,
        resource: ResourceId,
        node: NodeId,
    ) -> bool {
        let world = self.world;
        let Some(task) = entry.operation else {
            return false;
        };
        let interval_ms = entry.interval_ms;
        let configured = &world.state.resources[resource];
        if interval_ms > 0
            && config::operation::find(configured, task, interval_ms, false).is_none()
        {
            if world.config.options.cancel_removed_actions {
                self.cancel(draft, entry, task, (resource, node), Need::MonitorRemoved);
            }
            return true;
        }
        let reloadable = world
            .document
            .attr_by(entry.element, names::OP_RESTART_DIGEST)
            .is_some();
        match self.compare(draft, entry, resource, node) {
            Verdict::Match | Verdict::OnlyPrivate => return false,
            Verdict::Restart => self.restart(draft, task, interval_ms, resource, node),
            // The old monitor is replaced by the new one.
            Verdict::Unknown | Verdict::Mismatch if interval_ms > 0 => {
                let reason = "Device parameters changed (reschedule)";
                fencing::unfence_for(world, draft, resource, node, reason);
                let key = Key::Operation {
                    resource,
                    task: Task::from_name(task),
                    interval_ms,
                };
                let monitor = draft.request(world, key, Some(node), true);
                draft.actions[monitor].reschedule = true;
            }
            Verdict::Unknown | Verdict::Mismatch if reloadable => {
                let reason = "Device parameters changed (reload)";
                fencing::unfence_for(world, draft, resource, node, reason);
                self.reload(draft, resource, node);
            }
            Verdict::Unknown | Verdict::Mismatch => {
                self.restart(draft, task, interval_ms, resource, node)
            }
        }
        true
    }

    fn compare(
        &mut self,
        draft: &mut Draft,
        entry: &Entry<'_>,
        resource: ResourceId,
        node: NodeId,
    ) -> Verdict {
        let Draft {
            resource: drafted,
            recheck_by,
            ..
        } = draft;
        let host = |container: ResourceId| drafted[container].node;
        let digests = &mut self.digests;
        digest::compare(
            self.world, digests, resource, node, entry, &host, recheck_by,
        )
    }

    fn cancel(
        &self,
        draft: &mut Draft,
        entry: &Entry<'_>,
        task: &str,
        (resource, node): (ResourceId, NodeId),
        need: Need,
    ) {
        let world = self.world;
        let cancel = draft.cancel(
            world,
            resource,
            &Task::from_name(task),
            entry.interval_ms,
            node,
        );
        draft.needs(cancel, need);
        if let Some(call_id) = world.document.attr_by(entry.element, names::CALL_ID) {
            draft.actions[cancel]
                .meta
                .set("call-id", call_id.to_owned());
        }
        let first = End::task(resource, Task::Stop);
        let cause = Cause::Rule("monitors are cancelled after stops");
        let then = End::Action(cancel);
        relate::order(
            world,
            draft,
            Ordering {
                first,
                then,
                effects: Effects::ORDERED,
                cause,
            },
        );
    }

    /// Requires what would be done again: a monitor, else the start and with it a stop before.
    fn restart(
        &self,
        draft: &mut Draft,
        task: &str,
        interval_ms: u32,
        resource: ResourceId,
        node: NodeId,
    ) {
        let task = match task {
            "monitor" | "migrate_from" | "promote" if interval_ms == 0 => Task::Start,
            _ => Task::from_name(task),
        };
        let key = Key::Operation {
            resource,
            task,
            interval_ms,
        };
        let required = draft.request(self.world, key, None, false);
        draft.needs(required, Need::DefinitionChanged);
        draft.actions[required].set_reason(Some(Reason::ResourceDefinitionChange), true);
        fencing::unfence_for(
            self.world,
            draft,
            resource,
            node,
            "Device parameters changed",
        );
    }

    /// Has the agent take over its new parameters. A stop or a demotion makes that superfluous.
    fn reload(&self, draft: &mut Draft, resource: ResourceId, node: NodeId) {
        let world = self.world;
        let drafted = &draft.resource[resource];
        if !drafted.managed || drafted.failed {
            return;
        }
        if drafted.start_pending {
            // What is being started may have the old parameters or the new ones.
            let stop = draft.operation(world, resource, Task::Stop, Some(node), false);
            draft.needs(stop, Need::DefinitionChanged);
            return;
        }
        draft.resource[resource].reload = true;
        let reload = draft.operation(world, resource, Task::ReloadAgent, Some(node), false);
        draft.needs(reload, Need::DefinitionChanged);
        draft.actions[reload].set_reason(Some(Reason::ResourceDefinitionChange), false);
        for task in [Task::Stop, Task::Demote] {
            let (first, then) = (End::Action(reload), End::task(resource, task));
            let effects = Effects::ORDERED | Effects::THEN_CANCELS_FIRST;
            let cause = Cause::Rule("a stop or demotion cancels a reload");
            relate::order(
                world,
                draft,
                Ordering {
                    first,
                    then,
                    effects,
                    cause,
                },
            );
        }
    }
}
