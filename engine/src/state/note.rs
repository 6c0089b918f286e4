//! Why is a resource as it was found? What histories did to resources, kept for explanations.
//!
//! Only what is out of the ordinary leaves a note (a ban, a failure that something has to be done
//! about), so that a healthy cluster has none.

use super::builder::Builder;
use crate::action::OnFail;
use crate::id::{NodeId, ResourceId};
use crate::parse::ElementId;

/// Something that reading the status did to a resource, with all in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which resource.
    pub resource: ResourceId,
    /// The node whose history it comes from.
    pub node: NodeId,
    /// What was done.
    pub effect: Effect,
    /// The history entry that it was done for, if a single one decided.
    pub element: Option<ElementId>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The node was forbidden.
    Banned,
    /// Every node was forbidden.
    BannedEverywhere,
    /// Failures there ask for this.
    Reaction(OnFail),
    /// A failure there does not count (`on-fail=ignore`).
    Ignored,
    /// A stop cannot succeed on a node that cannot be fenced: nothing more may be done.
    StopImpossible,
    /// The resource is active in several places, and so left as it is or stopped for good.
    MultiplyActive,
    /// It went to another node and did not arrive.
    LostInMigration,
    /// The executor of the (remote) node could not be reached.
    ConnectionLost,
}

impl Builder<'_> {
    pub(super) fn note(
        &mut self,
        resource: ResourceId,
        node: NodeId,
        effect: Effect,
        element: Option<ElementId>,
    ) {
        self.state.notes.push(Note {
            resource,
            node,
            effect,
            element,
        });
    }
}
