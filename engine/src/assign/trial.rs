//! How is a trial placement undone?
//!
//! Assigning a resource changes its scores, and those of what is below it. A trial keeps copies of
//! just these tables; what else it did (load and capacity of nodes) goes back with
//! [`Assigner::unassign`], and resources that were assigned on the way for good stay so.

use super::scratch::Assigner;
use crate::id::ResourceId;
use crate::score::{Cause, ScoreTable};

/// Score tables of a resource and of all below it.
pub(super) struct SavedTables(Vec<(ResourceId, ScoreTable, u32)>);

impl Assigner<'_> {
    pub(super) fn save_tables(&self, resource: ResourceId) -> SavedTables {
        let mut saved = Vec::new();
        self.collect_tables(resource, &mut saved);
        SavedTables(saved)
    }

    fn collect_tables(&self, resource: ResourceId, saved: &mut Vec<(ResourceId, ScoreTable, u32)>) {
        let scratch = &self.resources[resource];
        // Saved and restored: copied twice.
        saved.push((resource, scratch.table.clone(), scratch.copies + 2));
        for &child in &scratch.children {
            self.collect_tables(child, saved);
        }
    }

    pub(super) fn restore_tables(&mut self, saved: &SavedTables) {
        for (resource, table, copies) in &saved.0 {
            let scratch = &mut self.resources[*resource];
            scratch.copies = *copies;
            self.ledger
                .replace(*resource, &mut scratch.table, table.clone(), Cause::Undone);
        }
    }
}
