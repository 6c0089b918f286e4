//! What is meant by a name? And which names are like it, if nothing is?

use super::Explainer;
use crate::id::{ActionId, NodeId, ResourceId};

/// A name that nothing has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} {name:?}{}", hint(similar))]
pub struct Unknown {
    /// What was looked for.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// What it might have been meant for, nearest first.
    pub similar: Vec<String>,
}

fn hint(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        [only] => format!(" (is {only} meant?)"),
        [others @ .., last] => format!(" (is one of {} or {last} meant?)", others.join(", ")),
    }
}

/// How many names are shown that are like an unknown one.
const SHOWN: usize = 5;

impl Explainer<'_> {
    /// The resource with this id. A name that all instances of a clone have stands for the clone.
    ///
    /// # Errors
    /// If there is none.
    pub fn find_resource(&self, name: &str) -> Result<ResourceId, Unknown> {
        let state = self.state();
        let with_id = state.resources.enumerate().find(|(_, one)| one.id == name);
        if let Some((id, _)) = with_id {
            return Ok(id);
        }
        let mut known = state.resources.enumerate();
        let found = known.find(|(id, one)| {
            one.config_id == name || state.resource[*id].history_id.as_deref() == Some(name)
        });
        match found {
            Some((id, one)) if one.config_id == name => Ok(self.collective_above(id)),
            Some((id, _)) => Ok(id),
            None => {
                let names = state.resources.iter().map(|one| one.id.as_str());
                Err(unknown("resource", name, names))
            }
        }
    }

    /// The clone (or the bundle's clone) that holds a resource several times.
    fn collective_above(&self, id: ResourceId) -> ResourceId {
        let resources = &self.state().resources;
        let config_id = &resources[id].config_id;
        let mut top = id;
        while let Some(parent) = resources[top].parent {
            top = parent;
            let instances = resources[top].children.iter();
            if instances
                .filter(|child| resources[**child].config_id == *config_id)
                .count()
                > 1
            {
                return top;
            }
        }
        if resources[id].unique { id } else { top }
    }

    /// The node with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn find_node(&self, name: &str) -> Result<NodeId, Unknown> {
        let nodes = &self.state().nodes;
        let found = nodes
            .enumerate()
            .find(|(_, node)| node.name == name)
            .or_else(|| {
                nodes
                    .enumerate()
                    .find(|(_, node)| node.name.eq_ignore_ascii_case(name) || node.id == name)
            });
        found
            .map(|(id, _)| id)
            .ok_or_else(|| unknown("node", name, nodes.iter().map(|node| node.name.as_str())))
    }

    /// All actions with this key, of the scheduler or of history (one per node); on one node only,
    /// if one is given. What is done comes before what is not.
    ///
    /// # Errors
    /// If there are none.
    pub fn find_actions(&self, key: &str, node: Option<NodeId>) -> Result<Vec<ActionId>, Unknown> {
        let actions = &self.draft().actions;
        let here = |id: &ActionId| node.is_none() || actions[*id].node == node;
        let found = actions.ids().filter(here);
        let mut found: Vec<ActionId> = found
            .filter(|&id| self.keys(id).iter().any(|known| known == key))
            .collect();
        found.sort_by_key(|&id| self.synapse(id).is_none());
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<String> = actions.ids().filter(here).map(|id| self.key(id)).collect();
        Err(unknown("action", key, names.iter().map(String::as_str)))
    }

    fn keys(&self, id: ActionId) -> Vec<String> {
        let action = &self.draft().actions[id];
        let mut keys = vec![action.key.text(self.world)];
        let history_id = action
            .resource
            .and_then(|resource| self.state().resource[resource].history_id.as_ref());
        keys.extend(history_id.map(|name| action.key.text_for(self.world, name)));
        keys
    }
}

fn unknown<'n>(kind: &'static str, name: &str, names: impl Iterator<Item = &'n str>) -> Unknown {
    let wanted = name.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = names
        .filter_map(|known| Some((difference(&wanted, &known.to_lowercase())?, known)))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    let similar = ranked.into_iter().take(SHOWN);
    Unknown {
        kind,
        name: name.to_owned(),
        similar: similar.map(|(_, known)| known.to_owned()).collect(),
    }
}

/// How different two names are; none if they have little in common.
fn difference(wanted: &str, known: &str) -> Option<usize> {
    if !wanted.is_empty() && (known.contains(wanted) || wanted.contains(known)) {
        return Some(1);
    }
    // Long names are not worth it, and never typed.
    if wanted.len() > 200 || known.len() > 200 {
        return None;
    }
    let distance = edits(wanted.as_bytes(), known.as_bytes());
    (distance <= 1 + wanted.len() / 4).then_some(1 + distance)
}

/// How many letters have to be added, removed or replaced.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{difference, unknown};

    #[test]
    fn a_mistyped_name_is_recognised() {
        let names = ["vip", "database", "database-clone", "web"];
        let similar = |name| unknown("resource", name, names.into_iter()).similar;
        assert_eq!(similar("databse"), ["database"]);
        assert_eq!(similar("VIP"), ["vip"]);
        assert_eq!(similar("clone"), ["database-clone"]);
        assert!(similar("mail").is_empty());
        assert_eq!(difference("", "vip"), None);
    }
}
