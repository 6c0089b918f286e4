//! assign: where shall everything run, and in which role?
//!
//! First every resource gets its scores by itself (`prepare`: locks, `location`s,
//! `stickiness`, failure `threshold`s). Then resources are assigned one after another
//! (`resource_order`): connections to remote nodes first, as they decide which nodes there will
//! be. A resource waits for those it is to be with, and listens to those that are to be with it
//! (`colocation`); then it takes the best node (`node_order`, `utilization`).
//!
//! Each kind of resource has its file: `primitive`, `group`, `clone` and `bundle` (whose
//! parts are `instances`, and may be `promotable`).
//!
//! What is under way is in `scratch` and private to this pass. Instances are assigned on trial
//! (`trial`). Every score change goes through the `crate::score::Ledger`.
//!
//! Some of Pacemaker's results depend on how its lists are sorted and iterated: `hash_order` and
//! the crate's `merge_sort` do the same.

mod bundle;
mod clone;
mod colocation;
mod group;
mod hash_order;
mod instances;
mod location;
mod lock;
mod node_order;
mod nodes;
mod prepare;
mod primitive;
mod promotable;
mod report;
mod resource_order;
mod scratch;
mod stickiness;
#[cfg(test)]
mod tests;
mod threshold;
mod trial;
mod types;
mod utilization;

pub use node_order::Loads;
pub use report::Report;
pub use types::*;
pub use utilization::Shortage;

use crate::World;
use crate::score::Ledger;
use scratch::{Assigner, Attempt};

/// Assigns every resource to a node, or to none.
#[must_use]
pub fn assign(world: World<'_>) -> Placement {
    assign_into(world, Ledger::default())
}

/// As [`assign`], with score changes written down in `ledger` if that is one that records.
#[must_use]
pub fn assign_into(world: World<'_>, ledger: Ledger) -> Placement {
    let mut assigner = Assigner::new(world, ledger);
    assigner.prepare();
    assigner.remember_insertions();
    assigner.sort_resources();
    assigner.show_capacities("Original");
    let is_connection = |resource| world.state.resources[resource].remote_connection;
    for resource in assigner.top.clone() {
        if is_connection(resource) {
            let target = world.state.resource[resource]
                .partial_migration
                .map(|(_, target)| target);
            assigner.assign(resource, target, Attempt::Final);
        }
    }
    for resource in assigner.top.clone() {
        if !is_connection(resource) {
            assigner.assign(resource, None, Attempt::Final);
        }
    }
    assigner.show_capacities("Remaining");
    assigner.finish()
}
