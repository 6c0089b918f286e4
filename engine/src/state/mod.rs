//! unpack: from a configuration and a status to the observed state.
//!
//! The status is read in passes, in the order in which Pacemaker reads it, because requests for
//! actions made on the way get the lowest action numbers:
//!
//! 1. Tickets (`ticket`), and of each node (`node`) whether it is in the cluster. Nobody can tell yet about
//!    remote and guest nodes: that depends on their connections.
//! 2. Histories, node by node, as soon as a node's connection is known to be up; repeated until no
//!    node is added. Each resource of a history is found (`instance`, `removed`), its operations
//!    are read (`history`), sorted (`order`) and taken in one by one (`entry`: has it expired,
//!    what is the `verdict`, what follows for the role), and what they add up to is carried over to
//!    the resource (`apply`).
//! 3. Histories of the nodes that are left, then what waited for all histories.
//!
//! The rest answers questions that later passes have too: whether a node can be fenced
//! ([`fencing`]), how often a resource has failed ([`mod@fail_count`]), whether parameters have changed
//! since an operation ([`digest`]).

mod activity;
mod apply;
mod builder;
pub mod digest;
mod entry;
mod expiry;
pub mod fail_count;
pub mod fencing;
pub mod history;
mod instance;
mod lock;
mod migration;
mod names;
mod node;
mod note;
pub mod order;
mod remote;
mod removed;
#[cfg(test)]
mod tests;
mod ticket;
mod types;
pub mod verdict;

pub use activity::{current_node, main_node};
pub use fail_count::fail_count;
pub use note::{Effect, Note};
pub use types::*;

use std::collections::BTreeMap;

use crate::config::{Config, Role};
use crate::id::NodeId;
use crate::parse::{Document, ElementId, names as xml};
use crate::time::Timestamp;
use builder::Builder;

/// Observes a cluster: what the status section of `document` says about what `config` configures,
/// at the time `now`.
///
/// The state takes the resources over and adds those that only the status knows: `config` is left
/// without.
#[must_use]
pub fn unpack(document: &Document, config: &mut Config, now: Timestamp) -> State {
    let status = document.only(xml::STATUS);
    let resources = std::mem::take(&mut config.resources);
    let mut builder = Builder::new(document, config, resources, now, status);
    let mut tickets = BTreeMap::new();
    for section in status
        .into_iter()
        .flat_map(|status| document.children(status))
    {
        match document.name_of(section) {
            xml::TICKETS => ticket::read(document, section, &mut tickets),
            xml::NODE_STATE => builder.read_node_state(section),
            _ => {}
        }
    }
    builder.state.tickets = tickets.into_values().collect();
    let states: Vec<ElementId> = status
        .into_iter()
        .flat_map(|status| document.children_by(status, xml::NODE_STATE))
        .collect();
    while builder.read_histories(&states, false) {}
    builder.read_histories(&states, config.options.fencing_enabled);
    builder.stop_failed_containers();
    builder.finish_remote_nodes();
    builder.finish()
}

impl Builder<'_> {
    /// Reads the histories of all nodes that are ready for it, and says whether there was one:
    /// others may depend on it. With `all`, nodes count as ready that are not in the cluster.
    fn read_histories(&mut self, states: &[ElementId], all: bool) -> bool {
        let mut found = false;
        for &element in states {
            let id = self.document.id(element);
            let name = self.document.attr_by(element, xml::UNAME);
            let (Some(id), Some(name)) = (id, name) else {
                continue;
            };
            let Some(node) = self.node_names.find(id, Some(name)) else {
                continue;
            };
            // A guest whose launcher is no longer configured is known only by its connection's
            // history.
            self.state.node[node].element.get_or_insert(element);
            if self.state.node[node].unpacked || !(all || self.is_ready(node)) {
                continue;
            }
            if self.is_remote_or_guest(node) {
                self.update_remote_state(node);
                self.read_remote_attributes(node, element);
            }
            self.state.node[node].unpacked = true;
            self.read_history(node, element);
            found = true;
        }
        found
    }

    /// Whether a node's history can be read: its connection, if it needs one, is known to be up.
    fn is_ready(&self, node: NodeId) -> bool {
        let options = &self.config.options;
        if !self.is_remote_or_guest(node) {
            // With neither fencing nor shutdown locks, instances that are active elsewhere get
            // their numbers before those on offline nodes.
            return options.fencing_enabled
                || options.shutdown_lock
                || self.state.node[node].online;
        }
        let is_started = |resource| self.state.resource[resource].role == Role::Started;
        let Some(connection) = self.state.nodes[node].connection else {
            return false;
        };
        match self.state.resources[connection].launcher {
            Some(launcher) => is_started(connection) && is_started(launcher),
            None => options.shutdown_lock || is_started(connection),
        }
    }

    /// Reads the history of one node.
    fn read_history(&mut self, node: NodeId, state: ElementId) {
        let document = self.document;
        let Some(list) = document
            .child_by(state, xml::LRM)
            .and_then(|lrm| document.child_by(lrm, xml::LRM_RESOURCES))
        else {
            return;
        };
        let mut relink = false;
        for history in document.children_by(list, xml::LRM_RESOURCE) {
            let resource = self.read_resource_history(node, history);
            relink |= resource.is_some_and(|id| self.state.resource[id].removed_launched);
        }
        if relink {
            self.link_removed_to_launchers(list);
        }
    }
}
