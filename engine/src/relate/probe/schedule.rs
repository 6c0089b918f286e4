//! Which resources are probed on which nodes?

use std::ops::Range;
use std::sync::Arc;

use crate::World;
use crate::action::{Draft, Key, MetaLayer, Need, Reason, Task, fencing};
use crate::assign::Placement;
use crate::config::{Bundle, Replica, Role, Variant};
use crate::id::{ActionId, Id, NodeId, ResourceId, Table};
use crate::relate::{Effects, End, Ordering, order, remote, repeat, topology};
use crate::score::ProbeMode;
use crate::state::State;

/// Asks for all probes that are needed, node by node, and orders starts and reloads after them.
/// A remote node whose connection is lost for good is fenced instead.
pub fn schedule(world: World<'_>, placement: &Placement, draft: &mut Draft) {
    if !world.config.options.probe_resources {
        return;
    }
    let clones = world.state.resources.ids().map(|_| None).collect();
    let expect = |code| Arc::new(MetaLayer::from_iter([("op_target_rc", code)]));
    let mut prober = Prober {
        world,
        placement,
        draft,
        clones,
        reach: None,
        not_running: expect("7"),
        promoted: expect("8"),
        alone: Table::filled(0..0, world.state.resources.len()),
    };
    for &node in &world.state.nodes_by_name {
        prober.node(node);
    }
}

struct Prober<'a, 'd> {
    world: World<'a>,
    placement: &'a Placement,
    draft: &'d mut Draft,
    /// What is known of anonymous clones, filled when one is first met.
    clones: Table<ResourceId, Option<Candidates>>,
    /// Filled when the first node in a bundle is met.
    reach: Option<Arc<Reach>>,
    /// The results that probes are expected to have: of what is stopped, and of what is promoted.
    not_running: Arc<MetaLayer>,
    promoted: Arc<MetaLayer>,
    /// By container: the orderings that its probes are the reason for, once one was asked for.
    alone: Table<ResourceId, Range<usize>>,
}

/// What may be looked for inside a bundle that it is no part of. There are as many nodes in bundles
/// as there are replicas, and each of them need not be asked about each bundle.
struct Reach {
    /// Where each top-level resource stands among them.
    place: Table<ResourceId, usize>,
    /// The places of those that may be looked for, ascending.
    far: Vec<usize>,
}

/// Which instance of an anonymous clone stands for it on a node: one whose state is known there,
/// else one that is to run there, else the first.
struct Candidates {
    first: ResourceId,
    known: Vec<Option<ResourceId>>,
    assigned: Vec<Option<ResourceId>>,
}

impl Candidates {
    fn on(&self, node: NodeId) -> ResourceId {
        let slot = node.index();
        self.known[slot]
            .or(self.assigned[slot])
            .unwrap_or(self.first)
    }
}

