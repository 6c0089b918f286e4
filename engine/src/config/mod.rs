//! resolve: from a document to a typed configuration.
//!
//! Nodes first, then resources in document order (each needs to know the nodes so far), then what
//! links them. A [`definition`] is read once per element; resources are made
//! from definitions, one per instance. Which nvpair set wins is decided in [`blocks`], what the
//! winning texts mean in [`meta`] and [`options`].
//!
//! Later passes ask here too: [`operation::find`] and [`operation_meta()`] for operations,
//! [`Evaluation::parameters`] for instance attributes on a node, [`removed`] and [`add_instance`]
//! for resources that only history knows.

mod blocks;
mod bundle;
mod clone;
mod definition;
mod maker;
mod meta;
mod nodes;
pub mod operation;
mod operation_meta;
mod options;
mod primitive;
mod resources;
mod surplus;
mod tags;
mod template;
#[cfg(test)]
mod tests;
mod topology;
mod types;
mod written;

use crate::Diagnostic;
use crate::nvset::NvSets;
use crate::parse::{Document, IdIndex, names};
use crate::time::Timestamp;
use crate::value::compare_versions;

pub use blocks::Evaluation;
pub use nodes::{NodeSets, Overwrite, add_attributes, by_name, implicit_node};
pub use operation_meta::{OperationContext, OperationMeta, is_probe, operation_meta};
pub use primitive::{AgentTraits, traits_of};
pub use surplus::{add_instance, removed};
pub use types::*;
pub use written::meta_attribute;

use resources::Resolver;

/// Why a document cannot be planned for at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The document was written for a newer version.
    #[error(
        "the CIB needs feature set {found}, which is newer than {supported}; update this program, or use a CIB of its version"
    )]
    FeatureSet {
        /// The document's `crm_feature_set`.
        found: String,
        /// The newest one understood.
        supported: &'static str,
    },
}

/// The newest `crm_feature_set` whose configurations are understood.
pub const FEATURE_SET: &str = "3.20.5";

/// Reads the configuration of a document as it stands at `now`.
///
/// # Errors
/// The document was written for a newer version. Anything else that is wrong in it is said in
/// [`Config::diagnostics`] and counts as not there.
pub fn resolve(document: &Document, now: Timestamp) -> Result<Config, ResolveError> {
    check_feature_set(document)?;
    let ids = IdIndex::new(document);
    let mut evaluation = Evaluation::new(document, now);
    report_node_rules_of_operations(document, &mut evaluation.messages);

    let mut options = options::read(document, &ids, &mut evaluation);
    let mut nodes = nodes::read_entries(document, &ids, &options, &mut evaluation);

    let section = resources_section(document);
    let guests = section
        .map(|section| nodes::discover(document, section, &mut nodes))
        .unwrap_or_default();
    let defaults = |section| {
        NvSets::read(
            document,
            &ids,
            document.only(section),
            names::META_ATTRIBUTES,
            None,
        )
    };
    let resource_defaults = defaults(names::RSC_DEFAULTS);
    let operation_defaults = defaults(names::OP_DEFAULTS);
    let mut resolver = Resolver::new(
        document,
        &ids,
        evaluation,
        &options,
        nodes,
        &resource_defaults,
    );
    if let Some(section) = section {
        resolver.add_all(section, guests);
    }
    resolver.link();
    let mut made = resolver.finish();

    options.have_fencing |= made.have_fence_device;
    if options.fencing_enabled && !options.have_fencing {
        made.messages.push(Diagnostic::error(
            section,
            "Resource start-up disabled since no fencing resources have been defined. Either \
             configure some or disable fencing with the fencing-enabled option. NOTE: Clusters \
             with shared data need fencing to ensure data integrity.",
        ));
    }
    topology::check(document, &mut made.messages);
    made.tags.read(document, &mut made.messages);
    Ok(Config {
        options,
        nodes: made.nodes.table,
        dc: made.nodes.dc,
        resources: made.resources,
        top: made.top,
        tags: made.tags,
        resource_defaults,
        operation_defaults,
        recheck_by: made.recheck_by,
        diagnostics: made.messages,
        ids,
    })
}

/// Rules about node attributes have no business where operations are described.
fn report_node_rules_of_operations(document: &Document, messages: &mut Vec<Diagnostic>) {
    let holders = [names::OP_DEFAULTS, names::OP].map(|name| {
        let mut holders = document.descendants_by(document.root(), name);
        holders.find_map(|holder| document.descendants_by(holder, names::EXPRESSION).next())
    });
    if let Some(expression) = holders.into_iter().flatten().min() {
        messages.push(Diagnostic::warning(
            expression,
            "Support for rules with node attribute expressions in op or op_defaults is deprecated \
             and will be dropped in a future release",
        ));
    }
}

/// The `resources` section, at its place in the configuration.
fn resources_section(document: &Document) -> Option<crate::parse::ElementId> {
    let configuration = document.child_by(document.root(), names::CONFIGURATION)?;
    document.child_by(configuration, names::RESOURCES)
}

fn check_feature_set(document: &Document) -> Result<(), ResolveError> {
    let found = document
        .attr_by(document.root(), names::CRM_FEATURE_SET)
        .unwrap_or_default();
    if compare_versions(found, FEATURE_SET).is_gt() {
        return Err(ResolveError::FeatureSet {
            found: found.to_owned(),
            supported: FEATURE_SET,
        });
    }
    Ok(())
}
