//! What does the cluster look like? The listing that `crm_mon` and `crm_simulate` print.

mod connectivity;
mod failures;
mod nodes;
mod operations;
mod resources;
mod restrictions;
#[cfg(test)]
mod tests;
mod xml;

pub use xml::{Asked, Fenced};

use super::listing::Listing;
use crate::config::{Config, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::Document;
use crate::state::State;
use crate::time::Timestamp;
use crate::{Cluster, PlanError};

/// What a listing shows besides nodes and resources.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections {
    /// Node attributes.
    pub attributes: bool,
    /// Fail counts and failed operations.
    pub failures: bool,
    /// Actions in progress ("Starting").
    pub pending: bool,
}

/// Writes the listing of a cluster.
pub(super) fn write(
    listing: &mut Listing,
    document: &Document,
    cluster: &Cluster,
    now: Timestamp,
    sections: Sections,
    title: &str,
    name: &str,
) {
    let view = View {
        document,
        config: &cluster.config,
        state: &cluster.state,
        sections,
        now,
    };
    listing.begin_as(title, name);
    if let Some((document, parent)) = listing.tree() {
        view.sections_xml(document, parent);
        listing.end();
        return;
    }
    let nodes = view.write_nodes(listing);
    view.write_resources(listing, nodes);
    if sections.attributes {
        view.write_attributes(listing);
    }
    if sections.failures {
        view.write_fail_counts(listing);
        view.write_failures(listing);
    }
    listing.end();
}

/// What `crm_mon` prints once: a summary, nodes and resources.
///
/// # Errors
/// If the configuration cannot be understood as one.
pub fn status_text(
    cib: &Document,
    asked: &Asked<'_>,
    sections: Sections,
) -> Result<String, PlanError> {
    let now = asked.zone.at(asked.at);
    let mut cluster = Cluster::read(cib, now)?;
    restrictions::apply(cib, &mut cluster, now);
    let view = View {
        document: cib,
        config: &cluster.config,
        state: &cluster.state,
        sections,
        now,
    };
    let mut listing = Listing::default();
    listing.begin("Cluster Summary");
    listing.item(format_args!("Stack: {}", asked.stack));
    let quorum = cib.attr(cib.root(), "have-quorum");
    let quorum = match quorum.and_then(crate::value::boolean) {
        Some(true) => "partition with quorum",
        _ => "partition WITHOUT quorum",
    };
    match asked.leader {
        Some((name, version)) => {
            listing.item(format_args!(
                "Current DC: {name} (version {version}) - {quorum}"
            ));
        }
        None => listing.item("Current DC: NONE"),
    }
    listing.item(format_args!("Last updated: {}", asked.zone.ctime(asked.at)));
    let nodes = cluster.state.nodes.len();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    listing.item(format_args!("{nodes} node{} configured", plural(nodes)));
    let Counts {
        instances,
        disabled,
        blocked,
    } = counts(&cluster.state);
    let mut counted = format!(
        "{instances} resource instance{} configured",
        plural(instances)
    );
    if disabled > 0 || blocked > 0 {
        counted += &format!(" ({disabled} DISABLED, {blocked} BLOCKED from further action)");
    }
    listing.item(counted);
    listing.end();
    listing.spacer();
    let nodes = view.write_nodes(&mut listing);
    view.write_resources(&mut listing, nodes);
    if sections.attributes {
        view.write_attributes(&mut listing);
    }
    Ok(listing.into_text())
}

/// The same as `crm_mon --output-as=xml` prints it.
///
/// # Errors
/// If the configuration cannot be understood as one.
pub fn status_xml(cib: &Document, asked: &Asked<'_>) -> Result<Document, PlanError> {
    let now = asked.zone.at(asked.at);
    let mut cluster = Cluster::read(cib, now)?;
    let constraints = restrictions::apply(cib, &mut cluster, now);
    let sections = Sections {
        attributes: true,
        failures: true,
        pending: true,
    };
    let view = View {
        document: cib,
        config: &cluster.config,
        state: &cluster.state,
        sections,
        now,
    };
    Ok(view.xml(asked, &constraints))
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
    now: Timestamp,
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
