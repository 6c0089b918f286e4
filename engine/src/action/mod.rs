//! act: which actions the placement needs.
//!
//! Actions come from histories and constraints (asked for by earlier passes), from changed
//! configurations, from probes, and from every resource's way to where it shall be. Each has a
//! number, given when it is first asked for and visible in the graph, so [`act`] shows the order in
//! which everything asks. Relations are made in between, by `relate`.
//!
//! [`Draft::request`] makes or reuses an action; `find.rs` looks actions up.

pub mod fencing;
pub mod notify;
pub mod reported;
pub mod roles;

mod assignment;
mod clear_failcount;
mod config_change;
mod create;
mod describe;
mod draft;
mod find;
mod key_text;
mod meta;
mod migration;
mod need;
mod recurring;
mod replay;
mod types;

pub use meta::{ActionMeta, MetaLayer};
pub use need::Need;
pub use types::*;

use crate::World;
use crate::assign::Placement;
use crate::relate;

/// Graph priority of what completes a collective's action: finished even in an aborted transition.
pub(crate) const TOP_PRIORITY: i32 = 1_000_000;

/// Makes all actions that a placement needs, with what is to be in which order.
#[must_use]
pub fn act(world: World<'_>, placement: &Placement) -> Draft {
    let mut draft = Draft::new(world, placement);

    // As observed: nothing is assigned yet.
    replay::status(world, &mut draft);
    replay::constraints(world, &mut draft);
    relate::locks::erase_void(world, &mut draft);
    relate::internal(world, placement, &mut draft);
    let changes = config_change::check(world, &mut draft);

    // As assigned.
    assignment::adopt(world, &mut draft, placement);
    changes.deferred(&mut draft);
    relate::probe::schedule(world, placement, &mut draft);
    clear_failcount::of_removed(world, &mut draft, &placement.top);
    for resource in &placement.top {
        create::actions_of(world, &mut draft, *resource);
    }

    // Nodes last: what was found on the way may ask for their fencing.
    relate::remote::order(world, &mut draft);
    relate::fencing::schedule(world, placement, &mut draft);
    draft
}

#[cfg(test)]
mod tests;
