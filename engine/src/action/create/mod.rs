//! The actions of every resource: from where it is and what it does to where it shall be and what
//! it shall do.

mod bundle;
mod clone;
mod group;
mod primitive;
mod role_change;

use super::Draft;
use crate::World;
use crate::config::Variant;
use crate::id::ResourceId;

/// Makes all actions of a resource and of what it contains. Order of creation is order of
/// numbers, so it is part of the result.
pub(super) fn actions_of(world: World<'_>, draft: &mut Draft, resource: ResourceId) {
    match &world.state.resources[resource].variant {
        Variant::Primitive(_) => primitive::create(world, draft, resource),
        Variant::Group(_) => group::create(world, draft, resource),
        Variant::Clone(settings) => clone::create(world, draft, resource, settings.promotable),
        Variant::Bundle(bundle) => bundle::create(world, draft, resource, bundle),
    }
}
