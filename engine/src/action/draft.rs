//! Asking for an action: is it there already, is it needed, can it run?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::describe::{self, Descriptions};
use super::find::ActionIndex;
use super::meta::ActionMeta;
use super::{Action, Draft, Drafted, DraftedNode, Key, Reason, Task, fencing};
use crate::World;
use crate::assign::Placement;
use crate::config::{NoQuorumPolicy, NodeKind, Requires, Role};
use crate::id::{ActionId, NodeId, ResourceId, Table};
use crate::relate::{End, Links, Ordering};
use crate::time::Earliest;

impl Draft {
    /// No actions yet; resources and nodes are as observed, because what happens before
    /// assignment must not see its results.
    #[must_use]
    pub fn new(world: World<'_>, placement: &Placement) -> Draft {
        let state = world.state;
        let resource = state.resource.enumerate().map(|(id, observed)| Drafted {
            node: None,
            role: observed.role,
            next_role: observed.next_role,
            managed: observed.managed,
            blocked: observed.blocked,
            failed: observed.failed,
            stop_if_failed: observed.stop_if_failed,
            start_pending: observed.start_pending,
            stop_unexpected: observed.stop_unexpected,
            reload: false,
            migratable: observed.migratable,
            partial_migration: observed.partial_migration,
            allowed: placement.resource[id].allowed.clone(),
            children: crate::id::shared(&state.resources[id].children),
        });
        let node = state.node.iter().map(|observed| DraftedNode {
            online: observed.online,
            unclean: observed.unclean,
            shutdown: observed.shutdown,
            remote_reset: observed.remote_reset,
        });
        // About what most clusters need: room that is not used is never touched, and growing would
        // copy everything several times.
        let resources = state.resources.len();
        Draft {
            actions: Table::with_capacity(8 * resources),
            orderings: Vec::with_capacity(24 * resources),
            repeats: Vec::new(),
            reload_named: world.constraints.orderings.iter().any(names_reload),
            links: Links::with_capacity(24 * resources),
            resource: resource.collect(),
            node: node.collect(),
            loads: None,
            top: state.top.clone(),
            notifications: BTreeMap::new(),
            requested: Vec::new(),
            index: ActionIndex::new(resources),
            descriptions: Descriptions::new(state),
            recheck_by: Earliest::default(),
            diagnostics: Vec::new(),
        }
    }

    /// The action with this key on this node: the one that is there, or a new one.
    ///
    /// A request never makes an action optional that was required before (but for real one-time
    /// actions of unmanaged resources, which are always optional), and looks again at whether it
    /// can run. A request without node takes the oldest action with the key; one with a node may
    /// take an action that has none, which is then on that node.
    pub fn request(
        &mut self,
        world: World<'_>,
        key: Key,
        node: Option<NodeId>,
        optional: bool,
    ) -> ActionId {
        let task = key.task();
        self.request_as(world, key, task, node, optional)
    }

    /// The request for a one-time operation.
    pub fn operation(
        &mut self,
        world: World<'_>,
        resource: ResourceId,
        task: Task,
        node: Option<NodeId>,
        optional: bool,
    ) -> ActionId {
        self.request(world, Key::once(resource, task), node, optional)
    }

    /// The request for a pseudo-action of a resource. A runnable one stays runnable.
    pub fn pseudo(
        &mut self,
        world: World<'_>,
        resource: ResourceId,
        task: Task,
        optional: bool,
        runnable: bool,
    ) -> ActionId {
        let id = self.operation(world, resource, task, None, optional);
        self.actions[id].pseudo = true;
        self.actions[id].runnable |= runnable;
        id
    }

    /// The helper pseudo-action with this name, an ordering point of no resource.
    pub fn helper(&mut self, world: World<'_>, name: impl Into<Box<str>>) -> ActionId {
        let key = Key::Named(name.into());
        self.of_cluster(&key).unwrap_or_else(|| {
            let id = self.request(world, key, None, true);
            self.actions[id].pseudo = true;
            self.actions[id].runnable = true;
            id
        })
    }

    /// Whether anything can be ordered with a reload of this resource. What changed parameters ask
    /// for is known before probes and monitors are; there are many of these, and few reloads.
    #[must_use]
    pub fn may_reload(&self, resource: ResourceId) -> bool {
        self.reload_named || !self.once(resource, &Task::ReloadAgent).is_empty()
    }

    /// The request for the cancellation of a recurring operation: if that is known, it becomes
    /// its own cancellation and keeps its number.
    pub fn cancel(
        &mut self,
        world: World<'_>,
        resource: ResourceId,
        task: &Task,
        interval_ms: u32,
        node: NodeId,
    ) -> ActionId {
        let key = Key::Operation {
            resource,
            task: task.clone(),
            interval_ms,
        };
        let id = self.request_as(world, key, Task::Cancel, Some(node), false);
        let action = &mut self.actions[id];
        action.task = Task::Cancel;
        action.meta.set("operation", task.name().to_owned());
        action.meta.set("interval", interval_ms.to_string());
        id
    }

    fn request_as(
        &mut self,
        world: World<'_>,
        key: Key,
        task: Task,
        node: Option<NodeId>,
        optional: bool,
    ) -> ActionId {
        let id = match self.reusable(&key, node) {
            Some(id) => id,
            None => self.create(world, key, task, node, optional),
        };
        self.recheck_by
            .merge(self.actions[id].recheck_parameters_by(world));
        self.update_optional(id, optional);
        self.update_runnable(world, id);
        id
    }

