//! Which template does a name mean?

use std::collections::BTreeMap;

use crate::parse::{Document, ElementId, names};

/// Resource templates by id; the first of several with one id counts.
#[derive(Debug, Default)]
pub(super) struct Templates {
    by_id: BTreeMap<String, ElementId>,
}

impl Templates {
    pub(super) fn new(document: &Document, resources: ElementId) -> Self {
        let mut by_id = BTreeMap::new();
        for template in document.children_by(resources, names::TEMPLATE) {
            if let Some(id) = document.id(template) {
                by_id.entry(id.to_owned()).or_insert(template);
            }
        }
        Self { by_id }
    }

    pub(super) fn find(&self, id: &str) -> Option<ElementId> {
        self.by_id.get(id).copied()
    }
}
