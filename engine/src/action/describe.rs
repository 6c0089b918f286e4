//! What is configured for an operation: timeout and other meta attributes, parameters.

use std::sync::Arc;

use super::meta::MetaLayer;
use super::{Action, Task};
use crate::config::{self, Attributes, Blocks, Evaluation, Operation, OperationContext, Requires};
use crate::id::{NodeId, ResourceId, Table};
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

/// Descriptions made so far, by resource, task and interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptions {
    of_resource: Table<ResourceId, Vec<(Task, u32, Arc<Description>)>>,
}

impl Descriptions {
    pub(super) fn new(resources: usize) -> Self {
        Descriptions {
            of_resource: Table::filled(Vec::new(), resources),
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
        let known = &mut self.of_resource[resource];
        let same =
            |entry: &&(Task, u32, Arc<Description>)| entry.1 == interval_ms && entry.0 == *task;
        if let Some((_, _, description)) = known.iter().find(same) {
            return Arc::clone(description);
        }
        let description = Arc::new(describe(world, resource, node, task, interval_ms));
        known.push((task.clone(), interval_ms, Arc::clone(&description)));
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
        node: node.map(|node| &world.state.node[node].attributes),
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
        meta: Arc::new(described.meta),
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
