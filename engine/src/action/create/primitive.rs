//! Actions of a primitive: does it have to stop, can it migrate, which steps bring it where it
//! shall be?

use super::role_change::RoleChange;
use crate::action::{Draft, Need, Task, migration, recurring};
use crate::config::{MultipleActive, Requires, Role};
use crate::id::{NodeId, ResourceId};
use crate::state::{self, State};
use crate::{Diagnostic, World};

fn report_multiply_active(
    world: World<'_>,
    draft: &mut Draft,
    primitive: ResourceId,
    policy: MultipleActive,
) {
    let resource = &world.state.resources[primitive];
    let response = match policy {
        MultipleActive::StopStart => "attempting recovery",
        MultipleActive::StopOnly => "shutting it down",
        MultipleActive::Block => "waiting for an administrator",
        MultipleActive::StopUnexpected => "stopping unexpected instances",
    };
    let message = format!(
        "{} resource {} might be active on {} nodes ({response})",
        resource.agent().map_or("Untyped", |agent| &agent.class),
        resource.id,
        world.state.resource[primitive].active_on.len()
    );
    draft
        .diagnostics
        .push(Diagnostic::error(resource.element, message).event());
}

pub(super) fn create(world: World<'_>, draft: &mut Draft, primitive: ResourceId) {
    set_default_next_role(draft, primitive);
    let current = draft.current_node(world.state, primitive);
    let active_on = &world.state.resource[primitive].active_on;
    migration::stop_dangling(world, draft, primitive);

    let assigned = draft.resource[primitive].node;
    let moves = current.is_some()
        && assigned.is_some()
        && current != assigned
        && draft.resource[primitive].next_role >= Role::Started;
    let mut migrates = moves && migration::possible(draft, primitive, current);
    let mut stops = moves;
    let mut need = Need::Moves;

    let mut multiply_active = false;
    match draft.resource[primitive].partial_migration {
        Some((source, target))
            if migrates
                && active_on.len() == 2
                && current == Some(source)
                && assigned == Some(target) => {}
        Some(_) => {
            // The other end is not available any more, or the resource is active elsewhere, too.
            draft.resource[primitive].partial_migration = None;
            stops = true;
            migrates = false;
            need = Need::MigrationLost;
        }
        // What is on a node to be fenced counts only for resources that wait for the fencing.
        None if world.state.resource[primitive].requires >= Requires::Fencing => {
            multiply_active = active_on.len() > 1
        }
        None => {
            let clean = active_on.iter().filter(|node| draft.is_clean(**node));
            multiply_active = clean.count() > 1;
        }
    }
    let policy = world.state.resources[primitive].meta.multiple_active;
    if multiply_active {
        report_multiply_active(world, draft, primitive, policy);
    }
    draft.resource[primitive].stop_unexpected =
        multiply_active && policy == MultipleActive::StopUnexpected;
    let spread = matches!(
        policy,
        MultipleActive::StopStart | MultipleActive::StopUnexpected
    );
    if multiply_active && spread {
        stops = true;
        need = Need::MultiplyActive;
    }

    if draft.resource[primitive].start_pending {
        let start = draft.operation(world, primitive, Task::Start, assigned, true);
        draft.actions[start].always_in_graph = true;
    }
    let mut promotes = false;
    if !moves {
        (stops, promotes, need) = recovery(world, draft, primitive, current, (stops, need));
    }

    RoleChange {
        world,
        primitive,
        restarting: true,
        need,
    }
    .restart(draft, stops, promotes);
    RoleChange {
        world,
        primitive,
        restarting: false,
        need: Need::Role,
    }
    .transition(draft);
    recurring::create(world, draft, primitive);
    if let Some(source) = current.filter(|_| migrates) {
        migration::create(world, draft, primitive, source);
    }
}

fn set_default_next_role(draft: &mut Draft, primitive: ResourceId) {
    let drafted = &mut draft.resource[primitive];
    if drafted.next_role == Role::Unknown {
        drafted.next_role = if drafted.node.is_some() {
            Role::Started
        } else {
            Role::Stopped
        };
    }
}

/// Whether a resource that stays where it is has to stop or to be promoted again.
fn recovery(
    world: World<'_>,
    draft: &mut Draft,
    primitive: ResourceId,
    current: Option<NodeId>,
    (mut stops, mut need): (bool, Need),
) -> (bool, bool, Need) {
    let drafted = &draft.resource[primitive];
    let mut promotes = false;
    if drafted.failed {
        if drafted.stop_if_failed {
            stops = true;
        } else {
            // A demotion is enough.
            promotes = drafted.next_role == Role::Promoted;
        }
        need = Need::Failed;
    } else if drafted.blocked {
        stops = true;
        need = Need::Blocked;
    } else if drafted.role > Role::Started && current.is_some() && drafted.node.is_some() {
        let start = draft.operation(world, primitive, Task::Start, drafted.node, true);
        if !stops && !draft.actions[start].optional {
            (stops, need) = (true, Need::Restarts);
        }
    }
    (stops, promotes, need)
}

impl Draft {
    /// The node where a resource is now; of several, the one that counts.
    #[must_use]
    pub fn current_node(&self, state: &State, resource: ResourceId) -> Option<NodeId> {
        let observed = &state.resource[resource];
        let migration = self.resource[resource].partial_migration;
        let is_clean = |node| self.is_clean(node);
        state::main_node(&observed.active_on, migration, observed.requires, is_clean)
    }

    /// Whether a node is online and needs no fencing.
    #[must_use]
    pub fn is_clean(&self, node: NodeId) -> bool {
        self.node[node].online && !self.node[node].unclean
    }
}
