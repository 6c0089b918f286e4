//! In which order do actions come out, and what does each of them wait for?

use std::ops::Range;
use std::sync::Arc;

use super::prune::{is_carried_out, uses_input};
use crate::action::{Draft, Task, reported};
use crate::assign::Placement;
use crate::config::{NoQuorumPolicy, NodeKind, Variant};
use crate::id::{ActionId, Id, ResourceId, Table};
use crate::relate::Effects;
use crate::settle::{GivenUp, Scratch, Settled, Verdict};
use crate::{Diagnostic, World};

/// What is carried out, and what was decided about everything else.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Every action with its final verdicts.
    pub draft: Draft,
    /// Actions that are carried out, in output order: a position is a synapse id.
    pub synapses: Vec<ActionId>,
    /// What actions wait for or were ordered after.
    pub inputs: Inputs,
    /// By action: its synapse, if it is carried out.
    pub synapse_of: Vec<Option<u32>>,
    /// Why verdicts are what they are.
    pub verdicts: Vec<Verdict>,
    /// Instances that turned out to have nobody to run with.
    pub given_up: Vec<GivenUp>,
}

/// Something that an action was ordered after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// What comes first.
    pub first: ActionId,
    /// Everything that orderings between the two mean; empty if disabled.
    pub effects: Effects,
    /// The action really waits for it.
    pub waits: bool,
}

/// Inputs by action, in ascending order of what comes first, one entry each.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Those of an action are next to each other.
    all: Vec<Input>,
    /// By action: where in `all`, if they have been collected.
    of: Table<ActionId, Option<Span>>,
}

/// From where to where.
type Span = (u32, u32);

impl Inputs {
    /// None yet, with room for so many.
    fn with_capacity(inputs: usize) -> Inputs {
        Inputs {
            all: Vec::with_capacity(inputs),
            of: Table::new(),
        }
    }

    /// Of this action.
    #[must_use]
    pub fn of(&self, action: ActionId) -> &[Input] {
        &self.all[self.places(action)]
    }

    fn of_mut(&mut self, action: ActionId) -> &mut [Input] {
        let places = self.places(action);
        &mut self.all[places]
    }

    fn places(&self, action: ActionId) -> Range<usize> {
        let (from, to) = self.of.get(action).copied().flatten().unwrap_or_default();
        from as usize..to as usize
    }

    /// Collects what comes before an action, unless that has been done: several orderings with the
    /// same action become one that means all of them.
    fn collect(&mut self, draft: &Draft, action: ActionId) {
        if self.of[action].is_some() {
            return;
        }
        let from = self.all.len();
        let links = draft.links.before(action).map(|link| &draft.links[link]);
        self.all.extend(links.map(|link| Input {
            first: link.first,
            effects: link.effects,
            waits: false,
        }));
        self.all[from..].sort_by_key(|input| input.first);
        let mut to = from;
        for next in from..self.all.len() {
            let input = self.all[next];
            if to > from && self.all[to - 1].first == input.first {
                self.all[to - 1].effects |= input.effects;
            } else {
                self.all[to] = input;
                to += 1;
            }
        }
        self.all.truncate(to);
        let place = |at| u32::try_from(at).expect("fewer than 2^32 links");
        self.of[action] = Some((place(from), place(to)));
    }
}

/// Decides what is carried out.
#[must_use]
pub fn build(world: World<'_>, placement: &Placement, mut settled: Settled) -> Transition {
    reported::look(world, &mut settled.draft);
    let inputs = Inputs::with_capacity(settled.draft.links.len());
    let mut emitter = Emitter {
        world,
        placement,
        transition: Transition {
            draft: settled.draft,
            synapses: Vec::new(),
            inputs,
            synapse_of: Vec::new(),
            verdicts: settled.verdicts,
            given_up: settled.given_up,
        },
        scratch: Scratch::default(),
    };
    for &resource in &placement.top {
        emitter.emit_resource(resource);
    }
    emitter.announce_maintenance();
    let count = emitter.transition.draft.actions.len();
    for index in (0..count).rev() {
        let action = ActionId::from_index(index);
        emitter.report_if_in_the_way(action);
        emitter.emit(action);
    }
    emitter.transition
}

struct Emitter<'a> {
    world: World<'a>,
    placement: &'a Placement,
    transition: Transition,
    scratch: Scratch,
}

