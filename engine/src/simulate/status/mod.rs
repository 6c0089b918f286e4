//! What does the cluster look like? The listing that `crm_mon` and `crm_simulate` print.

mod nodes;
mod resources;

use super::listing::Listing;
use crate::config::{Config, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::Document;
use crate::state::State;

/// What a listing shows besides nodes and resources.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections {
    /// Node attributes.
    pub attributes: bool,
    /// Actions in progress ("Starting").
    pub pending: bool,
}

/// Writes the listing of a cluster.
pub(super) fn write(
    listing: &mut Listing,
    document: &Document,
    config: &Config,
    state: &State,
    sections: Sections,
    title: &str,
) {
    let view = View {
        document,
        config,
        state,
        sections,
    };
    listing.begin(title);
    let nodes = view.write_nodes(listing);
    view.write_resources(listing, nodes);
    if sections.attributes {
        view.write_attributes(listing);
    }
    listing.end();
}

/// How many resource instances there are, how many of them are disabled and blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) instances: usize,
    pub(super) disabled: usize,
    pub(super) blocked: usize,
}

pub(super) fn counts(state: &State) -> Counts {
    let mut counts = Counts::default();
    for (id, resource) in state.resources.enumerate() {
        let observed = &state.resource[id];
        let leaf = matches!(resource.variant, Variant::Primitive(_));
        if !leaf || (resource.removed && observed.role <= Role::Stopped) {
            continue;
        }
        counts.instances += 1;
        counts.disabled += usize::from(is_disabled(state, id));
        counts.blocked += usize::from(observed.blocked);
    }
    counts
}

/// Whether `target-role` keeps a resource stopped, or a promotable one unpromoted.
fn is_disabled(state: &State, id: ResourceId) -> bool {
    match state.resources[id]
        .meta_text
        .get("target-role")
        .map(|text| role(text))
    {
        Some(Some(Role::Stopped)) => true,
        Some(Some(Role::Unpromoted)) => state.resources[top(state, id)].promotable,
        _ => false,
    }
}

fn role(text: &str) -> Option<Role> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    match () {
        () if is("Stopped") => Some(Role::Stopped),
        () if is("Started") => Some(Role::Started),
        () if is("Unpromoted") || is("Slave") => Some(Role::Unpromoted),
        () if is("Promoted") || is("Master") => Some(Role::Promoted),
        () => None,
    }
}

/// The outermost collective short of a bundle.
fn top(state: &State, id: ResourceId) -> ResourceId {
    let mut top = id;
    while let Some(parent) = state.resources[top].parent {
        if matches!(state.resources[parent].variant, Variant::Bundle(_)) {
            break;
        }
        top = parent;
    }
    top
}

pub(super) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Unknown => "Unknown",
        Role::Stopped => "Stopped",
        Role::Started => "Started",
        Role::Unpromoted => "Unpromoted",
        Role::Promoted => "Promoted",
    }
}

/// What a listing is made from.
struct View<'a> {
    document: &'a Document,
    config: &'a Config,
    state: &'a State,
    sections: Sections,
}

impl View<'_> {
    fn name(&self, node: NodeId) -> &str {
        &self.state.nodes[node].name
    }

    /// Node names in name order, as `[ a b ]`.
    fn bracketed(&self, nodes: &[NodeId]) -> String {
        let names: Vec<&str> = nodes.iter().map(|&node| self.name(node)).collect();
        format!("[ {} ]", names.join(" "))
    }
}
