//! How much does a resource want to stay where it is?

use super::scratch::Assigner;
use crate::id::ResourceId;
use crate::score::Cause;
use crate::value::Score;

impl Assigner<'_> {
    /// Adds every resource's stickiness to its current node.
    pub(super) fn apply_stickiness(&mut self) {
        for position in 0..self.top.len() {
            self.stick(self.top[position]);
        }
    }

    /// Members of collectives stick by themselves. In an opt-in cluster nothing sticks to a node
    /// that is not opted into.
    fn stick(&mut self, resource: ResourceId) {
        let children = self.resources[resource].children.len();
        for position in 0..children {
            self.stick(self.resources[resource].children[position]);
        }
        let scratch = &self.resources[resource];
        let stickiness = self.config(resource).meta.stickiness;
        let [node] = self.active_on(resource)[..] else {
            return;
        };
        if children == 0
            && scratch.managed
            && stickiness >= 1
            && (self.world.config.options.symmetric || scratch.table.get(node).is_some())
        {
            self.add_score(resource, node, Score::from(stickiness), Cause::Stickiness);
        }
    }
}