impl Emitter<'_> {
    /// Says which stop that cannot be done keeps a node from going down.
    fn report_if_in_the_way(&mut self, action: ActionId) {
        let draft = &self.transition.draft;
        let stop = &draft.actions[action];
        let (Some(resource), Some(node)) = (stop.resource, stop.node) else {
            return;
        };
        let options = &self.world.config.options;
        let acts = options.quorate || options.no_quorum_policy == NoQuorumPolicy::Ignore;
        let in_the_way = stop.task == Task::Stop
            && !stop.optional
            && !stop.runnable
            && draft.node[node].shutdown
            && !self.world.state.resource[resource].maintenance;
        if !in_the_way || !acts {
            return;
        }
        let drafted = &draft.resource[resource];
        let configured = &self.world.state.resources[resource];
        let message = format!(
            "Cannot {} {} because of {}:{}{} ({})",
            if draft.node[node].unclean {
                "fence"
            } else {
                "shut down"
            },
            self.world.state.nodes[node].name,
            configured.id,
            if drafted.managed {
                " blocked"
            } else {
                " unmanaged"
            },
            if drafted.failed { " failed" } else { "" },
            stop.key.text(self.world)
        );
        let message = Diagnostic::error(configured.element, message).event();
        self.transition.draft.diagnostics.push(message);
    }

    fn emit_resource(&mut self, resource: ResourceId) {
        match &self.world.state.resources[resource].variant {
            Variant::Primitive(_) | Variant::Group(_) => {
                self.emit_own(resource);
                self.emit_children(resource);
            }
            Variant::Clone(_) => {
                self.notify(resource);
                self.emit_children(resource);
                self.emit_own(resource);
            }
            Variant::Bundle(bundle) => {
                if let Some(clone) = bundle.child {
                    self.emit_resource(clone);
                }
                for replica in &bundle.replicas {
                    let parts = [replica.ip, Some(replica.container), replica.connection];
                    for part in parts.into_iter().flatten() {
                        self.emit_resource(part);
                    }
                }
            }
        }
    }

    fn emit_own(&mut self, resource: ResourceId) {
        for position in (0..self.transition.draft.of(resource).len()).rev() {
            self.emit(self.transition.draft.of(resource)[position]);
        }
    }

    fn emit_children(&mut self, resource: ResourceId) {
        let children = Arc::clone(&self.transition.draft.resource[resource].children);
        for &child in children.iter() {
            self.emit_resource(child);
        }
    }

    /// Only now is it known which instances are started, stopped, promoted or demoted, and so who
    /// has to be told.
    fn notify(&mut self, clone: ResourceId) {
        crate::settle::write_back_sides(
            self.world,
            self.placement,
            &mut self.transition.draft,
            clone,
            &mut self.scratch,
        );
        crate::action::notify::schedule(self.world, &mut self.transition.draft, clone);
    }

    /// Remote nodes whose maintenance mode changed are told to whoever keeps their state.
    fn announce_maintenance(&mut self) {
        if maintenance_changes(self.world).next().is_some() {
            let draft = &mut self.transition.draft;
            let action = draft.helper(self.world, Task::MaintenanceNodes.name());
            draft.actions[action].always_in_graph = true;
        }
    }

    fn emit(&mut self, id: ActionId) {
        let index = id.index();
        let transition = &mut self.transition;
        let count = transition.draft.actions.len();
        if transition.synapse_of.len() < count {
            transition.inputs.of.resize(count, None);
            transition.synapse_of.resize(count, None);
        }
        transition.inputs.collect(&transition.draft, id);
        if transition.synapse_of[index].is_some()
            || !is_carried_out(self.world, &transition.draft, id)
        {
            return;
        }
        let position = u32::try_from(transition.synapses.len()).expect("fewer than 2^32 actions");
        transition.synapse_of[index] = Some(position);
        transition.synapses.push(id);
        for input in transition.inputs.of_mut(id) {
            let used = uses_input(
                self.world,
                &transition.draft,
                id,
                input.first,
                input.effects,
            );
            if let Some(effects) = used.disable {
                input.effects = effects;
            }
            input.waits = used.used;
        }
    }
}

/// Remote and guest nodes whose maintenance mode is not what their state says, in name order.
pub(super) fn maintenance_changes(
    world: World<'_>,
) -> impl Iterator<Item = (crate::id::NodeId, bool)> {
    let state = world.state;
    state.nodes_by_name.iter().filter_map(move |&node| {
        let now = &state.node[node];
        (state.nodes[node].kind != NodeKind::Cluster && now.maintenance != now.remote_maintenance)
            .then_some((node, now.maintenance))
    })
}