    fn create(
        &mut self,
        world: World<'_>,
        key: Key,
        task: Task,
        node: Option<NodeId>,
        optional: bool,
    ) -> ActionId {
        let resource = key.resource();
        let description = resource.map(|resource| {
            let needs = describe::needs(world, resource, &task);
            let of_task = &mut self.descriptions;
            let description = of_task.get(world, resource, node, &task, key.interval_ms());
            self.recheck_by.merge(description.recheck_by);
            self.diagnostics.extend_from_slice(&description.messages);
            (needs, description)
        });
        let mut action = Action {
            resource,
            node,
            pseudo: false,
            runnable: true,
            optional,
            always_in_graph: false,
            migratable: false,
            migration_abort: false,
            reschedule: false,
            // Resource history can be erased by the controller.
            on_dc: task == Task::LrmDelete,
            priority: 0,
            reason: None,
            need: None,
            needs: Requires::Nothing,
            meta: ActionMeta::default(),
            description: None,
            required_runnable_before: 0,
            runnable_before: 0,
            key,
            task,
        };
        if let Some((needs, description)) = description {
            action.needs = needs;
            action.meta = ActionMeta::of_operation(Arc::clone(&description.meta));
            action.description = Some(description);
        }
        let id = self.actions.push(action);
        self.index.add(id, &self.actions[id].key, node);
        id
    }

    fn update_optional(&mut self, id: ActionId, optional: bool) {
        let action = &mut self.actions[id];
        let real = action.node.is_some() && !action.pseudo;
        let unmanaged = action.resource.is_some_and(|id| !self.resource[id].managed);
        if unmanaged && real && action.key.interval_ms() == 0 {
            action.optional = true;
        } else if !optional {
            action.optional = false;
        }
    }

    /// Whether the action can run, as far as nodes and quorum say. A stop that cannot run has its
    /// node fenced.
    fn update_runnable(&mut self, world: World<'_>, id: ActionId) {
        let Action {
            resource,
            node,
            pseudo,
            on_dc,
            needs,
            ..
        } = self.actions[id];
        let Some(resource) = resource.filter(|_| !pseudo) else {
            return;
        };
        let Some(node) = node else {
            self.actions[id].runnable = false;
            return;
        };
        let guest = world.state.nodes[node].kind == NodeKind::Guest;
        let DraftedNode {
            online,
            remote_reset,
            unclean,
            ..
        } = self.node[node];
        if !on_dc && !online && (!guest || remote_reset) {
            self.actions[id].runnable = false;
            let stop = self.actions[id].task == Task::Stop;
            if stop && self.resource[resource].managed && !unclean {
                let reason = Reason::Text("stop is unrunnable".into());
                fencing::mark(world, self, node, reason, false);
            }
        } else if !on_dc && world.state.node[node].pending {
            self.actions[id].runnable = false;
        } else if needs == Requires::Nothing {
            self.actions[id].reason = None;
            // What needs nothing still cannot be done on a guest whose host has to be fenced
            // first and cannot.
            self.actions[id].runnable = !guest || fencing::possible(world, self, node);
        } else {
            match self.effective_quorum_policy(world, resource) {
                NoQuorumPolicy::Stop => self.block(id, Reason::NoQuorum),
                NoQuorumPolicy::Freeze => {
                    let rising = self.resource[resource].next_role > self.resource[resource].role;
                    if rising || !self.is_active(world, resource) {
                        self.block(id, Reason::QuorumFreeze);
                    }
                }
                _ => self.actions[id].runnable = true,
            }
        }
    }

    fn block(&mut self, id: ActionId, reason: Reason) {
        self.actions[id].runnable = false;
        self.actions[id].reason = Some(Box::new(reason));
    }

    /// What the lack of quorum means for starting or promoting a resource. With `demote`, a
    /// resource that can be promoted may go on as unpromoted: that becomes its aim.
    fn effective_quorum_policy(
        &mut self,
        world: World<'_>,
        resource: ResourceId,
    ) -> NoQuorumPolicy {
        let options = &world.config.options;
        if options.quorate {
            return NoQuorumPolicy::Ignore;
        }
        if options.no_quorum_policy != NoQuorumPolicy::Demote {
            return options.no_quorum_policy;
        }
        let drafted = &mut self.resource[resource];
        if !matches!(drafted.role, Role::Unpromoted | Role::Promoted) {
            return NoQuorumPolicy::Stop;
        }
        drafted.next_role = drafted.next_role.min(Role::Unpromoted);
        NoQuorumPolicy::Ignore
    }

    /// Whether a primitive is active on a node where that can be believed.
    fn is_active(&self, world: World<'_>, resource: ResourceId) -> bool {
        let managed = self.resource[resource].managed;
        let believed = |node: &NodeId| {
            let DraftedNode {
                online, unclean, ..
            } = self.node[*node];
            unclean || online || !managed
        };
        world.state.resource[resource]
            .active_on
            .iter()
            .any(believed)
    }
}

fn names_reload(ordering: &Ordering) -> bool {
    let reload = |task: &Task| *task == Task::ReloadAgent;
    matches!(&ordering.first, End::Task { task, .. } if reload(task))
}

impl Action {
    /// Sets why the action is needed or cannot run. The first reason stays unless it is to be
    /// overwritten.
    pub fn set_reason(&mut self, reason: Option<Reason>, overwrite: bool) {
        if overwrite || self.reason.is_none() {
            self.reason = reason.map(Box::new);
        }
    }
}
