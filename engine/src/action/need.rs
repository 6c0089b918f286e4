//! Why was an action asked for, before orderings had a say?
//!
//! Whoever asks for an action that has to happen says why; the first one counts. What orderings
//! add is in the verdicts of `settle`.

use super::Draft;
use crate::id::ActionId;

/// Why an action was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It takes the resource to the role that it is to have.
    Role,
    /// The resource is to be on another node.
    Moves,
    /// The resource has failed.
    Failed,
    /// The resource is blocked; what it is now would not be left to it otherwise.
    Blocked,
    /// The resource is active in several places.
    MultiplyActive,
    /// A migration that was under way cannot go on.
    MigrationLost,
    /// It has to start again where it is.
    Restarts,
    /// No node was found for the resource.
    NoNode,
    /// None of the instances that it is ordered after is there to run with.
    NoPeer,
    /// A migration that was interrupted left something behind.
    Dangling,
    /// A history asks for it (see `State::notes`).
    History,
    /// The configuration of the operation changed since it was done.
    DefinitionChanged,
    /// The resource is of another agent than before.
    AgentChanged,
    /// What the history is about is not what is configured.
    HistoryVoid,
    /// Nobody knows whether the resource is active there.
    Probe,
    /// The resource is to be watched there.
    Monitor,
    /// A monitor that is not configured any more.
    MonitorRemoved,
    /// A monitor that is for another role, or not wanted in maintenance.
    MonitorUnwanted,
    /// Failures of a resource that was removed, or whose parameters changed, count no more.
    FailuresVoid,
    /// A shutdown lock of what is active all the same.
    LockVoid,
    /// The node leaves.
    NodeLeaves,
    /// The node needs fencing, or unfencing.
    Fencing,
}

impl Draft {
    /// Says why an action has to happen, unless it does not, or this has been said. What changed is
    /// no matter any more once the resource moves.
    pub(crate) fn needs(&mut self, id: ActionId, need: Need) {
        let action = &mut self.actions[id];
        let said = match (action.need, need) {
            (Some(Need::DefinitionChanged), Need::Moves) => None,
            (said, _) => said,
        };
        if !action.optional {
            action.need = said.or(Some(need));
        }
    }
}
