//! With which parameters has a resource to be stopped?
//!
//! With those that it runs with, not with those of today: an address that was configured anew is
//! still to be taken down as the old one. As Pacemaker's controller does, the executor keeps the
//! parameters of the latest operation that tells what runs, as long as it lives itself.

use std::collections::BTreeMap;

use crate::agent::Operation;

/// After these it is known what a resource runs with.
const TELLING: [&str; 5] = ["start", "monitor", "reload", "reload-agent", "migrate_from"];

/// Parameters of resources as they run; none of the cluster's own (`CRM_meta_*`).
#[derive(Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, Vec<(String, String)>>);

impl Parameters {
    /// An operation ended, in whatever way: also half a start has to be stopped.
    pub(super) fn note(&mut self, operation: &Operation) {
        if !TELLING.contains(&operation.task.as_str()) {
            return;
        }
        let own = operation.parameters.iter().filter(|(name, _)| is_own(name));
        self.0
            .insert(operation.resource.clone(), own.cloned().collect());
    }

    /// Has an operation that stops a resource stop what runs.
    pub(super) fn put_into(&self, operation: &mut Operation) {
        if operation.task != "stop" {
            return;
        }
        if let Some(known) = self.0.get(&operation.resource) {
            operation.parameters.retain(|(name, _)| !is_own(name));
            operation.parameters.extend(known.iter().cloned());
        }
    }

    /// The resource is not known any more.
    pub(super) fn forget(&mut self, resource: &str) {
        self.0.remove(resource);
    }
}

/// Whether a parameter is the resource's own, and not what the cluster says about the operation.
fn is_own(name: &str) -> bool {
    !name.starts_with("CRM_meta_") && name != "crm_feature_set"
}
