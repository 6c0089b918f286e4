//! Where do the instances of a clone go?

use super::colocation::Side;
use super::report::Source;
use super::scratch::{Assigner, Attempt};
use crate::config::Clone_;
use crate::id::{NodeId, ResourceId};

impl Assigner<'_> {
    /// Assigns a clone's instances and, if it is promotable, chooses their roles.
    ///
    /// Colocations with other resources are applied by the instances, whose lists contain them;
    /// here it is only made sure that it is known where those resources are. Wishes of dependents
    /// change the clone's own scores: where instances may be at all.
    pub(super) fn assign_clone(
        &mut self,
        clone: ResourceId,
        settings: &Clone_,
        prefer: Option<NodeId>,
        attempt: Attempt,
    ) {
        let scratch = &mut self.resources[clone];
        if !scratch.unassigned || scratch.assigning {
            return;
        }
        scratch.assigning = true;
        // In a bundle, assigning replicas takes the mark away.
        let guarded = u32::from(self.config(clone).parent.is_none());
        self.guarded += guarded;
        let promotable = self.config(clone).promotable;
        if promotable {
            self.add_promotion_scores(clone);
        }
        for index in self.colocations_of(clone, Side::ThisWith) {
            self.assign(self.lists.link(index).primary, prefer, attempt);
        }
        for index in self.colocations_of(clone, Side::WithThis) {
            self.add_dependent_wishes(clone, index);
        }
        self.show_scores(Source::Clone, clone);

        let mut instances = self.resources[clone].children.clone();
        self.sort_instances(&mut instances);
        self.resources[clone].children.clone_from(&instances);
        self.assign_instances(clone, &instances, settings.max, settings.node_max);
        if promotable {
            self.choose_roles(clone);
        }
        self.guarded -= guarded;
        let scratch = &mut self.resources[clone];
        scratch.assigning = false;
        scratch.unassigned = false;
    }
}
