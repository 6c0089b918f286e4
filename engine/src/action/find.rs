//! Which actions are there already? Answers without formatting keys and without walking all
//! actions: every resource has few distinct keys, each with the nodes where it was asked for.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{Draft, Key, Task};
use crate::id::{ActionId, NodeId, ResourceId, Table};

/// Actions by resource and key.
#[derive(Clone, Debug, Default)]
pub(super) struct ActionIndex {
    of_resource: Table<ResourceId, OfResource>,
    /// Actions of no resource; their keys are unique.
    of_cluster: BTreeMap<Key, ActionId>,
}

#[derive(Clone, Debug, Default)]
struct OfResource {
    /// In order of creation.
    actions: Vec<ActionId>,
    groups: Vec<Group>,
}

/// Ids kept in place: four take the room of a vector's pointer and length.
type Few = SmallVec<[ActionId; 4]>;

/// Actions with the same key.
#[derive(Clone, Debug)]
struct Group {
    key: Key,
    /// In order of creation.
    actions: Few,
    /// By node, sorted: there is at most one on a node, because requests reuse it.
    on_node: SmallVec<[(NodeId, ActionId); 2]>,
    /// The one that has no node yet.
    without_node: Option<ActionId>,
}

impl Group {
    fn on(&self, node: NodeId) -> Option<ActionId> {
        let slot = self
            .on_node
            .binary_search_by_key(&node, |entry| entry.0)
            .ok()?;
        Some(self.on_node[slot].1)
    }
    fn place(&mut self, action: ActionId, node: NodeId) {
        if let Err(slot) = self.on_node.binary_search_by_key(&node, |entry| entry.0) {
            self.on_node.insert(slot, (node, action));
        }
    }
}

impl OfResource {
    fn group(&self, key: &Key) -> Option<&Group> {
        self.groups.iter().find(|group| group.key == *key)
    }

    /// The groups in which there may be actions with this task. A cancellation keeps the key of what
    /// it cancels, so that its group is not known by its key.
    fn holding(&self, task: &Task) -> impl Iterator<Item = &Group> {
        let any = *task == Task::Cancel;
        let may_hold = move |group: &&Group| any || group.key.is_for(task);
        self.groups.iter().filter(may_hold)
    }
}

impl ActionIndex {
    pub(super) fn new(resources: usize) -> Self {
        ActionIndex {
            of_resource: Table::filled(OfResource::default(), resources),
            of_cluster: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, action: ActionId, key: &Key, node: Option<NodeId>) {
        let Some(resource) = key.resource() else {
            self.of_cluster.insert(key.clone(), action);
            return;
        };
        let entry = &mut self.of_resource[resource];
        entry.actions.push(action);
        let slot = entry
            .groups
            .iter()
            .position(|group| group.key == *key)
            .unwrap_or_else(|| {
                entry.groups.push(Group {
                    key: key.clone(),
                    actions: SmallVec::new(),
                    on_node: SmallVec::new(),
                    without_node: None,
                });
                entry.groups.len() - 1
            });
        let group = &mut entry.groups[slot];
        group.actions.push(action);
        match node {
            Some(node) => group.place(action, node),
            None => group.without_node = Some(action),
        }
    }
}

/// Finders.
impl Draft {
    /// The actions of a resource, oldest first.
    #[must_use]
    pub fn of(&self, resource: ResourceId) -> &[ActionId] {
        &self.index.of_resource[resource].actions
    }

    /// The action of no resource with this key (fencing, shutdown, helpers).
    #[must_use]
    pub fn of_cluster(&self, key: &Key) -> Option<ActionId> {
        self.index.of_cluster.get(key).copied()
    }

    /// Actions of the key's resource with this key on any node, oldest first.
    #[must_use]
    pub fn with_key(&self, key: &Key) -> &[ActionId] {
        let group = key
            .resource()
            .and_then(|id| self.index.of_resource[id].group(key));
        group.map_or(&[], |group| &group.actions)
    }

    /// A resource's one-time actions with this task on any node, oldest first: those with
    /// [`Key::once`].
    #[must_use]
    pub fn once(&self, resource: ResourceId, task: &Task) -> &[ActionId] {
        let groups = &self.index.of_resource[resource].groups;
        let group = groups.iter().find(|group| group.key.is_once(task));
        group.map_or(&[], |group| &group.actions)
    }

    /// The action with this key on this node; one without node does not count.
    #[must_use]
    pub fn on_node(&self, key: &Key, node: NodeId) -> Option<ActionId> {
        self.index.of_resource[key.resource()?].group(key)?.on(node)
    }

    /// Actions with this key on this node, oldest first. One that has no node yet is given this
    /// one, as Pacemaker's searches do.
    pub fn claim(&mut self, key: &Key, node: NodeId) -> Few {
        let Some(resource) = key.resource() else {
            return Few::new();
        };
        let groups = &mut self.index.of_resource[resource].groups;
        let Some(group) = groups.iter_mut().find(|group| group.key == *key) else {
            return Few::new();
        };
        let mut found = Few::from_iter(group.on(node));
        if let Some(action) = group.without_node.take() {
            self.actions[action].node = Some(node);
            group.place(action, node);
            found.push(action);
            found.sort_unstable();
        }
        found
    }

    /// The oldest action with this key that a request for `node` may reuse.
    pub(super) fn reusable(&mut self, key: &Key, node: Option<NodeId>) -> Option<ActionId> {
        match node {
            _ if key.resource().is_none() => self.of_cluster(key),
            None => self.with_key(key).first().copied(),
            Some(node) => self.claim(key, node).first().copied(),
        }
    }

    /// The newest action of a resource with this task, on this node if one is given.
    #[must_use]
    pub fn newest(
        &self,
        resource: ResourceId,
        task: &Task,
        node: Option<NodeId>,
    ) -> Option<ActionId> {
        let mut newest = None;
        for group in self.index.of_resource[resource].holding(task) {
            let does = |id: &ActionId| self.actions[*id].task == *task;
            let found = match node {
                Some(node) => group.on(node).filter(does),
                None => group.actions.iter().rev().copied().find(does),
            };
            newest = newest.max(found);
        }
        newest
    }

    /// Actions of a resource with this task on any node, newest first.
    #[must_use]
    pub fn with_task(&self, resource: ResourceId, task: &Task) -> Vec<ActionId> {
        let groups = self.index.of_resource[resource].holding(task);
        let actions = groups.flat_map(|group| &group.actions);
        let mut found: Vec<ActionId> = actions.copied().collect();
        found.retain(|id| self.actions[*id].task == *task);
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }
}

#[cfg(test)]
mod tests;
