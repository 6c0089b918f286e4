//! What do colocations do to the placement of a resource?
//!
//! - `lists`: which colocations matter for a resource, in which order;
//! - `attribute`: whether two nodes count as the same place;
//! - `apply`: the effect on the dependent, once it is known where the primary is;
//! - `collective`: the same where the primary has many parts;
//! - `wishes`: the effect on the primary of where its dependents would like to be;
//! - `memory`: the same for whole stacks of dependents, without asking each again.

mod apply;
mod attribute;
mod collective;
mod lists;
mod memory;
mod wishes;

pub(super) use apply::{Affects, add_priorities};
pub(super) use attribute::AttributeClasses;
pub(crate) use lists::ColocationLists;
pub(super) use lists::{Link, Side};
pub(super) use memory::Memory;
pub(super) use wishes::{Selection, Wishes, wishes_allowed};
