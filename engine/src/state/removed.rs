//! What becomes of a resource that is not configured any more, but has a history?

use super::builder::Builder;
use crate::Severity;
use crate::config;
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};

impl Builder<'_> {
    /// Adds a resource that only a history tells of: it may run nowhere, so it will be stopped;
    /// unless removed resources are to be left alone, then it is unmanaged.
    pub(super) fn add_removed(&mut self, history: ElementId) -> Option<ResourceId> {
        let resource = config::removed(
            &mut self.evaluation,
            self.config,
            &self.state.nodes,
            history,
        )?;
        let is_connection = resource.remote_connection;
        let id = self.state.resources.push(resource);
        self.state.top.push(id);
        self.observe_new_resources();
        self.state.resource[id].removed_launched =
            self.document.attr_by(history, names::CONTAINER).is_some();
        if is_connection {
            self.add_removed_remote_node(id);
        }
        if self.config.options.stop_removed_resources {
            self.replace_by_ban(id);
        } else {
            self.state.resource[id].managed = false;
        }
        let name = &self.state.resources[id].id;
        let message = format!("{name} is not configured any more");
        self.say(Severity::Notice, Some(history), message);
        Some(id)
    }

    /// The node behind a removed connection shuts down with it.
    fn add_removed_remote_node(&mut self, connection: ResourceId) {
        let name = self.state.resources[connection].id.clone();
        let node = match self.node_names.by_name(&name) {
            Some(node) => node,
            None => self.add_node(config::implicit_node(&name)),
        };
        self.state.nodes[node].connection = Some(connection);
        self.state.resources[connection].connection_to = Some(node);
        if self.state.resources[connection].launcher.is_none() {
            self.state.node[node].unclean = self.config.options.startup_fencing;
        }
        self.state.node[node].shutdown = true;
    }

    /// Links removed resources to the resources that launched them, as the histories of one node
    /// name those.
    pub(super) fn link_removed_to_launchers(&mut self, list: ElementId) {
        let document = self.document;
        for history in document.children_by(list, names::LRM_RESOURCE) {
            let name = |attribute| document.attr_by(history, attribute);
            let (Some(container), Some(name)) = (name(names::CONTAINER), name(names::ID)) else {
                continue;
            };
            let resources = &self.state.resources;
            let found = (
                self.resource_names.find(container, resources),
                self.resource_names.find(name, resources),
            );
            let (Some(launcher), Some(resource)) = found else {
                continue;
            };
            let entry = &mut self.state.resources[resource];
            if entry.launcher.is_none() && self.state.resource[resource].removed_launched {
                entry.launcher = Some(launcher);
                if let Some(node) = entry.connection_to {
                    self.state.nodes[node].kind = config::NodeKind::Guest;
                }
                self.state.resources[launcher].launched.push(resource);
            }
        }
    }

    /// Whether the node is the one that a connection is for.
    pub(super) fn remote_node_of(&self, connection: ResourceId) -> Option<NodeId> {
        self.state.resources[connection].connection_to
    }
}
