//! Where do the members of a group go?

use super::report::Source;
use super::scratch::{Assigner, Attempt};
use crate::config::Group;
use crate::id::{NodeId, ResourceId};

impl Assigner<'_> {
    /// Assigns members in order; that they follow each other is a matter of their colocations.
    pub(super) fn assign_group(
        &mut self,
        group: ResourceId,
        settings: &Group,
        prefer: Option<NodeId>,
        attempt: Attempt,
    ) -> Option<NodeId> {
        let members = &self.config(group).children;
        let scratch = &mut self.resources[group];
        if !scratch.unassigned || scratch.assigning {
            return None;
        }
        let Some(&first) = members.first() else {
            scratch.unassigned = false;
            return None;
        };
        scratch.assigning = true;
        self.guarded += 1;
        self.resources[group].role = self.resources[first].role;
        self.show_scores(Source::Group, group);

        let mut node = None;
        for &member in members {
            let assigned = self.assign(member, prefer, attempt);
            node = node.or(assigned);
        }

        self.resources[group].next_role = self.resources[first].next_role;
        self.guarded -= 1;
        let scratch = &mut self.resources[group];
        scratch.assigning = false;
        scratch.unassigned = false;
        node.filter(|_| settings.colocated)
    }
}
