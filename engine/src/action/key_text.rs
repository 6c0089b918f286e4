//! How keys and reasons are written.

use super::{BecauseVerb, Key, Reason, Task};
use crate::World;
use crate::id::ResourceId;

impl Key {
    /// The key as history and the graph write it.
    #[must_use]
    pub fn text(&self, world: World<'_>) -> String {
        match self {
            Key::Operation { resource, .. } | Key::Notify { resource, .. } => {
                self.text_for(world, &world.state.resources[*resource].id)
            }
            _ => self.text_for(world, ""),
        }
    }

    /// The key with another name for its resource, such as the one that history uses.
    #[must_use]
    pub fn text_for(&self, world: World<'_>, resource: &str) -> String {
        match self {
            Key::Operation {
                task, interval_ms, ..
            } => {
                format!("{resource}_{}_{interval_ms}", task.name())
            }
            Key::Notify { phase, of, .. } => {
                format!("{resource}_{}_notify_{}_0", phase.name(), of.name())
            }
            Key::Fence(node, operation) => {
                format!(
                    "stonith-{}-{}",
                    world.state.nodes[*node].name,
                    operation.name()
                )
            }
            Key::Shutdown(node) => format!("do_shutdown-{}", world.state.nodes[*node].name),
            Key::Named(name) => name.to_string(),
        }
    }
}

impl Reason {
    /// The reason as summaries show it.
    #[must_use]
    pub fn text(&self, world: World<'_>) -> String {
        let name = |resource: ResourceId| world.state.resources[resource].id.as_str();
        match self {
            Reason::NodeAvailability => "node availability".to_owned(),
            Reason::NoQuorum => "no quorum".to_owned(),
            Reason::QuorumFreeze => "quorum freeze".to_owned(),
            Reason::ResourceDefinitionChange => "resource definition change".to_owned(),
            Reason::MultiplyActive => "being multiply active".to_owned(),
            Reason::Because {
                verb,
                resource,
                task,
            } => {
                let resource = resource
                    .map(|id| format!(" {}", name(id)))
                    .unwrap_or_default();
                format!("{}{resource} {}", verb.name(), Task::name(task))
            }
            Reason::Colocation(resource) => format!("colocation with {}", name(*resource)),
            Reason::Text(text) => text.to_string(),
        }
    }
}

impl BecauseVerb {
    fn name(self) -> &'static str {
        match self {
            BecauseVerb::Required => "required",
            BecauseVerb::Unrunnable => "unrunnable",
            BecauseVerb::Unmigrateable => "unmigrateable",
        }
    }
}
