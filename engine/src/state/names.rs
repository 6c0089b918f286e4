//! Which node or resource is meant by a name in the status?

use std::collections::BTreeMap;

use crate::config::{Node, Resource};
use crate::hashed::{HashIndex, Hashed};
use crate::id::{NodeId, ResourceId, Table};

/// Nodes by id and by name, both without regard to case.
#[derive(Debug)]
pub(super) struct NodeNames {
    by_id: BTreeMap<String, NodeId>,
    by_name: BTreeMap<String, NodeId>,
}

impl NodeNames {
    /// Indexes nodes, given in name order. Of several with one id or name the first counts.
    pub(super) fn new(nodes: &Table<NodeId, Node>, order: &[NodeId]) -> NodeNames {
        let mut names = NodeNames {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for &node in order {
            names.add(&nodes[node], node);
        }
        names
    }

    pub(super) fn add(&mut self, node: &Node, id: NodeId) {
        let entry = self.by_id.entry(node.id.to_ascii_lowercase());
        entry.or_insert(id);
        let entry = self.by_name.entry(node.name.to_ascii_lowercase());
        entry.or_insert(id);
    }

    pub(super) fn by_name(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The node with this id, else with this name.
    pub(super) fn find(&self, id: &str, name: Option<&str>) -> Option<NodeId> {
        let by_id = self.by_id.get(&id.to_ascii_lowercase()).copied();
        by_id.or_else(|| self.by_name(name?))
    }
}

/// Resources by id, and by the name that history uses for them.
///
/// The names in history are those under which operations ran: instances of anonymous clones run
/// without number, or with the number of other times. Which instance has a history name does not
/// matter, as all that have one belong to the same clone; so one of them is enough.
#[derive(Debug)]
pub(super) struct ResourceNames {
    by_id: HashIndex<ResourceId>,
    by_history: BTreeMap<Hashed<'static>, Holders>,
}

type Resources = Table<ResourceId, Resource>;

#[derive(Debug)]
struct Holders {
    first: ResourceId,
    count: usize,
}

impl ResourceNames {
    /// Indexes the configured resources, from the first top-level one downwards.
    pub(super) fn new(top: &[ResourceId], resources: &Resources) -> ResourceNames {
        let mut names = ResourceNames {
            by_id: HashIndex::with_capacity(resources.len()),
            by_history: BTreeMap::new(),
        };
        let mut waiting: Vec<ResourceId> = top.iter().rev().copied().collect();
        while let Some(id) = waiting.pop() {
            let Some(resource) = resources.get(id) else {
                continue;
            };
            names.add(id, resources);
            waiting.extend(resource.children.iter().rev());
        }
        names
    }

    fn add(&mut self, id: ResourceId, resources: &Resources) {
        self.by_id.insert(id, |id| &resources[id].id);
    }

    /// Adds a resource that a history has brought about. Names are looked for from the first
    /// top-level resource downwards, and removed ones are the last of those: an instance comes
    /// before one that was there earlier.
    pub(super) fn add_found(&mut self, id: ResourceId, resources: &Resources) {
        let is_removed = |id: ResourceId| resources[id].removed && resources[id].parent.is_none();
        let known = self.by_id(&resources[id].id, resources);
        if !is_removed(id) && known.is_some_and(is_removed) {
            self.by_id.replace(id, |id| &resources[id].id);
        } else {
            self.add(id, resources);
        }
    }

    pub(super) fn by_id(&self, id: &str, resources: &Resources) -> Option<ResourceId> {
        self.by_id.get(id, |id| &resources[id].id)
    }

    /// The resource that has this name in history or as its id.
    pub(super) fn find(&self, name: &str, resources: &Resources) -> Option<ResourceId> {
        let name = Hashed::new(name);
        let holders = self.by_history.get(&name);
        let first = holders.map(|holders| holders.first);
        first.or_else(|| self.by_id.get_hashed(&name, |id| &resources[id].id))
    }

    /// Notes that history uses another name (or none any more) for a resource.
    pub(super) fn rename(&mut self, id: ResourceId, from: Option<&str>, to: Option<&str>) {
        let of_name = |name: &str| Hashed::new(name.to_owned());
        if let Some(name) = from.map(of_name)
            && let Some(holders) = self.by_history.get_mut(&name)
        {
            holders.count -= 1;
            if holders.count == 0 {
                self.by_history.remove(&name);
            }
        }
        if let Some(name) = to {
            let holders = self.by_history.entry(of_name(name));
            let nobody = Holders {
                first: id,
                count: 0,
            };
            holders.or_insert(nobody).count += 1;
        }
    }
}

/// A resource name without instance number: `rsc` for `rsc:3`. (`rsc:` stays as it is.)
pub(super) fn base_name(name: &str) -> &str {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match base.strip_suffix(':') {
        Some(stripped) if !stripped.is_empty() && base.len() < name.len() => stripped,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[test]
    fn only_an_instance_number_is_taken_off() {
        for (name, base) in [
            ("rsc:3", "rsc"),
            ("rsc:12", "rsc"),
            ("rsc", "rsc"),
            ("rsc1", "rsc1"),
            ("rsc:", "rsc:"),
            ("rsc:a1", "rsc:a1"),
            ("a:b:1", "a:b"),
            (":1", ":1"),
            ("1", "1"),
            ("", ""),
        ] {
            assert_eq!(base_name(name), base, "{name:?}");
        }
    }
}