impl<'a> Prober<'a, '_> {
    fn state(&self) -> &'a State {
        self.world.state
    }

    fn node(&mut self, node: NodeId) {
        let drafted = &self.draft.node[node];
        if !drafted.online {
            if remote::is_failed(self.world, self.draft, node) {
                let reason = Reason::Text("the connection is unrecoverable".into());
                fencing::mark(self.world, self.draft, node, reason, false);
            }
            return;
        }
        if drafted.unclean || !self.state().node[node].probes_allowed {
            return;
        }
        let top = &self.placement.top;
        let Some(own) = self.bundle_around(node) else {
            self.all(top, node);
            return;
        };
        let reach = self.reach();
        let own = reach.place[own];
        let (before, after) = reach.far.split_at(reach.far.partition_point(|&p| p < own));
        let after = after.iter().filter(|&&place| place != own);
        for &place in before.iter().chain([&own]).chain(after) {
            self.resource(top[place], node);
        }
    }

    /// The bundle that has `node` inside, where nothing else is looked for unless somebody says so.
    fn bundle_around(&self, node: NodeId) -> Option<ResourceId> {
        let state = self.state();
        if state.nodes[node].probe != ProbeMode::Never {
            return None;
        }
        let launcher = topology::guest_launcher(state, node)?;
        let parent = state.resources[launcher].parent;
        parent.filter(|&id| matches!(state.resources[id].variant, Variant::Bundle(_)))
    }

    fn reach(&mut self) -> Arc<Reach> {
        if let Some(reach) = &self.reach {
            return reach.clone();
        }
        let mut reach = Reach {
            place: Table::filled(0, self.state().resources.len()),
            far: Vec::new(),
        };
        for (place, &resource) in self.placement.top.iter().enumerate() {
            reach.place[resource] = place;
            if !self.is_self_contained(resource) {
                reach.far.push(place);
            }
        }
        let reach = Arc::new(reach);
        self.reach = Some(reach.clone());
        reach
    }

    /// Whether nothing of the resource is looked for inside bundles that it is no part of.
    fn is_self_contained(&self, resource: ResourceId) -> bool {
        let state = self.state();
        let Variant::Bundle(bundle) = &state.resources[resource].variant else {
            return false;
        };
        let may_be_on_guests = |address: ResourceId| {
            let mut allowed = self.draft.resource[address].allowed.iter();
            allowed.any(|(node, entry)| {
                entry.probe != ProbeMode::Never && topology::is_remote(state, node)
            })
        };
        bundle.replicas.iter().all(|replica| {
            replica.connection.is_some() && !replica.ip.is_some_and(may_be_on_guests)
        })
    }

    fn all(&mut self, resources: &[ResourceId], node: NodeId) {
        for &resource in resources {
            self.resource(resource, node);
        }
    }

    /// True if a probe of the resource itself was asked for.
    fn resource(&mut self, resource: ResourceId, node: NodeId) -> bool {
        match &self.state().resources[resource].variant {
            Variant::Primitive(_) => return self.primitive(resource, node),
            Variant::Group(_) => {
                let members = self.draft.resource[resource].children.clone();
                self.all(&members, node);
            }
            Variant::Clone(_) => self.clone(resource, node),
            Variant::Bundle(bundle) => self.bundle(bundle, node),
        }
        false
    }

    fn clone(&mut self, clone: ResourceId, node: NodeId) {
        if self.placement.resource[clone].exclusive_probes {
            let allowed = &mut self.draft.resource[clone].allowed;
            if allowed.get(node).map(|entry| entry.probe) != Some(ProbeMode::Exclusive) {
                // Notifications list only nodes that the clone can run on.
                allowed.remove(node);
                return;
            }
        }
        if self.clones[clone].is_none() {
            self.clones[clone] = self.candidates(clone);
        }
        if self.state().resources[clone].unique {
            let instances = self.draft.resource[clone].children.clone();
            self.all(&instances, node);
        } else if let Some(candidates) = &self.clones[clone] {
            let instance = candidates.on(node);
            self.resource(instance, node);
        }
    }

    /// Sorts the clone's instances by number, for good, and sees which of them are where.
    fn candidates(&mut self, clone: ResourceId) -> Option<Candidates> {
        let resources = &self.world.state.resources;
        let instances = &mut self.draft.resource[clone].children;
        Arc::make_mut(instances).sort_by_key(|id| topology::instance_number(&resources[*id].id));
        let instances = Arc::clone(instances);
        let nodes = self.state().nodes.len();
        let mut candidates = Candidates {
            first: *instances.first()?,
            known: vec![None; nodes],
            assigned: vec![None; nodes],
        };
        for &instance in instances.iter() {
            self.known_on(instance, &mut |node| {
                candidates.known[node.index()].get_or_insert(instance);
            });
            if let Some(node) = topology::location(self.state(), self.draft, instance, false) {
                candidates.assigned[node.index()].get_or_insert(instance);
            }
        }
        Some(candidates)
    }

    /// Calls `found` with each node where a primitive in `resource` has a known state.
    fn known_on(&self, resource: ResourceId, found: &mut impl FnMut(NodeId)) {
        let children = &self.draft.resource[resource].children;
        if children.is_empty() {
            self.state().resource[resource]
                .known_on
                .iter()
                .for_each(&mut *found);
        }
        for &child in children.iter() {
            self.known_on(child, found);
        }
    }

    fn bundle(&mut self, bundle: &Bundle, node: NodeId) {
        let is_guest = topology::guest_launcher(self.state(), node).is_some();
        for replica in &bundle.replicas {
            self.content(replica, node);
            // Guests hold no guests: nothing else of such a replica is looked for there.
            if !is_guest || replica.connection.is_none() {
                self.container(bundle, replica, node);
            }
        }
    }

    fn content(&mut self, replica: &Replica, node: NodeId) {
        if let Some(address) = replica.ip {
            self.resource(address, node);
        }
        if let Some(child) = replica.child.filter(|_| replica.node == Some(node)) {
            self.resource(child, node);
        }
    }

    fn container(&mut self, bundle: &Bundle, replica: &Replica, node: NodeId) {
        let container = replica.container;
        if self.resource(container, node) && bundle.replicas_per_host == 1 {
            self.alone_on_host(bundle, container);
        }
        if let Some(connection) = replica.connection
            && self.resource(connection, node)
            && let Some(probe) = self
                .draft
                .on_node(&Key::once(connection, Task::Monitor), node)
        {
            let start = End::task(container, Task::Start);
            let effects = Effects::NESTED_REMOTE_PROBE;
            let rule = "a connection is probed when it is known where its container runs";
            let ordering = Ordering::rule(start, End::Action(probe), effects, rule);
            order(self.world, self.draft, ordering);
        }
    }

    /// Containers of other replicas may hold the same ports on a host, so none starts until it is
    /// known that no other runs. The orderings are the same for each host.
    fn alone_on_host(&mut self, bundle: &Bundle, container: ResourceId) {
        if !self.alone[container].is_empty() {
            repeat(self.draft, self.alone[container].clone());
            return;
        }
        let from = self.draft.orderings.len();
        for other in bundle.replicas.iter().map(|other| other.container) {
            if other != container {
                let effects = Effects::ORDERED | Effects::SAME_NODE;
                let rule = "one replica a host: others are looked for first";
                self.order(
                    (container, Task::Monitor),
                    (other, Task::Start),
                    effects,
                    rule,
                );
            }
        }
        self.alone[container] = from..self.draft.orderings.len();
    }

    fn primitive(&mut self, resource: ResourceId, node: NodeId) -> bool {
        if !self.suits_node(resource, node)
            || !self.wants_probe(resource, node)
            || !self.guest_stays_up(resource, node)
        {
            return false;
        }
        let probe = self.request_probe(resource, node);
        // Instances wait, like their clone, for every probe of the clone.
        let top = topology::top_below_bundle(self.state(), resource);
        let is_clone = matches!(self.state().resources[top].variant, Variant::Clone(_));
        let waiting = if is_clone { top } else { resource };
        // A probe that cannot run blocks starts, but makes nothing stop that is active.
        let inactive = self.state().resource[waiting].active_on.is_empty();
        let effects = if inactive && !self.draft.actions[probe].runnable {
            Effects::ORDERED | Effects::UNRUNNABLE_FIRST_BLOCKS
        } else {
            Effects::ORDERED
        };
        let rule = "a resource is probed before it starts or reloads";
        let reloads = self.draft.may_reload(waiting);
        let mut before = |task, effects| {
            let then = End::task(waiting, task);
            let ordering = Ordering::rule(End::Action(probe), then, effects, rule);
            order(self.world, self.draft, ordering);
        };
        before(Task::Start, effects);
        if reloads {
            before(Task::ReloadAgent, Effects::ORDERED);
        }
        true
    }

    /// Some resources cannot be on a remote or guest node.
    fn suits_node(&self, resource: ResourceId, node: NodeId) -> bool {
        let state = self.state();
        if !topology::is_remote(state, node) {
            return true;
        }
        let holds_guest = state.guest_connection(resource).is_some();
        let nested_guest = holds_guest && topology::guest_launcher(state, node).is_some();
        let resource = &state.resources[resource];
        !(resource.fence_device || resource.remote_connection || nested_guest)
    }

    fn wants_probe(&self, resource: ResourceId, node: NodeId) -> bool {
        let state = self.state();
        let configured = &state.resources[resource];
        if (configured.launcher.is_some() && !configured.remote_connection)
            || configured.removed
            || state.resource[resource].known_on.contains(node)
        {
            return false;
        }
        let top = topology::top_below_bundle(state, resource);
        let exclusive = |id: ResourceId| self.placement.resource[id].exclusive_probes;
        let mode = self.draft.resource[resource]
            .allowed
            .get(node)
            .map(|entry| entry.probe);
        if exclusive(resource) || exclusive(top) {
            mode == Some(ProbeMode::Exclusive)
        } else {
            mode.unwrap_or(state.nodes[node].probe) != ProbeMode::Never
        }
    }

    /// What a guest runs is known, or of no interest, if the guest itself is down or going down;
    /// then starts only wait until that has been done.
    fn guest_stays_up(&mut self, resource: ResourceId, node: NodeId) -> bool {
        let Some(launcher) = topology::guest_launcher(self.state(), node) else {
            return true;
        };
        let top = topology::top_below_bundle(self.state(), resource);
        let drafted = &self.draft.resource[launcher];
        if drafted.role == Role::Stopped {
            let known_on = &self.state().resource[launcher].known_on;
            if drafted
                .node
                .is_some_and(|assigned| !known_on.contains(assigned))
            {
                let rule = "a guest is probed before anything starts in it";
                let (probe, start) = ((launcher, Task::Monitor), (top, Task::Start));
                self.order(probe, start, Effects::ORDERED, rule);
            }
            return false;
        }
        if self.guest_will_stop(launcher, node) {
            let rule = "a restarting guest stops before anything starts in it";
            self.order(
                (launcher, Task::Stop),
                (top, Task::Start),
                Effects::ORDERED,
                rule,
            );
            return false;
        }
        true
    }

    /// Whether the guest is about to stop, as far as can be said before its stop is scheduled.
    fn guest_will_stop(&self, launcher: ResourceId, node: NodeId) -> bool {
        let (guest, drafted) = (&self.draft.node[node], &self.draft.resource[launcher]);
        let active_on = &self.state().resource[launcher].active_on;
        let moves = drafted.role > Role::Stopped
            && drafted
                .node
                .is_some_and(|assigned| !active_on.contains(&assigned));
        guest.remote_reset
            || guest.unclean
            || drafted.failed
            || drafted.next_role == Role::Stopped
            || moves
    }

    fn request_probe(&mut self, resource: ResourceId, node: NodeId) -> ActionId {
        let key = Key::once(resource, Task::Monitor);
        let probe = self.draft.request(self.world, key, Some(node), false);
        self.draft.actions[probe].optional = false;
        self.draft.needs(probe, Need::Probe);
        let ordered = Effects::ORDERED;
        fencing::order_after_unfencing(self.world, self.draft, resource, node, probe, ordered);
        let expected = if !self.state().resource[resource].active_on.contains(&node) {
            Some(&self.not_running)
        } else if self.draft.resource[resource].role == Role::Promoted {
            Some(&self.promoted)
        } else {
            None
        };
        if let Some(expected) = expected {
            self.draft.actions[probe].meta.share(Arc::clone(expected));
        }
        probe
    }

    fn order(
        &mut self,
        first: (ResourceId, Task),
        then: (ResourceId, Task),
        effects: Effects,
        rule: &'static str,
    ) {
        let (first, then) = (End::task(first.0, first.1), End::task(then.0, then.1));
        order(
            self.world,
            self.draft,
            Ordering::rule(first, then, effects, rule),
        );
    }
}
