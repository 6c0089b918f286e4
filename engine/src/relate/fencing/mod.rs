//! Which nodes are fenced or shut down, and in which order?
//!
//! Marking a node, and asking for its fencing, is `action::fencing`'s; here the marks become
//! actions that are carried out. [`implied`] says what a fencing means for other actions, [`guest`]
//! what stands for fencing a guest.

mod guest;
mod implied;

use crate::action::{self, Draft, DraftedNode, Reason};
use crate::assign::Placement;
use crate::config::NodeKind;
use crate::id::{ActionId, NodeId};
use crate::relate::{Cause, Effects, link, shutdown, topology};
use crate::{Diagnostic, World};
use implied::Affected;

/// Fences every unclean node that can be fenced, in name order, and shuts down those that asked
/// for it.
pub fn schedule(world: World<'_>, placement: &Placement, draft: &mut Draft) {
    // Mostly nobody goes, and what the fencing of a node would mean need not be looked for.
    let goes = |node: &DraftedNode| node.unclean || node.remote_reset || node.shutdown;
    if !draft.node.iter().any(goes) {
        return;
    }
    let any_managed = draft.resource.iter().any(|resource| resource.managed);
    let affected = Affected::new(world, placement, draft);
    let stops = shutdown::StopsByNode::new(world, draft);
    let mut scheduler = Scheduler {
        world,
        draft,
        affected,
        stops,
        last: Last::default(),
        integrity_lost: false,
    };
    for &node in &world.state.nodes_by_name {
        let fenceable = any_managed && action::fencing::possible(world, scheduler.draft, node);
        if topology::guest_launcher(world.state, node).is_some() {
            if fenceable && scheduler.draft.node[node].remote_reset {
                guest::fence(world, scheduler.draft, &scheduler.affected, node);
            }
        } else {
            scheduler.node(node, fenceable);
        }
    }
    scheduler.designated_controller_last();
    if scheduler.integrity_lost && !world.config.options.fencing_enabled {
        let message = "Resource functionality and data integrity cannot be guaranteed (configure, \
                       enable, and test fencing to correct this)";
        draft.diagnostics.push(Diagnostic::warning(None, message));
    }
}

struct Scheduler<'a, 'd> {
    world: World<'a>,
    draft: &'d mut Draft,
    affected: Affected,
    stops: shutdown::StopsByNode,
    last: Last,
    /// Some node is unclean and cannot be fenced.
    integrity_lost: bool,
}

/// What the designated controller's own end has to wait for.
#[derive(Default)]
struct Last {
    /// Fencing or shutdown of the designated controller.
    controller: Option<(ActionId, Down)>,
    /// Of all other nodes, oldest first.
    fencings: Vec<ActionId>,
    shutdowns: Vec<ActionId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Down {
    Fenced,
    ShutDown,
}

const CAUSE: Cause = Cause::Rule("nodes go down in turn, the designated controller last");

impl Scheduler<'_, '_> {
    fn node(&mut self, node: NodeId, fenceable: bool) {
        let is_controller = self.world.state.dc == Some(node);
        let drafted = &self.draft.node[node];
        let cluster = self.world.state.nodes[node].kind == NodeKind::Cluster;
        if drafted.unclean && fenceable {
            let fencing = self.fence(node);
            if is_controller {
                self.last.controller = Some((fencing, Down::Fenced));
            } else {
                self.after_previous(fencing);
                self.last.fencings.push(fencing);
            }
            return;
        }
        if drafted.unclean {
            self.warn_unfenced(node);
        }
        if cluster && self.draft.node[node].online && self.draft.node[node].shutdown {
            let down = shutdown::request(self.world, self.draft, &self.stops, node);
            if is_controller {
                self.last.controller = Some((down, Down::ShutDown));
            } else {
                self.last.shutdowns.push(down);
            }
        }
    }

    fn fence(&mut self, node: NodeId) -> ActionId {
        let reason = Some(Reason::Text("node is unclean".into()));
        let fencing = action::fencing::request(self.world, self.draft, node, None, false, reason);
        self.affected.order(self.world, self.draft, fencing, node);
        fencing
    }

    fn after_previous(&mut self, fencing: ActionId) {
        if !self.world.config.options.concurrent_fencing
            && let Some(&previous) = self.last.fencings.last()
        {
            link(self.draft, previous, fencing, Effects::ORDERED, CAUSE);
        }
    }

    /// The designated controller goes last, to avoid an election for every node that goes. Other
    /// nodes' shutdowns do not hold up its fencing, though: that may have to come before stops
    /// which come before the shutdowns.
    fn designated_controller_last(&mut self) {
        let Some((controller, down)) = self.last.controller else {
            return;
        };
        if down == Down::ShutDown {
            for &other in self.last.shutdowns.iter().rev() {
                link(self.draft, other, controller, Effects::ORDERED, CAUSE);
            }
        }
        let concurrent = self.world.config.options.concurrent_fencing;
        let wait_for = if concurrent { usize::MAX } else { 1 };
        for &other in self.last.fencings.iter().rev().take(wait_for) {
            link(self.draft, other, controller, Effects::ORDERED, CAUSE);
        }
    }

    fn warn_unfenced(&mut self, node: NodeId) {
        self.integrity_lost = true;
        let described = &self.world.state.nodes[node];
        self.draft.diagnostics.push(Diagnostic::warning(
            described.element,
            format!("Node {} is unclean but cannot be fenced", described.name),
        ));
    }
}
