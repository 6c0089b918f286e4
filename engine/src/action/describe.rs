//! What is configured for an operation: timeout and other meta attributes, parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::meta::MetaLayer;
use super::{Action, Task};
use crate::config::{
    self, Attributes, Blocks, Evaluation, Operation, OperationContext, Requires, Resource, Variant,
};
use crate::id::{NodeId, ResourceId, Table};
use crate::state::State;
use crate::time::Earliest;
use crate::{Diagnostic, World};

/// A resource's operation as its actions see it.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) meta: Arc<MetaLayer>,
    parameters: Option<Blocks>,
    /// When a rule about the meta attributes changes its result.
    pub(super) recheck_by: Earliest,
    /// What is wrong with the settings.
    pub(super) messages: Vec<Diagnostic>,
}

/// Descriptions made so far, by the resource's definition, task and interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptions {
    /// For each resource the first one that is defined by the same element, or is the same part of
    /// the same bundle: instances and replicas differ in nothing that matters here, so one
    /// description is enough for all of them.
    model: Table<ResourceId, ResourceId>,
    of_model: Table<ResourceId, Vec<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    task: Task,
    interval_ms: u32,
    managed: bool,
    requires: Requires,
    /// The only resource that it is for, if there are messages: these name the resource.
    only_for: Option<ResourceId>,
    description: Arc<Description>,
}

impl Descriptions {
    pub(super) fn new(state: &State) -> Self {
        let (mut by_element, mut by_part) = (BTreeMap::new(), BTreeMap::new());
        let is_bundle = |id: ResourceId| matches!(state.resources[id].variant, Variant::Bundle(_));
        let model = |(id, resource): (ResourceId, &Resource)| {
            if resource.removed {
                return id;
            }
            if let Some(element) = resource.element {
                return *by_element.entry(element).or_insert(id);
            }
            match resource.parent.filter(|parent| is_bundle(*parent)) {
                Some(bundle) if resource.agent().is_some() => {
                    let part = (resource.replica_container, resource.remote_connection);
                    *by_part.entry((bundle, part)).or_insert(id)
                }
                _ => id,
            }
        };
        Descriptions {
            model: state.resources.enumerate().map(model).collect(),
            of_model: Table::filled(Vec::new(), state.resources.len()),
        }
    }

    /// The description of an operation; of a fence device it may depend on the node.
    pub(super) fn get(
        &mut self,
        world: World<'_>,
        resource: ResourceId,
        node: Option<NodeId>,
        task: &Task,
        interval_ms: u32,
    ) -> Arc<Description> {
        if world.state.resources[resource].fence_device {
            return Arc::new(describe(world, resource, node, task, interval_ms));
        }
        let state = &world.state.resource[resource];
        let (managed, requires) = (state.managed, state.requires);
        let known = &mut self.of_model[self.model[resource]];
        let same = |known: &&Known| {
            known.interval_ms == interval_ms
                && known.task == *task
                && (known.managed, known.requires) == (managed, requires)
                && known.only_for.is_none_or(|only| only == resource)
        };
        if let Some(known) = known.iter().find(same) {
            return Arc::clone(&known.description);
        }
        let description = Arc::new(describe(world, resource, node, task, interval_ms));
        known.push(Known {
            task: task.clone(),
            interval_ms,
            managed,
            requires,
            only_for: (!description.messages.is_empty()).then_some(resource),
            description: Arc::clone(&description),
        });
        description
    }
}

fn describe(
    world: World<'_>,
    resource: ResourceId,
    node: Option<NodeId>,
    task: &Task,
    interval_ms: u32,
) -> Description {
    let find = |name: &str| {
        config::operation::find(&world.state.resources[resource], name, interval_ms, true)
    };
    // `notified` is what the end of a round of notifications is called.
    let notified = || {
        (*task == Task::Notified)
            .then(|| find(Task::Notify.name()))
            .flatten()
    };
    let operation: Option<&Operation> = find(task.name()).or_else(notified);
    let context = OperationContext {
        managed: world.state.resource[resource].managed,
        requires: world.state.resource[resource].requires,
        node: node.map(|node| &*world.state.node[node].attributes),
    };
    let configured = &world.state.resources[resource];
    let mut evaluation = Evaluation::new(world.document, world.now);
    let described = config::operation_meta(
        &mut evaluation,
        world.config,
        configured,
        task.name(),
        interval_ms,
        operation,
        context,
    );
    Description {
        meta: Arc::new(described.meta.into()),
        parameters: operation.map(|operation| operation.parameters.clone()),
        recheck_by: evaluation.recheck_by,
        messages: evaluation.messages,
    }
}

impl Action {
    /// The operation's own parameters on the action's node. They are read when the graph is
    /// written, and only for what gets there.
    #[must_use]
    pub fn parameters(&self, world: World<'_>) -> Attributes {
        let blocks = self.parameter_blocks();
        self.evaluate(world, blocks).0
    }

    /// When a rule about the operation's own parameters changes its result.
    pub(super) fn recheck_parameters_by(&self, world: World<'_>) -> Earliest {
        let ruled = self.parameter_blocks().filter(|blocks| blocks.has_rules());
        self.evaluate(world, ruled).1
    }

    fn parameter_blocks(&self) -> Option<&Blocks> {
        self.description.as_ref()?.parameters.as_ref()
    }

    fn evaluate(&self, world: World<'_>, blocks: Option<&Blocks>) -> (Attributes, Earliest) {
        let (Some(blocks), Some(node)) = (blocks, self.node) else {
            return Default::default();
        };
        let mut evaluation = Evaluation::new(world.document, world.now);
        let node = &world.state.node[node].attributes;
        let parameters = evaluation.parameters(blocks, Some(node));
        (parameters, evaluation.recheck_by)
    }
}

/// What has to be given before an action can run: only starts and promotions ask for anything.
#[must_use]
pub(super) fn needs(world: World<'_>, resource: ResourceId, task: &Task) -> Requires {
    match task {
        Task::Start | Task::Promote => world.state.resource[resource].requires,
        _ => Requires::Nothing,
    }
}
