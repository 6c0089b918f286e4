//! What a notification tells: which instances start, stop, are active, … and where.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::meta::MetaLayer;
use super::super::{Draft, Task};
use crate::World;
use crate::config::{NodeKind, Role};
use crate::id::{NodeId, ResourceId};
use crate::state::fencing::launcher_of;

/// Instances with their nodes.
type Entries = Vec<(ResourceId, Option<NodeId>)>;

/// What is going on in a clone.
#[derive(Default)]
pub(super) struct Activity {
    pub(super) start: Entries,
    pub(super) stop: Entries,
    pub(super) promote: Entries,
    pub(super) demote: Entries,
    active: Entries,
    inactive: Entries,
    promoted: Entries,
    unpromoted: Entries,
}

impl Activity {
    /// Looks at a clone: what its instances are, and what is going to happen to them.
    pub(super) fn of(world: World<'_>, draft: &Draft, clone: ResourceId) -> Activity {
        let mut activity = Activity::default();
        activity.look_at(world, draft, clone);
        activity
    }

    /// Whether anything of this kind is going to happen.
    pub(super) fn has(&self, task: &Task) -> bool {
        match task {
            Task::Start => !self.start.is_empty(),
            Task::Stop => !self.stop.is_empty(),
            Task::Promote => !self.promote.is_empty(),
            Task::Demote => !self.demote.is_empty(),
            _ => false,
        }
    }

    fn look_at(&mut self, world: World<'_>, draft: &Draft, resource: ResourceId) {
        let children = &draft.resource[resource].children;
        if !children.is_empty() {
            for child in children.iter() {
                self.look_at(world, draft, *child);
            }
            return;
        }
        let node = world.state.resource[resource].active_on.first().copied();
        let entry = (resource, node);
        match draft.resource[resource].role {
            Role::Stopped => self.inactive.push(entry),
            Role::Started => self.active.push(entry),
            Role::Unpromoted => {
                self.unpromoted.push(entry);
                self.active.push(entry);
            }
            Role::Promoted => {
                self.promoted.push(entry);
                self.active.push(entry);
            }
            Role::Unknown => {}
        }
        for id in draft.of(resource) {
            let action = &draft.actions[*id];
            let Some(node) = action.node.filter(|_| !action.optional) else {
                continue;
            };
            let entry = (resource, Some(node));
            // A stop on a node to be fenced is told even if the node cannot be fenced.
            let implied = action.task == Task::Stop && draft.node[node].unclean;
            match action.task {
                _ if !action.runnable && !implied => {}
                Task::Start => self.start.push(entry),
                Task::Stop => self.stop.push(entry),
                Task::Promote => self.promote.push(entry),
                Task::Demote => self.demote.push(entry),
                _ => {}
            }
        }
    }

    /// The environment of the agent, as meta attributes.
    pub(super) fn environment(
        &self,
        world: World<'_>,
        draft: &Draft,
        clone: ResourceId,
    ) -> Arc<MetaLayer> {
        let mut layer = BTreeMap::new();
        let lists = [
            ("stop", &self.stop),
            ("start", &self.start),
            ("demote", &self.demote),
            ("promote", &self.promote),
            ("active", &self.active),
            ("unpromoted", &self.unpromoted),
            ("slave", &self.unpromoted),
            ("promoted", &self.promoted),
            ("master", &self.promoted),
        ];
        for (name, entries) in lists {
            let (resources, nodes) = names(world, entries, true);
            layer.insert(format!("notify_{name}_resource"), resources);
            layer.insert(format!("notify_{name}_uname"), nodes);
        }
        let (inactive, _) = names(world, &self.inactive, false);
        layer.insert("notify_inactive_resource".to_owned(), inactive);

        let by_name = || world.state.nodes_by_name.iter().copied();
        let name = |node: NodeId| world.state.nodes[node].name.as_str();
        let allowed = &draft.resource[clone].allowed;
        let available = by_name().filter(|node| allowed.get(*node).is_some());
        layer.insert(
            "notify_available_uname".to_owned(),
            words(available.map(name)),
        );
        layer.insert("notify_all_uname".to_owned(), words(by_name().map(name)));
        let target = world.state.resources[clone]
            .meta_text
            .get("container-attribute-target");
        if target.is_some_and(|target| &**target == "host") {
            let hosts = by_name().map(|node| name(host_of(world, draft, node)));
            layer.insert("notify_all_hosts".to_owned(), words(hosts));
        }
        Arc::new(layer.into_iter().collect())
    }
}

/// Where a guest node runs now; a node of any other kind is its own host.
fn host_of(world: World<'_>, draft: &Draft, node: NodeId) -> NodeId {
    let guest = world.state.nodes[node].kind == NodeKind::Guest;
    let launcher = guest.then(|| launcher_of(world.state, node)).flatten();
    launcher
        .and_then(|launcher| draft.current_node(world.state, launcher))
        .unwrap_or(node)
}

/// Ids and node names of entries: sorted by id, each id once (no schema permits two resources with
/// one id, but Pacemaker plans for them).
fn names(world: World<'_>, entries: &Entries, with_node: bool) -> (String, String) {
    let state = world.state;
    let node_id = |node: Option<NodeId>| node.map(|node| state.nodes[node].id.as_str());
    let by_id = |a: &(ResourceId, Option<NodeId>), b: &(ResourceId, Option<NodeId>)| -> Ordering {
        let ids = state.resources[a.0].id.cmp(&state.resources[b.0].id);
        ids.then_with(|| node_id(a.1).cmp(&node_id(b.1)))
    };
    let mut sorted: Entries = entries
        .iter()
        .filter(|entry| entry.1.is_some() || !with_node)
        .copied()
        .collect();
    sorted.sort_by(by_id);
    sorted.dedup_by(|b, a| state.resources[a.0].id == state.resources[b.0].id);
    let resources = words(
        sorted
            .iter()
            .map(|entry| state.resources[entry.0].id.as_str()),
    );
    let nodes = words(
        sorted
            .iter()
            .filter_map(|entry| Some(state.nodes[entry.1?].name.as_str())),
    );
    (resources, nodes)
}

/// Words with blanks between them; no words are one blank.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let joined = words.collect::<Vec<_>>().join(" ");
    if joined.is_empty() {
        " ".to_owned()
    } else {
        joined
    }
}
